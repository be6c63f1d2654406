"""What no draw hides: whoever sees a record knows the noise of its scores (PROTOCOL 4.6), and the score of a hostile
query holds other records' rows. docs/privacy.md says so."""

import numpy as np
import pytest
from hostile_buyer import HostileBuyer
from numpy.typing import NDArray
from on_disk import random_rows
from test_hostile_queries import SMALL_Q, Q, stated_bits
from test_shared_noise import DIGIT, ROW_BITS, K, by_record, entries_of

from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.protocol.noise import noise_of


def rows_beside(seen: NDArray[np.int64], rows: NDArray[np.int16], bits: int, *, knows_noise: bool) -> int:
    """How many of the records after those that were seen give their whole rows away.

    The buyer asks for `x^-1 sum_j 2^(13 j) g_j`, so the score of record i holds the row of record i + 1 and its noise.
    """
    buyer, unit, n = HostileBuyer(), Q // DIGIT**K, DEFAULT.ring_degree
    draws = by_record(rows)
    query = buyer.query([{n - 1: -unit * DIGIT**j} for j in range(K)], bits=bits)
    phase = buyer.phase(evaluate(encode_rows(DEFAULT, rows), query.to_bytes(), bits=[bits], draws=draws), len(rows))[0]
    found = 0
    for record in seen:
        low, high = draws[0, :, record]
        noise = noise_of(int(high) << 64 | int(low), DEFAULT.noise_width(bits)) if knows_noise else 0
        left = int(phase[record]) - noise * SMALL_Q // Q
        found += entries_of(left) == rows[record + 1].tolist()
    return found


@pytest.mark.parametrize("bits", [32, 3, 1])
def test_a_record_that_the_buyer_sees_shows_a_row_that_it_does_not_see(bits: int) -> None:
    """Every second record is bought: the rows of the others come out, 48 bits each, where fewer are stated."""
    rows = random_rows(1000, K)
    seen = np.arange(0, 1000, 2)
    assert rows_beside(seen, rows, bits, knows_noise=True) == len(seen)
    assert rows_beside(seen, rows, bits, knows_noise=False) == 0
    assert stated_bits(bits) < ROW_BITS
