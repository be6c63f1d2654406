"""The shipped contract as its constructor makes it at a named address of a named chain, on a state that is thrown away.

On the embedded chain the contract has the address and the chain id that it happens to get; the vectors have their own.
"""

from dataclasses import astuple
from typing import Any

import pytest
from escrow_storage import raw, slot_of
from escrow_world import GAS, World, artifact
from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.vm.message import Message
from eth.vm.transaction_context import BaseTransactionContext
from eth_typing import Address as CanonicalAddress

from blindfair.chain.abi import EXCHANGE, decode_output, encode_call, error_signatures, exchange_abi
from blindfair.chain.artifacts import load_artifact
from blindfair.protocol.hashing import keccak256
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Digest
from blindfair.protocol.signing import Domain

SIGNED = b"\x19\x01"
"""What stands before a domain's separator in all that is signed (EIP-712)."""


class ContractElsewhere:
    """The contract in `domain`; what it is to find in its storage is written there."""

    def __init__(self, world: World, domain: Domain, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(world.chain._backend.chain, "chain_id", domain.chain_id)
        self._state: Any = world._backend.chain.get_vm().state
        self._address = canonical(domain.contract)
        self._slots = {each["label"]: each["slot"] for each in artifact(EXCHANGE)["storageLayout"]}
        code = load_artifact(EXCHANGE).bytecode
        creation = Message(
            10_000_000, CREATE_CONTRACT_ADDRESS, canonical(ETHER), 0, b"", code, create_address=self._address
        )
        made = self._state.computation_class.apply_create_message(self._state, creation, _context(ETHER))
        made.raise_if_error()

    def write(self, label: str, value: int, *keys: bytes) -> None:
        """The value of a mapping for these keys."""
        self._state.set_storage(self._address, slot_of(self._slots[label], *keys), value)

    def send(self, caller: Address, name: str, *arguments: object, value: int = 0) -> bytes:
        """What a call with so much ether gives back, or reverts with."""
        self._state.set_balance(raw(caller), value)
        data = encode_call(exchange_abi(), name, *(astuple(a) if isinstance(a, Offer) else a for a in arguments))
        code = self._state.get_code(self._address)
        message = Message(GAS, self._address, canonical(caller), value, data, code)
        return bytes(self._state.computation_class.apply_message(self._state, message, _context(caller)).output)

    def read(self, name: str, *arguments: object) -> Any:
        """What a view answers."""
        return decode_output(exchange_abi(), name, self.send(ETHER, name, *arguments))[0]

    def state(self, offer: Offer) -> OrderState:
        return OrderState(self.read("orderOf", offer.struct_hash()))

    def digest(self, offer: Offer) -> Digest:
        """What the seller signs, made of the contract's own answers."""
        return Digest(keccak256(SIGNED + self.read("domainSeparator") + self.read("hashOffer", offer)))


def refused_digest(answer: bytes) -> tuple[str, str]:
    """Signer and digest of the contract's `InvalidSignature`, as the vectors write them."""
    error = error_signatures(exchange_abi())[answer[:4]]
    assert error["name"] == "InvalidSignature"
    return "0x" + answer[16:36].hex(), answer[36:68].hex()


def canonical(address: Address) -> CanonicalAddress:
    """As py-evm has it: 20 bytes."""
    return CanonicalAddress(raw(address))


def _context(origin: Address) -> BaseTransactionContext:
    return BaseTransactionContext(gas_price=0, origin=canonical(origin))
