"""Where the noise of a score lies follows from what was committed before the request, and from the request (PROTOCOL
4.6)."""

import random

import pytest
from scipy.stats import chisquare

from blindfair.protocol.errors import ShapeMismatch
from blindfair.protocol.noise import COMMITTED_BITS, noise_draw, noise_middle
from blindfair.protocol.quantities import Digest, Salt
from protocol.vector_files import Case, each, outcome

SALT, OTHER, REQUEST = Salt(b"s" * 16), Salt(b"t" * 16), Digest(b"r" * 32)


@each("rows/noise.json")
def test_draws_and_middles_are_those_of_the_vectors(case: Case) -> None:
    salts = [Salt(bytes.fromhex(salt)) for salt in case["salts"]]
    request = Digest(bytes.fromhex(case["request"]))
    draw = outcome(case, lambda: noise_draw(salts, request, case["unit"], case["query"]))
    if draw is not None:
        assert draw == case["draw"]
        for name, middle in case["middle"].items():
            width, first = map(int, name.split(", "))
            assert str(noise_middle(draw, width, first)) == middle


@pytest.mark.parametrize(
    ("draw", "width", "committed"), [(16, 117, 4), (-1, 117, 4), (0, 4, 4), (0, 117, 5), (0, 117, -1)]
)
def test_what_no_noise_has_is_refused(draw: int, width: int, committed: int) -> None:
    with pytest.raises(ShapeMismatch):
        noise_middle(draw, width, committed)


@pytest.mark.parametrize("committed", range(COMMITTED_BITS + 1))
def test_the_parts_cover_the_range_and_their_middles_are_in_them(committed: int) -> None:
    width = 10
    middles = sorted({noise_middle(draw, width, committed) for draw in range(16)})
    size = 2 ** (width - committed)
    assert middles == list(range(-(2 ** (width - 1)) + size // 2, 2 ** (width - 1), size))


def test_a_change_of_anything_gives_another_draw() -> None:
    """Sixteen draws in a row agree by chance once in 2^64: so no score's draws are another's."""

    def draws(salts: list[Salt], request: Digest, unit: int) -> tuple[int, ...]:
        return tuple(noise_draw(salts, request, unit, query) for query in range(16))

    found = {
        draws(salts, request, unit)
        for salts in ([SALT], [OTHER], [SALT, SALT], [SALT, OTHER])
        for request in (REQUEST, Digest(bytes(32)))
        for unit in (0, 1, 2**32)
    }
    assert len(found) == 4 * 2 * 3
    assert all(len(set(each)) > 4 for each in found), "nor are the queries' draws alike"


def test_draws_are_uniform_over_records() -> None:
    salts = random.Random(1)
    found = [noise_draw([Salt(salts.randbytes(16))], REQUEST, 0, 0) for _ in range(4000)]
    assert chisquare([found.count(part) for part in range(16)]).pvalue > 1e-6
