"""Whoever writes into the mail folder, or spoils its own mailbox, stops nobody else; no buyer ties up a seller."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from trade import BOND, GRANT, PRICE, SELLER_POLICY, HandValuer, World, make_buyer, make_parties

from blindfair.agents.buyer.buyer import Buyer
from blindfair.protocol.errors import InsufficientFunds
from blindfair.protocol.quantities import Wei


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
    assert (outcome.final, outcome.error) == ("NoOrder", "Refused")
    assert "BudgetExhausted" in outcome.reason
    assert "deposit" not in "".join(parties.seller.wallet.hashes())


def test_bonds_of_open_offers_count_together(world: World) -> None:
    parties = make_parties(world, seller_policy=replace(SELLER_POLICY, max_bonds=Wei(2 * BOND - 1)))
    second = make_buyer(world, parties.seller, "second", valuer=HandValuer())
    parties.run(lambda: parties.buyer.has_paid)
    world.run(parties.seller, second, until=ended(second))
    assert second.outcome is not None
    assert "BudgetExhausted" in second.outcome.reason
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


def test_what_the_gas_of_open_offers_needs_is_never_locked_as_bond(world: World) -> None:
    policy = replace(SELLER_POLICY, gas_reserve=Wei(GRANT - BOND // 2))
    parties = make_parties(world, seller_policy=policy)
    with pytest.raises(InsufficientFunds, match="the gas of what comes after it"):
        parties.run()
    assert parties.seller.wallet.begun(f"deposit:{next(iter(parties.seller.offers))}") is False
