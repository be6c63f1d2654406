"""What an evaluation tells and costs, shown to the buyer before it is asked, and the question whether to pay for it."""

import sys

import typer

from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.evaluation_cost import EvaluationCost
from blindfair.api.amounts import Money
from blindfair.api.fees import paying
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.cli.party.screen import PartyScreen
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Wei
from blindfair.protocol.words import counted

_LARGE = 2
"""A fee of more than one part in so many of the budget is not agreed to by `--yes` alone."""


def agreed_fee(cost: EvaluationCost, options: PurchaseOptions, screen: PartyScreen, *, confirmed: bool) -> Wei:
    """Show what the evaluation tells and costs, and return the most to pay for it: by option, or by the answer.

    With `confirmed` the listing's fee is agreed to, up to half of the budget. Where nobody can be asked for it, only a
    free evaluation is asked. Raises InvalidOption, before anything is asked, where the evaluation is never free and its
    fee is not agreed to, and where `confirmed` would agree to more than half of the budget.
    """
    prices, stated = options.prices, options.max_fee
    decided = confirmed or stated is not None or not cost.fee
    lines = screen.lines if decided else screen.notices
    budget = prices.parse(options.budget, "budget")
    lines.item("tells", f"this evaluation tells {bits_text(cost)}; {_price_text(cost, prices, stated, budget)}")
    larger = (
        f"repeat the command in the same directory with {paying(cost.fee, budget, prices)}"
        if cost.fee > budget
        else None
    )
    if stated is not None or not cost.fee:
        return _agreed(stated or Wei(0), cost, prices, larger)
    if cost.fee > budget:
        screen.notices.item("fee", f"that is more than the budget: {_without(cost)}", style="yellow")
        return _agreed(Wei(0), cost, prices, larger)
    if confirmed:
        _check_share(cost.fee, budget, prices)
        return cost.fee
    if not sys.stdin.isatty():
        lines.item("fee", f"nobody can be asked whether to pay it (--fee, --yes): {_without(cost)}")
        return _agreed(Wei(0), cost, prices)
    screen.still()
    price = prices.show(cost.fee)
    question = f"Pay up to {price} if it is not free?" if cost.may_be_free else f"Pay {price} for it?"
    return _agreed(cost.fee if typer.confirm(question, err=True) else Wei(0), cost, prices)


def _agreed(fee: Wei, cost: EvaluationCost, prices: Money, hint: str | None = None) -> Wei:
    """The fee that is agreed to. Raises InvalidOption where the seller is known to refuse it."""
    if cost.may_be_free or fee >= cost.fee:
        return fee
    raise InvalidOption(
        "This evaluation is never free, and its fee is not agreed to",
        expected=prices.show(cost.fee),
        found=f"at most {prices.show(fee)}; nothing was asked",
        hint=hint or f"repeat the command in the same directory with {paying(cost.fee, cost.fee, prices)}",
    )


def _check_share(fee: Wei, budget: Wei, prices: Money) -> None:
    """Raises InvalidOption for a fee of more than half of the budget, which leaves little to buy records with."""
    if _LARGE * fee > budget:
        raise InvalidOption(
            f"The fee is {_share_text(fee, budget)} of the budget, and only --yes agrees to it",
            expected=f"at most half of the budget, {prices.show(Wei(budget // _LARGE))}",
            found=f"{prices.show(fee)}; nothing was asked",
            hint=f"repeat the command in the same directory with {paying(fee, fee, prices)} to pay it all the same, or "
            "with a larger `budget`",
        )


def _share_text(fee: Wei, budget: Wei) -> str:
    share = 100 * fee / budget
    return f"{share:.0f} %" if share >= 1 else "less than 1 %"


def bits_text(cost: EvaluationCost) -> str:
    """Return the bits of an evaluation beside what a record holds."""
    share = f"{cost.bits / cost.record_bits:.0%}".replace("%", " %")
    if cost.unit == "group":
        return f"at most {counted(cost.bits, 'bit')} of a group of records; a record holds about {cost.record_bits}"
    return f"at most {counted(cost.bits, 'bit')} of about {cost.record_bits} a record ({share})"


def paid_text(evaluated: Evaluated, prices: Money) -> str:
    """Return what an evaluation cost."""
    if not evaluated.fee:
        return "it was free of charge"
    return f"it cost {prices.show(evaluated.fee)}, credited against the purchase"


def cost_document(evaluated: Evaluated) -> Document:
    """Return what an evaluation told and cost, as a document."""
    manifest = evaluated.listing.manifest
    cost = EvaluationCost.of(manifest, evaluated.request)
    return {
        "bits": cost.bits,
        "fee_paid_wei": str(evaluated.fee),
        "listing_fee_wei": str(cost.fee),
        "record_bits": cost.record_bits,
        "scored": cost.unit,
    }


def _price_text(cost: EvaluationCost, prices: Money, stated: Wei | None, budget: Wei) -> str:
    if not cost.fee:
        return "the listing asks no fee"
    fee = f"{prices.show(cost.fee)}, credited against a purchase"
    if cost.fee <= budget:
        fee += f" (the fee is {_share_text(cost.fee, budget)} of the budget)"
    price = (
        f"free of charge if the listing has free bits left, else at most {fee}"
        if cost.may_be_free
        else f"it is never free, since it tells more than the listing's free bits: it costs {fee}"
    )
    if stated is None:
        return price
    if stated >= cost.fee:
        return f"{price}; --fee lets at most {prices.show(stated)} be paid for it"
    return f"{price}; your --fee of {prices.show(stated)} does not cover that: {_without(cost)}"


def _without(cost: EvaluationCost) -> str:
    """Return what is still asked where the fee is not agreed to."""
    return "only a free evaluation is asked" if cost.may_be_free else "nothing is asked"
