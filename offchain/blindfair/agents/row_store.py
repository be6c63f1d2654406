"""The seller's rows of every request that it answered, on its disk: computed once, since what is opened must be what
was committed (PROTOCOL 4.2)."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blindfair.agents.rows import gradient_rows
from blindfair.agents.store import private_directory, write_atomically
from blindfair.influence.quantise import QuantisedRows
from blindfair.protocol.errors import CommitmentError, JournalDamaged, ScoringError, UnusableModel
from blindfair.protocol.merkle import MerkleTree
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Digest, Secret
from blindfair.protocol.records import decode_row
from blindfair.protocol.rows import build_row_tree


class RowStore:
    """Rows by request digest, one file of mode 0600 each, in a directory of their own (mode 0700)."""

    def __init__(self, directory: Path, secret: Secret) -> None:
        self._directory = directory
        self._secret = secret

    def compute(self, digest: Digest, request: Request, records: Sequence[bytes]) -> None:
        """Compute and keep the rows of all records, unless they are there. Raises UnusableModel, CannotWrite.

        Why a record does not fit a model is not said: the answer would tell the buyer something of that record, which
        no budget counts.
        """
        path = self._path(digest)
        if path.exists():
            return
        try:
            rows = gradient_rows(request, [decode_row(record) for record in records])
        except (ScoringError, CommitmentError):
            raise UnusableModel(
                "The scoring model does not fit the records of the listing",
                hint="columns, label and classes must be the listing's; the evaluation counts nevertheless",
            ) from None
        buffer = io.BytesIO()
        np.savez(buffer, entries=rows.entries, exponents=rows.exponents, clipped=np.float64(rows.clipped))
        write_atomically(path, buffer.getvalue())

    def load(self, digest: Digest) -> QuantisedRows:
        """The rows of a request that were computed. Raises JournalDamaged if they cannot be read."""
        path = self._path(digest)
        try:
            with np.load(path, allow_pickle=False) as saved:
                return QuantisedRows(saved["entries"], saved["exponents"], float(saved["clipped"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise JournalDamaged(
                f"The rows of a request cannot be read from {path}",
                found=type(error).__name__,
                hint="restore the file from a backup: the rows are committed and cannot be made anew",
            ) from error

    def tree(self, digest: Digest, rows: QuantisedRows) -> MerkleTree:
        """The row tree of a request."""
        return build_row_tree(self._secret, digest, rows.entries.astype(">i2").tobytes(), rows.entries.shape[1])

    def _path(self, digest: Digest) -> Path:
        return private_directory(self._directory) / f"{digest.hex()}.npz"
