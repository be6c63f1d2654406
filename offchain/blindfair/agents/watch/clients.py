"""Whom a watcher serves, and how much gas, disk and time the orders of one account may take.

Whoever writes into a watcher's folder makes it work. A package of a buyer's order is signed by that buyer; one of a
seller's order holds the key that only the seller has. So it is known whose orders they are, and one account that is
served cannot use up what is meant for the others.
"""

import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.settlement.gas_share import GasShare
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import CallName
from blindfair.agents.store.watch_steps import WATCH_CLIENT, WatchedOrder, order_of_call
from blindfair.protocol.chunks import CHUNK_SIZES
from blindfair.protocol.errors import CannotWrite, NotServed
from blindfair.protocol.quantities import Address, Wei

BYTES_EACH = 2**34
"""Bytes of packages of one account, by default: a delivery of 16 GB, or many small ones."""

SPACE_LEFT = 2**28
"""Bytes of the disk that no package takes: the journal of the orders is to be written all the same."""

CHUNK_BYTES = min(CHUNK_SIZES)
"""Bytes that each chunk of a package counts for at least, as a full one has. Chunks are checked one by one: without it
a package of chunks of 16 bytes would take a watcher a quarter of an hour, and others' keys would be revealed too late.
"""

ORDERS_EACH = 4096
"""Open orders of one account: each costs questions to the node at every turn, and others' deadlines do not wait."""


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """Whom a watcher serves, and what it does for each of them."""

    served: frozenset[Address] | None = None
    """Accounts whose orders are watched; None for whoever hands a package over."""

    gas_each: Wei | None = None
    """The most that the orders of one account may cost together, in wei; None for the watcher's whole ceiling."""

    bytes_each: int = BYTES_EACH
    """The most that the packages of one account's open orders may be together, each chunk as `CHUNK_BYTES` at least."""


class Clients:
    """The accounts whose orders are in a watcher's directory."""

    def __init__(self, journal: Journal, limits: WatchLimits) -> None:
        self._journal = journal
        self._limits = limits
        self._accounts: dict[WatchedOrder, Address] = {}
        self._files: defaultdict[Address, dict[Path, int]] = defaultdict(dict)

    def check(self, account: Address, size: int, *, chunks: int = 0, is_named: bool) -> None:
        """Check whether a package of so many bytes and chunks is taken; `is_named` for a file that the owner named.

        Raises NotServed, and CannotWrite where the disk has too little space.
        """
        served, files = self._limits.served, self._files.get(account, {})
        if served is not None and account not in served and not is_named:
            raise NotServed(
                "The package is of an account that this watcher does not serve",
                expected="an account that is named with `for`",
                found=account,
                hint=f"serve it with `for={account!r}`",
            )
        # Those of ended orders are not there any more.
        for path in [path for path in files if not path.exists()]:
            del files[path]
        if len(files) >= ORDERS_EACH:
            raise NotServed(
                "An account has too many open orders here",
                expected=f"at most {ORDERS_EACH:,}",
                found=f"{len(files):,} of {account}",
                hint="wait for some of them to end, or begin another watcher in a directory of its own",
            )
        free = shutil.disk_usage(self._journal.folder).free
        if size + SPACE_LEFT > free:
            raise CannotWrite(
                "The disk has too little space for a package",
                expected=f"{size + SPACE_LEFT:,} bytes",
                found=f"{free:,}",
                hint="free space; the package is looked at again",
            )
        held, counted = sum(files.values()), max(size, CHUNK_BYTES * chunks)
        if held + counted > self._limits.bytes_each:
            raise NotServed(
                f"The packages of {account} would take more of the disk than they may",
                expected=f"at most {self._limits.bytes_each:,} bytes",
                found=f"{held:,} bytes, and {counted:,} more",
                hint="raise it with `account_megabytes`, or wait for its orders to end",
            )

    def add(self, order: WatchedOrder, account: Address, path: Path, *, chunks: int = 0) -> None:
        """Write down whose order it is whose package, of so many chunks, is at `path`."""
        self._journal.note(WATCH_CLIENT.of(order), account)
        self._files[account][path] = max(path.stat().st_size, CHUNK_BYTES * chunks)

    def gas_share(self) -> GasShare | None:
        """What the wallet checks beside the ceiling over all."""
        return None if self._limits.gas_each is None else GasShare(self._limits.gas_each, self._of_call)

    def _of_call(self, call: CallName) -> str:
        """The account whose order a transaction is about; empty for one that was taken before this was written down."""
        order = order_of_call(call)
        if order not in self._accounts:
            self._accounts[order] = Address(self._journal.intent(WATCH_CLIENT.of(order)) or "")
        return self._accounts[order]
