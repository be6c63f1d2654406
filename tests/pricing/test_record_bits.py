"""What a record holds is measured against answers that are known."""

import csv
import doctest
import math
import random
from importlib.resources import as_file, files

import numpy as np
import pytest

from blindfair.pricing import information
from blindfair.pricing.information import check_record_bits, entropy, measure_bytes, measure_images, measure_rows
from blindfair.protocol.errors import InvalidListing
from blindfair.protocol.records import Cell, Row

RANDOM = random.Random(12)


def trial(*left_out: str) -> list[Row]:
    """ACTG175 as the package ships it, the file's numbering of its lines included unless left out."""
    with as_file(files("blindfair.cli.demo") / "data" / "ACTG175.csv") as path, path.open(newline="") as file:
        header, *lines = csv.reader(file)
    kept = [place for place, name in enumerate(header) if name not in left_out]
    return [tuple(line[place] for place in kept) for line in lines]


def test_the_example_runs() -> None:
    assert doctest.testmod(information).attempted >= 6
    assert doctest.testmod(information).failed == 0


def test_uniform_bytes_hold_their_bits_in_columns_and_compressed() -> None:
    """Sixteen columns of a uniform byte each: 128 bits, less the bias of 4,096 records over 256 values."""
    rows: list[Row] = [tuple(RANDOM.randbytes(16)) for _ in range(4096)]
    found = measure_rows(rows)
    assert found.entropy_bits == pytest.approx(128, abs=16 * 255 / 2 / 4096 / math.log(2) * 2)
    assert found.compressed_bits > 120
    assert 120 <= found.bits <= 128


def test_random_texts_hold_what_they_are_long() -> None:
    assert measure_bytes([RANDOM.randbytes(100) for _ in range(200)]).bits == pytest.approx(800, abs=8)


def test_constants_hold_nothing() -> None:
    rows: list[Row] = [(7, "same", None)] * 1000
    entropy = measure_rows(rows).entropy_bits
    assert entropy is not None and float(entropy) == 0
    assert measure_rows(rows).bits == 0
    assert measure_bytes([b"the same text"] * 1000).bits == 0


def test_columns_that_repeat_each_other_are_counted_once_by_the_compressed_size() -> None:
    """Twenty columns that hold the same byte: their entropies add up to 160 bits, and the record holds 8."""
    rows: list[Row] = [(value,) * 20 for value in RANDOM.randbytes(4000)]
    found = measure_rows(rows)
    assert found.entropy_bits is not None and found.entropy_bits > 158
    assert 8 <= found.bits < 40


def test_copies_hold_no_more_than_one_of_them() -> None:
    """A thousand different records, each listed sixteen times."""
    once: list[Row] = [tuple(RANDOM.randbytes(32)) for _ in range(1000)]
    assert measure_rows(once).bits > 200
    assert measure_rows(once * 16).bits < 200 / 8


@pytest.mark.parametrize(
    ("cells", "bits"),
    [
        ([0, 1] * 50, 1.0),
        ([None, None, "a", "b"], 1.5),
        # One number, and a truth value that is not it.
        ([1, 1.0, True, True], 1.0),
        (list(range(1024)), 10.0),
        (["x"], 0.0),
    ],
    ids=str,
)
def test_entropies_of_columns(cells: list[Cell], bits: float) -> None:
    assert entropy(cells) == pytest.approx(bits, abs=1e-12)


def test_the_trial_holds_what_was_published() -> None:
    """BLIND: about 109 bits by its columns, two of which only number the patients. 349 bits at the most by LZMA."""
    every = measure_rows(trial())
    assert every.entropy_bits == pytest.approx(109, abs=0.5)
    assert every.entropy_bits is not None
    assert every.compressed_bits > every.entropy_bits
    assert every.bits == 109
    # Who numbers the patients adds as many bits as it takes to tell 2,139 of them apart, each time.
    unnumbered = measure_rows(trial("", "pidnum"))
    assert every.entropy_bits - (unnumbered.entropy_bits or 0) == pytest.approx(2 * math.log2(2139), abs=1e-6)
    assert unnumbered.bits == 86


def test_the_order_of_records_does_not_change_the_entropies() -> None:
    rows = trial()
    shuffled = random.Random(3).sample(rows, len(rows))
    assert measure_rows(shuffled).entropy_bits == measure_rows(rows).entropy_bits


def test_large_listings_are_measured_by_records_at_even_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second half of the records is the same text: taken from the beginning alone they would hold twice as much."""
    records = [*(RANDOM.randbytes(64) for _ in range(500)), *[bytes(64)] * 500]
    every = measure_bytes(records).compressed_bits
    monkeypatch.setattr(information, "COMPRESSED_LIMIT", 64 * 1000 // 4)
    assert measure_bytes(records).compressed_bits == pytest.approx(every, rel=0.1)


def test_no_records_hold_nothing_that_could_be_listed() -> None:
    with pytest.raises(InvalidListing, match="without records"):
        measure_bytes([])


@pytest.mark.parametrize(("bits", "listed"), [(8, True), (7, False), (0, False)])
def test_records_of_fewer_than_eight_bits_are_not_listed(bits: int, listed: bool) -> None:
    if listed:
        check_record_bits(bits)
        return
    with pytest.raises(InvalidListing, match="hold too little") as refused:
        check_record_bits(bits)
    assert (refused.value.expected, refused.value.found) == (">= 8 bits a record", bits)
    assert refused.value.hint


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float64"])
def test_images_hold_the_entropies_of_their_places_and_their_label(dtype: str) -> None:
    pixels = np.random.default_rng(3).integers(0, 5, (40, 3, 2)).astype(dtype)
    labels = [number % 3 for number in range(40)]
    places = pixels.reshape(40, 6).T.tolist()
    assert measure_images(pixels, labels).entropy_bits == math.fsum(map(entropy, [*places, labels]))
