"""Two ERC-20 tokens as models: one whose allowances may be given by signature (EIP-2612), and a plain one.

They are those of `contracts/test`, as OpenZeppelin makes them; `test_simulated_chain.py` holds them against these.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector
from eth_utils.exceptions import ValidationError

from blindfair.chain.abi import ERC20
from blindfair.protocol.hashing import keccak256
from blindfair.protocol.quantities import Address, Timestamp

PLACES = 18
_UNLIMITED = 2**256 - 1
_DOMAIN = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_PERMIT = keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")

LACKS_ALLOWANCE, LACKS_BALANCE = "ERC20InsufficientAllowance", "ERC20InsufficientBalance"


class TokenRefuses(Exception):
    """A token refuses a call; `name` is its error."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@cache
def token_functions() -> dict[bytes, tuple[str, list[str], list[str]]]:
    """Name, types of arguments and of results by selector: all that the program asks of a token."""
    items: list[Any] = [*ERC20]
    return {
        function_abi_to_4byte_selector(item): (
            item["name"],
            [collapse_if_tuple(one) for one in item["inputs"]],
            [collapse_if_tuple(one) for one in item["outputs"]],
        )
        for item in items
        if item["type"] == "function"
    }


def token_error(name: str) -> bytes:
    """What a token says when it refuses by this error, with values by which nobody decides."""
    selector = keccak256(f"{name}(address,uint256,uint256)".encode())[:4]
    return selector + bytes(96)


@dataclass
class TokenState:
    """What one token knows."""

    symbol: str
    permits: bool
    separator: bytes = b""
    balances: dict[Address, int] = field(default_factory=dict)
    allowances: dict[tuple[Address, Address], int] = field(default_factory=dict)
    numbers: dict[Address, int] = field(default_factory=dict)

    @classmethod
    def new(cls, name: str, symbol: str, chain_id: int, address: Address, *, permits: bool) -> "TokenState":
        words = [_DOMAIN, keccak256(name.encode()), keccak256(b"1"), chain_id.to_bytes(32, "big"), _word(address)]
        return cls(symbol, permits, keccak256(b"".join(words)))

    def copy(self) -> "TokenState":
        return TokenState(
            self.symbol, self.permits, self.separator, dict(self.balances), dict(self.allowances), dict(self.numbers)
        )

    def call(self, sender: Address, data: bytes) -> bytes:
        """Answer a call. Raises TokenRefuses."""
        found = token_functions().get(data[:4])
        handler = None if found is None else getattr(self, f"_{found[0]}", None)
        if found is None or handler is None or (found[0] in ("nonces", "DOMAIN_SEPARATOR") and not self.permits):
            raise TokenRefuses("")
        return encode(found[2], handler(sender, *decode(found[1], data[4:])))

    def _approve(self, sender: Address, spender: Address, value: int) -> tuple[Any, ...]:
        self.allowances[sender, spender] = value
        return (True,)

    def _allowance(self, _: Address, owner: Address, spender: Address) -> tuple[Any, ...]:
        return (self.allowances.get((owner, spender), 0),)

    def _balanceOf(self, _: Address, owner: Address) -> tuple[Any, ...]:
        return (self.balances.get(owner, 0),)

    def _decimals(self, _: Address) -> tuple[Any, ...]:
        return (PLACES,)

    def _symbol(self, _: Address) -> tuple[Any, ...]:
        return (self.symbol,)

    def _nonces(self, _: Address, owner: Address) -> tuple[Any, ...]:
        return (self.numbers.get(owner, 0),)

    def _DOMAIN_SEPARATOR(self, _: Address) -> tuple[Any, ...]:
        return (self.separator,)

    # --- what the escrow does with it ------------------------------------------------------------------------------

    def move(self, source: Address, target: Address, amount: int) -> None:
        """Raises TokenRefuses for a balance that is too small."""
        if self.balances.get(source, 0) < amount:
            raise TokenRefuses(LACKS_BALANCE)
        self.balances[source] = self.balances.get(source, 0) - amount
        self.balances[target] = self.balances.get(target, 0) + amount

    def take(self, spender: Address, owner: Address, amount: int) -> None:
        """Move what the owner allowed to whoever takes it. Raises TokenRefuses."""
        allowed = self.allowances.get((owner, spender), 0)
        if allowed != _UNLIMITED:
            if allowed < amount:
                raise TokenRefuses(LACKS_ALLOWANCE)
            self.allowances[owner, spender] = allowed - amount
        self.move(owner, spender, amount)

    def try_permit(self, owner: Address, spender: Address, permit: tuple[Any, ...], now: Timestamp) -> None:
        """Give the allowance of a permit if the token takes it; nothing happens otherwise."""
        value, deadline, v, r, s = permit
        if not self.permits or now > deadline:
            return
        number = self.numbers.get(owner, 0)
        words = [
            _PERMIT,
            _word(owner),
            _word(spender),
            *(each.to_bytes(32, "big") for each in (value, number, deadline)),
        ]
        digest = keccak256(b"\x19\x01" + self.separator + keccak256(b"".join(words)))
        try:
            signer = Signature(r + s + bytes([v - 27])).recover_public_key_from_msg_hash(digest).to_address()
        except (BadSignature, ValidationError):
            return
        if signer == owner:
            self.numbers[owner] = number + 1
            self.allowances[owner, spender] = value


def _word(address: Address) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")
