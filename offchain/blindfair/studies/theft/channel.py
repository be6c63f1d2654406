"""The table that thieves try to read, and what one evaluation of it tells: exact scores in noise, as the engine gives
them (PROTOCOL 4.6; that blind scores are these is tested with real encryption in tests/blind).

Not here: the thieves.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import blindfair
from blindfair.blind.parameters import DEFAULT
from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.noise import seen_scores
from blindfair.influence.table import Table, read_table
from blindfair.pricing.information import entropy, measure_rows
from blindfair.protocol.records import Cell

MODULUS = DEFAULT.plain_modulus
"""Scores are residues modulo this."""

SCORE_BITS, CLASS_BITS = 3, 1
"""One evaluation at the defaults."""

LABEL = "cens"
IDENTIFIERS = ("pidnum",)
"""Identifier-like columns of the trial, which a listing keeps from all models by default."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The goods to steal: the cells of a listing that models may read."""

    table: Table

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names, the label among them."""
        return tuple(name for name in self.table.columns if name not in IDENTIFIERS)

    def cells(self, column: str) -> list[Cell]:
        """One column, a cell a record."""
        place = self.table.columns.index(column)
        return [row[place] for row in self.table.rows]

    def codes(self, column: str) -> Integers:
        """The same as codes: the place of each value among the sorted values, 0 ... `values - 1`."""
        _, codes = np.unique(np.array(self.cells(column), dtype=np.float64), return_inverse=True)
        return np.asarray(codes.reshape(len(self.table.rows)), dtype=np.int64)

    def values(self, column: str) -> int:
        """How many different values a column has."""
        return int(self.codes(column).max()) + 1

    def entropy(self, column: str) -> float:
        """Bits that a cell of the column holds."""
        return float(entropy(self.cells(column)))

    @property
    def record_bits(self) -> int:
        """Bits that a record holds, as `seller list` measures them."""
        return measure_rows(self.table.scored_rows(IDENTIFIERS)).bits

    def guessed(self, column: str) -> float:
        """The share of cells that are right by guessing the most frequent value."""
        return max(Counter(self.codes(column).tolist()).values()) / len(self.table.rows)

    @property
    def guessed_cells(self) -> float:
        """The same share over all columns."""
        return float(np.mean([self.guessed(column) for column in self.columns]))


@dataclass(frozen=True, slots=True)
class Stolen:
    """The loot of a thief.

    `information` are bits a record, by the columns that it reads without error; `cells` the share of all cells that it
    has right, guesses included; `spent` the bits a record that it was told.
    """

    spent: float
    information: float
    cells: float


def trial() -> Target:
    """ACTG175: 2,139 patients, all columns but the row numbers. A clinical trial, MIT."""
    path = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "ACTG175.csv"
    return Target(read_table(path, LABEL))


def told(scores: Integers, bits: Sequence[int], rng: np.random.Generator) -> Floats:
    """What an evaluation tells of integer scores `m x n`: their residues in noise, as shares of the modulus."""
    return seen_scores(scores, bits, MODULUS, rng) / MODULUS
