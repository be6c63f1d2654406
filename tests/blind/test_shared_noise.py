"""Why no two scores share noise (PROTOCOL 4.6): what a buyer reads where they do, and that it reads none of it where
each has a draw of its own. docs/privacy.md has the table."""

import hmac
import math

import numpy as np
import pytest
from hostile_buyer import HostileBuyer
from numpy.typing import NDArray
from on_disk import random_rows
from test_hostile_queries import SMALL_Q, N, Q, stated_bits

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.blind.seal import Words
from blindfair.protocol.noise import noise_draw
from blindfair.protocol.quantities import Digest, Salt

K, DIGIT = 4, 2**13
ROW_BITS = 12 * K

SECRET = bytes(range(16))
REQUEST = Digest(bytes(32))


def draws_of(keys: list[tuple[bytes, int]]) -> Words:
    """One query's draws, `1 x 2 x n` words, from a salt and a unit's number for each record."""
    draws = np.empty((1, 2, len(keys)), dtype=np.uint64)
    for record, (salt, unit) in enumerate(keys):
        high, low = divmod(noise_draw([Salt(salt)], REQUEST, unit, 0), 2**64)
        draws[0, :, record] = low, high
    return draws


def salt_of(name: bytes) -> bytes:
    return hmac.digest(SECRET, name, "sha256")[:16]


def by_record(rows: NDArray[np.int16]) -> Words:
    """As PROTOCOL 4.6 has it: a salt and a number for each."""
    return draws_of([(salt_of(b"%d" % record), record) for record in range(len(rows))])


def by_row(rows: NDArray[np.int16]) -> Words:
    """Equal rows get equal noise: keyed by their bytes, so that copies neither show nor average out."""
    return draws_of([(salt_of(row.tobytes()), 0) for row in rows])


def entries_of(phase: int) -> list[int]:
    """`g_j`, from `sum_j 2^(13 j) g_j` stretched over all of Q'."""
    left, entries = (((phase + SMALL_Q // 2) % SMALL_Q - SMALL_Q // 2) * DIGIT**K + SMALL_Q // 2) // SMALL_Q, []
    for _ in range(K):
        entries.append((left + DIGIT // 2) % DIGIT - DIGIT // 2)
        left = (left - entries[-1]) // DIGIT
    return entries


# --- differences without any noise -----------------------------------------------------------------------------------


def rows_of_neighbours(rows: NDArray[np.int16], draws: Words, bits: int) -> NDArray[np.bool_]:
    """Whether the whole row of every record comes out of the scores of others that have equal rows.

    Every other record has a row of zeros, as a model gives them whose gradients vanish there. The buyer asks for
    `x sum_j 2^(13 j) g_j`, stretched over all of Q: the polynomial is no constant, so the score of record i holds the
    row of record i - 1, and its own, which is zero, not at all. Record 0 has no neighbour before it. What its score
    and that of record 2 differ by, is the row of record 1.
    """
    buyer, unit = HostileBuyer(), Q // DIGIT**K
    query = buyer.query([{1: unit * DIGIT**j} for j in range(K)], bits=bits)
    reply = evaluate(encode_rows(DEFAULT, rows), query.to_bytes(), bits=[bits], draws=draws)
    phase = buyer.phase(reply, len(rows))[0]
    return np.array(
        [
            entries_of(int(phase[record + 1]) - int(phase[0])) == rows[record].tolist()
            for record in range(1, len(rows), 2)
        ]
    )


@pytest.mark.parametrize("bits", [32, 3, 1])
def test_equal_noise_for_equal_rows_gives_whole_rows_of_their_neighbours_away(bits: int) -> None:
    """Of 500 records that one bit each was asked of, 48 bits come out; with noise of their own, no row."""
    rows = random_rows(1001, K)
    rows[::2] = 0
    assert rows_of_neighbours(rows, by_row(rows), bits).all()
    assert not rows_of_neighbours(rows, by_record(rows), bits).any()
    assert stated_bits(bits) < ROW_BITS


@pytest.mark.parametrize("bits", [32, 3, 1])
def test_two_records_with_one_draw_give_their_neighbours_difference_away(bits: int) -> None:
    """No row needs to equal another: the buyer knows both, copies that it sold or bought, and takes them off."""
    rows = random_rows(6, K)
    rows[4] = rows[2]
    shared = by_record(rows)
    shared[:, :, 4] = shared[:, :, 2]
    assert difference_of_neighbours(rows, shared, bits) == (rows[3].astype(int) - rows[1]).tolist()
    read = difference_of_neighbours(rows, by_record(rows), bits)
    right = sum(found == real for found, real in zip(read, rows[3].astype(int) - rows[1], strict=True))
    assert right * math.log2(DIGIT) <= stated_bits(bits), "the upper digits of what one score tells, no more"


def difference_of_neighbours(rows: NDArray[np.int16], draws: Words, bits: int) -> list[int]:
    """What the scores of records 2 and 4 say of the rows before them."""
    buyer, unit = HostileBuyer(), Q // DIGIT**K
    query = buyer.query([{0: unit // 7, 1: unit * DIGIT**j} for j in range(K)], bits=bits)
    phase = buyer.phase(evaluate(encode_rows(DEFAULT, rows), query.to_bytes(), bits=[bits], draws=draws), 6)[0]
    return entries_of(int(phase[4]) - int(phase[2]))


# --- which records are alike -----------------------------------------------------------------------------------------


def information(scores: NDArray[np.int64], values: NDArray[np.int64], size: int) -> float:
    """Bits that a score tells of which of four equally frequent values a record has, by their joint frequencies."""
    joint = np.zeros((4, size))
    np.add.at(joint, (values, scores), 1 / len(values))
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    return float((joint[joint > 0] * np.log2(joint[joint > 0] / expected[joint > 0])).sum())


def test_noise_keyed_by_the_row_tells_who_shares_a_value_beyond_the_stated_bits() -> None:
    """A model that reads one column of four values has four different rows. With noise keyed by the row there are four
    different scores: who has the same value is told exactly, 2 bits a record where one was asked for."""
    values = np.random.default_rng(3).integers(0, 4, N)
    rows = (values[:, None] * 600 - 900).astype(np.int16)
    query = np.array([[DEFAULT.plain_modulus // 4 // 600]])

    def scores(draws: Words) -> NDArray[np.int64]:
        encrypted, secret = encrypt_queries(DEFAULT, query, [1])
        reply = evaluate(encode_rows(DEFAULT, rows), encrypted.to_bytes(), bits=[1], draws=draws)
        found: NDArray[np.int64] = decrypt_reply(DEFAULT, secret, reply, N, 1)[0]
        return found

    shared = scores(by_row(rows))
    seen, group = np.unique(shared, return_inverse=True)
    assert len(seen) == 4
    assert information(group, values, 4) == pytest.approx(2, abs=0.01)
    assert stated_bits(1) == pytest.approx(1)
    own = scores(by_record(rows))
    assert len(np.unique(own)) > N - 100, "of 2^32"
    # In 64 parts of the range; by chance 8,192 records show 3 x 63 / (2 ln 2 x 8192) bits that are not there.
    coarse = (own + DEFAULT.plain_modulus // 2) * 64 // DEFAULT.plain_modulus
    assert information(coarse, values, 64) == pytest.approx(1, abs=0.05)
