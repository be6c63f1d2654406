"""The noise of a score follows from what was committed before the request, and from the request (PROTOCOL 4.6)."""

import random

import pytest
from scipy.stats import kstest

from blindfair.protocol.errors import ShapeMismatch
from blindfair.protocol.noise import noise_draw, noise_of
from blindfair.protocol.quantities import Digest, Salt
from protocol.vector_files import Case, each, outcome

SALT, OTHER, REQUEST = Salt(b"s" * 16), Salt(b"t" * 16), Digest(b"r" * 32)


@each("rows/noise.json")
def test_draws_and_noise_are_those_of_the_vectors(case: Case) -> None:
    salts = [Salt(bytes.fromhex(salt)) for salt in case["salts"]]
    request = Digest(bytes.fromhex(case["request"]))
    draw = outcome(case, lambda: noise_draw(salts, request, case["unit"], case["query"]))
    if draw is not None:
        assert f"{draw:032x}" == case["draw"]
        assert {width: str(noise_of(draw, int(width))) for width in case["noise"]} == case["noise"]


@pytest.mark.parametrize("width", [0, -1, 129])
def test_a_width_that_a_draw_does_not_have_is_refused(width: int) -> None:
    with pytest.raises(ShapeMismatch):
        noise_of(1, width)


def test_a_change_of_anything_gives_other_noise() -> None:
    """So no two scores share noise: where two did, their difference would tell of the rows without any."""
    draws = {
        noise_draw(salts, request, unit, query)
        for salts in ([SALT], [OTHER], [SALT, SALT], [SALT, OTHER])
        for request in (REQUEST, Digest(bytes(32)))
        for unit in (0, 1, 2**32)
        for query in range(3)
    }
    assert len(draws) == 4 * 2 * 3 * 3


@pytest.mark.parametrize("width", [3, 117])
def test_noise_is_uniform_over_records(width: int) -> None:
    half = 2 ** (width - 1)
    salts = random.Random(1)
    found = [noise_of(noise_draw([Salt(salts.randbytes(16))], REQUEST, 0, 0), width) for _ in range(5000)]
    assert -half <= min(found) < -0.99 * half or width == 3
    assert max(found) < half
    spread = [(value + salts.random()) / half for value in found]
    assert kstest(spread, "uniform", args=(-1, 2)).pvalue > 1e-6
