"""What both sides are asked in one go, and how a peer is asked: by files, in an environment of its own.

    question --files--> the peers' program --files--> answer, checked in full

The files are `question.npz` and `question.json`, `answer.npz` and `answer.json`: arrays and JSON, never pickles. Not
here: our own answer (`ours`) and what is made of answers (`datamodels`, `purchases`).
"""

import json
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindfair.influence.architecture import Architecture
from blindfair.influence.arrays import Floats
from blindfair.protocol.errors import FileMissing, MalformedFile, NoAnswer
from blindfair.studies.worlds import Records

DAMPINGS = (0.01, 0.1)
"""Added to a mean Hessian, for every method that takes one."""

_METHOD_LIMIT = 64
_TOLD = 400


@dataclass(frozen=True, slots=True, eq=False)
class PeerQuestion:
    """Score `rows`, each by each of `queries`: how far would that record's loss fall if the row were learnt, too?

    `models` is `m x d`: the first was fitted to `train`, the others each to a random half of it. Only networks of
    linear layers are asked about.
    """

    network: Architecture
    models: Floats
    train: Records
    rows: Records
    queries: Records

    @property
    def sizes(self) -> list[int]:
        """Inputs of the first layer, then outputs of each."""
        return [self.network.features, *(layer.shape[0] for layer in self.network.layers)]


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """One method: `scores` `rows x queries`, positive = helpful, and the seconds that all of it took on one thread."""

    scores: Floats
    seconds: float


Answer = dict[str, Answered]
"""Scores and seconds by the name of the method."""


def check_program(program: Path) -> None:
    """Before minutes are spent on what cannot be compared. Raises FileMissing unless the program can be run."""
    if not os.access(program, os.X_OK) or not program.is_file():
        raise FileMissing(
            "The peers' program cannot be run",
            expected="an executable file",
            found=str(program),
            hint="run scripts/study peers, which names it",
        )


def ask(program: Path, question: PeerQuestion) -> Answer:
    """Have the peers' program answer in a directory of its own, which is removed.

    Raises NoAnswer where the program fails, MalformedFile for another answer than was asked for.
    """
    return ask_by_files(program, partial(write, question), len(question.rows), len(question.queries))


def ask_by_files(program: Path, write_files: Callable[[Path], None], rows: int, queries: int) -> Answer:
    """The same for a question of any form, which `write_files` puts into a directory. Raises as `ask`."""
    with tempfile.TemporaryDirectory(prefix="peers-") as place:
        directory = Path(place)
        write_files(directory)
        ran = subprocess.run(  # noqa: S603  the program is named by whoever runs the study
            [program.absolute(), directory], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            raise NoAnswer("The peers' program failed", expected="exit code 0", found=ran.stderr.strip()[-_TOLD:])
        return read(directory, rows, queries)


def write(question: PeerQuestion, directory: Path) -> None:
    """The files of a question."""
    parts = {"train": question.train, "rows": question.rows, "query": question.queries}
    arrays: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {"thetas": question.models}
    for name, records in parts.items():
        arrays[f"{name}_X"] = np.ascontiguousarray(records.X[:, :-1])
        arrays[f"{name}_y"] = records.y
    np.savez(directory / "question.npz", allow_pickle=False, **arrays)
    options = {"dampings": list(DAMPINGS), "sizes": question.sizes}
    (directory / "question.json").write_text(json.dumps(options), encoding="utf-8")


def read(directory: Path, rows: int, queries: int) -> Answer:
    """The files of an answer, which others wrote. Raises MalformedFile.

    A method whose numbers are not all finite has failed by itself and is kept as such: its scores are NaN.
    """
    try:
        seconds = json.loads((directory / "answer.json").read_text(encoding="utf-8"))["seconds"]
        with np.load(directory / "answer.npz", allow_pickle=False) as found:
            scores = {name: np.asarray(found[name], dtype=np.float64) for name in found.files}
        times = {str(name): float(value) for name, value in seconds.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise MalformedFile("The peers' answer cannot be read", found=type(error).__name__) from error
    if not 1 <= len(scores) <= _METHOD_LIMIT or set(scores) != set(times):
        raise MalformedFile("The peers' answer has other methods than it timed", found=sorted(set(scores) ^ set(times)))
    for name, matrix in scores.items():
        if matrix.shape != (rows, queries) or not times[name] >= 0:
            raise MalformedFile(
                "The peers' answer is not of the size asked for",
                expected=(rows, queries),
                found=f"{name}: {matrix.shape}, {times[name]} s",
            )
        if not np.isfinite(matrix).all():
            matrix[:] = np.nan
    return {name: Answered(matrix, times[name]) for name, matrix in scores.items()}
