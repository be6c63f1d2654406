"""The directory in which sellers announce where their listings can be asked for: where it is, and what it says.

Its events prove nothing but who sent them. Here the strangers' are dropped, by the chain's word on who committed what.
Not here: whether what is behind a URI is the listing (`http.announced`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from web3 import Web3

from blindfair.chain.abi import DIRECTORY, directory_abi, encode_call
from blindfair.chain.artifacts import load_artifact
from blindfair.chain.calls import Call
from blindfair.chain.deterministic import address_of, code_at, creation_call
from blindfair.chain.events import EventSource, Log, read_logs, read_newest_log
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.errors import WrongContract
from blindfair.protocol.hashing import keccak256
from blindfair.protocol.quantities import Address, BlockNumber, ListingId, TransactionHash

URI_LIMIT = 512
"""Bytes of a URI at most: `MAX_URI_LENGTH` of the contract."""

_OLD_LOGS = "name the listing: `listing=NUMBER`; or its service: `at=URL`; or use a node that keeps old logs: `rpc=URL`"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What an account announced of a listing. `uri` is any bytes, empty where it withdrew what it announced before."""

    listing: ListingId
    announcer: Address
    uri: bytes
    block_number: BlockNumber
    transaction: TransactionHash


@dataclass(frozen=True, slots=True)
class Announcements:
    """The announcements that stand, each by its listing's seller, newest first; and how many events of others there
    were."""

    standing: tuple[Announcement, ...]
    strangers: int = 0


def directory_address() -> Address:
    """Where this version's directory is, on every chain."""
    return address_of(DIRECTORY)


def has_directory(web3: Web3) -> bool:
    """Whether it is there. Raises WrongContract for another program in its place, and NodeFailure."""
    found = code_at(web3, directory_address())
    if found and found != load_artifact(DIRECTORY).deployed_bytecode:
        raise WrongContract(
            "the contract at the listing directory's address is another program",
            expected="the listing directory of this version",
            found=f"{len(found)} bytes of code with hash 0x{keccak256(found).hex()} at {directory_address()}",
            hint="use another node: `rpc=URL`",
        )
    return bool(found)


def directory_creation(web3: Web3) -> Call:
    """The call that puts the directory on its chain. Raises what `creation_call` raises."""
    return creation_call(web3, DIRECTORY)


class ListingDirectory:
    """What was announced of the listings of one escrow contract. Every read raises NodeFailure if the node fails."""

    def __init__(self, exchange: DataExchange) -> None:
        self._exchange = exchange
        self._source = EventSource(directory_address(), directory_abi(), "Announced")
        self._about = _topic(exchange.address)

    def announce(self, listing: ListingId, uri: str) -> Call:
        """Say where a listing can be asked for, in at most `URI_LIMIT` bytes; an empty text withdraws it."""
        data = encode_call(directory_abi(), "announce", self._exchange.address, listing, uri)
        return Call("announce", directory_address(), data)

    def standing(self, sellers: Mapping[ListingId, Address]) -> Announcements:
        """What stands announced of these listings by their sellers. Reads every event about the exchange: what others
        announced costs reading it, and nothing else."""
        exchange = self._exchange
        logs = read_logs(exchange.web3, self._source, self._about, first_block=exchange.first_block, hint=_OLD_LOGS)
        return newest_of_sellers(map(_announcement, logs), sellers)

    def standing_of(self, listing: ListingId, seller: Address) -> Announcement | None:
        """What stands announced of one listing by its seller. The node searches for these events alone, new blocks
        first: others' are not even read."""
        exchange = self._exchange
        log = read_newest_log(
            exchange.web3, self._source, self._about, listing, _topic(seller),
            first_block=exchange.first_block, hint=_OLD_LOGS,
        )  # fmt: skip
        found = None if log is None else _announcement(log)
        return found if found is not None and found.uri else None


def newest_of_sellers(found: Iterable[Announcement], sellers: Mapping[ListingId, Address]) -> Announcements:
    """Keep the newest of each listing by its seller, unless that withdrew it; `found` are the oldest first."""
    newest: dict[ListingId, Announcement] = {}
    strangers = 0
    for announcement in found:
        if sellers.get(announcement.listing) != announcement.announcer:
            strangers += 1
            continue
        # Taken out first, so that it goes to the end.
        newest.pop(announcement.listing, None)
        newest[announcement.listing] = announcement
    return Announcements(tuple(one for one in reversed(newest.values()) if one.uri), strangers)


def _announcement(log: Log) -> Announcement:
    return Announcement(
        listing=ListingId(log.fields["listing"]),
        announcer=Address(log.fields["announcer"]),
        uri=log.fields["uri"],
        block_number=log.block_number,
        transaction=log.transaction,
    )


def _topic(address: Address) -> bytes:
    return bytes(12) + bytes.fromhex(address.removeprefix("0x"))
