"""When buying, or buying by score, is not worth it: said in sentences, each with the numbers that it rests on."""

from collections.abc import Mapping, Sequence

from blindfair.agents.policy import AUDIT_ROWS
from blindfair.agents.settlement.ending import Ending
from blindfair.cli.demo.cases import TradeResult
from blindfair.cli.demo.honest import FAKE_SHARE, HonestTrade
from blindfair.cli.demo.summary import ReviewedTable
from blindfair.cli.flags import with_flags
from blindfair.pricing.utility import Utility

_ESTIMATE_MISSES = 0.1
"""Difference at which the blind estimate of the share of bad records is called wrong."""

_STILL_SEEN = 0.7
"""Rank correlation with the exact scores under which the noise is said to hide much of them."""

_USUALLY_CAUGHT = 0.95
"""What `AUDIT_ROWS` are for: of a small selection fewer will do (PROTOCOL 5.5)."""


def verdicts(utility: Utility, reviewed: ReviewedTable, trades: Mapping[str, TradeResult]) -> list[str]:
    """What is worse than one would hope, the gravest first; none if all is well."""
    of_buying = [*_of_buying(utility, reviewed), *_of_the_estimate(utility)]
    return with_those_of_the_trade(of_buying, reviewed.honest, trades)


def with_those_of_the_trade(
    of_buying: Sequence[str], honest: HonestTrade, trades: Mapping[str, TradeResult]
) -> list[str]:
    """All sentences: about the scores, about buying, about audit and cheat; the first and the last fit any goods."""
    return [
        *_of_the_scores(honest),
        *map(with_flags, honest.choice.reasons),
        *of_buying,
        *_of_the_audit(honest),
        *_of_the_cheat(trades.get("inflated_scores")),
    ]


def _of_the_scores(honest: HonestTrade) -> list[str]:
    sentences = []
    if not honest.as_committed:
        sentences.append("The decrypted scores are NOT those of the rows: do not rely on them.")
    if honest.spearman is not None and honest.spearman < _STILL_SEEN:
        sentences.append(
            "The noise of so few bits hides much of the scores: their rank correlation with the exact ones is "
            f"{honest.spearman:.2f}; blindfair buyer evaluate --score-bits asks for more bits."
        )
    return sentences


def _of_buying(utility: Utility, reviewed: ReviewedTable) -> list[str]:
    sentences = []
    name = utility.quality.name
    low, high = utility.gain_over_before_ci95()
    if high <= 0:
        sentences.append(
            f"Buying is not worth it: what is bought makes the buyer's model worse ({name} {low:+.4f} to {high:+.4f})."
        )
    elif low <= 0:
        sentences.append(
            "Buying is not shown to be worth anything: the interval of its gain over no purchase holds zero "
            f"({low:+.4f} to {high:+.4f})."
        )
    low, high = utility.gain_over_random_ci95()
    if high <= 0:
        sentences.append(f"Buying by score is worse than buying at random ({name} {low:+.4f} to {high:+.4f}).")
    elif low <= 0:
        sentences.append(
            "Buying by score is not shown to be better than buying at random: the interval of the gain holds zero "
            f"({low:+.4f} to {high:+.4f})."
        )
    guessing, best = utility.quality.guessing, float(utility.curve("by_score")[:, 0].mean())
    if guessing is not None and best <= guessing:
        sentences.append(
            f"Even with what is bought the buyer's model is no better than guessing (mean {name} {best:.4f})."
        )
    if reviewed.honest.bought and reviewed.after <= reviewed.before:
        sentences.append(
            f"This purchase did not help: the {name} was {reviewed.before:.4f} and is {reviewed.after:.4f}."
        )
    return sentences


def _of_the_estimate(utility: Utility) -> list[str]:
    estimated, true = (float(utility.curve(f"bad_share_{kind}").mean()) for kind in ("estimated", "true"))
    if abs(estimated - true) < _ESTIMATE_MISSES:
        return []
    return [f"The share of bad records is misjudged from the scores alone: {estimated:.0%} where {true:.0%} are bad."]


def _of_the_audit(honest: HonestTrade) -> list[str]:
    if not honest.audit_rows or honest.catches >= _USUALLY_CAUGHT:
        return []
    rows, selected = honest.audit_rows, len(honest.choice.records)
    audited = f"the listing opened {rows} of the selected records"
    if honest.sample_price is not None:
        audited = f"{rows} of {selected} records could be bought first as the sample"
    return [
        f"The audit was small: {audited}, {AUDIT_ROWS} is the default; a seller that fakes {FAKE_SHARE:.0%} of a "
        "selection "
        f"is caught with probability {honest.catches:.2f}."
    ]


def _of_the_cheat(inflated: TradeResult | None) -> list[str]:
    if inflated is None or inflated.error is not None or inflated.final is Ending.NO_ORDER:
        return []
    return [
        "The audit missed the seller that inflated scores: too few of the inflated records were selected for the draw "
        "to meet one (PROTOCOL 5.5)."
    ]
