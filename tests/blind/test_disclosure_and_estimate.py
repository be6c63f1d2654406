"""What an evaluation is said to disclose and to take, before it is done."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from blindfair.blind.blob_store import Directory
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.encode import encode_rows
from blindfair.blind.estimate import IN_MEMORY_BLOCKS, estimate
from blindfair.blind.evaluate import evaluate
from blindfair.blind.matrix import encode_matrix
from blindfair.blind.parameters import DEFAULT, EXPANDED, PARAMETER_SETS, ParameterSet
from blindfair.blind.plan import plan
from blindfair.blind.query import encrypt_queries
from blindfair.blind.stream import finish, start_evaluation
from blindfair.protocol.audit import mean_bound
from blindfair.protocol.errors import UnknownParameters
from blindfair.protocol.noise import COMMITTED_BITS
from blindfair.protocol.quantities import BytesPerSecond


def test_an_exact_query_discloses_32_bits_of_each_record() -> None:
    found = Disclosure.of(DEFAULT, records=1000, bits=(32, 32, 32))
    assert 3 * 31.9999 < found.bits_per_record <= 96
    assert found.total_bits == found.bits_per_record * 1000
    assert found.flooding_bits > 42
    assert found.queries == 3


@pytest.mark.parametrize(("records", "queries"), [(1, 1), (1000, 3), (10**6, 16), (10**7, 1)])
def test_flooding_of_a_whole_evaluation_is_less_by_the_union_bound(records: int, queries: int) -> None:
    for parameters in PARAMETER_SETS.values():
        found = Disclosure.of(parameters, records=records, bits=[32] * queries)
        assert 2**found.flooding_bits_total == pytest.approx(2**found.flooding_bits / (records * queries))
        assert found.flooding_bits_total > 16, "of all that may be asked"


@pytest.mark.parametrize("bits", [(1,), (3, 1), (4, 1, 8), (31, 32), (1,) * 16])
def test_each_query_counts_with_its_own_bits(bits: tuple[int, ...]) -> None:
    found = Disclosure.of(DEFAULT, records=10, bits=bits, exponent_bits=2)
    assert found.bits == tuple(DEFAULT.bits_per_score(asked) for asked in bits)
    assert sum(bits) + 2 - 1e-3 < found.bits_per_record <= sum(bits) + 2
    assert found.total_bits == pytest.approx(10 * found.bits_per_record)
    assert found.flooding_bits == DEFAULT.flooding_bits(max(bits)), "of the narrowest noise"


def test_fewer_bits_hide_more() -> None:
    hidden = [Disclosure.of(DEFAULT, records=10, bits=[bits]).flooding_bits for bits in range(1, 33)]
    assert np.allclose(np.diff(hidden), -1)


@pytest.mark.parametrize("bits", [(0,), (33,), (3, 0), (3, -1)])
def test_impossible_bits(bits: tuple[int, ...]) -> None:
    with pytest.raises(UnknownParameters):
        Disclosure.of(DEFAULT, records=1, bits=bits)


SETS = pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)


@SETS
@pytest.mark.parametrize(("n", "k", "m"), [(1, 1, 1), (8193, 3, 2)])
def test_estimated_bytes_are_exact(parameters: ParameterSet, n: int, k: int, m: int) -> None:
    expected = estimate(parameters, n, k, m)
    encrypted, _ = encrypt_queries(parameters, np.ones((m, k), dtype=np.int64))
    query = encrypted.to_bytes()
    rows = encode_rows(parameters, np.ones((n, k), dtype=np.int16))
    assert expected.upload_bytes == len(query)
    assert expected.download_bytes == len(evaluate(rows, query))
    words = sum(column.coeff_count() for block in rows.blocks for column in block)
    assert expected.memory_bytes > 8 * words + len(query)
    assert expected.disk_bytes == 0
    assert min(expected.encrypt_seconds, expected.encode_seconds, expected.evaluate_seconds) > 0
    assert expected.seconds > expected.evaluate_seconds


@SETS
def test_estimated_disk_is_what_is_written(parameters: ParameterSet, tmp_path: Path) -> None:
    """Beside the reply itself, to within the few bytes of descriptions and digests."""
    n, k, m = 8192 * IN_MEMORY_BLOCKS + 1, 1, 1
    encrypted, _ = encrypt_queries(parameters, np.ones((m, k), dtype=np.int64))
    query = encrypted.to_bytes()
    matrix = encode_matrix(parameters, np.ones((n, k), dtype=np.int16), Directory(tmp_path / "matrix"))
    reply = finish(start_evaluation(matrix, query, Directory(tmp_path / "evaluation")))
    expected = estimate(parameters, n, k, m)
    assert (expected.upload_bytes, expected.download_bytes) == (len(query), len(reply))
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert 0 <= written + len(reply) - expected.disk_bytes < 4096
    assert expected.disk_bytes > 5 * 2 * 8 * 8192 * k


def test_an_estimate_grows_with_the_work() -> None:
    small, large = estimate(DEFAULT, 5 * 8192, 4, 1), estimate(DEFAULT, 50 * 8192, 400, 4)
    assert large.evaluate_seconds > 10 * small.evaluate_seconds
    assert large.encode_seconds == pytest.approx(1000 * small.encode_seconds)
    assert large.memory_bytes > small.memory_bytes
    larger = estimate(DEFAULT, 100 * 8192, 400, 4)
    assert larger.memory_bytes == large.memory_bytes, "the same for any number of records on disk"
    assert larger.disk_bytes > 1.8 * large.disk_bytes


# --- which way to ask ----------------------------------------------------------------------------------------------


def test_a_low_bandwidth_speaks_for_expansion_and_a_high_one_against_it() -> None:
    """64 MB or 3.5 MB of query: over 1 Mbit/s, eight minutes apart; over 100 Gbit/s, milliseconds."""
    thin, broad = (plan(100_000, 512, 1, BytesPerSecond(bandwidth)) for bandwidth in (125_000, 12_500_000_000))
    assert thin.parameters == EXPANDED
    assert broad.parameters == DEFAULT
    for found, other in ((thin, DEFAULT), (broad, EXPANDED)):
        assert found.estimate == estimate(found.parameters, 100_000, 512, 1)
        assert f"against {found.seconds:.1f}" not in found.why
        assert found.why.startswith(f"{found.seconds:.1f} s and {found.estimate.upload_bytes:,} B up at ")
        assert other.name in found.why
    assert "at 1 Mbit/s" in thin.why


def test_short_queries_come_by_coordinates_whatever_the_bandwidth() -> None:
    """The keys would be larger than what they save."""
    for bandwidth in (125_000, 12_500_000):
        assert plan(1000, 4, 1, BytesPerSecond(bandwidth)).parameters == DEFAULT


def test_what_no_set_can_do_is_refused() -> None:
    with pytest.raises(UnknownParameters, match="too long"):
        plan(100, DEFAULT.largest_k + 1, 1)
    assert plan(100, DEFAULT.largest_k, 1, BytesPerSecond(10**12)).parameters == DEFAULT, (
        "the only one that is long enough"
    )


@pytest.mark.parametrize("bandwidth", [125_000, 10**9])
def test_a_plan_reckons_with_both_ways(bandwidth: int) -> None:
    found = plan(50_000, 16, 2, BytesPerSecond(bandwidth))
    both = found.estimate.upload_bytes + found.estimate.download_bytes
    assert found.transfer_seconds == pytest.approx(both / bandwidth)
    assert found.seconds == pytest.approx(found.estimate.seconds + both / bandwidth)


def test_the_privacy_page_quotes_the_numbers_of_the_parameters_and_tests_that_exist() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "explanation" / "privacy.md").read_text(encoding="utf-8")
    needed = math.log2(DEFAULT.ciphertext_modulus) + 2 * math.log2(DEFAULT.ring_degree) + 128
    for quoted in (
        f"| 2^{math.log2(DEFAULT.worst_noise):.2f} |",
        f"| 2^{math.log2(DEFAULT.rounding):.2f} |",
        f"| 2^{math.log2(DEFAULT.drowning_bound()):.2f} |",
        f"| {DEFAULT.flooding_bits():.2f} bits |",
        f"| {DEFAULT.noise_width()} bits at 32, {DEFAULT.noise_width(3)} at 3, {DEFAULT.noise_width(1)} at 1 |",
        "| {:.5f} bits at 32, {:.5f} at 3, {:.5f} at 1 |".format(*map(DEFAULT.bits_per_score, (32, 3, 1))),
        *(f"t/{round(DEFAULT.plain_modulus / DEFAULT.score_error(bits))} at {bits} bit" for bits in (3, 1)),
        "| {:.5f} bits at 32, {:.5f} at 3, {:.5f} at 1 |".format(*map(DEFAULT.bits_per_seen_score, (32, 3, 1))),
        "| {} at 32, t/{} at 3, t/{} at 1 |".format(
            DEFAULT.score_slack(32),
            *(round(DEFAULT.plain_modulus / DEFAULT.score_slack(bits)) for bits in (3, 1)),
        ),
        f"t/{round(DEFAULT.plain_modulus / DEFAULT.score_slack(3))} around the middle at 3 bits",
        f"within {mean_bound([0], 59, slack=10**9) / 10**9:.2f} of the slack",
        f"commit to {COMMITTED_BITS} bits of the noise alone",
        f"{DEFAULT.bits_per_seen_score(3):.1f} bits of each at 3 bits stated",
        "{:.1f}, {:.1f}, {:.1f} and {:.1f} bits by the draws".format(*map(DEFAULT.bits_per_seen_score, (32, 4, 3, 1))),
        f"| {DEFAULT.mask_bits * DEFAULT.mask_columns} bits |",
        f"{DEFAULT.mask_columns} columns of uniform {DEFAULT.mask_bits}-bit numbers",
        f"up to 2^{math.log2(EXPANDED.coordinate_noise):.2f} in place of",
        f"columns 2^{math.log2(EXPANDED.worst_noise):.2f}, flooding {EXPANDED.flooding_bits():.2f} bits",
        f"{math.prod(EXPANDED.key_primes).bit_length()} bits of modulus",
        *(
            f"{Disclosure.of(parameters, records=10**6, bits=[32]).flooding_bits_total:.2f} {way}"
            for parameters, way in ((DEFAULT, "bits with coordinates"), (EXPANDED, "expanded"))
        ),
        f"{math.ceil(needed)} are needed",
        f"t = {DEFAULT.plain_modulus}",
    ):
        assert quoted in page, quoted
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", page)
    assert len(named) > 10
    assert not [name for name in named if f"def {name}(" not in tests]
