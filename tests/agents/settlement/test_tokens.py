"""Trades in a token, paid in one transaction where it takes permits.

Other tokens than were agreed on are refused: in a listing (`test_hostile_seller`), in a selection
(`test_hostile_buyer`) and in an offer (`test_hostile_delivery`).
"""

from dataclasses import replace
from typing import Any

import pytest
from moments import Crash, crashes_before_sending, reopened
from trade import BOND, BUYER_POLICY, GRANT, PRICE, Parties, World, listing_spec, make_parties

from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import CallName
from blindfair.chain.abi import encode_call
from blindfair.chain.artifacts import load_artifact
from blindfair.chain.calls import Call
from blindfair.chain.costs import ACCEPT_TOKEN
from blindfair.chain.exchange import DataExchange
from blindfair.chain.permit import sign_permit
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.protocol.quantities import ETHER, Address, Digest


def dealing(world: World, token: Address, **changes: Any) -> Parties:
    """Parties at a listing in a token, of which both have some, with ether for gas."""
    defaults: dict[str, Any] = {
        "goods": listing_spec(tokens=(token,)),
        "buyer_policy": replace(BUYER_POLICY, token=token),
    }
    parties = make_parties(world, **defaults | changes)
    for agent in parties.both:
        world.mint(token, agent.address, GRANT)
    return parties


def ended(parties: Parties) -> tuple[str, str | None]:
    outcome = parties.buyer.outcome
    assert outcome is not None
    return outcome.final, outcome.error


def test_with_a_permit_paying_is_one_transaction(world: World) -> None:
    token = world.deploy_token("PermitToken")
    parties = dealing(world, token)
    parties.run()
    assert ended(parties) == (Ending.RELEASED, None)
    assert set(parties.buyer.transactions()) == {"accept"}
    assert 0.8 * ACCEPT_TOKEN < parties.buyer.receipts()["accept"]["gas"] <= ACCEPT_TOKEN
    assert parties.deltas(token) == (-PRICE, PRICE)
    assert parties.deltas() == (0, 0)
    assert world.exchange.allowance(parties.buyer.address, token) == 0


@pytest.mark.deep
def test_a_permit_that_is_sent_ahead_is_the_accepts_allowance(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sees the accept on its way may use its permit first, and gains and stops nothing."""
    token = world.deploy_token("PermitToken")
    parties = dealing(world, token)
    exchange, buyer = world.exchange, parties.buyer
    separator, nonce = exchange.permit_domain(buyer.address, token)

    def signed() -> bool:
        undo = crashes_before_sending(monkeypatch) if parties.seller.offers else lambda: None
        try:
            buyer.step()
        except Crash:
            return True
        finally:
            undo()
        parties.seller.step()
        return False

    while not signed():
        world.chain.mine(1)
    [offer] = parties.seller.offers.values()
    seen = sign_permit(separator, buyer.address, exchange.address, PRICE, nonce, offer.expiry, buyer.private_key)
    fields = (seen.value, seen.deadline, seen.v, seen.r, seen.s)
    abi = load_artifact("PermitToken").abi
    world.send(Call("permit", token, encode_call(abi, "permit", buyer.address, exchange.address, *fields)))
    assert exchange.allowance(buyer.address, token) == PRICE
    parties = reopened(parties, goods=listing_spec(tokens=(token,)), buyer_policy=replace(BUYER_POLICY, token=token))
    parties.run()
    assert ended(parties) == (Ending.RELEASED, None)
    assert set(parties.buyer.transactions()) == {"accept"}
    assert parties.deltas(token) == (-PRICE, PRICE)


@pytest.mark.deep
def test_a_token_without_permits_is_approved_first(world: World) -> None:
    parties = dealing(world, world.deploy_token())
    parties.run()
    assert ended(parties) == (Ending.RELEASED, None)
    assert set(parties.buyer.transactions()) == {"approve-accept", "accept"}


@pytest.mark.deep
def test_a_token_that_only_seems_to_take_permits_is_approved_after_it_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some answer as EIP-2612 says and want signatures of another form."""
    token = world.deploy_token("PermitToken")
    parties = dealing(world, token)
    asked = DataExchange.permit_domain

    def another(self: DataExchange, owner: Address, of: Address) -> tuple[Digest, int]:
        return Digest(b"\x01" * 32), asked(self, owner, of)[1]

    monkeypatch.setattr(DataExchange, "permit_domain", another)
    parties.run()
    assert ended(parties) == (Ending.RELEASED, None)
    assert set(parties.buyer.transactions()) == {"approve-accept", "accept"}
    assert parties.deltas(token) == (-PRICE, PRICE)


def test_what_the_escrow_refuses_is_not_approved_for(world: World) -> None:
    """An approval would cost gas, and leave an allowance, in vain."""
    token = world.deploy_token("PermitToken")
    parties = dealing(world, token)
    exchange = world.exchange
    while exchange.free_balance(parties.seller.address, token) < BOND:
        parties.buyer.step()
        parties.seller.step()
        world.chain.mine(1)
    take_back = exchange.withdraw(token, BOND, parties.seller.address)
    parties.seller.wallet.execute(CallName("take-back"), lambda: take_back, "takes its bond back")
    for _ in range(3):
        parties.buyer.step()
    assert parties.buyer.waiting is not None
    assert "FreeBalanceTooLow" in parties.buyer.waiting.reason
    assert parties.buyer.transactions() == {}


def test_a_dispute_in_a_token_moves_tokens_and_no_ether(world: World) -> None:
    token = world.deploy_token("PermitToken")
    parties = dealing(world, token, seller_type=CorruptingSeller)
    parties.run()
    assert ended(parties) == (Ending.REFUNDED, None)
    assert parties.deltas(token) == (BOND, -BOND)
    assert parties.deltas() == (0, 0)
    for money in (token, ETHER):
        assert world.exchange.balance(world.exchange.address, money) == 0
        assert world.exchange.free_balance(parties.seller.address, money) == 0
