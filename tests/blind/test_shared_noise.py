"""Why no two scores share noise or draws (PROTOCOL 4.6): what a buyer reads where they do.
docs/explanation/privacy.md has the table.

Equal noise takes both: equal draws, which follow from salts, and equal rests, which the evaluation's stream gives. A
weakened seller lays equal noise on equal rows. Equal draws alone give little away, and that little is measured too.
"""

import hmac
from collections.abc import Sequence

import numpy as np
import pytest
from hostile_buyer import HostileBuyer
from numpy.typing import NDArray
from on_disk import random_rows
from test_hostile_queries import SMALL_Q, N, Q, bits_left_open, stated_bits

import blindfair.blind.evaluate as evaluation
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.flooding import Draws, NoiseStream
from blindfair.blind.parameters import DEFAULT, ParameterSet
from blindfair.blind.query import encrypt_queries
from blindfair.blind.seal import Words
from blindfair.protocol.noise import noise_draw
from blindfair.protocol.quantities import Digest, Salt

K, DIGIT = 4, 2**13
ROW_BITS = 12 * K

NEARLY_ALL = 0.99
"""Of rows that lie bare. The switch to Q' rounds by 30 as the deviation of a difference of two phases, and a digit ends
at 128: one row in 50,000 is read wrong."""

SECRET = bytes(range(16))
REQUEST = Digest(bytes(32))


def salt_of(name: bytes) -> Salt:
    return Salt(hmac.digest(SECRET, name, "sha256")[:16])


def by_record(rows: NDArray[np.signedinteger]) -> Draws:
    """One query's draws, `1 x n`, as PROTOCOL 4.6 has them: a salt and a number for each record."""
    return draws_of([(b"%d" % record, record) for record in range(len(rows))])


def by_row(rows: NDArray[np.int16]) -> Draws:
    """Draws keyed by the rows' bytes: equal rows get equal ones."""
    return draws_of([(row.tobytes(), 0) for row in rows])


def draws_of(keys: Sequence[tuple[bytes, int]]) -> Draws:
    """From the name of its salt and a number for each record."""
    return np.array([[noise_draw([salt_of(name)], REQUEST, unit, 0) for name, unit in keys]], dtype=np.uint8)


def keyed_by(names: Sequence[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Weaken the seller: all of the noise of a score follows from its record's name, and none from the stream."""

    def weakened(_: ParameterSet, bits: int, stream: NoiseStream, count: int, draws: Draws | None) -> Words:
        stream.draws(count)
        drawn = b"".join(hmac.digest(SECRET, b"noise" + name, "sha256")[:16] for name in names)
        return np.frombuffer(drawn, dtype="<u8").reshape(count, 2).T

    monkeypatch.setattr(evaluation, "score_draws", weakened)


def entries_of(phase: int) -> list[int]:
    """`g_j`, from `sum_j 2^(13 j) g_j` stretched over all of Q'."""
    left, entries = (((phase + SMALL_Q // 2) % SMALL_Q - SMALL_Q // 2) * DIGIT**K + SMALL_Q // 2) // SMALL_Q, []
    for _ in range(K):
        entries.append((left + DIGIT // 2) % DIGIT - DIGIT // 2)
        left = (left - entries[-1]) // DIGIT
    return entries


# --- differences without any noise -----------------------------------------------------------------------------------


def rows_of_neighbours(rows: NDArray[np.int16], draws: Draws, bits: int) -> NDArray[np.bool_]:
    """Whether the whole row of every record comes out of the scores of others that have equal rows.

    Every other record has a row of zeros, as a model gives them whose gradients vanish there. The buyer asks for
    `x sum_j 2^(13 j) g_j`, stretched over all of Q: the polynomial is no constant, so the score of record i holds the
    row of record i - 1, and its own, which is zero, not at all. Record 0 has no neighbour before it. The difference of
    its score and that of record 2 is the row of record 1.
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
def test_equal_noise_for_equal_rows_gives_whole_rows_of_their_neighbours_away(
    bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 500 records that one bit each was asked of, 48 bits come out; with noise of their own, no row, not even where
    equal rows have equal draws."""
    rows = random_rows(1001, K)
    rows[::2] = 0
    assert not rows_of_neighbours(rows, by_record(rows), bits).any()
    assert not rows_of_neighbours(rows, by_row(rows), bits).any()
    keyed_by([row.tobytes() for row in rows], monkeypatch)
    assert rows_of_neighbours(rows, by_record(rows), bits).mean() >= NEARLY_ALL
    assert stated_bits(bits) < ROW_BITS


PAIRS = N // 4
"""Of every four records the first and the third are copies, whose rows the buyer knows; it wants the difference of the
rows of the second and the fourth."""


def bits_of_differences(draws: Draws, bits: int) -> tuple[float, int]:
    """Bits that two copies' scores tell of the difference of the rows after them, and differences that come out whole.

    The differences lie between the largest error below and the largest above; of `PAIRS` errors both are nearly met.
    """
    rows = random_rows(N, K)
    rows[2::4] = rows[::4]
    buyer, unit = HostileBuyer(), Q // DIGIT**K
    query = buyer.query([{0: unit // 7, N - 1: -unit * DIGIT**j} for j in range(K)], bits=bits)
    phase = buyer.phase(evaluate(encode_rows(DEFAULT, rows), query.to_bytes(), bits=[bits], draws=draws), N)[0]
    real = rows[3::4].astype(np.int64) - rows[1::4]
    read = [int(other) - int(one) for one, other in zip(phase[::4], phase[2::4], strict=True)]
    asked = [sum(int(entry) * DIGIT**j for j, entry in enumerate(row)) * unit for row in real]
    errors = [each - number * SMALL_Q // Q for each, number in zip(read, asked, strict=True)]
    whole = sum(entries_of(each) == row for each, row in zip(read, real.tolist(), strict=True))
    return bits_left_open(errors, 52), whole


@pytest.mark.parametrize("bits", [32, 4, 3, 1])
def test_two_records_with_one_noise_give_their_neighbours_difference_away_and_with_one_draw_four_bits(
    bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row needs to equal another: the buyer knows both, copies that it sold or bought, and takes them off.

    Two noises that are drawn apart leave the difference within twice as wide a range as one, so one bit less. Within
    one part they leave 4 bits more of it, none at 32 bits, where nothing is committed.
    """
    own = np.arange(N)
    shared = np.where(own % 4 == 2, own - 2, own)
    apart, of_apart = bits_of_differences(draws_of([(b"%d" % each, 0) for each in own]), bits)
    together, of_together = bits_of_differences(draws_of([(b"%d" % each, 0) for each in shared]), bits)
    assert of_apart == of_together == 0
    # Sums of two uniform numbers seldom come near their ends: 2,048 of them fall short by a few hundredths of a bit.
    assert apart == pytest.approx(stated_bits(bits) - 1, abs=0.15)
    assert together == pytest.approx(DEFAULT.bits_per_seen_score(bits) - 1, abs=0.15)
    assert together - apart <= DEFAULT.committed_bits(bits) + 0.15
    keyed_by([b"%d" % each for each in shared], monkeypatch)
    told, whole = bits_of_differences(by_record(own[:, None]), bits)
    assert told > 51, "of 52"
    assert whole >= NEARLY_ALL * PAIRS


# --- which records are alike -----------------------------------------------------------------------------------------


def information(scores: NDArray[np.int64], values: NDArray[np.int64], size: int) -> float:
    """Bits that a score tells of which of four equally frequent values a record has, by their joint frequencies."""
    joint = np.zeros((4, size))
    np.add.at(joint, (values, scores), 1 / len(values))
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    return float((joint[joint > 0] * np.log2(joint[joint > 0] / expected[joint > 0])).sum())


def test_noise_keyed_by_the_row_tells_who_shares_a_value_beyond_the_stated_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model that reads one column of four values has four different rows. With noise keyed by the row there are four
    different scores: who has the same value is told exactly, 2 bits a record where one was asked for. Draws keyed by
    the row do as much harm here: among thousands of records that share one, it shows."""
    values = np.random.default_rng(3).integers(0, 4, N)
    rows = (values[:, None] * 600 - 900).astype(np.int16)
    query = np.array([[DEFAULT.plain_modulus // 4 // 600]])

    def scores(draws: Draws) -> NDArray[np.int64]:
        encrypted, secret = encrypt_queries(DEFAULT, query, [1])
        reply = evaluate(encode_rows(DEFAULT, rows), encrypted.to_bytes(), bits=[1], draws=draws)
        found: NDArray[np.int64] = decrypt_reply(DEFAULT, secret, reply, N, 1)[0]
        return found

    def told(found: NDArray[np.int64]) -> float:
        """In 64 parts of the range; by chance 8,192 records show 3 x 63 / (2 ln 2 x 8192) bits that are not there."""
        coarse = (found + DEFAULT.plain_modulus // 2) * 64 // DEFAULT.plain_modulus
        return information(coarse, values, 64)

    assert stated_bits(1) == pytest.approx(1)
    own = scores(by_record(rows))
    assert len(np.unique(own)) > N - 100, "of 2^32"
    assert told(own) == pytest.approx(1, abs=0.05)
    by_value = scores(by_row(rows))
    assert len(np.unique(by_value)) > N - 100, "of four parts of 2^27"
    assert 1.5 < told(by_value) <= 2
    assert told(by_value) <= DEFAULT.bits_per_seen_score(1)
    keyed_by([row.tobytes() for row in rows], monkeypatch)
    seen, group = np.unique(scores(by_row(rows)), return_inverse=True)
    assert len(seen) == 4
    assert information(group, values, 4) == pytest.approx(2, abs=0.01)
