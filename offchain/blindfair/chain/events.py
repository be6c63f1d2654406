"""The contracts' events, and how they are fetched from nodes that limit how much they search at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from web3 import Web3
from web3.exceptions import Web3RPCError

from blindfair.chain.abi import Abi, decode_event, event_topic
from blindfair.chain.node import asking
from blindfair.protocol.quantities import (
    Address,
    BlockNumber,
    Digest,
    ListingId,
    OrderId,
    Root,
    Timestamp,
    TransactionHash,
    Wei,
)

_widths: WeakKeyDictionary[Web3, int] = WeakKeyDictionary()
"""How many blocks a node searched at once when it was asked last, for those that refused more."""

_TAKEN = 4
"""Searches that a node takes before it is asked for twice as many blocks at once."""

_OLD_LOGS = "use a node that keeps the logs of old blocks, as archive nodes do: `rpc=URL`"


@dataclass(frozen=True, slots=True)
class CommittedEvent:
    """A data set was committed (PROTOCOL 3)."""

    listing: ListingId
    seller: Address
    listing_root: Root
    manifest_hash: Digest
    block_number: BlockNumber
    transaction: TransactionHash


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """Price and bond of an order were locked (PROTOCOL 7)."""

    order_id: OrderId
    listing: ListingId
    buyer: Address
    seller: Address
    evaluation: Digest
    token: Address
    price: Wei
    block_number: BlockNumber
    timestamp: Timestamp
    """Time of the block; the reveal window starts here."""
    transaction: TransactionHash


@dataclass(frozen=True, slots=True)
class Log:
    """One event as it lies on the chain: its fields by their names in the contract, and where it is."""

    fields: dict[str, Any]
    block_number: BlockNumber
    transaction: TransactionHash


@dataclass(frozen=True, slots=True)
class EventSource:
    """A contract's events of one name: its address, its interface, the event."""

    contract: Address
    abi: Abi
    event: str


def read_logs(
    web3: Web3, source: EventSource, *indexed: bytes | None, first_block: BlockNumber, hint: str = ""
) -> list[Log]:
    """All logs of one event from `first_block` on, oldest first; `indexed` are the wanted topics, None for any.

    A node that refuses so large a search is asked for half of it, and after some for more again. Raises NodeFailure
    with `hint` if it refuses the logs of a single block.
    """
    return list(_newest_first(web3, source, indexed, first_block, hint))[::-1]


def read_newest_log(
    web3: Web3, source: EventSource, *indexed: bytes | None, first_block: BlockNumber, hint: str = ""
) -> Log | None:
    """The newest log of an event, None if it did not happen; otherwise as `read_logs`.

    New blocks are searched first, and old ones not at all once it is found: many nodes keep no old logs.
    """
    return next(_newest_first(web3, source, indexed, first_block, hint), None)


def _newest_first(
    web3: Web3, source: EventSource, indexed: Sequence[bytes | None], first_block: BlockNumber, hint: str
) -> Iterator[Log]:
    topics = [event_topic(source.abi, source.event), *indexed]
    with asking(f"the {source.event} events"):
        high, low = int(web3.eth.block_number), int(first_block)
    width = most = _widths.get(web3, max(1, high - low + 1))
    taken = 0
    while high >= low:
        bottom = max(low, high - width + 1)
        with asking(f"the {source.event} events of block {high}", hint or _OLD_LOGS):
            try:
                found = _read_span(web3, source, topics, bottom, high)
            except Web3RPCError:
                if bottom == high:
                    raise
                width = most = (high - bottom + 1) // 2
                # Agents look each second: what a node refused once is not to be tried each time.
                _widths[web3], taken = width, 0
                continue
        if web3 in _widths:
            _widths[web3] = width
        yield from reversed(found)
        high, taken = bottom - 1, taken + 1
        # A refusal may have been for another reason.
        most = 2 * most if taken % _TAKEN == 0 else most
        width = min(2 * width, most)


def _read_span(web3: Web3, source: EventSource, topics: list[bytes | None], low: int, high: int) -> list[Log]:
    logs: list[Log] = []
    for entry in web3.eth.get_logs(
        {
            "address": Web3.to_checksum_address(source.contract),
            "fromBlock": low,
            "toBlock": high,
            "topics": [None if topic is None else Web3.to_hex(topic) for topic in topics],
        }
    ):
        found = [bytes(topic) for topic in entry["topics"]]
        wanted = all(topic is None or topic == other for topic, other in zip(topics, found, strict=False))
        if entry["address"].lower() != source.contract or not wanted or not low <= entry["blockNumber"] <= high:
            raise ValueError("a log that was not asked for")
        logs.append(
            Log(
                decode_event(source.abi, source.event, found, bytes(entry["data"])),
                BlockNumber(int(entry["blockNumber"])),
                TransactionHash(bytes(entry["transactionHash"])),
            )
        )
    return logs
