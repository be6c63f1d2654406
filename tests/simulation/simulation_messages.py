"""What was said in a simulation: no honest party says two things where it must say one, budgets are kept by what went
out and not by what a journal counts, and no secret is in anything that people or strangers read."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator

from simulated_goods import EVALUATION_BITS
from simulated_party import Party
from simulated_world import SimulatedWorld
from simulation_invariants import require, revealed_keys

from blindfair.agents.seller.seller import Seller
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.messages import (
    Agreement,
    Delivery,
    Envelope,
    Inquiry,
    Listing,
    Message,
    Openings,
    PricedReply,
    Refusal,
    Release,
    Reply,
    Request,
    Selection,
    read,
)
from blindfair.protocol.quantities import Address, DeliveryKey
from blindfair.protocol.sealed_message import is_sealed_message, open_sealed_message


def said(world: SimulatedWorld) -> Iterator[tuple[Address, Envelope, Message]]:
    """Every message as it was handed to the post, with its sender, opened with its receiver's key."""
    private = {
        party.address: (party.home / "secrets" / "hpke").read_bytes()[:32]
        for party in world.parties
        if (party.home / "secrets" / "hpke").exists()
    }
    for sender, to, data in dict.fromkeys(world.post.said):
        with contextlib.suppress(BlindfairError):
            if is_sealed_message(data):
                data = open_sealed_message(data, receiver=to, private=private[to])[1]
            yield sender, *read(data, domain=world.chain.domain)


def _about(message: Message, to_whom: str) -> tuple[object, ...] | None:
    """What a message settles: of two with the same there must be one alone. None where there may be several."""
    match message:
        case Listing():
            return ("listing",)
        case Reply() | PricedReply():
            return ("reply", message.request)
        case Openings():
            return ("openings", message.selection)
        case Delivery():
            return ("delivery", message.selection, message.part)
        case Inquiry():
            return ("inquiry", message.listing)
        case Request():
            return ("request", message.listing)
        case Agreement():
            return ("agreement", message.selection, message.part)
        case Release():
            return ("release", message.order)
        case _:
            return None


def check_messages(world: SimulatedWorld, shown: set[bytes]) -> None:
    """Check everything that was said. Raises Violation."""
    honest = {party.address: party for party in world.parties if party.is_honest}
    by_subject: dict[tuple[object, ...], set[bytes]] = defaultdict(set)
    selections: dict[Address, set[bytes]] = defaultdict(set)
    spoken = list(said(world))
    refused = {message.about for _, _, message in spoken if isinstance(message, Refusal)}
    for sender, envelope, message in spoken:
        if sender not in honest or envelope.sender != sender:
            continue
        subject = _about(message, honest[sender].name)
        if subject is not None:
            by_subject[(sender, *subject)].add(envelope.digest)
        if isinstance(message, Selection) and envelope.digest not in refused:
            selections[sender].add(envelope.digest)
    for about, digests in by_subject.items():
        require(len(digests) == 1, f"somebody honest says two things about one {about[1]}")
    for sender, digests in selections.items():
        require(len(digests) == 1, f"{honest[sender].name} selects twice from one evaluation")
    _check_releases(world, honest, spoken)
    _check_keys(honest, spoken)
    for seller in world.sellers:
        if seller.is_honest:
            _check_budgets(world, seller, spoken, shown)
    _check_secrets(world)


def _check_releases(
    world: SimulatedWorld, honest: dict[Address, Party], spoken: list[tuple[Address, Envelope, Message]]
) -> None:
    """Nobody both releases an order and disputes it."""
    released = {message.order for sender, _, message in spoken if isinstance(message, Release) and sender in honest}
    for _, one in world.chain.included():
        if one.transaction.sender in honest and one.succeeded and any(log.name == "Disputed" for log in one.logs):
            disputed = {log.values["orderId"] for log in one.logs}
            require(not disputed & released, "a buyer disputes an order that it has released")


def _check_keys(honest: dict[Address, Party], spoken: list[tuple[Address, Envelope, Message]]) -> None:
    """A key is for one offer: once it is public, it opens nothing that is not paid for."""
    offers = {m.offer for who, _, m in spoken if who in honest and isinstance(m, Delivery | PricedReply)}
    require(len({offer.key_commitment for offer in offers}) == len(offers), "two offers have one key")


def _check_budgets(
    world: SimulatedWorld, seller: Party, spoken: list[tuple[Address, Envelope, Message]], shown: set[bytes]
) -> None:
    role = world.scenario.sellers[world.sellers.index(seller)]
    terms = seller.agent.manifest.terms if isinstance(seller.agent, Seller) else None
    if terms is None:
        return
    own = [(envelope, message) for sender, envelope, message in spoken if sender == seller.address]
    free = {message.request for _, message in own if isinstance(message, Reply)}
    paid = {
        message.request
        for _, message in own
        if isinstance(message, PricedReply) and message.offer.struct_hash() in shown
    }
    openings = {envelope.digest: message for envelope, message in own if isinstance(message, Openings)}
    opened = sum(len(message.opened) for message in openings.values())
    told = EVALUATION_BITS * len(free | paid)
    require(told <= terms.disclosed_bits, f"{seller.name} discloses {told} bits of {terms.disclosed_bits}")
    require(opened <= terms.opened_records, f"{seller.name} opens {opened} records of {terms.opened_records}")
    # Records opened after a fee cost no free bits.
    bits = EVALUATION_BITS * len(free) + (0 if role.charges else terms.record_bits * opened)
    require(bits <= terms.free_bits, f"{seller.name} gives {bits} free bits of {terms.free_bits}")


def _check_secrets(world: SimulatedWorld) -> None:
    """No secret of an honest party is in what it tells, in its errors, or in the endings that it writes down."""
    public = revealed_keys(world)
    texts = [event.text for _, event in world.told] + [event.step for _, event in world.told] + world.trace
    texts += [error for party in world.parties for error in party.errors]
    everything = "\n".join(texts).lower()
    for party in world.parties:
        if not party.is_honest:
            continue
        secrets = {"account": party.key}
        for path in (party.home / "secrets").iterdir() if (party.home / "secrets").exists() else ():
            data = path.read_bytes()
            is_key = path.name.startswith("key.")
            if path.name.startswith(".") or (is_key and key_commitment(DeliveryKey(data)) in public):
                continue
            secrets[path.name] = data[:32]
        for name, secret in secrets.items():
            require(secret.hex() not in everything, f"{party.name} tells its secret {name.partition('.')[0]}")
