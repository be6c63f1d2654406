"""Whoever writes into the mail folder, or spoils its own mailbox, stops nobody else; no buyer ties up a seller."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sealed_messages import forged, put_in
from trade import (
    AUDITED,
    BOND,
    BUYER_POLICY,
    GRANT,
    PRICE,
    SELLER_POLICY,
    HandValuer,
    World,
    make_buyer,
    make_parties,
)

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.seller.budget_ledger import spent_budget
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step, deposit_call
from blindfair.protocol.errors import InsufficientFunds
from blindfair.protocol.quantities import Seconds, Wei

pytestmark = pytest.mark.deep


def mailbox(world: World, owner: str) -> Path:
    return world.directory / "mail" / owner


def test_what_is_no_message_in_the_mailbox_is_not_looked_at(at: Callable[[str], World]) -> None:
    parties = make_parties(at("requested"))
    for agent in parties.both:
        inbox = os.fsencode(mailbox(parties.world, agent.address))
        for name in (b"\xff\xfe", b"note.txt", b"A" * 64, b".half-written.77"):
            os.mkdir(os.path.join(inbox, name))  # noqa: PTH102, PTH118 - a name that is no text
        os.symlink("/dev/zero", os.path.join(inbox, b"f" * 64))  # noqa: PTH118, PTH211
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    assert parties.seller.refusals() == parties.buyer.refusals() == ()


def spoilt_by_its_mode(box: Path, _: World) -> None:
    box.mkdir(mode=0o755, exist_ok=True)
    box.chmod(0o755)


def spoilt_by_a_file(box: Path, _: World) -> None:
    for sealed in box.iterdir():
        sealed.unlink()
    box.rmdir()
    box.touch()


def spoilt_by_a_link(box: Path, world: World) -> None:
    for sealed in box.iterdir():
        sealed.unlink()
    box.rmdir()
    box.symlink_to(world.directory / "seller" / "secrets")


def test_a_buyer_that_spoils_its_mailbox_harms_only_itself(at: Callable[[str], World]) -> None:
    world = at("requested")
    parties = make_parties(world)
    before = sorted((world.directory / "seller" / "secrets").iterdir())
    for spoil in (spoilt_by_its_mode, spoilt_by_a_file, spoilt_by_a_link):
        spoiler = make_buyer(world, parties.seller, spoil.__name__)
        spoiler.step()
        spoil(mailbox(world, spoiler.address), world)
        spoiler.close()
    parties.seller.step()
    assert [refusal["error"] for refusal in parties.seller.refusals()] == ["Undeliverable"] * 3
    after = sorted((world.directory / "seller" / "secrets").iterdir())
    assert [path for path in after if not path.name.startswith("random.")] == before
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


def ended(buyer: Buyer) -> Callable[[], bool]:
    return lambda: buyer.outcome is not None


def test_a_price_whose_bond_is_over_the_policy_is_refused_before_anything_is_opened(world: World) -> None:
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, max_bonds=Wei(BOND - 1)))
    parties.run(ended(parties.buyer))
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == (Ending.NO_ORDER, "Refused")
    assert "TooCostly" in outcome.reason
    assert "deposit" not in "".join(parties.seller.wallet.hashes())


def test_bonds_of_open_offers_count_together(world: World) -> None:
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, max_bonds=Wei(2 * BOND - 1)))
    second = make_buyer(world, parties.seller, "second", valuer=HandValuer())
    parties.run(lambda: parties.buyer.has_paid)
    for _ in range(4):
        world.round(parties.seller, second)
    assert waits_for_a_bond(second)
    assert len(parties.seller.offers) == 1
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    # Once the bond has come free, the same selection is answered, and charged once.
    world.run(parties.seller, second, until=ended(second))
    assert second.outcome is not None and second.outcome.final == Ending.RELEASED
    assert "selection:sample" not in second.sizes()
    assert spent_budget(parties.seller.journal)[2] == 2 * AUDITED


def test_a_buyer_waits_for_a_bond_no_longer_than_its_patience(world: World) -> None:
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, max_bonds=Wei(2 * BOND - 1)))
    second = make_buyer(world, parties.seller, "second", valuer=HandValuer())
    parties.run(lambda: parties.buyer.has_paid)
    for _ in range(4):
        world.round(parties.seller, second)
    world.chain.advance(Seconds(BUYER_POLICY.patience + 1))
    world.run(second, until=ended(second))
    assert second.outcome is not None
    # Not for want of openings: that would be held against the seller.
    assert second.outcome.error == "Refused"
    assert "BudgetExhausted" in second.outcome.reason


def test_bonds_that_come_free_answer_a_copy_of_a_selection_that_was_refused(world: World) -> None:
    """The copy may come before the buyer asks again, and its answer is the buyer's answer."""
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, max_bonds=Wei(2 * BOND - 1)))
    second = make_buyer(world, parties.seller, "second", valuer=HandValuer())
    parties.run(lambda: parties.buyer.has_paid)
    for _ in range(4):
        world.round(parties.seller, second)
    assert waits_for_a_bond(second)
    parties.run()
    put_in(world, parties.seller, forged(second, second.mail.stored(Step("message:selection"))[1]))
    world.run(parties.seller, second, until=ended(second), rounds=90)
    assert second.outcome is not None and second.outcome.final == Ending.RELEASED
    assert second.refusals() == ()


def waits_for_a_bond(buyer: Buyer) -> bool:
    return buyer.outcome is None and buyer.waiting is not None and "money free for the bond" in buyer.waiting.reason


def test_what_the_gas_of_open_offers_needs_is_never_locked_as_bond(world: World) -> None:
    policy = replace(SELLER_POLICY, gas_reserve=Wei(GRANT - BOND // 2))
    parties = make_parties(world, seller_policy=policy)
    with pytest.raises(InsufficientFunds, match="the gas of what comes after it"):
        parties.run()
    assert parties.seller.wallet.begun(deposit_call(next(iter(parties.seller.offers)))) is False
