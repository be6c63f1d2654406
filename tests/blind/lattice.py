"""A row out of a few linear equations modulo Q' that are each off by little: what an attacker does with known maps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sympy import ZZ  # type: ignore[import-untyped]
from sympy.polys.matrices import DomainMatrix  # type: ignore[import-untyped]

from blindfair.blind.parameters import ParameterSet
from blindfair.blind.seal import Words

_WEIGHT = 2000
"""About the size of an entry, so that a solution is a short vector of the lattice."""


def scaled_down(parameters: ParameterSet, polynomial: Words, places: Sequence[int]) -> list[int]:
    """Coefficients of a polynomial, `2 x N` residues of sums, as the switch down to Q' leaves them."""
    p, r = parameters.data_primes
    residues = polynomial[:, list(places)]
    lifted = [int(a) + p * ((int(b) - int(a)) * pow(p, -1, r) % r) for a, b in residues.T]
    return [value * parameters.reply_modulus // parameters.ciphertext_modulus for value in lifted]


def entries_found(
    parameters: ParameterSet, maps: Sequence[Sequence[int]], values: Sequence[int], row: NDArray[np.int16]
) -> int:
    """How many entries of `row` the best solution of `sum_j row_j maps[j] = values` has right, by lattice reduction.

    `maps` has the equations' coefficients for each entry.
    """
    k, equations = len(maps), len(values)
    lattice = [[int(i == j) for j in range(k)] + list(maps[i]) + [0] for i in range(k)]
    lattice += [
        [0] * k + [parameters.reply_modulus * (i == j) for j in range(equations)] + [0] for i in range(equations)
    ]
    lattice += [[0] * k + [int(value) for value in values] + [_WEIGHT]]
    reduced = DomainMatrix(lattice, (k + equations + 1,) * 2, ZZ).lll().to_Matrix().tolist()
    guesses = [[-int(sign) * int(v[j]) for j in range(k)] for v in reduced for sign in (1, -1) if abs(v[-1]) == _WEIGHT]
    return max((sum(g == int(r) for g, r in zip(guess, row, strict=True)) for guess in guesses), default=0)
