"""The stated noise, looked for in real replies: 65,536 scores for each of two sets of rows, under one fixed query.

Two tests, and the least that each sees.

`test_noise_a_little_too_small_is_seen` asks whether the noise has the stated width. Of n uniform numbers the largest
falls short of B by a part 13.8 / n with a probability of 1e-6: a bound too small by 5 in 10,000 is seen.

`test_rows_show_in_the_noise_of_a_bound_too_small` asks whether replies to one query tell two sets of rows apart by
what lies beneath the noise. If that is S at most, a sample of n coefficients gives a normal statistic of
S sqrt(2 n) / B: it sees S = B / 74 as often as not, B / 37 nearly always, and little that is smaller. Honest noise is
E = B / 2^42 at most, so that with it a B that is 2^10 too small would take 2^68 coefficients. The buyer of this test
therefore gives its query noise 2^27 times as large as the worst of honest noise, which moves the edge to where the
sample reaches: the stated B hides even that, a B that is 2^10 too small does not.
"""

import math
from functools import cache

import numpy as np
import pytest
from drawn import with_bound_of
from hostile_buyer import HostileBuyer
from numpy.typing import NDArray
from scipy.stats import norm
from test_flooding_noise import ALPHA

from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT

N = DEFAULT.ring_degree
BLOCKS = 8
COUNT = BLOCKS * N
LARGEST = 2047
TOO_SMALL = 2**10
SHIFT = DEFAULT.drowning_bound() / (32 * TOO_SMALL)
"""The largest of what lies beneath the noise: B / 2^15, 2^27 E."""

UNIT = DEFAULT.ciphertext_modulus / DEFAULT.reply_modulus
BOUND = DEFAULT.drowning_bound() / UNIT
"""B modulo Q'."""


@cache
def asked() -> tuple[HostileBuyer, bytes]:
    """A query of zero whose noise is the same large number in every coefficient."""
    buyer = HostileBuyer()
    return buyer, buyer.query([dict.fromkeys(range(N), round(SHIFT / LARGEST / N))]).to_bytes()


def noise_of_replies(entry: int) -> NDArray[np.float64]:
    """Phases of the scores, all of them zero, of rows with one entry, modulo Q': noise, and what of it is the rows'."""
    buyer, query = asked()
    rows = np.full((COUNT, 1), entry, dtype=np.int16)
    return buyer.phase(evaluate(encode_rows(DEFAULT, rows), query), COUNT).ravel().astype(np.float64)


def p_value_of_the_rows(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """That rows of 2047 and rows of -2047 have equal phases, against what the buyer knows that they differ by.

    Coefficient i of a column of equal entries times noise of equal coefficients is i + 1 products less
    N - i - 1; the buyer weights it by what it expects there.
    """
    weights = np.tile((2 * np.arange(N) + 2 - N) / N, BLOCKS)
    difference = one - other
    statistic = weights @ difference / math.sqrt((weights**2).sum() * difference.var())
    return float(2 * norm.sf(abs(statistic)))


@cache
def as_it_is() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return noise_of_replies(LARGEST), noise_of_replies(-LARGEST)


def has_the_stated_width(noise: NDArray[np.float64]) -> bool:
    """A correct build fails this one time in a million."""
    beneath = (SHIFT + DEFAULT.worst_noise + DEFAULT.rounding) / UNIT
    missing = -math.log(ALPHA) / COUNT
    return bool(BOUND * (1 - missing) - beneath <= abs(noise).max() <= BOUND + beneath)


def test_noise_a_little_too_small_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(has_the_stated_width(noise) for noise in as_it_is())
    with_bound_of(0.9995, monkeypatch)
    assert not has_the_stated_width(noise_of_replies(LARGEST))


def test_rows_show_in_the_noise_of_a_bound_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    assert p_value_of_the_rows(*as_it_is()) > ALPHA
    with_bound_of(1 / TOO_SMALL, monkeypatch)
    assert p_value_of_the_rows(noise_of_replies(LARGEST), noise_of_replies(-LARGEST)) < ALPHA
