"""Every call of the escrow contract and of a token, as data: what would be sent where, with how much ether.

Pure: nothing is asked, signed or sent here (`sender` does that), and nothing is checked that the contract checks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from blindfair.chain.abi import ERC20, encode_call, exchange_abi
from blindfair.chain.authorization import Authorization
from blindfair.chain.permit import Permit
from blindfair.protocol.offer import Offer
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    ChunkIndex,
    DeliveryKey,
    Digest,
    Root,
    Signature,
    Wei,
)

_NOTHING = Wei(0)


@dataclass(frozen=True, slots=True)
class Call:
    """One transaction to be."""

    name: str
    """The function's name, or `deploy`."""

    to: Address | None
    """The contract; None makes a new one."""

    data: bytes
    """Function and arguments in the contract ABI, or the code of the new contract."""

    value: Wei = _NOTHING
    """Ether sent along."""


class ExchangeCalls:
    """The calls of one escrow contract (PROTOCOL 3 and 7)."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def _call(self, name: str, *arguments: object, value: Wei = _NOTHING) -> Call:
        return Call(name, self.address, encode_call(exchange_abi(), name, *arguments), value)

    def commit(self, listing_root: Root, manifest_hash: Digest) -> Call:
        """Record the sender as the seller of a data set, once (PROTOCOL 3)."""
        return self._call("commit", listing_root, manifest_hash)

    def deposit(self, token: Address, amount: Wei) -> Call:
        """Bring money to the sender's free balance; a token must be approved first."""
        return self._call("deposit", token, amount, value=_ether(token, amount))

    def withdraw(self, token: Address, amount: Wei, to: Address) -> Call:
        """Pay out of the sender's free balance to `to`."""
        return self._call("withdraw", token, amount, to)

    def accept(self, offer: Offer, signature: Signature) -> Call:
        """Lock the price; a token must be approved first. `signature` is the seller's."""
        return self._call("accept", struct_of(offer), signature, value=_ether(offer.token, offer.price))

    def accept_with_permit(self, offer: Offer, signature: Signature, permit: Permit) -> Call:
        """`accept` of an offer in a token that gives the allowance in the same transaction (EIP-2612)."""
        return self._call("acceptWithPermit", struct_of(offer), signature, struct_of(permit))

    def accept_by_authorization(self, offer: Offer, signature: Signature, authorization: Authorization) -> Call:
        """`accept` of an offer in a token that is paid by the buyer's signature, without an allowance (EIP-3009)."""
        return self._call("acceptByAuthorization", struct_of(offer), signature, struct_of(authorization))

    def cancel(self, offer: Offer) -> Call:
        """Make sure that an offer is never accepted."""
        return self._call("cancel", struct_of(offer))

    def reveal(self, offer: Offer, key: DeliveryKey) -> Call:
        """Publish the delivery key. Warning: it is public as soon as this is broadcast, included or not."""
        return self._call("reveal", struct_of(offer), key)

    def refund(self, offer: Offer) -> Call:
        """Price and bond to the buyer after the reveal deadline."""
        return self._call("refund", struct_of(offer))

    def refund_to(self, offer: Offer, to: Address) -> Call:
        """`refund` by the buyer, with its money sent to `to`."""
        return self._call("refundTo", struct_of(offer), to)

    def release(self, offer: Offer) -> Call:
        """Pay the seller on the buyer's word."""
        return self._call("release", struct_of(offer))

    def release_by_signature(self, offer: Offer, signature: Signature) -> Call:
        """Pay the seller on the buyer's signed word (`protocol.release`), whoever sends it."""
        return self._call("releaseBySig", struct_of(offer), signature)

    def claim(self, offers: Sequence[Offer]) -> Call:
        """Pay the seller of every order whose dispute deadline is over."""
        return self._call("claim", [struct_of(offer) for offer in offers])

    def claim_to(self, offers: Sequence[Offer], to: Address) -> Call:
        """`claim` by the seller of all these orders, with its money sent to `to`."""
        return self._call("claimTo", [struct_of(offer) for offer in offers], to)

    def dispute(
        self, offer: Offer, key: DeliveryKey, index: ChunkIndex, chunk: bytes, leaf: Digest, path: Sequence[Digest]
    ) -> Call:
        """Prove one delivered chunk wrong: the ciphertext `chunk` at delivery position `index`, the listing leaf hash
        beside it, and the RFC 9162 path of both to the delivery root."""
        return self._call("dispute", struct_of(offer), key, index, chunk, leaf, list(path))

    def dispute_to(
        self,
        offer: Offer,
        key: DeliveryKey,
        index: ChunkIndex,
        chunk: bytes,
        leaf: Digest,
        path: Sequence[Digest],
        to: Address,
    ) -> Call:
        """`dispute` by the buyer, with its money sent to `to`."""
        return self._call("disputeTo", struct_of(offer), key, index, chunk, leaf, list(path), to)

    def approve(self, token: Address, amount: Wei) -> Call:
        """Let the contract take up to `amount` of a token from the sender (ERC-20)."""
        return Call("approve", token, encode_call(ERC20, "approve", self.address, amount))


def _ether(token: Address, amount: Wei) -> Wei:
    return amount if token == ETHER else _NOTHING


def struct_of(value: Offer | Permit | Authorization) -> tuple[object, ...]:
    """An argument of a call that is a struct."""
    # Both have the fields of the contract's struct in the same order (PROTOCOL 6.5 for offers).
    return tuple(getattr(value, field.name) for field in fields(value))
