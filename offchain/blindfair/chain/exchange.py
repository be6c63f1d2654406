"""The escrow contract as this program sees it: what it says about listings, orders and money, with types.

Calls that change something are made by `calls`, signed and sent by `sender`. All that is read here is of the latest
block and may yet be reorganised away: ask `is_final` before relying on it (PROTOCOL 7).
"""

from dataclasses import dataclass
from typing import Any

from web3 import Web3
from web3.exceptions import BlockNotFound

from blindfair.chain.abi import ERC20, Abi, decode_output, encode_call, exchange_abi
from blindfair.chain.accounts import ether_of, transactions_of
from blindfair.chain.calls import Call, ExchangeCalls, struct_of
from blindfair.chain.events import AcceptedEvent, CommittedEvent, EventSource, Log, read_logs, read_newest_log
from blindfair.chain.finality import Finality, final_height
from blindfair.chain.node import asking, request
from blindfair.protocol.errors import WrongContract
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import Action, OrderState, Possible
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    BlockNumber,
    DeliveryKey,
    Digest,
    ListingId,
    OrderId,
    Root,
    Seconds,
    Timestamp,
    Wei,
)

__all__ = ["AcceptedEvent", "Call", "CommittedEvent", "DataExchange", "Finality", "OrderView"]

_GENESIS = BlockNumber(0)
_ACTIONS = tuple(Action)
_NO_END = 2**64 - 1
_NEVER_ACCEPTED = (OrderState.NONE, OrderState.CANCELLED)
_LISTINGS_OF_OLD_BLOCKS = "name the listing: `listing=NUMBER`; or use a node that keeps old logs: `rpc=URL`"


@dataclass(frozen=True, slots=True)
class OrderView:
    """Where an order stands on chain."""

    state: OrderState
    """Its state in the latest block."""

    deadline: Timestamp
    """The last moment to reveal while locked, to dispute while revealed, else 0."""


@dataclass(frozen=True, slots=True)
class BlockMark:
    """One block of one branch of the chain; `hash` has 32 bytes."""

    number: BlockNumber
    hash: bytes


class DataExchange(ExchangeCalls):
    """One escrow contract on one chain. Every read raises NodeFailure if the node fails, and WrongContract if the
    address, or that of a token, holds nothing that answers."""

    def __init__(self, web3: Web3, address: Address, *, first_block: BlockNumber = _GENESIS) -> None:
        """`first_block` is where the search for events begins: the contract's own block saves a long search.

        Whether the address holds the contract at all is for `deploy.check_deployment` to say.
        """
        super().__init__(Address(address.lower()))
        self.web3 = web3
        self.first_block = first_block
        with asking("eth_chainId"):
            self.chain_id = int(web3.eth.chain_id)

    def now(self) -> Timestamp:
        """The latest block's time."""
        with asking("the latest block"):
            return Timestamp(int(self.web3.eth.get_block("latest")["timestamp"]))

    def height(self) -> BlockNumber:
        """The latest block's number."""
        with asking("eth_blockNumber"):
            return BlockNumber(int(self.web3.eth.block_number))

    def newest(self) -> BlockMark:
        """The latest block, to be recognised later."""
        with asking("the latest block"):
            found = self.web3.eth.get_block("latest")
            return BlockMark(BlockNumber(int(found["number"])), bytes(found["hash"]))

    def has(self, mark: BlockMark) -> bool:
        """Whether a block is on the chain: one of its number may be another, after a reorganisation."""
        with asking("a block seen before"):
            try:
                return bytes(self.web3.eth.get_block(mark.number)["hash"]) == mark.hash
            except BlockNotFound:
                return False

    def is_final(self, block_number: BlockNumber, policy: Finality) -> bool:
        """Whether a block is final by that rule."""
        height = final_height(self.web3, policy)
        return height is not None and block_number <= height

    def time_to_final(self, policy: Finality) -> Seconds | None:
        """How far, in chain time, the newest final block lies behind the latest; None while none is final."""
        height = final_height(self.web3, policy)
        if height is None:
            return None
        with asking("the newest final block"):
            final = int(self.web3.eth.get_block(height)["timestamp"])
        return Seconds(max(0, self.now() - final))

    def seller_of(self, listing: ListingId) -> Address | None:
        """Who committed a listing, if anyone."""
        (seller,) = self._read("sellerOf", listing)
        return None if seller == ETHER else Address(seller)

    def order(self, order_id: OrderId) -> OrderView:
        """State and deadline of an order; NONE for one that the contract never saw."""
        with asking("orderOf"):
            state, deadline = self._read("orderOf", order_id)
            return OrderView(OrderState(state), Timestamp(deadline))

    def possible_actions(self, offer: Offer) -> tuple[Possible, ...]:
        """The calls that an order allows now, by whom, until when, by the contract's own word."""
        with asking("possibleActions"):
            _, found = self._read("possibleActions", struct_of(offer))
            return tuple(
                Possible(
                    _ACTIONS[action],
                    None if by == ETHER else Address(by),
                    None if until == _NO_END else Timestamp(until),
                )
                for action, by, until in found
            )

    def free_balance(self, owner: Address, token: Address) -> Wei:
        """The amount that `owner` may withdraw or stake as bonds."""
        (amount,) = self._read("freeBalance", owner, token)
        return Wei(amount)

    def balance(self, owner: Address, token: Address = ETHER) -> Wei:
        """The balance of an account outside the contract."""
        if token == ETHER:
            return ether_of(self.web3, owner)
        (amount,) = self._read_from(token, ERC20, "balanceOf", owner)
        return Wei(amount)

    def allowance(self, owner: Address, token: Address) -> Wei:
        """How much of a token the contract may take from `owner`."""
        (amount,) = self._read_from(token, ERC20, "allowance", owner, self.address)
        return Wei(amount)

    def token_places(self, token: Address) -> int:
        """Digits after the point in which people count a token. Raises ContractReverted or WrongContract where it does
        not say."""
        (places,) = self._read_from(token, ERC20, "decimals")
        return int(places)

    def token_symbol(self, token: Address) -> str:
        """The token's own symbol, which may be any text.

        Raises ContractReverted or WrongContract if it has none, NodeFailure if it has another form.
        """
        (symbol,) = self._read_from(token, ERC20, "symbol")
        return str(symbol)

    def permit_domain(self, owner: Address, token: Address) -> tuple[Digest, int]:
        """A token's EIP-712 domain separator and the owner's next nonce, for `permit.sign_permit` (EIP-2612).

        Raises ContractReverted or WrongContract for a token that takes no permits.
        """
        (nonce,) = self._read_from(token, ERC20, "nonces", owner)
        return self.token_domain(token), int(nonce)

    def token_domain(self, token: Address) -> Digest:
        """A token's EIP-712 domain separator, for `authorization.sign_authorization` (EIP-3009).

        Raises ContractReverted or WrongContract for a token that takes no signatures.
        """
        (separator,) = self._read_from(token, ERC20, "DOMAIN_SEPARATOR")
        return Digest(separator)

    def domain_separator(self) -> Digest:
        """The EIP-712 domain in which the contract takes signatures, as it says itself."""
        (separator,) = self._read("domainSeparator")
        return Digest(separator)

    def listings(self) -> tuple[CommittedEvent, ...]:
        """All that was ever committed, oldest first."""
        logs = read_logs(
            self.web3, self._source("Committed"), first_block=self.first_block, hint=_LISTINGS_OF_OLD_BLOCKS
        )
        return tuple(_committed(log) for log in logs)

    def commitment(self, listing: ListingId) -> CommittedEvent | None:
        """When and with what a listing was committed, if it was."""
        log = self._log("Committed", listing)
        return None if log is None else _committed(log)

    def accepted_at(self, order_id: OrderId) -> AcceptedEvent | None:
        """The accept of an order, if it was accepted."""
        # The state says it without a search, which ends in old blocks where there is nothing to find.
        if self.order(order_id).state in _NEVER_ACCEPTED:
            return None
        log = self._log("Accepted", order_id)
        if log is None:
            return None
        with asking("the block of an accept"):
            try:
                timestamp = Timestamp(int(self.web3.eth.get_block(log.block_number)["timestamp"]))
            except BlockNotFound:
                # A reorganisation took the block between the two questions.
                return None
        return AcceptedEvent(
            order_id=OrderId(log.fields["orderId"]),
            listing=ListingId(log.fields["listing"]),
            buyer=Address(log.fields["buyer"]),
            seller=Address(log.fields["seller"]),
            evaluation=Digest(log.fields["evaluation"]),
            token=Address(log.fields["token"]),
            price=Wei(log.fields["price"]),
            block_number=log.block_number,
            timestamp=timestamp,
            transaction=log.transaction,
        )

    def accepts_of(
        self, listing: ListingId, buyer: Address | None = None, since: BlockNumber | None = None
    ) -> tuple[tuple[OrderId, Digest], ...]:
        """Number and evaluation of every order of a listing that was accepted from block `since` on, oldest first.

        With `buyer`, of that buyer's orders alone.
        """
        wanted = None if buyer is None else bytes(12) + bytes.fromhex(buyer.removeprefix("0x"))
        first = self.first_block if since is None else max(since, self.first_block)
        logs = read_logs(self.web3, self._source("Accepted"), None, listing, wanted, first_block=BlockNumber(first))
        return tuple((OrderId(log.fields["orderId"]), Digest(log.fields["evaluation"])) for log in logs)

    def sent(self, account: Address) -> int:
        """How many transactions of an account are in blocks."""
        return transactions_of(self.web3, account)

    def revealed_key(self, order_id: OrderId) -> DeliveryKey | None:
        """The delivery key of an order, if it was revealed."""
        if self.order(order_id).state in (*_NEVER_ACCEPTED, OrderState.LOCKED):
            return None
        log = self._log("Revealed", order_id)
        return None if log is None else DeliveryKey(log.fields["key"])

    def _log(self, event: str, indexed: bytes) -> Log | None:
        return read_newest_log(self.web3, self._source(event), indexed, first_block=self.first_block)

    def _source(self, event: str) -> EventSource:
        return EventSource(self.address, exchange_abi(), event)

    def _read(self, name: str, *arguments: object) -> tuple[Any, ...]:
        return self._read_from(self.address, exchange_abi(), name, *arguments)

    def _read_from(self, contract: Address, abi: Abi, name: str, *arguments: object) -> tuple[Any, ...]:
        data = Web3.to_hex(encode_call(abi, name, *arguments))
        with asking(name):
            answer = request(self.web3, "eth_call", {"to": contract.lower(), "data": data}, "latest")
            output = bytes.fromhex(str(answer).removeprefix("0x"))
            if not output:
                raise WrongContract(
                    f"nothing answers {name} at this address", found=contract, hint="check the address and the chain"
                )
            return decode_output(abi, name, output)


def _committed(log: Log) -> CommittedEvent:
    return CommittedEvent(
        listing=ListingId(log.fields["listing"]),
        seller=Address(log.fields["seller"]),
        listing_root=Root(log.fields["listingRoot"]),
        manifest_hash=Digest(log.fields["manifestHash"]),
        block_number=log.block_number,
        transaction=log.transaction,
    )
