"""What a seller opens for the audit: the chunks of records, the leaves of their rows, and the paths (PROTOCOL 5.3)."""

from collections.abc import Sequence

from blindfair.influence.quantise import QuantisedRows
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.merkle import MerkleTree
from blindfair.protocol.messages import OpenedRecord
from blindfair.protocol.quantities import Digest, RecordIndex, Secret
from blindfair.protocol.rows import row_leaf, row_salt
from blindfair.protocol.units import Units


def open_units(
    drawn: Sequence[int],
    units: Units,
    dataset: ChunkedDataset,
    rows: QuantisedRows,
    tree: MerkleTree,
    secret: Secret,
    request: Digest,
) -> tuple[OpenedRecord, ...]:
    """Open the drawn units: all records of each, the first of them with the unit's leaf.

    `tree` is of the rows' leaves and `secret` what their salts are made of.
    """
    opened = []
    for unit in drawn:
        number = RecordIndex(unit)
        leaf = row_leaf(row_salt(secret, request, number), number, [int(entry) for entry in rows.entries[unit]])
        for place, record in enumerate(units.members([unit])):
            chunks = dataset.chunks_of(record)
            opened.append(
                OpenedRecord(
                    record=record,
                    chunks=tuple(dataset.chunks[j] for j in chunks),
                    chunk_paths=tuple(dataset.tree.path(j) for j in chunks),
                    row_leaf=b"" if place else leaf,
                    row_path=() if place else tree.path(unit),
                )
            )
    return tuple(opened)
