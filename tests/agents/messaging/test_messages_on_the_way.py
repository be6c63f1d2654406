"""Every message cut, altered, forged, repeated, dropped and sent again at its place in a trade: each is refused by
name, moves no money and holds up nothing, and a trade that gets no true message ends by patience."""

import random
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from recording import message_type
from sealed_messages import (
    STRANGER,
    STRANGER_ADDRESS,
    inside,
    mailbox,
    pending,
    put_in,
    resigned,
    take_out,
    the_sealed_message,
)
from trade import BUYER_POLICY, PRICE, STAGES, Parties, World, make_parties

from blindfair.agents.agent import Agent
from blindfair.agents.messaging.queue_places import QueuePlace
from blindfair.agents.messaging.transport import Transport
from blindfair.agents.settlement.ending import Ending
from blindfair.protocol import errors
from blindfair.protocol.messages import read
from blindfair.protocol.quantities import Address, Seconds
from blindfair.protocol.sealed_message import SEALED_MESSAGE_LIMIT, is_sealed_message

MESSAGES = {
    "asked": "inquiry",
    "listed": "listing",
    "requested": "request",
    "replied": "reply",
    "selected": "selection",
    "opened": "openings",
    "agreed": "agreement",
    "delivered": "delivery",
}
"""Stage, and the message that lies in a mailbox then."""

REFUSALS = {
    kind.__name__
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.MessageError | errors.CommitmentError)
}


def receiver(parties: Parties, stage: str) -> Agent:
    return parties.buyer if STAGES.index(stage) % 2 else parties.seller


def spoiled(data: bytes, rng: random.Random) -> Iterator[bytes]:
    """Cut, lengthened, and altered in every part: head, document, signature, binary parts; of a sealed message
    anywhere."""
    document_end = len(data) - 100 if is_sealed_message(data) else 8 + int.from_bytes(data[4:8], "big")
    yield from (data[:4], data[:20], data[: len(data) // 2], data[:-1], data + b"\x00")
    # What begins with a zero byte, as a signature may, is a copy under way, and not refused.
    yield b"\x01" + data[document_end:]
    places = [0, 5, *(rng.randrange(8, document_end) for _ in range(6)), document_end + 1, document_end + 40]
    places += [rng.randrange(document_end + 65, len(data)) for _ in range(3) if len(data) > document_end + 65]
    for place in places:
        yield data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]


@pytest.fixture
def world_at(at: Callable[[str], World], beside: Callable[[str], World]) -> Callable[[str], World]:
    """A world at a stage from which one step is taken."""
    return lambda stage: (at if stage in ("agreed", "delivered") else beside)(stage)


@pytest.mark.parametrize("stage", MESSAGES)
def test_a_spoiled_message_is_refused_and_the_true_one_taken(world_at: Callable[[str], World], stage: str) -> None:
    parties = make_parties(world_at(stage))
    world, agent = parties.world, receiver(parties, stage)
    true = take_out(world, agent)
    assert message_type(true) == MESSAGES[stage]
    variants = set(spoiled(true, random.Random(stage)))
    for variant in variants:
        put_in(world, agent, variant)
    before = agent.sizes(), agent.transactions()
    agent.step()
    assert [refusal["error"] in REFUSALS for refusal in agent.refusals()] == [True] * len(variants)
    assert pending(world, agent) == []
    assert (agent.sizes(), agent.transactions()) == before
    put_in(world, agent, true)
    agent.step()
    assert (agent.sizes(), agent.transactions()) != before
    assert len(agent.refusals()) == len(variants)


@pytest.mark.parametrize("stage", MESSAGES)
def test_a_message_of_somebody_else_is_refused(world_at: Callable[[str], World], stage: str) -> None:
    parties = make_parties(world_at(stage))
    world, agent = parties.world, receiver(parties, stage)
    true = take_out(world, agent)
    envelope, _ = read(true, domain=agent.domain)
    put_in(world, agent, resigned(envelope, agent, key=STRANGER.key, sender=STRANGER_ADDRESS))
    put_in(world, agent, resigned(envelope, agent, key=STRANGER.key, sender=envelope.sender))
    put_in(world, agent, resigned(envelope, agent, key=agent.private_key, sender=agent.address))
    before = agent.sizes(), agent.transactions()
    agent.step()
    found = sorted(refusal["error"] for refusal in agent.refusals())
    if stage == "asked":
        # A listing is for whoever asks for it.
        assert found == ["BadSignature", "UnexpectedMessage"]
        return
    by_stranger = {"requested": "MalformedMessage", "selected": "FieldMismatch", "agreed": "FieldMismatch"}
    own = "MalformedMessage" if stage == "requested" else "UnexpectedMessage"
    assert found == sorted(["BadSignature", by_stranger.get(stage, "UnexpectedMessage"), own])
    assert agent.transactions() == before[1]
    put_in(world, agent, true)
    agent.step()
    assert (agent.sizes(), agent.transactions()) != before


@pytest.mark.deep
@pytest.mark.parametrize("stage", MESSAGES)
def test_a_message_that_never_comes_ends_the_trade_by_patience(at: Callable[[str], World], stage: str) -> None:
    world, lost = at(stage), set[Address]()
    world.wrap = lambda transport, _: LossyWay(transport, lost)
    parties = make_parties(world)
    true = take_out(world, receiver(parties, stage))
    # Nor does it come when it is asked for, or sent, again.
    lost.add(receiver(parties, stage).address)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert outcome.final == Ending.NO_ORDER
    assert outcome.error == ("NoOpenings" if stage in ("selected", "opened") else "NoAnswer")
    assert parties.deltas() == (0, 0)
    # What comes too late changes nothing any more.
    put_in(world, receiver(parties, stage), true)
    parties.run()
    assert parties.buyer.outcome == outcome
    assert parties.deltas() == (0, 0)


def test_patience_is_counted_in_chain_time_from_the_question(at: Callable[[str], World]) -> None:
    parties = make_parties(at("requested"))
    take_out(parties.world, parties.seller)
    parties.buyer.step()
    asked = parties.world.chain.now()
    parties.world.chain.advance(Seconds(BUYER_POLICY.patience))
    parties.close()
    buyer = make_parties(parties.world).buyer
    buyer.step()
    assert buyer.waiting is not None
    assert buyer.waiting.until == asked + BUYER_POLICY.patience + 1
    assert buyer.outcome is None
    parties.world.chain.advance(Seconds(1))
    buyer.step()
    assert buyer.outcome is not None


class LossyWay:
    """A transport that loses every message to some accounts."""

    def __init__(self, transport: Transport, lost: AbstractSet[Address]) -> None:
        self._transport = transport
        self._lost = lost

    def send(self, to: Address, message: bytes) -> None:
        if to not in self._lost:
            self._transport.send(to, message)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class HostileWay:
    """A transport on which everything goes wrong that a signature does not forbid: what is sent arrives late, twice,
    and together with spoiled copies of itself and with all that was ever sent before."""

    def __init__(self, transport: Transport, everything: list[tuple[Address, bytes]]) -> None:
        self._transport = transport
        self._everything = everything
        self._held: list[tuple[Address, bytes]] = []
        self._rng = random.Random(len(everything))

    def send(self, to: Address, message: bytes) -> None:
        self._held.append((to, message))
        self._everything.append((to, message))

    def pending(self) -> Iterator[tuple[str, int]]:
        # Its own turn has come again: only now what it said before is let through.
        for to, message in self._held:
            for other, old in self._everything:
                if other == to:
                    self._transport.send(to, old)
            for variant in list(spoiled(message, self._rng))[::5]:
                self._transport.send(to, variant)
        self._held.clear()
        return self._transport.pending()

    def head(self, handle: str, size: int) -> bytes:
        return self._transport.head(handle, size)

    def receive(self, handle: str) -> bytes:
        return self._transport.receive(handle)

    def done(self, handle: str) -> None:
        self._transport.done(handle)

    def aside(self) -> str | None:
        return self._transport.aside()

    def incomplete(self) -> str | None:
        return self._transport.incomplete()

    def tell_queue(self, places: Mapping[Address, QueuePlace]) -> None:
        self._transport.tell_queue(places)

    def queue_place(self, receiver: Address) -> QueuePlace | None:
        return self._transport.queue_place(receiver)

    def take_back(self, to: Address, handle: str) -> None:
        self._transport.take_back(to, handle)

    def hold(self, holder: str) -> None:
        self._transport.hold(holder)

    def release(self) -> None:
        self._transport.release()


def test_a_trade_over_a_hostile_way_ends_as_any_other(world: World) -> None:
    everything: list[tuple[Address, bytes]] = []
    world.wrap = lambda transport, _: HostileWay(transport, everything)
    parties = make_parties(world)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert outcome.final == Ending.RELEASED
    assert parties.deltas() == (-PRICE, PRICE)
    for agent in parties.both:
        assert len(agent.refusals()) > 8
        assert {refusal["error"] for refusal in agent.refusals()} <= REFUSALS
    # A question that came again was answered again, in the same bytes.
    agents = {agent.address: agent for agent in parties.both}
    for kind in ("listing", "reply", "openings"):
        said = [message for to, message in everything if message_type(inside(agents[to], message)) == kind]
        assert len(said) > 1, kind
        assert len(set(said)) == 1, kind


@pytest.mark.deep
def test_a_repeated_question_gets_the_identical_answer(at: Callable[[str], World]) -> None:
    for stage in ("requested", "selected", "agreed"):
        parties = make_parties(at(stage))
        world = parties.world
        question = the_sealed_message(world, parties.seller)
        parties.seller.step()
        answer = take_out(world, parties.buyer)
        parties.close()
        parties = make_parties(world)
        put_in(world, parties.seller, question)
        parties.seller.step()
        assert the_sealed_message(world, parties.buyer) == answer
        assert parties.seller.refusals() == ()
        parties.close()


@pytest.mark.parametrize("stage", ["asked", "listed"])
def test_what_is_larger_than_any_message_is_never_read(beside: Callable[[str], World], stage: str) -> None:
    parties = make_parties(beside(stage))
    agent = receiver(parties, stage)
    large = mailbox(parties.world, agent) / ("0" * 64)
    with large.open("wb") as file:
        file.truncate(SEALED_MESSAGE_LIMIT + 1)
    large.chmod(0o000)
    agent.step()
    assert [refusal["error"] for refusal in agent.refusals()] == ["MessageTooLarge"]
    assert not large.exists()
