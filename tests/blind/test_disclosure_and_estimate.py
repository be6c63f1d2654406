"""What an evaluation is said to disclose and to take, before it is done."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from blindfair.blind.disclosure import Disclosure
from blindfair.blind.encode import encode_rows
from blindfair.blind.estimate import estimate
from blindfair.blind.evaluate import evaluate
from blindfair.blind.parameters import DEFAULT, PARAMETER_SETS, ParameterSet
from blindfair.blind.query import encrypt_queries
from blindfair.protocol.errors import UnknownParameters


def test_default_discloses_32_bits_of_each_record_and_query_exactly() -> None:
    found = Disclosure.of(DEFAULT, records=1000, queries=3)
    assert 31.9999 < found.bits_per_record <= 32
    assert found.total_bits == found.bits_per_record * 3000
    assert found.hiding_bits > 46
    assert found.exact


@pytest.mark.parametrize("precision_bits", [1, 8, 31])
def test_fewer_bits_are_said_to_round(precision_bits: int) -> None:
    found = Disclosure.of(DEFAULT, records=10, queries=1, precision_bits=precision_bits)
    assert found.bits_per_record <= precision_bits
    assert not found.exact
    assert found.hiding_bits > Disclosure.of(DEFAULT, records=10, queries=1).hiding_bits


def test_more_bits_than_a_set_has_change_nothing() -> None:
    small = PARAMETER_SETS["bfv-8192-24"]
    assert Disclosure.of(small, records=5, queries=1, precision_bits=32) == Disclosure.of(small, records=5, queries=1)


def test_impossible_precision() -> None:
    with pytest.raises(UnknownParameters):
        Disclosure.of(DEFAULT, records=1, queries=1, precision_bits=0)


@pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)
@pytest.mark.parametrize(("n", "k", "m"), [(1, 1, 1), (8193, 3, 2)])
def test_estimated_bytes_are_exact(parameters: ParameterSet, n: int, k: int, m: int) -> None:
    expected = estimate(parameters, n, k, m)
    encrypted, _ = encrypt_queries(parameters, np.ones((m, k), dtype=np.int64))
    query = encrypted.to_bytes()
    rows = encode_rows(parameters, np.ones((n, k), dtype=np.int16))
    assert expected.upload_bytes == len(query)
    assert expected.download_bytes == len(evaluate(rows, query))
    words = sum(column.coeff_count() for block in rows.blocks for column in block)
    assert expected.encoded_bytes == 8 * words
    assert min(expected.encrypt_seconds, expected.encode_seconds, expected.evaluate_seconds) > 0


def test_an_estimate_grows_with_the_work() -> None:
    small, large = estimate(DEFAULT, 8192, 4, 1), estimate(DEFAULT, 50 * 8192, 400, 4)
    assert large.encoded_bytes == 5000 * small.encoded_bytes
    assert large.evaluate_seconds > 10 * small.evaluate_seconds
    assert large.working_bytes > small.working_bytes


def test_the_privacy_page_quotes_the_numbers_of_the_parameters_and_tests_that_exist() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "privacy.md").read_text(encoding="utf-8")
    small = PARAMETER_SETS["bfv-8192-24"]
    needed = math.log2(DEFAULT.ciphertext_modulus) + 2 * math.log2(DEFAULT.ring_degree) + 128
    for quoted in (
        f"| 2^{math.log2(DEFAULT.worst_noise):.2f} |",
        f"| 2^{math.log2(DEFAULT.rounding):.2f} |",
        f"| 2^{math.log2(DEFAULT.drowning_bound()):.2f} |",
        f"| {DEFAULT.hiding_bits():.2f} bits |",
        f"| {DEFAULT.bits_per_record():.5f} bits |",
        f"| {16 * DEFAULT.mask_columns} bits |",
        f"{math.ceil(needed)} are needed",
        f"t = {DEFAULT.plain_modulus}",
        f"t = {small.plain_modulus}: b = {small.bits_per_record():.5f}, hiding {small.hiding_bits():.2f} bits",
    ):
        assert quoted in page, quoted
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", page)
    assert len(named) > 10
    assert not [name for name in named if f"def {name}(" not in tests]
