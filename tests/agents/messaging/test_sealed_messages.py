"""Sealed messages: whoever reads the mailboxes reads nothing of model, records or price, and can pass nothing off as
another's (PROTOCOL 9)."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import pytest
from cheated import ended
from recording import recorded
from sealed_messages import STRANGER_ADDRESS, forged, inside, pending, put_in
from trade import BUYER_POLICY, PRICE, SELECTED, Parties, World, make_buyer, make_parties

from blindfair.agents.agent import Agent
from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.steps import Step
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Message, Openings, Refusal, Request, Selection, read
from blindfair.protocol.quantities import Digest, Timestamp
from blindfair.protocol.sealed_message import is_sealed_message, new_message_seal, seal_message

STAGES = {"requested": "seller", "replied": "buyer", "selected": "seller", "opened": "buyer", "agreed": "seller",
           "delivered": "buyer"}  # fmt: skip
"""Stage, and whose mailbox holds a sealed message then."""


def receiver(parties: Parties, stage: str) -> Agent:
    return parties.buyer if STAGES[stage] == "buyer" else parties.seller


def the_bytes(parties: Parties, agent: Agent) -> bytes:
    """The only file in an agent's mailbox, as it lies there; taken away."""
    [path] = pending(parties.world, agent)
    data = path.read_bytes()
    path.unlink()
    return data


def resealed(agent: Agent, message: bytes, **changes: object) -> bytes:
    """A sealed message to an agent as whoever knows its key can make one."""
    whole = {"sender": STRANGER_ADDRESS, "receiver": agent.address, "key": agent.sealing_keys().public} | changes
    return seal_message(message, new_message_seal(**whole), sender=whole["sender"])  # type: ignore[arg-type]


def test_nothing_secret_is_readable_on_the_way(world: World) -> None:
    record = world.directory / "sent"
    world.wrap = recorded(record)
    parties = make_parties(world)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    sent = {path.name.partition("-")[0]: path.read_bytes() for path in record.iterdir() if path.name[0] != "."}
    in_the_clear = {kind for kind, data in sent.items() if not is_sealed_message(data)}
    assert in_the_clear == {"inquiry", "listing"}
    assert len(sent) == 9

    stored = parties.buyer.mail.stored
    _, openings = stored(Step("received:openings"))
    _, request = stored(Step("message:request"))
    assert isinstance(openings, Openings)
    assert isinstance(request, Request)
    secrets = [
        *(chunk[16:] for item in openings.opened for chunk in item.chunks),
        *(item.row_leaf[24:] for item in openings.opened),
        request.weights,
        request.query[:64],
        parties.seller.manifest.digest(),
        parties.seller.manifest.digest().hex().encode(),
        str(PRICE).encode(),
        b"".join(number.to_bytes(8, "big") for number in SELECTED[:2]),
        request.model_name.encode(),
    ]
    on_the_way = b"".join(sent.values())
    assert [secret for secret in secrets if secret in on_the_way] == []
    # The journals keep what was inside.
    assert parties.seller.mail.stored(Step(f"message:openings:{openings.selection.hex()}"))[1] == openings


@pytest.mark.parametrize("stage", STAGES)
def test_a_sealed_message_that_was_touched_is_refused_and_the_true_one_taken(
    at: Callable[[str], World], stage: str
) -> None:
    parties = make_parties(at(stage))
    agent = receiver(parties, stage)
    sealed = the_bytes(parties, agent)
    message = inside(agent, sealed)
    # A buyer opens sealed messages of its seller alone.
    foreign = "UnexpectedMessage" if agent is parties.buyer else None
    touched = {
        "its first byte cut off": (sealed[1:], "UnknownVersion"),
        "cut in its head": (sealed[:20], "MalformedMessage"),
        "cut after its head": (sealed[:24], "SealBroken"),
        "cut in its key": (sealed[:60], "SealBroken"),
        "cut at its end": (sealed[:-1], "SealBroken"),
        "lengthened": (sealed + b"\x00", "SealBroken"),
        "the sender altered": (sealed[:10] + bytes([sealed[10] ^ 1]) + sealed[11:], foreign or "SealBroken"),
        "the key altered": (sealed[:30] + bytes([sealed[30] ^ 1]) + sealed[31:], "SealBroken"),
        "the content altered": (sealed[:-20] + bytes([sealed[-20] ^ 1]) + sealed[-19:], "SealBroken"),
        "to another": (resealed(agent, message, receiver=STRANGER_ADDRESS), foreign or "SealBroken"),
        "sent on by another": (resealed(agent, message), foreign or "FieldMismatch"),
        "a sealed message in a sealed message": (resealed(agent, sealed), foreign or "UnknownVersion"),
        "nothing inside": (resealed(agent, b""), foreign or "UnknownVersion"),
    }
    for data, _ in touched.values():
        put_in(parties.world, agent, data)
    before = agent.sizes(), agent.transactions()
    agent.step()
    assert sorted(refusal["error"] for refusal in agent.refusals()) == sorted(error for _, error in touched.values())
    assert (agent.sizes(), agent.transactions()) == before
    put_in(parties.world, agent, sealed)
    agent.step()
    assert (agent.sizes(), agent.transactions()) != before


def test_a_sealed_message_that_comes_again_is_answered_by_the_same_sealed_message(at: Callable[[str], World]) -> None:
    parties = make_parties(at("selected"))
    question = the_bytes(parties, parties.seller)
    answers = []
    for _ in range(2):
        put_in(parties.world, parties.seller, question)
        parties.seller.step()
        answers.append(the_bytes(parties, parties.buyer))
    assert answers[0] == answers[1]
    assert is_sealed_message(answers[0])


def test_a_buyers_sealed_message_is_none_to_another_buyer(at: Callable[[str], World]) -> None:
    parties = make_parties(at("replied"))
    other = make_buyer(parties.world, parties.seller, "other", funded=False)
    other.step()
    put_in(parties.world, other, the_bytes(parties, parties.buyer))
    other.step()
    assert [refusal["error"] for refusal in other.refusals()] == ["SealBroken"]


class KeylessSeller(Seller):
    """Lists a key that nothing can be sealed to."""

    @cached_property
    def manifest(self) -> Manifest:
        return self._spec.manifest(self.dataset, self.domain, seller=self.address, seller_hpke=bytes(32))


def test_a_listing_without_a_usable_key_gets_no_request(world: World) -> None:
    parties = make_parties(world, seller_type=KeylessSeller)
    parties.run()
    assert ended(parties).error == "MalformedMessage"
    assert set(parties.buyer.sizes()) == {"inquiry", "refusal"}


def test_refusals_are_sealed_to_whom_the_seller_knows_and_clear_to_others(at: Callable[[str], World]) -> None:
    parties = make_parties(at("replied"))
    the_bytes(parties, parties.buyer)
    stranger = make_buyer(parties.world, parties.seller, "stranger", funded=False)
    _, request = parties.buyer.mail.stored(Step("message:request"))
    assert isinstance(request, Request)
    # Whose key is in the request that is refused, is known by that.
    late = replace(request, buyer=stranger.address, buyer_hpke=stranger.sealing_keys().public, expiry=Timestamp(1))
    nonsense = Selection(Digest(bytes(32)), bytes(32), BUYER_POLICY.token, PRICE, 1, SELECTED)
    refused: dict[str, tuple[Agent, Message]] = {
        "a known buyer's selection": (parties.buyer, nonsense),
        "a stranger's selection": (stranger, nonsense),
        "a stranger's request": (stranger, late),
        "a request with no key": (stranger, replace(late, buyer_hpke=bytes(32))),
    }
    were_sealed = {}
    for name, (agent, message) in refused.items():
        put_in(parties.world, parties.seller, forged(agent, message))
        parties.seller.step()
        sealed = the_bytes(parties, agent)
        assert isinstance(read(inside(agent, sealed), domain=agent.domain)[1], Refusal)
        were_sealed[name] = is_sealed_message(sealed)
    assert list(were_sealed.values()) == [True, False, True, False], were_sealed
