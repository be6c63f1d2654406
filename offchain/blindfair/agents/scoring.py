"""The seller's blind scores of a request: in memory for a few thousand records, on its disk for more.

The encoded rows stay on the disk for the next request with the same rows; those of other rows make room for them. A
process that dies goes on where it was. Not here: computing the rows (`rows.py`), and who may ask (`seller_checks.py`).
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindfair.blind.estimate import IN_MEMORY_BLOCKS, Estimate, estimate
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.matrix import encode_matrix, matrix_bytes
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.shelf import Directory
from blindfair.blind.stream import finish, start_evaluation
from blindfair.protocol.errors import TooCostly

Tell = Callable[[str, str], None]


class Scoring:
    """The folder of one seller's evaluations."""

    def __init__(self, directory: Path, precision_bits: int, tell: Tell) -> None:
        self._directory = directory
        self._precision_bits = precision_bits
        self._tell = tell

    def scores(self, parameters: ParameterSet, query: bytes, queries: int, rows: NDArray[np.int16]) -> bytes:
        """The encrypted scores of `n x k` rows on `queries` encrypted queries.

        Raises as `evaluate` and `encode_matrix`, and TooCostly where the disk has no room for the encoded rows.
        """
        if -(-len(rows) // parameters.ring_degree) <= IN_MEMORY_BLOCKS:
            encoded = encode_rows(parameters, rows)
            return evaluate(encoded, query, self._precision_bits, queries=queries)
        name = f"matrix-{hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()[:32]}"
        n, k = rows.shape
        self._tell_cost(estimate(parameters, n, k, queries))
        self._make_room(name, matrix_bytes(parameters, n, k))
        matrix = encode_matrix(parameters, rows, Directory(self._directory / name), self._progress("encodes rows"))
        evaluation = start_evaluation(
            matrix,
            query,
            Directory(self._evaluation(query)),
            self._precision_bits,
            queries=queries,
        )
        return finish(evaluation, self._progress("scores"))

    def forget(self, query: bytes) -> None:
        """Remove what an evaluation left, its noise among it. For when the reply is stored."""
        shutil.rmtree(self._evaluation(query), ignore_errors=True)

    def _evaluation(self, query: bytes) -> Path:
        return self._directory / f"evaluation-{hashlib.sha256(query).hexdigest()[:32]}"

    def _tell_cost(self, found: Estimate) -> None:
        self._tell(
            "takes",
            f"about {found.encode_seconds:,.0f} s to encode the rows, unless they are, "
            f"{found.expand_seconds:,.0f} s for the query, {found.evaluate_seconds:,.0f} s to score; "
            f"{found.memory_bytes:,} B of memory, {found.disk_bytes:,} B of disk",
        )

    def _make_room(self, name: str, size: int) -> None:
        for other in self._directory.glob("matrix-*"):
            if other.name != name:
                shutil.rmtree(other, ignore_errors=True)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        present = sum(file.stat().st_size for file in (self._directory / name).glob("*"))
        free = shutil.disk_usage(self._directory).free
        if size - present > free:
            raise TooCostly(
                "There is no room on the disk for the encoded rows",
                expected=f"<= {free} B",
                found=f"{size - present} B",
            )

    def _progress(self, what: str) -> Callable[[int, int], None]:
        def tell(done: int, of: int) -> None:
            self._tell("scoring", f"{what}: {done:,} of {of:,} blocks")

        return tell
