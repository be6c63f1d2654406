"""The bought records of a trade, read from the journal or from the disk when they are asked for."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import cbor2
import numpy as np

from blindfair.agents.buyer.received import DELIVERIES
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.purchase_steps import bought
from blindfair.bulk.store import open_store
from blindfair.protocol.hashing import sha256
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Digest, RecordIndex


class BoughtRecords(Sequence[tuple[RecordIndex, bytes]]):
    """Number and canonical bytes of every bought record, ascending."""

    def __init__(self, parts: Sequence[tuple[Sequence[RecordIndex], Sequence[bytes]]]) -> None:
        """Each part has numbers, and the records of these."""
        places = [(number, records, place) for numbers, records in parts for place, number in enumerate(numbers)]
        self._places = sorted(places, key=lambda each: each[0])

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> tuple[RecordIndex, bytes]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[RecordIndex, bytes], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[RecordIndex, bytes] | tuple[tuple[RecordIndex, bytes], ...]:
        if isinstance(index, slice):
            return tuple(self[each] for each in range(*index.indices(len(self))))
        number, records, place = self._places[index]
        return number, records[place]

    def __iter__(self) -> Iterator[tuple[RecordIndex, bytes]]:
        for number, records, place in self._places:
            yield number, records[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    @property
    def numbers(self) -> tuple[RecordIndex, ...]:
        """The numbers, ascending."""
        return tuple(number for number, _, _ in self._places)

    @property
    def records(self) -> "BoughtBytes":
        """The canonical bytes in the order of the numbers, read when they are asked for."""
        return BoughtBytes(self)

    def digests(self) -> dict[RecordIndex, Digest]:
        """SHA-256 of every record, to find copies by."""
        return {number: sha256(record) for number, record in self}


class BoughtBytes(Sequence[bytes]):
    """The canonical bytes of bought records alone."""

    def __init__(self, found: BoughtRecords) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[bytes, ...]: ...
    def __getitem__(self, index: int | slice) -> bytes | tuple[bytes, ...]:
        if isinstance(index, slice):
            return tuple(record for _, record in self._found[index])
        return self._found[index][1]


def bought_records(journal: Journal, directory: Path) -> BoughtRecords:
    """What the journal of a buyer's `directory` says was bought. Raises FileMissing, JournalDamaged."""
    parts = []
    for part in PartName:
        stored = journal.get(bought(part))
        if stored is not None:
            parts.append(_part(cbor2.loads(stored), directory / DELIVERIES / part / "opened"))
    return BoughtRecords(parts)


def _part(stored: object, folder: Path) -> tuple[Sequence[RecordIndex], Sequence[bytes]]:
    if isinstance(stored, dict):
        numbers = [RecordIndex(int(number)) for number in np.frombuffer(stored["records"], dtype=">u8")]
        return numbers, open_store(folder).records
    pairs = stored if isinstance(stored, list) else []
    return [RecordIndex(number) for number, _ in pairs], [data for _, data in pairs]
