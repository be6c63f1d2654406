"""What the chain holds of the contract and of money, read from its storage and not by calls."""

from typing import Any

from escrow_world import World, artifact

from blindfair.protocol.hashing import keccak256
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Timestamp


class Storage:
    """What the chain holds, read from its storage and not by calls: some thirty values after every step."""

    def __init__(self, world: World) -> None:
        self._world = world
        labels = {e["label"]: e["slot"] for e in artifact("DataExchange")["storageLayout"]}
        self._free, self._orders = labels["freeBalance"], labels["_orders"]
        (self._balances,) = (e["slot"] for e in artifact("TestToken")["storageLayout"] if e["label"] == "_balances")

        self.look()

    def look(self) -> None:
        """See the chain as it is now."""
        self._state: Any = self._world._backend.chain.get_vm().state

    def _word(self, contract: Address, base: int, *keys: bytes) -> int:
        """A value of a mapping, or of a mapping in a mapping."""
        return int(self._state.get_storage(raw(contract), slot_of(base, *keys)))

    def order(self, offer: Offer) -> tuple[OrderState, Timestamp]:
        word = self._word(self._world.exchange.address, self._orders, offer.struct_hash())
        return OrderState(word & 0xFF), Timestamp(word >> 8)

    def free(self, owner: Address) -> int:
        return self._word(self._world.exchange.address, self._free, raw(owner), raw(self._world.token))

    def wealth(self, owner: Address) -> int:
        """What an account has outside of the contract, gas given back."""
        if self._world.token == ETHER:
            return int(self._state.get_balance(raw(owner))) + self._world.fees.get(owner, 0)
        return self._word(self._world.token, self._balances, raw(owner))


def slot_of(base: int, *keys: bytes) -> int:
    """Where a mapping at slot `base`, or a mapping in a mapping, holds the value of these keys."""
    slot = base
    for key in keys:
        slot = int.from_bytes(keccak256(key.rjust(32, b"\0") + slot.to_bytes(32, "big")), "big")
    return slot


def raw(address: Address) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))
