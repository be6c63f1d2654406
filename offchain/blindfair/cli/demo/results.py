"""What came of the demo, for people: endings and money, who learned what, and whether it was worth it.

Not here: the same as a document (`summary`), and the sentences that say when it was not worth it (`verdicts`).
"""

from collections.abc import Mapping

import numpy as np
from rich.console import Console

from blindfair.api.amounts import ETHER_UNIT, show_ether
from blindfair.api.information import max_bits_text
from blindfair.cli.demo.cases import TradeResult
from blindfair.cli.demo.honest import FAKE_SHARE, HonestTrade
from blindfair.cli.demo.summary import ReviewedTable
from blindfair.cli.demo.verdicts import verdicts
from blindfair.cli.flags import with_flags
from blindfair.cli.lines import Lines
from blindfair.pricing.quality import AUC
from blindfair.pricing.utility import Utility


def show_results(
    console: Console, trades: Mapping[str, TradeResult], reviewed: ReviewedTable, utility: Utility
) -> None:
    """Print everything."""
    lines = Lines(console)
    show_trades(lines, trades)
    show_knowledge(lines, trades["honest"], reviewed.honest)
    _show_worth(lines, trades["honest"], reviewed, utility)
    for sentence in verdicts(utility, reviewed, trades):
        lines.item("but", sentence, style="yellow")


def show_trades(lines: Lines, trades: Mapping[str, TradeResult]) -> None:
    """Print how each trade ended, and where the money is."""
    lines.blank()
    lines.headline("How the trades ended", "money in ether, to the sixth digit; gas is not in the gains and losses")
    heading = ("case", "ending", "price", "bond", "buyer", "seller", "gas")
    rows = [
        (
            trade.case,
            trade.final,
            _rounded(trade.price),
            _rounded(trade.bond),
            _rounded(trade.buyer_delta, signed=True),
            _rounded(trade.seller_delta, signed=True),
            f"{sum(trade.gas.values()):,}",
        )
        for trade in trades.values()
    ]
    lines.table([heading, *rows], left=2)
    for trade in trades.values():
        lines.item("", f"{trade.case}: {with_flags(trade.reason)}")


def _rounded(amount: int, *, signed: bool = False) -> str:
    """An amount to the sixth digit: the result file has it to the last."""
    text = f"{amount / ETHER_UNIT:{'+' if signed and amount else ''}.6f}".rstrip("0")
    return text.removesuffix(".")


def show_knowledge(lines: Lines, trade: TradeResult, honest: HonestTrade) -> None:
    """Print who learned what in the honest trade."""
    lines.blank()
    lines.headline("Who learned what", "in the honest trade")
    lines.item("buyer", f"{_told(honest)}; after paying: the {len(honest.bought)} records that it bought")
    if honest.bought:
        lines.item(
            "",
            f"had it asked dishonestly, the scores of each of these would tell up to {honest.seen_bits} bits more, "
            f"about any records: {honest.seen_bits * len(honest.bought):,} bits",
        )
    lines.item("anybody", _anybody(honest))
    lines.item(
        "seller",
        f"{honest.discloses}, and then the selection, from which the query's direction can be estimated; "
        "a buyer that stops after scoring reveals one bit",
    )
    lines.item(
        "chain",
        f"{trade.calldata:,} bytes in {len(trade.transactions)} transactions: two accounts, hashes, price, bond, times "
        "and the key; no record, score, query or model",
    )
    lines.item(
        "noise",
        "what a ciphertext keeps of the rows is drowned in noise that is "
        f"{honest.disclosure.flooding_bits:.0f} bits larger",
    )
    if honest.audit_rows:
        bought = ""
        if honest.sample_price is not None:
            paid = show_ether(honest.sample_price)
            bought = f", bought first as a sample for {paid} ether: that is the money at risk"
        lines.item(
            "audit",
            f"{honest.audit_rows} of {len(honest.choice.records)} selected records were recomputed{bought}: a seller "
            f"that fakes {FAKE_SHARE:.0%} of a selection is caught with probability {honest.catches:.3f}",
        )


def _told(honest: HonestTrade) -> str:
    """What the buyer learned before it paid for a record."""
    disclosure, held = honest.disclosure, int(str(honest.information["record_bits"]))
    asked = f"{disclosure.queries} {'query' if disclosure.queries == 1 else 'queries'}"
    if disclosure.exponent_bits:
        asked += f" and {disclosure.exponent_bits} bits of exponent a record"
    share = f"{disclosure.bits_per_record / held:.0%}".replace("%", " %")
    paid = f"for a fee of {show_ether(honest.fee)} ether" if honest.fee else "free of charge"
    opened = f"{honest.audit_rows} records opened in the audit" if honest.sample_price is None else "no record"
    return (
        f"before paying for records: at most {disclosure.bits_per_record:.0f} bits of about {held} a record ({share}) "
        f"by {asked}, {disclosure.total_bits:,.0f} bits of the listing, {paid}; and {opened}"
    )


def _anybody(honest: HonestTrade) -> str:
    """What all buyers together may learn, whatever they pay for it."""
    n, held = honest.records, int(str(honest.information["record_bits"]))
    free, every = (int(str(honest.information[name])) / n for name in ("free_bits", "disclosed_bits"))
    return (
        f"all together, by any number of evaluations: at most {max_bits_text(every)} bits a record "
        f"({every / held:.0%}), {max_bits_text(free)} of them ({free / held:.0%}) free of charge"
    ).replace("%", " %")


def _show_worth(lines: Lines, trade: TradeResult, reviewed: ReviewedTable, utility: Utility) -> None:
    honest = reviewed.honest
    lines.blank()
    lines.headline("What it was worth")
    show_scores(lines, honest, f"positive = helpful, in {reviewed.unit}")
    bad = 1 - honest.choice.numbers["clean_share"]
    lines.item(
        "offer", f"from the scores {bad:.0%} of it was thought bad before paying; in truth {reviewed.flipped:.0%}"
    )
    quality = utility.quality
    if quality is not AUC:
        lines.item("measure", f"{quality.name}: {quality.meaning}")
    if honest.bought:
        lines.item(
            "trade",
            f"{len(honest.bought)} records for {show_ether(trade.price)} ether; {quality.name} on the test set "
            f"{reviewed.before:.4f} before, {reviewed.after:.4f} after",
        )
    else:
        lines.item("trade", f"nothing was bought; {quality.name} on the test set {reviewed.before:.4f}")
    _show_utility(lines, utility)


def show_scores(lines: Lines, honest: HonestTrade, meaning: str) -> None:
    """Print how the scores are spread, and whether they are the rows'."""
    low, median, high = np.percentile(honest.scores, [0, 50, 100])
    correlation = "not defined" if honest.spearman is None else f"{honest.spearman:.6f}"
    lines.item(
        "scores",
        f"{meaning}: {low:+.3f} to {high:+.3f}, median {median:+.3f}, {float((honest.scores > 0).mean()):.0%} positive",
    )
    lines.item(
        "",
        f"{honest.records:,} records, {honest.dimension} entries a row; each "
        f"{'matches' if honest.as_committed else 'does NOT match'} its row and the committed noise; rank correlation "
        f"with the exact, noiseless scores {correlation}; {honest.seller_microseconds:,.0f} us a record",
    )


def _show_utility(lines: Lines, utility: Utility) -> None:
    random, by_score, clean = (float(utility.curve(arm)[:, 0].mean()) for arm in ("at_random", "by_score", "clean"))
    before = float(utility.curve("before").mean())
    lines.item(
        "seeds",
        f"{len(utility.outcomes)} divisions of the table, {utility.shares[0]:.0%} of the offer bought, mean "
        f"{utility.quality.name}: before {before:.4f}, at random {random:.4f}, by score {by_score:.4f}, clean only "
        f"{clean:.4f} {_bound(utility, random=random, by_score=by_score, clean=clean)}",
    )
    for other, interval in (
        ("no purchase", utility.gain_over_before_ci95()),
        ("random", utility.gain_over_random_ci95()),
    ):
        low, high = interval
        lines.item("", f"gain by score over {other}: {(low + high) / 2:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}")


def _bound(utility: Utility, *, random: float, by_score: float, clean: float) -> str:
    """What clean records tell of a purchase by score, where they tell anything."""
    if not utility.curve("bad_share_true").any():
        return "(no bound: no label of the offer is wrong)"
    if utility.gain_of_clean_ci95()[0] <= 0:
        return "(no bound: not shown to be better than at random)"
    if by_score > clean:
        return "(no bound: by score did better)"
    bound = "(a bound: nobody could know which)"
    if by_score < random:
        return bound
    return f"{bound}; {(by_score - random) / (clean - random):.0%} of the way from random to clean"
