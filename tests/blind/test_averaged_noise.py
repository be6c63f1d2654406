"""Noise that is drawn anew for a block, or laid over other rows too: what a buyer that holds both replies gains, in
bits of a record, and that it gains nothing here. docs/explanation/privacy.md has the table."""

import math
import shutil
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from hostile_buyer import HostileBuyer
from numpy.typing import NDArray
from on_disk import encoded, random_rows
from test_hostile_queries import SMALL_Q, N, Q, stated_bits

from blindfair.blind import stream
from blindfair.blind.blob_store import Directory
from blindfair.blind.flooding import NoiseKey, NoiseStream
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.stream import Evaluation, Job, finish, start_evaluation

K, DIGIT = 4, 2**13
UNIT = Q // DIGIT**K
BOUND = DEFAULT.drowning_bound() * SMALL_Q / Q

ROW_BITS = 4 * 12


def asking_for_whole_rows() -> bytes:
    """`sum_j g_j 2^(13 j)` stretched over all of Q, in encryptions that are none: a reply's first polynomial is this
    number, of 52 bits, and the seller's noise."""
    buyer = HostileBuyer()
    zeros = [buyer.bare({}) for _ in range(DEFAULT.mask_columns)]
    return buyer.query([{0: UNIT * DIGIT**j} for j in range(K)], zeros, encrypt=buyer.bare).to_bytes()


def asked_for(rows: NDArray[np.int16]) -> NDArray[np.int64]:
    """What the first polynomial would be without noise, modulo Q', to within 1."""
    numbers = [sum(int(entry) * DIGIT**j for j, entry in enumerate(row)) for row in rows]
    modulo: NDArray[np.int64] = np.array([number * UNIT % Q * SMALL_Q // Q for number in numbers], dtype=np.int64)
    return modulo


def first_polynomial(reply: bytes) -> NDArray[np.int64]:
    first: NDArray[np.int64] = EncryptedScores.from_bytes(DEFAULT, reply, N, 1).ciphertexts[0][0, 0].astype(np.int64)
    return first


def centred(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of numbers between -Q' and Q'."""
    reduced: NDArray[np.int64] = (values + SMALL_Q // 2) % SMALL_Q - SMALL_Q // 2
    return reduced


# --- a block that is computed more than once -------------------------------------------------------------------------


def replies_of_a_repeated_block(evaluations: Iterable[Evaluation]) -> Iterator[bytes]:
    for evaluation in evaluations:
        evaluation.run(Job(0, (0,)))
        yield evaluation.reply()


def bits_after(replies: Iterator[bytes], rows: NDArray[np.int16]) -> list[float]:
    """Bits that a record has given away after each reply, on average over the block.

    Uniform noise leaves the numbers between the largest reading less B and the smallest and B, all of them alike.
    """
    exact = asked_for(rows)
    low = high = np.zeros(0, dtype=np.int64)
    found = []
    for number, reply in enumerate(replies):
        errors = centred(first_polynomial(reply) - exact)
        low, high = (np.minimum(low, errors), np.maximum(high, errors)) if number else (errors, errors)
        assert low.min() > -BOUND * 1.0001 and high.max() < BOUND * 1.0001, "the truth is among what is left"
        left = np.maximum(2 * BOUND - (high - low), 1)
        found.append(float((math.log2(SMALL_Q) - np.log2(left)).mean()))
    return found


@pytest.mark.deep
def test_a_block_computed_again_tells_more_only_with_fresh_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expected of r uniform draws: (1 + 1/2 + ... + 1/r - 1) / ln 2 bits more than of one."""
    rows = random_rows(N, K)
    matrix, query, folder = encoded(tmp_path / "m", rows), asking_for_whole_rows(), Directory(tmp_path / "e")
    begun = start_evaluation(matrix, query, folder)
    begun.load_queries(0)
    taken_up_again = (start_evaluation(matrix, query, folder) for _ in range(8))
    defended = bits_after(replies_of_a_repeated_block(taken_up_again), rows)
    assert defended == pytest.approx([stated_bits()] * 8, abs=0.001)

    def fresh(_: NoiseKey, block: int, query: int) -> NoiseStream:
        return real(NoiseKey(), block, query)

    real = NoiseKey.stream
    monkeypatch.setattr(NoiseKey, "stream", fresh)
    undefended = bits_after(replies_of_a_repeated_block(repeat(begun, 256)), rows)
    for times, bits in ((2, 32.7), (16, 35.4), (256, 39.4)):
        assert undefended[times - 1] == pytest.approx(bits, abs=0.1)
        gain = sum(1 / draw for draw in range(2, times + 1)) / math.log(2)
        assert undefended[times - 1] == pytest.approx(stated_bits() + gain, abs=0.1)


# --- the same noise over other rows ----------------------------------------------------------------------------------


def read_off_the_difference(
    one: NDArray[np.int16], other: NDArray[np.int16], folder: Path, query: bytes
) -> tuple[float, float]:
    """Two replies to one query, the second under a copy of the first one's key. Bits of a record's difference that come
    out, and the share of records of which all four differences do."""
    replies: list[NDArray[np.int64]] = []
    for name, rows in (("one", one), ("other", other)):
        (folder / name).mkdir(parents=True)
        if replies:
            shutil.copy(folder / "one" / "noise.key", folder / name)
        matrix = encoded(folder / f"matrix-{name}", rows)
        replies.append(first_polynomial(finish(start_evaluation(matrix, query, Directory(folder / name)))))
    read = centred(replies[0] - replies[1])
    errors = centred(read - centred(asked_for(one) - asked_for(other)))
    bits = math.log2(SMALL_Q) - math.log2(max(int(errors.max() - errors.min()) + 1, SMALL_Q // DIGIT**K))
    left = np.array([(int(each) * DIGIT**K + SMALL_Q // 2) // SMALL_Q for each in read])
    found = []
    for _ in range(K):
        found.append((left + DIGIT // 2) % DIGIT - DIGIT // 2)
        left = (left - found[-1]) // DIGIT
    differences = one.astype(np.int64) - other
    return bits, float((np.stack(found, axis=1) == differences).all(axis=1).mean())


def test_the_same_noise_over_other_rows_gives_their_difference_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copied key lays other noise over other rows: the difference of two replies then tells less than either does."""
    one, other = random_rows(N, K, seed=1), random_rows(N, K, seed=2)
    query = asking_for_whole_rows()
    bits, share = read_off_the_difference(one, other, tmp_path / "defended", query)
    assert bits == pytest.approx(stated_bits() - 1, abs=0.1)
    assert share == 0
    monkeypatch.setattr(stream, "NoiseKey", lambda _: NoiseKey(bytes(32)))
    bits, share = read_off_the_difference(one, other, tmp_path / "undefended", query)
    assert bits == pytest.approx(K * math.log2(DIGIT), abs=0.01)
    assert share == 1
    assert stated_bits() < ROW_BITS
