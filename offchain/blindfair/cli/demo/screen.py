"""What the demo says to a person while it runs and at its end."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table as Grid

from blindfair.agents.surroundings import Event
from blindfair.cli.demo.cases import TradeResult
from blindfair.cli.demo.summary import HonestTrade
from blindfair.pricing.scenario import Scenario
from blindfair.pricing.utility import Utility
from blindfair.protocol.documents import Document

HEADLINES = {
    "honest": "an honest trade",
    "corrupted_chunk": "a seller that corrupts one chunk",
    "no_reveal": "a seller that never reveals the key",
    "inflated_scores": "a seller that inflates the scores of worthless records",
    "silent_buyer": "a buyer that goes silent after good delivery",
}


class Screen:
    """Lines for people on standard error, so that standard output stays for results."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def scenario(self, name: str, scenario: Scenario, schema: str) -> None:
        """Who holds what, and how columns become features."""
        flipped, copies = int(scenario.truth.flipped.sum()), int(scenario.truth.duplicate.sum())
        self._line(f"[bold]Blindfair demo[/] on {name}")
        self._line(f"  buyer   {len(scenario.train):,} training and {len(scenario.validation):,} validation records")
        self._line(
            f"  seller  {len(scenario.offer):,} records, of which the demo made {flipped:,} with a flipped label "
            f"and {copies:,} copies"
        )
        self._line(f"  nobody  {len(scenario.test):,} test records")
        self._line("  schema, inferred from the buyer's records and sent with the scoring model:")
        for line in schema.splitlines():
            self._line(f"    [dim]{line}[/]")

    def case(self, case: str) -> None:
        """A headline."""
        self._line("")
        self._line(f"[bold]{case}[/]: {HEADLINES[case]}")

    def event(self, event: Event) -> None:
        """One thing that an agent did."""
        counted = f"{event.gas:,} gas" if event.gas is not None else f"{event.size:,} B" if event.size else ""
        self._line(f"  {event.who:<7} {event.text:<78.78} [cyan]{counted:>14}[/]")

    def finish(self, trades: Mapping[str, TradeResult], honest: HonestTrade, utility: Utility, flipped: float) -> None:
        """The summary, once everything has ended."""
        self.trades(trades)
        self.knowledge(honest)
        self.worth(honest, utility, flipped)

    def note(self, text: str) -> None:
        """A last line."""
        self._line(f"\n{text}")

    def trades(self, trades: Mapping[str, TradeResult]) -> None:
        """The five endings, with the money to the wei."""
        grid = Grid(title="How the trades ended (deltas in wei, gas not counted)", title_justify="left")
        for heading in ("case", "final", "buyer", "seller"):
            grid.add_column(heading, justify="right" if heading in ("buyer", "seller") else "left")
        for trade in trades.values():
            grid.add_row(trade.case, trade.final, f"{trade.buyer_delta:+,}", f"{trade.seller_delta:+,}")
        self._line("")
        self.console.print(grid)
        for trade in trades.values():
            self._line(f"  {trade.case}: {trade.reason}")

    def knowledge(self, honest: HonestTrade) -> None:
        """Who learned what, from the parameters."""
        disclosure, selected = honest.disclosure, len(honest.choice.records)
        self._line("")
        self._line("[bold]Who learned what[/] (honest trade)")
        self._line(
            f"  buyer   before paying: at most {disclosure.bits_per_record:.2f} bits a record, on average over a block "
            f"({disclosure.total_bits:,.0f} bits in all), and {honest.audit_rows} records opened in the audit"
        )
        self._line(f"          after paying: the {len(honest.bought)} records it bought")
        self._line(
            "  seller  the scoring model and its schema; of the query nothing before the selection; the selection, from "
            "which its direction can be estimated"
        )
        self._line("  chain   the two accounts, hashes, the price, the key; no record, score, query or model")
        self._line(
            f"  hidden  rows behind noise {disclosure.hiding_bits:.0f} bits larger than what they leave in a ciphertext"
        )
        self._line(
            f"  audit   {honest.audit_rows} of {selected} selected records recomputed: catches a seller that fakes "
            f"5 % of the selection with probability {honest.catches:.3f}"
        )
        self._line(
            f"  scores  {honest.records:,} of {honest.dimension} entries each, "
            f"{'equal to' if honest.exact else 'NOT EQUAL to'} those in the clear; "
            f"Spearman to float64 {honest.spearman:.6f}; {honest.seller_microseconds:.0f} us a record"
        )

    def worth(self, honest: HonestTrade, utility: Utility, flipped: float) -> None:
        """What the purchase was good for, and when it was not."""
        block = utility.to_document()
        self._line("")
        self._line("[bold]What it was worth[/]")
        self._line(
            f"  this trade: AUC {honest.auc_before:.4f} before, {honest.auc_after:.4f} after; estimated blind: "
            f"{1 - honest.choice.numbers.get('clean_share', 1.0):.0%} of the offer bad (the demo put {flipped:.0%})"
        )
        low, high = utility.gain_over_random_ci95()
        self._line(
            f"  {block['seeds']} seeds, {utility.shares[0]:.0%} of the offer bought, mean AUC: before "
            f"{block['auc_before']:.4f}, at random {block['auc_random']:.4f}, by score {block['auc_by_score']:.4f}, "
            f"clean only {block['auc_clean']:.4f}"
        )
        self._line(f"  gain over random {low:+.4f} ... {high:+.4f} (95 %)")
        for sentence in verdicts(block, low, honest):
            self._line(f"  [yellow]{sentence}[/]")

    def _line(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


def verdicts(utility: Document, low: float, honest: HonestTrade) -> list[str]:
    """When buying, or buying by score, is not worth it: sentences, none if all is well."""
    sentences = list(honest.choice.reasons)
    if low <= 0:
        sentences.append("buying by score is not shown to be better than buying at random on this offer")
    before, by_score = utility["auc_before"], utility["auc_by_score"]
    if isinstance(before, float) and isinstance(by_score, float) and by_score <= before:
        sentences.append("buying is not worth it: the bought records do not improve the buyer's model")
    if not honest.exact:
        sentences.append("the decrypted scores are NOT those of the rows: do not rely on them")
    return sentences
