"""The seller's blind scores of a request: in memory for a few thousand records, on its disk for more.

The encoded rows stay on the disk for the next request with the same rows; those of other rows make space for them. A
process that dies goes on where it was. Not here: computing the rows (`rows.py`), and who may ask (`seller_checks.py`).
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.seller.progress import Progress
from blindfair.blind.blob_store import Directory
from blindfair.blind.cost_cache import known_costs
from blindfair.blind.cost_model import CostModel
from blindfair.blind.estimate import IN_MEMORY_BLOCKS, Estimate, estimate
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.flooding import Draws
from blindfair.blind.matrix import EncodedMatrix, encode_matrix
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.stream import finish, start_evaluation
from blindfair.protocol.errors import CannotWrite, EvaluationDiffers, MalformedFile

Tell = Callable[[str, str], None]

RESERVE = 2**30
"""Bytes of the disk that an evaluation leaves free: the journal must go on, whatever buyers ask."""


class Scoring:
    """The folder of one seller's evaluations."""

    def __init__(self, directory: Path, tell: Tell) -> None:
        self._directory = directory
        self._tell = tell

    def scores(
        self, parameters: ParameterSet, query: bytes, bits: Sequence[int], rows: NDArray[np.int16], draws: Draws
    ) -> bytes:
        """The encrypted scores of `n x k` rows on encrypted queries, which ask for so many `bits` each.

        `draws` are those of the scores' noise. Raises as `evaluate` and `encode_matrix`, and CannotWrite where the disk
        has no space for the encoded rows.
        """
        if -(-len(rows) // parameters.ring_degree) <= IN_MEMORY_BLOCKS:
            encoded = encode_rows(parameters, rows)
            return evaluate(encoded, query, bits=bits, draws=draws)
        name = f"matrix-{hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()[:32]}"
        n, k = rows.shape
        costs = known_costs()
        found = estimate(parameters, n, k, len(bits), costs)
        self._tell_cost(found, costs)
        store, folder = Directory(self._directory / name), Directory(self._evaluation(query))
        self._make_space(store, folder, found.disk_bytes)
        matrix = encode_matrix(parameters, rows, store, Progress(self._tell, "encodes rows", n))
        try:
            return self._finished(matrix, query, bits, draws, folder)
        except (EvaluationDiffers, MalformedFile):
            # Of the same query on other rows, or damaged. Nothing of it was sent, so it may be begun anew.
            self.forget(query)
            return self._finished(matrix, query, bits, draws, folder)

    def _finished(
        self, matrix: EncodedMatrix, query: bytes, bits: Sequence[int], draws: Draws, folder: Directory
    ) -> bytes:
        folder.sweep()
        evaluation = start_evaluation(matrix, query, folder, bits=bits, draws=draws)
        progress = Progress(self._tell, "scores", matrix.records)
        return finish(evaluation, progress, threads=os.cpu_count() or 1)

    def forget(self, query: bytes) -> None:
        """Remove what an evaluation left, its noise among it. For when the reply is stored, and for when there will be
        none."""
        folder = self._evaluation(query)
        if folder.exists():
            shutil.rmtree(folder)

    def _evaluation(self, query: bytes) -> Path:
        return self._directory / f"evaluation-{hashlib.sha256(query).hexdigest()[:32]}"

    def _tell_cost(self, found: Estimate, costs: CostModel) -> None:
        self._tell(
            "takes",
            f"about {found.encode_seconds:,.0f} s to encode the rows if they are not yet, "
            f"{found.expand_seconds:,.0f} s for the query, {found.evaluate_seconds:,.0f} s to score; "
            f"{found.memory_bytes:,} B of memory, {found.disk_bytes:,} B of disk; times as "
            f"{costs.source}",
        )

    def _make_space(self, store: Directory, folder: Directory, size: int) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        store.sweep()
        others = [other for other in self._directory.glob("matrix-*") if other != store.path]
        blocks = [block for matrix in (store.path, *others) for block in matrix.glob("block-*")]
        # What is finished of this very evaluation counts as space; those of other queries keep theirs.
        present = sum(file.stat().st_size for file in (*blocks, *folder.path.glob("*")))
        free = shutil.disk_usage(self._directory).free + present - RESERVE
        if size > free:
            raise CannotWrite("There is no space for the encoded rows", expected=f"<= {free} B", found=f"{size} B")
        for other in others:
            shutil.rmtree(other)
