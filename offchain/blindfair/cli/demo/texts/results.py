"""What came of the demo of texts, for people; the honest sentences about it are here, too.

Not here: what is told of any goods (`cli.demo.results`, `cli.demo.verdicts`).
"""

from collections.abc import Mapping

from rich.console import Console

from blindfair.api.amounts import show_ether
from blindfair.cli.buyer.report import TEXT_UNIT
from blindfair.cli.demo.cases import TradeResult
from blindfair.cli.demo.results import show_knowledge, show_scores, show_trades
from blindfair.cli.demo.texts.prepared import WANTED, PreparedTexts
from blindfair.cli.demo.texts.review import ReviewedTexts
from blindfair.cli.demo.verdicts import with_those_of_the_trade
from blindfair.cli.lines import Lines
from blindfair.pricing.texts.judges import Judged
from blindfair.pricing.texts.utility import TextUtility


def show_texts(
    console: Console,
    job: PreparedTexts,
    trades: Mapping[str, TradeResult],
    reviewed: ReviewedTexts,
    utility: TextUtility,
) -> None:
    """Print everything."""
    lines = Lines(console)
    show_trades(lines, trades)
    show_knowledge(lines, trades["honest"], reviewed.honest)
    _show_worth(lines, job, trades["honest"], reviewed, utility)
    for sentence in with_those_of_the_trade(of_buying_texts(utility, reviewed), reviewed.honest, trades):
        lines.item("but", sentence, style="yellow")


def _show_worth(
    lines: Lines, job: PreparedTexts, trade: TradeResult, reviewed: ReviewedTexts, utility: TextUtility
) -> None:
    honest = reviewed.honest
    lines.blank()
    lines.headline("What it was worth")
    show_scores(lines, honest, f"positive = helpful, {TEXT_UNIT}")
    lines.item("", f"the buyer {reviewed.direction}")
    alike = honest.choice.numbers["clean_share"]
    offered = reviewed.offered.get(job.wanted_source, 0) / honest.records
    lines.item(
        "offer",
        f"from the scores {alike:.0%} of it was thought like the buyer's own before paying; in truth {offered:.0%} "
        f"{_truth(job)}",
    )
    lines.item("sources", "known to the demo alone; bought of how many offered:")
    width = max(map(len, reviewed.offered))
    for source, count in reviewed.offered.items():
        lines.item("", f"{source:<{width}}  {reviewed.bought.get(source, 0):>4} of {count}")
    paid = f"{len(honest.bought)} texts for {show_ether(trade.price)} ether" if honest.bought else "nothing was bought"
    lines.item(
        "trade",
        f"{paid}; {_measured(utility)}: {_told(reviewed.base)} of the base model, {_told(reviewed.own)} "
        f"{_LEARNED[job.label is not None]} own texts, {_told(reviewed.after)} with those bought",
    )
    show_utility(lines, utility, job.wanted_source)


_LEARNED = {False: "fine-tuned on", True: "with a head fitted to"}
"""How a model learns from texts, without and with labels."""


def _truth(job: PreparedTexts) -> str:
    if job.label is None:
        return f"are of the same source, {job.wanted_source}"
    return "are addresses with the right label"


def _told(found: Judged) -> str:
    return f"{found.loss:.4f}" if found.accuracy is None else f"{found.loss:.4f} ({found.accuracy:.1%} right)"


def _measured(utility: TextUtility) -> str:
    if utility.accuracy("own") is None:
        return "loss of the test texts in nats a token, lower is better"
    return "loss of the test texts in nats a text, lower is better, and how many have their label told right"


def _arm(utility: TextUtility, arm: str) -> str:
    return _told(Judged(utility.mean(arm), utility.accuracy(arm)))


def show_utility(lines: Lines, utility: TextUtility, wanted: str = WANTED) -> None:
    """Print the loss of each way of buying, over all divisions; `wanted` is the source that an oracle buys."""
    bought = utility.mean("bought_texts")
    fewer = f" (the budget pays for {utility.budget}, no more were wanted)" if bought < utility.budget else ""
    lines.item(
        "seeds",
        f"{len(utility.outcomes)} divisions of the buyer's texts, mean loss of the test texts: own texts alone "
        f"{_arm(utility, 'own')}; with {bought:.0f} texts by score{fewer} {_arm(utility, 'by_score')}; with as many of "
        f"the offer at random {_arm(utility, 'random')}; with all {utility.wanted_texts} of {wanted} "
        f"{_arm(utility, 'wanted')} {_bound(utility)}",
    )
    for over, named in (("own", "own texts alone"), ("random", "random")):
        low, high = utility.gain_ci95("by_score", over)
        lines.item(
            "",
            f"gain by score over {named}: {(low + high) / 2:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}; positive = "
            "lower loss",
        )


def _bound(utility: TextUtility) -> str:
    """What the oracle's purchase tells of a purchase by score, where it tells anything."""
    if utility.gain_ci95("wanted", "random")[0] <= 0:
        return "(no bound: not shown to be better than at random)"
    random, by_score, wanted = (utility.mean(arm) for arm in ("random", "by_score", "wanted"))
    if by_score < wanted:
        return "(no bound: by score did better)"
    bound = "(a bound: nobody could know which)"
    if by_score > random:
        return bound
    return f"{bound}; {(random - by_score) / (random - wanted):.0%} of the way from random to all of them"


def of_buying_texts(utility: TextUtility, reviewed: ReviewedTexts) -> list[str]:
    """What is worse than one would hope of buying, the gravest first; none if all is well."""
    sentences = []
    low, high = utility.gain_ci95("by_score", "own")
    if high <= 0:
        sentences.append(
            f"Buying is not worth it: what is bought makes the buyer's model worse (loss {-high:+.4f} to {-low:+.4f})."
        )
    elif low <= 0:
        sentences.append(
            "Buying is not shown to be worth anything: the interval of its gain over own texts alone holds zero "
            f"({low:+.4f} to {high:+.4f})."
        )
    low, high = utility.gain_ci95("by_score", "random")
    if high <= 0:
        sentences.append(f"Buying by score is worse than buying at random (loss {-high:+.4f} to {-low:+.4f}).")
    elif low <= 0:
        sentences.append(
            "Buying by score is not shown to be better than buying at random: the interval of the gain holds zero "
            f"({low:+.4f} to {high:+.4f})."
        )
    if reviewed.honest.bought and reviewed.after.loss >= reviewed.own.loss:
        sentences.append(
            f"This purchase did not help: the loss was {reviewed.own.loss:.4f} and is {reviewed.after.loss:.4f}."
        )
    return sentences
