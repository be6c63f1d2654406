"""Refusals of an evaluation, as a buyer reads them: what it costs, what was offered, what to change."""

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.buyer.evaluation_cost import EvaluationCost
from blindfair.agents.seller.budget_ledger import EVALUATED_BEFORE
from blindfair.agents.store.steps import LISTING, RECEIVED, REQUEST, WRITTEN
from blindfair.api.amounts import IN_ETHER, Money
from blindfair.influence.spelling import option
from blindfair.protocol.errors import BudgetExhausted, FeeRequired, Refused
from blindfair.protocol.messages import Listing, Request
from blindfair.protocol.quantities import ETHER, Address, Wei


def explained(refused: Refused, buyer: Buyer, money: Money) -> Refused:
    """Return a refusal with what to do where the seller asks a fee, or has answered before; any other as it is."""
    if str(refused.found).startswith(f"{BudgetExhausted.__name__}: {EVALUATED_BEFORE}"):
        return Refused(
            "The seller has answered this account for this scoring model already",
            expected="one evaluation for each listing, account and scoring model",
            found="a second one; nothing was paid",
            hint="go on in the directory of the first evaluation, or ask the seller to list its records again",
        )
    if not str(refused.found).startswith(f"{FeeRequired.__name__}:"):
        return refused
    listing, request = buyer.mail.stored(RECEIVED.of(LISTING))[1], buyer.mail.stored(WRITTEN.of(REQUEST))[1]
    if not isinstance(listing, Listing) or not isinstance(request, Request):
        return refused
    cost = EvaluationCost.of(listing.manifest, request)
    return Refused(
        "The listing has no free bits left: an evaluation costs a fee"
        if cost.may_be_free
        else "The listing's free bits are never enough for this evaluation: it costs a fee",
        expected=money.show(cost.fee),
        found=f"at most {money.show(request.fee)} offered; nothing was paid",
        hint=f"begin in another directory with {paying(cost.fee, buyer.policy.budget, money)}",
    )


def paying(fee: Wei, budget: Wei, money: Money) -> str:
    """Return the options that pay a fee: the fee, and the least budget where this one does not cover it."""
    # Amounts are read without the commas that people see.
    named = option("fee", money.digits(fee).replace(",", ""))
    return named if fee <= budget else f"{named} and `budget` of at least {money.show(fee)}"


def money_of_token(token: Address) -> Money:
    """Return the money of a token whose name and digits are not known: its smallest unit, or ether."""
    return IN_ETHER if token == ETHER else Money(token, 0, f"of the smallest unit of token {token}")
