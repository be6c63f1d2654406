"""What came of the demo of texts, for people; the honest sentences about it are here, too.

Not here: what is told of any goods (`cli.demo.results`, `cli.demo.verdicts`).
"""

from collections.abc import Mapping

from rich.console import Console

from blindfair.api.amounts import show_ether
from blindfair.cli.demo.cases import TradeResult
from blindfair.cli.demo.results import show_knowledge, show_scores, show_trades
from blindfair.cli.demo.texts.prepared import WANTED
from blindfair.cli.demo.texts.review import ReviewedTexts
from blindfair.cli.demo.verdicts import with_those_of_the_trade
from blindfair.cli.lines import Lines
from blindfair.pricing.texts.utility import TextUtility


def show_texts(
    console: Console, trades: Mapping[str, TradeResult], reviewed: ReviewedTexts, utility: TextUtility
) -> None:
    """Print everything."""
    lines = Lines(console)
    show_trades(lines, trades)
    show_knowledge(lines, trades["honest"], reviewed.honest)
    _show_worth(lines, trades["honest"], reviewed, utility)
    for sentence in with_those_of_the_trade(of_buying_texts(utility, reviewed), reviewed.honest, trades):
        lines.item("but", sentence, style="yellow")


def _show_worth(lines: Lines, trade: TradeResult, reviewed: ReviewedTexts, utility: TextUtility) -> None:
    honest = reviewed.honest
    lines.blank()
    lines.headline("What it was worth")
    show_scores(lines, honest, "positive = helpful, cosines of row and query times the query's size")
    lines.item("", f"the buyer {reviewed.direction}")
    alike = honest.choice.numbers["clean_share"]
    offered = reviewed.offered.get(WANTED, 0) / honest.records
    lines.item(
        "offer",
        f"from the scores {alike:.0%} of it was thought like the buyer's own before paying; in truth {offered:.0%} "
        f"are of the same source, {WANTED}",
    )
    lines.item("sources", "known to the demo alone; bought of how many offered:")
    width = max(map(len, reviewed.offered))
    for source, count in reviewed.offered.items():
        lines.item("", f"{source:<{width}}  {reviewed.bought.get(source, 0):>4} of {count}")
    paid = f"{len(honest.bought)} texts for {show_ether(trade.price)} ether" if honest.bought else "nothing was bought"
    lines.item(
        "trade",
        f"{paid}; loss of the test texts in nats a token, lower is better: {reviewed.loss_base:.4f} of the base model, "
        f"{reviewed.loss_own:.4f} fine-tuned on own texts, {reviewed.loss_after:.4f} with those bought",
    )
    show_utility(lines, utility)


def show_utility(lines: Lines, utility: TextUtility) -> None:
    """Print the loss of each way of buying, over all divisions."""
    lines.item(
        "seeds",
        f"{len(utility.outcomes)} divisions of the buyer's texts, mean loss of the test texts: own texts alone "
        f"{utility.mean('own'):.4f}; with {utility.budget} texts of the offer at random {utility.mean('random'):.4f}, "
        f"by score {utility.mean('by_score'):.4f}; with all {utility.wanted_texts} of {WANTED} "
        f"{utility.mean('wanted'):.4f} {_bound(utility)}",
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
    if reviewed.honest.bought and reviewed.loss_after >= reviewed.loss_own:
        sentences.append(
            f"This purchase did not help: the loss was {reviewed.loss_own:.4f} and is {reviewed.loss_after:.4f}."
        )
    return sentences
