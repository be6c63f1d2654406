"""Letters: whoever reads the mailboxes reads nothing of model, records or price, and can pass nothing off as another's
(PROTOCOL 9)."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import pytest
from cheated import ended
from letters import STRANGER_ADDRESS, forged, inside, pending, put_in
from recording import recorded
from trade import BUYER_POLICY, PRICE, SELECTED, Parties, World, make_buyer, make_parties

from blindfair.agents.agent import Agent
from blindfair.agents.seller import Seller
from blindfair.protocol.letters import MAGIC, is_letter, new_letter_seal, seal_letter
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Message, Openings, Refusal, Request, Selection, read
from blindfair.protocol.quantities import Digest, Timestamp

LETTERS = {"requested": "seller", "replied": "buyer", "selected": "seller", "opened": "buyer", "agreed": "seller",
           "delivered": "buyer"}  # fmt: skip
"""Stage, and whose mailbox holds a letter then."""


def receiver(parties: Parties, stage: str) -> Agent:
    return parties.buyer if LETTERS[stage] == "buyer" else parties.seller


def the_bytes(parties: Parties, agent: Agent) -> bytes:
    """The only file in an agent's mailbox, as it lies there; taken away."""
    [path] = pending(parties.world, agent)
    data = path.read_bytes()
    path.unlink()
    return data


def resealed(agent: Agent, message: bytes, **changes: object) -> bytes:
    """A letter to an agent as whoever knows its key can make one."""
    whole = {"sender": STRANGER_ADDRESS, "receiver": agent.address, "key": agent.sealing_keys().public} | changes
    return seal_letter(message, new_letter_seal(**whole), sender=whole["sender"])  # type: ignore[arg-type]


def test_nothing_secret_is_readable_on_the_way(world: World) -> None:
    record = world.directory / "sent"
    world.wrap = recorded(record)
    parties = make_parties(world)
    parties.run()
    assert parties.deltas() == (-PRICE, PRICE)
    sent = {path.name.partition("-")[0]: path.read_bytes() for path in record.iterdir() if path.name[0] != "."}
    in_the_clear = {kind for kind, data in sent.items() if not is_letter(data)}
    assert in_the_clear == {"inquiry", "listing"}
    assert len(sent) == 9

    stored = parties.buyer.mail.stored
    _, openings = stored("received:openings")
    _, request = stored("message:request")
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
    assert parties.seller.mail.stored(f"message:openings:{openings.selection.hex()}")[1] == openings


@pytest.mark.parametrize("stage", LETTERS)
def test_a_letter_that_was_touched_is_refused_and_the_true_one_taken(at: Callable[[str], World], stage: str) -> None:
    parties = make_parties(at(stage))
    agent = receiver(parties, stage)
    letter = the_bytes(parties, agent)
    message = inside(agent, letter)
    # A buyer opens letters of its seller alone.
    foreign = "UnexpectedMessage" if agent is parties.buyer else None
    touched = {
        "its head cut off": (letter[len(MAGIC) :], "UnknownVersion"),
        "cut in its head": (letter[:20], "MalformedMessage"),
        "cut after its head": (letter[:24], "SealBroken"),
        "cut in its key": (letter[:60], "SealBroken"),
        "cut at its end": (letter[:-1], "SealBroken"),
        "lengthened": (letter + b"\x00", "SealBroken"),
        "the sender altered": (letter[:10] + bytes([letter[10] ^ 1]) + letter[11:], foreign or "SealBroken"),
        "the key altered": (letter[:30] + bytes([letter[30] ^ 1]) + letter[31:], "SealBroken"),
        "the content altered": (letter[:-20] + bytes([letter[-20] ^ 1]) + letter[-19:], "SealBroken"),
        "to another": (resealed(agent, message, receiver=STRANGER_ADDRESS), foreign or "SealBroken"),
        "sent on by another": (resealed(agent, message), foreign or "FieldMismatch"),
        "a letter in a letter": (resealed(agent, letter), foreign or "UnknownVersion"),
        "nothing inside": (resealed(agent, b""), foreign or "UnknownVersion"),
    }
    for data, _ in touched.values():
        put_in(parties.world, agent, data)
    before = agent.sizes(), agent.transactions()
    agent.step()
    assert sorted(refusal["error"] for refusal in agent.refusals()) == sorted(error for _, error in touched.values())
    assert (agent.sizes(), agent.transactions()) == before
    put_in(parties.world, agent, letter)
    agent.step()
    assert (agent.sizes(), agent.transactions()) != before


def test_a_letter_that_comes_again_is_answered_by_the_same_letter(at: Callable[[str], World]) -> None:
    parties = make_parties(at("selected"))
    question = the_bytes(parties, parties.seller)
    answers = []
    for _ in range(2):
        put_in(parties.world, parties.seller, question)
        parties.seller.step()
        answers.append(the_bytes(parties, parties.buyer))
    assert answers[0] == answers[1]
    assert is_letter(answers[0])


def test_a_buyers_letter_is_no_letter_to_another_buyer(at: Callable[[str], World]) -> None:
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
        return self._stock.manifest(self.dataset, self.domain, seller=self.address, seller_hpke=bytes(32))


def test_a_listing_without_a_usable_key_gets_no_request(world: World) -> None:
    parties = make_parties(world, seller_type=KeylessSeller)
    parties.run()
    assert ended(parties).error == "MalformedMessage"
    assert set(parties.buyer.sizes()) == {"inquiry", "refusal"}


def test_refusals_are_sealed_to_whom_the_seller_knows_and_clear_to_others(at: Callable[[str], World]) -> None:
    parties = make_parties(at("replied"))
    the_bytes(parties, parties.buyer)
    stranger = make_buyer(parties.world, parties.seller, "stranger", funded=False)
    _, request = parties.buyer.mail.stored("message:request")
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
    sealed = {}
    for name, (agent, message) in refused.items():
        put_in(parties.world, parties.seller, forged(agent, message))
        parties.seller.step()
        letter = the_bytes(parties, agent)
        assert isinstance(read(inside(agent, letter), domain=agent.domain)[1], Refusal)
        sealed[name] = is_letter(letter)
    assert list(sealed.values()) == [True, False, True, False], sealed
