"""A refusal for want of a fee says what the evaluation costs, and which options pay it."""

from types import SimpleNamespace
from typing import Any

import pytest

from blindfair.agents.buyer.evaluation_cost import EvaluationCost
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.seller.budget_ledger import EVALUATED_BEFORE
from blindfair.api.amounts import IN_ETHER
from blindfair.api.fees import explained, money_of_token
from blindfair.api.parties import BuyerParty
from blindfair.api.turns import RealTime
from blindfair.protocol.errors import Refused
from blindfair.protocol.messages import Listing, Request
from blindfair.protocol.quantities import ETHER, Address, Wei

FEE = Wei(5 * 10**16)
TOKEN = Address("0x" + "22" * 20)
WANTED = "FeeRequired: the evaluation is not free"


def buyer(
    monkeypatch: pytest.MonkeyPatch, *, may_be_free: bool = True, budget: Wei = FEE, token: Address = ETHER
) -> Any:
    """An agent with a listing and a request in its journal, whose evaluation costs `FEE`."""
    listing, request = object.__new__(Listing), object.__new__(Request)
    object.__setattr__(listing, "manifest", None)
    object.__setattr__(request, "fee", Wei(0))
    cost = EvaluationCost(bits=4, record_bits=109, unit="record", fee=FEE, may_be_free=may_be_free)
    monkeypatch.setattr(EvaluationCost, "of", lambda *_: cost)
    stored = {"received:listing": (None, listing), "message:request": (None, request)}

    def review() -> None:
        raise Refused("The seller refused", found=WANTED)

    return SimpleNamespace(
        mail=SimpleNamespace(stored=stored.__getitem__), policy=BuyerPolicy(budget=budget, token=token), review=review
    )


@pytest.mark.parametrize(("may_be_free", "words"), [(True, "no free bits left"), (False, "bits are never enough")])
def test_it_says_whether_it_could_have_been_free(
    monkeypatch: pytest.MonkeyPatch, may_be_free: bool, words: str
) -> None:
    refused = explained(Refused("x", found=WANTED), buyer(monkeypatch, may_be_free=may_be_free), IN_ETHER)
    assert words in refused.what and refused.expected == "0.05 ether"
    assert refused.hint == "begin in another directory with `fee='0.05'`"


def test_a_budget_that_does_not_cover_the_fee_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = explained(Refused("x", found=WANTED), buyer(monkeypatch, budget=Wei(FEE - 1)), IN_ETHER)
    assert refused.hint.endswith("with `fee='0.05'` and `budget` of at least 0.05 ether")


def test_a_large_fee_can_be_typed_as_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = explained(Refused("x", found=WANTED), buyer(monkeypatch), money_of_token(TOKEN))
    assert refused.hint.endswith(f"`fee='{FEE}'`")


def test_any_other_refusal_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Refused("x", found="BudgetExhausted: y")
    assert explained(refused, buyer(monkeypatch), IN_ETHER) is refused


def test_a_second_evaluation_of_one_scoring_model_goes_on_in_the_first_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = explained(Refused("x", found=f"BudgetExhausted: {EVALUATED_BEFORE}"), buyer(monkeypatch), IN_ETHER)
    assert "answered this account for this scoring model already" in refused.what
    assert refused.hint.startswith("go on in the directory of the first evaluation")


def test_a_program_is_told_as_a_person_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one whose valuer does not say what money is called."""
    for token, shown in ((ETHER, "0.05 ether"), (TOKEN, f"{FEE:,} of the smallest unit of token {TOKEN}")):
        valuer: Any = SimpleNamespace()
        with pytest.raises(Refused, match="costs a fee") as caught:
            BuyerParty(buyer(monkeypatch, token=token), valuer, RealTime()).evaluate()
        assert caught.value.expected == shown
    valuer = SimpleNamespace(money=money_of_token(TOKEN))
    with pytest.raises(Refused) as caught:
        BuyerParty(buyer(monkeypatch), valuer, RealTime()).evaluate()
    assert TOKEN in str(caught.value.expected)
