"""What a seller opens of a record for the audit: its chunks, its row's leaf and the paths of both (PROTOCOL 5.3)."""

from blindfair.influence.quantise import QuantisedRows
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.merkle import MerkleTree
from blindfair.protocol.messages import OpenedRecord
from blindfair.protocol.quantities import Digest, RecordIndex, Secret
from blindfair.protocol.rows import row_leaf, row_salt


def open_record(
    record: RecordIndex, dataset: ChunkedDataset, rows: QuantisedRows, tree: MerkleTree, secret: Secret, request: Digest
) -> OpenedRecord:
    """Open one record; `tree` is of the rows' leaves and `secret` what their salts are made of."""
    chunks = dataset.chunks_of(record)
    row = [int(entry) for entry in rows.entries[record]]
    return OpenedRecord(
        record=record,
        chunks=tuple(dataset.chunks[j] for j in chunks),
        chunk_paths=tuple(dataset.tree.path(j) for j in chunks),
        row_leaf=row_leaf(row_salt(secret, request, record), record, row),
        row_path=tree.path(record),
    )
