"""What a seller keeps for whom, and for how long: the bond of a rest, an agreement, a listing, its reader's time."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from sampled import POLICY, REST_BOND, ended, states
from sealed_messages import STRANGER_ADDRESS, forged, mailbox, put_in, sealed_messages_to
from trade import (
    BOND,
    BUYER_POLICY,
    PER_RECORD,
    PRICE,
    SELLER_POLICY,
    HandValuer,
    World,
    make_buyer,
    make_parties,
)

from blindfair.agents.agent import Agent
from blindfair.agents.seller import listing as seller_listing
from blindfair.agents.seller.listing import GIVEN, answer_cost, answers_in_an_hour
from blindfair.agents.seller.rate_limiter import RateLimiter
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step, StepKind
from blindfair.protocol.errors import BudgetExhausted
from blindfair.protocol.messages import Inquiry, Listing, Refusal
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, RecordIndex, Seconds, Timestamp, Wei
from blindfair.protocol.sealed_message import MAGIC

pytestmark = pytest.mark.deep

TIGHT = replace(SELLER_POLICY, max_bonds=BOND)
"""A seller that can lock the bonds of one purchase at a time."""


def errors_told(world: World, agent: Agent) -> list[str]:
    return [message.error for _, message in sealed_messages_to(world, agent) if isinstance(message, Refusal)]


def test_the_bond_of_the_rest_is_kept_while_the_sample_is_sold(world: World) -> None:
    """Without space for it the buyer would have paid for a sample whose rest nobody can sell it."""
    parties = make_parties(world, seller_policy=TIGHT, buyer_policy=POLICY)
    world.run(*parties.both, until=lambda: states(parties) == {"sample": OrderState.RELEASED})
    small = HandValuer(records=(RecordIndex(1), RecordIndex(2)), price=Wei(2 * PER_RECORD))
    other = make_buyer(world, parties.seller, "other", valuer=small, policy=replace(BUYER_POLICY, audit_rows=1))
    for _ in range(4):
        world.round(parties.seller, other)
    assert other.outcome is None
    assert [intent for intent, _ in other.journal.done(StepKind[str]("refused-for-now"))] == ["openings"]
    parties.run()
    assert ended(parties).final == Ending.RELEASED
    assert states(parties) == {"sample": OrderState.RELEASED, "rest": OrderState.RELEASED}
    assert parties.deltas() == (-PRICE, PRICE)
    other.close()


def test_space_for_a_rest_that_nobody_orders_is_given_up_and_the_rest_with_it(at: Callable[[str], World]) -> None:
    parties = make_parties(at("replied"), seller_policy=TIGHT, buyer_policy=POLICY)
    world, bonds = parties.world, parties.seller._bonds
    world.run(*parties.both, until=lambda: states(parties) == {"sample": OrderState.RELEASED})
    world.run(parties.seller, until=lambda: parties.seller.ending == Ending.RELEASED)
    with pytest.raises(BudgetExhausted):
        bonds.check_bond(ETHER, Wei(BOND - REST_BOND + 1))
    world.chain.advance(Seconds(SELLER_POLICY.agreement_validity + 1))
    bonds.check_bond(ETHER, TIGHT.max_bonds)
    parties.run(lambda: parties.buyer.outcome is not None)
    assert (ended(parties).final, ended(parties).error) == (Ending.RELEASED, "Refused")
    assert "Expired" in ended(parties).reason
    assert set(states(parties)) == {"sample"}


def test_a_selection_is_not_agreed_on_for_ever(at: Callable[[str], World]) -> None:
    parties = make_parties(at("agreed"))
    parties.world.chain.advance(Seconds(SELLER_POLICY.agreement_validity + 1))
    parties.seller.step()
    assert errors_told(parties.world, parties.buyer) == ["Expired"]
    assert parties.seller.offers == {}


def test_an_agreement_that_was_answered_is_answered_again_however_late(at: Callable[[str], World]) -> None:
    parties = make_parties(at("delivered"))
    (path,) = mailbox(parties.world, parties.buyer).glob("[0-9a-f]*")
    before = path.read_bytes()
    path.unlink()
    _, agreement = parties.buyer.mail.stored(Step("message:agreement"))
    parties.world.chain.advance(Seconds(SELLER_POLICY.agreement_validity + 1))
    put_in(parties.world, parties.seller, forged(parties.buyer, agreement))
    parties.seller.step()
    assert path.read_bytes() == before


# --- listings ------------------------------------------------------------------------------------------------------


def test_listings_fill_no_disk(at: Callable[[str], World]) -> None:
    world = at("listed")
    # What the trade's own buyer was given is an hour ago.
    (world.directory / "seller" / GIVEN).unlink()
    one_more = replace(SELLER_POLICY, max_listings=1)
    parties = make_parties(world, seller_policy=one_more)
    strangers = [make_buyer(world, parties.seller, f"stranger{number}", funded=False) for number in range(3)]

    def asks(stranger: Agent) -> list[str]:
        put_in(world, parties.seller, forged(stranger, Inquiry(parties.seller.listing)))
        parties.seller.step()
        answers = [message for _, message in sealed_messages_to(world, stranger)]
        for path in mailbox(world, stranger).glob("[0-9a-f]*"):
            path.unlink()
        return [message.error if isinstance(message, Refusal) else message.TYPE for message in answers]

    assert asks(strangers[0]) == [Listing.TYPE]
    assert asks(strangers[1]) == ["BudgetExhausted"]
    parties.close()
    named = replace(one_more, buyers=frozenset({strangers[2].address}))
    parties = make_parties(world, seller_policy=named)
    # A restart does not forget what was given, and named buyers do not count.
    assert asks(strangers[0]) == ["BudgetExhausted"]
    assert asks(strangers[2]) == [Listing.TYPE]
    world.chain.advance(Seconds(3600))
    assert asks(strangers[1]) == [Listing.TYPE]
    for stranger in strangers:
        stranger.close()


@pytest.mark.parametrize("most", [1, 2**20], ids=["without leaves", "with leaves"])
def test_as_many_inquiries_are_answered_in_an_hour_as_the_seller_is_told(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Of a listing that is so large that it travels without its leaves, too."""
    monkeypatch.setattr("blindfair.protocol.manifest.CHUNK_COUNT_LIMIT", most)
    world = at("asked")
    parties = make_parties(world)
    for path in mailbox(world, parties.seller).glob("[0-9a-f]*"):
        path.unlink()
    inquiry, manifest = Inquiry(parties.seller.listing), parties.seller.manifest
    strangers = [make_buyer(world, parties.seller, f"stranger{number}", funded=False) for number in range(4)]

    def size_of_answer(stranger: Agent) -> int:
        put_in(world, parties.seller, forged(stranger, inquiry))
        parties.seller.step()
        [path] = mailbox(world, stranger).glob("[0-9a-f]*")
        return path.stat().st_size

    size = size_of_answer(strangers[0])
    policy = replace(SELLER_POLICY, max_listings=3 * size)
    assert answers_in_an_hour(manifest, policy) == 3
    assert answers_in_an_hour(manifest, replace(policy, max_listings=3 * size - 1)) == 2
    assert answers_in_an_hour(manifest, replace(policy, max_listings=1)) == 1
    cost = answer_cost(manifest, policy)
    assert cost.startswith(f"{size:,} bytes of disk") and "; 3 an hour" in cost
    parties.close()
    parties = make_parties(world, seller_policy=policy)
    # Another was given before the restart.
    assert [size_of_answer(stranger) for stranger in strangers[1:3]] == [size] * 2
    assert size_of_answer(strangers[3]) < size
    assert errors_told(world, strangers[3]) == ["BudgetExhausted"]
    for stranger in strangers:
        stranger.close()


def test_one_account_makes_a_seller_forget_no_other(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seller_listing, "_REMEMBERED", 2)
    parties = make_parties(at("listed"), seller_policy=replace(SELLER_POLICY, max_listings=10**6))
    given = parties.seller._listing

    def ask(account: str) -> None:
        given.send_to(
            Address(account), Inquiry(parties.seller.listing), parties.seller.manifest, parties.seller.dataset
        )

    first, second, third = ("0x" + digit * 40 for digit in "123")
    for account in (first, second, second, second):
        ask(account)
    assert list(given._given_to) == [first, second]
    # Whoever asked last is forgotten last.
    for account in (first, third):
        ask(account)
    assert list(given._given_to) == [first, third]


def test_what_was_taken_is_there_again_after_its_span() -> None:
    limiter = RateLimiter(10, Seconds(100))
    limiter.count(6, Timestamp(1000))
    with pytest.raises(BudgetExhausted):
        limiter.count(5, Timestamp(1099))
    # What was refused does not count.
    limiter.count(4, Timestamp(1099))
    limiter.count(6, Timestamp(1100))
    # Larger than all of it: alone.
    RateLimiter(10, Seconds(100)).count(11, Timestamp(0))


# --- sealed messages --------------------------------------------------------------------------------------------------


def hollow(world: World, agent: Agent, sender: Address, size: int) -> None:
    """A file that claims to be a sealed message, takes no disk, and would take minutes and gigabytes to unseal."""
    path = mailbox(world, agent) / ".hollow"
    with path.open("w+b") as file:
        file.write(MAGIC + bytes.fromhex(sender[2:]))
        file.truncate(size)
        # A file with another name than its hash would be waited for, as a copy under way.
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")
    path.rename(path.with_name(digest.hexdigest()))


def refused(agent: Agent) -> list[str]:
    return [refusal["error"] for refusal in agent.refusals()]


def test_a_seller_unseals_nothing_that_is_larger_than_its_owner_allows(at: Callable[[str], World]) -> None:
    parties = make_parties(at("asked"), seller_policy=replace(SELLER_POLICY, max_sealed_message=10_000))
    for path in mailbox(parties.world, parties.seller).glob("[0-9a-f]*"):
        path.unlink()
    for sender, size, error in (
        (parties.buyer.address, 10_001, "MessageTooLarge"),
        (STRANGER_ADDRESS, 500 * 2**20, "MessageTooLarge"),
        (STRANGER_ADDRESS, 10_000, "SealBroken"),
    ):
        hollow(parties.world, parties.seller, sender, size)
        parties.seller.step()
        assert refused(parties.seller)[-1] == error
        parties.seller.journal._db.execute("DELETE FROM steps WHERE name LIKE 'refused:%'")


def test_a_buyer_unseals_sealed_messages_of_its_seller_alone(at: Callable[[str], World]) -> None:
    parties = make_parties(at("selected"))
    hollow(parties.world, parties.buyer, STRANGER_ADDRESS, 800 * 2**20)
    parties.buyer.step()
    assert refused(parties.buyer) == ["UnexpectedMessage"]
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)


def test_a_sealed_message_is_kept_once(at: Callable[[str], World]) -> None:
    parties = make_parties(at("paid"))
    for agent in parties.both:
        kept = {
            name: agent.journal.get(Step(f"sealed:{name}")) for name, _ in agent.journal.done(StepKind[str]("sealed"))
        }
        assert len(kept) > 2
        assert {len(seal or b"") for seal in kept.values()} == {112}
