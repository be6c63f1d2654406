"""Names for the arrays that pass between the parts of scoring, so that a signature says which it takes.

Shapes are in each docstring: n records, d features or parameters, k entries of a gradient row.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
"""Real numbers in double precision: features, parameters, gradients, scores in their unit."""

Classes: TypeAlias = NDArray[np.int64]
"""Class codes from 0."""

Labels: TypeAlias = NDArray[Any]
"""Labels as a model takes them: class codes from 0, int64, or real numbers, float64. The schema says which."""

IntegerRows: TypeAlias = NDArray[np.int16]
"""Quantised gradient rows, every entry within +-2047 (PROTOCOL 4.2)."""

Exponents: TypeAlias = NDArray[np.uint8]
"""A power of two for each row, by which its entries were divided before they were rounded (PROTOCOL 4.2)."""

Integers: TypeAlias = NDArray[np.int64]
"""Quantised queries and the exact integer scores of a blind evaluation."""
