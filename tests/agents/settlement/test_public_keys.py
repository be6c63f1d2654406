"""A key is public once it is revealed: it opens one ciphertext, which nobody but its buyer has (PROTOCOL 6.2, 6.4)."""

from collections.abc import Callable

from sealed_messages import pending
from trade import SELECTED, World, make_buyer, make_parties

from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.steps import Step
from blindfair.protocol.delivery import encrypt_delivery
from blindfair.protocol.messages import Delivery
from blindfair.protocol.quantities import DeliveryKey


def deliveries(seller: Seller) -> list[Delivery]:
    stored = (seller.mail.stored(Step(f"message:delivery:{name}"))[1] for name in seller.offers)
    return [message for message in stored if isinstance(message, Delivery)]


def test_the_same_records_are_never_encrypted_twice_under_one_key(at: Callable[[str], World]) -> None:
    parties = make_parties(at("requested"))
    other = make_buyer(parties.world, parties.seller, "other")
    parties.world.run(*parties.both, other, until=lambda: len(parties.seller.offers) == 2)
    mine, theirs = deliveries(parties.seller)
    assert mine.offer.chunk_count == theirs.offer.chunk_count
    assert mine.offer.key_commitment != theirs.offer.key_commitment
    assert mine.offer.delivery_root != theirs.offer.delivery_root


def test_the_key_is_of_no_use_to_whoever_keeps_the_messages(world: World) -> None:
    parties = make_parties(world)
    while not any(step.startswith("delivery:") for step in parties.seller.sizes()):
        for agent in (parties.buyer, parties.seller):
            agent.step()
    [delivery] = deliveries(parties.seller)
    [key] = (parties.seller.directory / "secrets").glob("key.*")
    ciphertexts = encrypt_delivery(parties.seller.dataset, SELECTED, DeliveryKey(key.read_bytes())).ciphertexts
    [sealed] = pending(world, parties.buyer)
    for ciphertext in ciphertexts:
        assert ciphertext not in sealed.read_bytes()
        # Nor in the message itself, which is what is quoted and kept.
        assert ciphertext not in delivery.sealed
