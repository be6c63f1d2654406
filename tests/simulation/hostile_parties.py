"""Parties that cheat in simulations. Each is the honest agent but for the one thing that it does instead."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from stand_in_scoring import StandInQuery
from trade import COLUMNS

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.seller.deliveries import Encrypted
from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.steps import MessageName
from blindfair.agents.waiting import Waiting
from blindfair.cli.demo.hostile import CorruptingSeller
from blindfair.influence.arrays import IntegerRows
from blindfair.protocol.delivery import EncryptedDelivery, delivery_tree
from blindfair.protocol.messages import Agreement, Message, Request, Selection, sign
from blindfair.protocol.offer import Offer
from blindfair.protocol.parts import Part
from blindfair.protocol.quantities import Address, DeliveryKey, Digest, RecordIndex, Seconds, Wei
from blindfair.protocol.sealed_message import new_message_seal, seal_message


class ExchangingSeller(Seller):
    """Delivers other records than were agreed."""

    def _encrypted(self, records: Sequence[RecordIndex], key: DeliveryKey) -> EncryptedDelivery:
        count = self.manifest.record_count
        return super()._encrypted(sorted(RecordIndex((each + 1) % count) for each in records), key)


class ShortSeller(Seller):
    """Delivers all but the last record."""

    def _encrypted(self, records: Sequence[RecordIndex], key: DeliveryKey) -> EncryptedDelivery:
        return super()._encrypted(records[:-1], key)


class OverchargingSeller(Seller):
    """Asks for more than was agreed."""

    def _offer(self, part: Part, encrypted: Encrypted, key: DeliveryKey, request: Request) -> Offer:
        offer = super()._offer(part, encrypted, key, request)
        return replace(offer, price=Wei(offer.price + 1))


class BondlessSeller(Seller):
    """Locks no bond."""

    def _offer(self, part: Part, encrypted: Encrypted, key: DeliveryKey, request: Request) -> Offer:
        return replace(super()._offer(part, encrypted, key, request), bond=Wei(0))


class HurriedSeller(Seller):
    """Leaves hardly any time to dispute."""

    def _offer(self, part: Part, encrypted: Encrypted, key: DeliveryKey, request: Request) -> Offer:
        return replace(super()._offer(part, encrypted, key, request), dispute_window=Seconds(600))


class SecretiveSeller(Seller):
    """Never reveals a key."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)

        def never(*_: object) -> None:
            raise Waiting("it never reveals")

        self._orders._reveal = never  # type: ignore[method-assign,assignment]


class InflatingSeller(Seller):
    """Reports scores that are not those of its records, in the stand-in's replies."""

    def _scores(self, digest: Digest, request: Request, rows: IntegerRows) -> bytes:
        reply = bytearray(super()._scores(digest, request, rows))
        count = 8 * len(rows)
        scores = np.frombuffer(bytes(reply[-count:]), dtype="<i8").copy()
        scores[::2] //= 3
        reply[-count:] = scores.tobytes()
        return bytes(reply)


class GarblingSeller(Seller):
    """Delivers a reply against a fee with one chunk that is not the committed one."""

    def _encrypted_reply(self, digest: Digest, key: DeliveryKey) -> EncryptedDelivery:
        honest = super()._encrypted_reply(digest, key)
        wrong = bytes([honest.ciphertexts[0][20] ^ 1])
        first = honest.ciphertexts[0][:20] + wrong + honest.ciphertexts[0][21:]
        ciphertexts = (first, *honest.ciphertexts[1:])
        return EncryptedDelivery(ciphertexts, honest.leaf_hashes, delivery_tree(ciphertexts, honest.leaf_hashes).root)


class _TalkingBuyer(Buyer):
    """A buyer of which every message passes by `says` before it is made."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        send = self.mail.send

        def sent(step: MessageName, to: Address, make: Callable[[], Message], key: bytes | None) -> Digest:
            return send(step, to, lambda: self.says(make(), key), key)

        self.mail.send = sent  # type: ignore[method-assign]

    def says(self, message: Any, key: bytes | None) -> Message:
        raise NotImplementedError

    def slip(self, message: Message, key: bytes) -> None:
        """Send one more message, of which the journal knows nothing."""
        envelope = sign(message, sender=self.address, domain=self.domain, private_key=self.private_key)
        seal = new_message_seal(sender=self.address, receiver=self.seller, key=key)
        self.mail._transport.send(self.seller, seal_message(envelope.to_bytes(), seal, sender=self.address))


class ThriftyBuyer(_TalkingBuyer):
    """Agrees to a lower price than it selected for."""

    def says(self, message: Any, key: bytes | None) -> Message:
        return replace(message, price=Wei(message.price - 1)) if isinstance(message, Agreement) else message


class GrabbingBuyer(_TalkingBuyer):
    """Selects twice from one evaluation, to see more records opened."""

    def says(self, message: Any, key: bytes | None) -> Message:
        if isinstance(message, Selection) and key is not None:
            others = tuple(RecordIndex(each) for each in range(24) if each not in message.records)[
                : len(message.records)
            ]
            self.slip(replace(message, records=others), key)
        return message  # type: ignore[no-any-return]


class AskingBuyer(_TalkingBuyer):
    """Asks again and again, each time with a scoring model that is a little another."""

    def says(self, message: Any, key: bytes | None) -> Message:
        if isinstance(message, Request) and key is not None:
            for number in range(1, 6):
                weights = np.frombuffer(message.weights, dtype="<f4").copy()
                weights[number % len(COLUMNS)] += 0.01 * number
                self.slip(replace(message, weights=weights.tobytes(), nonce=bytes([number]) * 32), key)
        return message  # type: ignore[no-any-return]


class ForgingBuyer(_TalkingBuyer):
    """Sends what is no query."""

    def says(self, message: Any, key: bytes | None) -> Message:
        if isinstance(message, Request):
            return replace(message, query=StandInQuery.from_bytes(message.query).to_bytes()[:-3])
        return message  # type: ignore[no-any-return]


class UnpayingBuyer(Buyer):
    """Agrees to everything and pays nothing."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)

        def never(*_: object, **__: object) -> None:
            raise Waiting("it never pays")

        self.wallet.execute = never  # type: ignore[method-assign,assignment]


SELLERS: dict[str, type[Seller]] = {
    "corrupting": CorruptingSeller,
    "exchanging": ExchangingSeller,
    "short": ShortSeller,
    "overcharging": OverchargingSeller,
    "bondless": BondlessSeller,
    "hurried": HurriedSeller,
    "secretive": SecretiveSeller,
    "inflating": InflatingSeller,
    "garbling": GarblingSeller,
}

BUYERS: dict[str, type[Buyer]] = {
    "thrifty": ThriftyBuyer,
    "grabbing": GrabbingBuyer,
    "asking": AskingBuyer,
    "forging": ForgingBuyer,
    "unpaying": UnpayingBuyer,
}
