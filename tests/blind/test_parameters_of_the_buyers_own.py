"""Parameter sets that miss a margin, as if a request could bring its own: what they would give away. Here such a set
neither exists nor is one known by name. docs/explanation/privacy.md has the table."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from drawn import uniform_within
from hostile_buyer import HostileBuyer
from test_hostile_queries import Q, bits_from_positional_phases, random_rows, stated_bits

from blindfair.blind import flooding, parameters
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT, ParameterSet
from blindfair.protocol.errors import UnknownParameters

COORDINATES = 4
ROW_BITS = 12 * COORDINATES

WIDE = 2**38 - 2**24 - 1
"""A plain modulus with space for scores of weights 1, 2^13 and 2^26; 36 bits of flooding are left."""


def still_exact(each: ParameterSet) -> int:
    """The most noise that leaves every score of a set exact."""
    return each.ciphertext_modulus // (2 * each.plain_modulus) - each.worst_noise - each.rounding - 1


def let_exist(
    monkeypatch: pytest.MonkeyPatch, bound: Callable[[ParameterSet], int] | None = None, **change: int
) -> ParameterSet:
    """A set that misses a margin, which the seller takes all the same."""
    with monkeypatch.context() as unchecked:
        unchecked.setattr(ParameterSet, "_require", lambda *_: None)
        hostile = replace(DEFAULT, name="hostile", **change)  # type: ignore[arg-type]
    monkeypatch.setattr(parameters, "PARAMETER_SETS", {**parameters.PARAMETER_SETS, hostile.name: hostile})
    if bound is not None:
        size = bound(hostile)
        monkeypatch.setattr(
            flooding, "symmetric_residues", lambda primes, _, draws: uniform_within(primes, size, draws)
        )
    return hostile


@pytest.mark.parametrize(
    ("change", "bound", "bits"),
    [
        ({"plain_modulus": WIDE}, still_exact, 38.0),
        ({"plain_modulus": WIDE}, None, 32.0),
        ({"plain_modulus": 2**16 + 1}, lambda each: each.worst_noise << 40, 34.08),
        ({}, lambda each: each.worst_noise, ROW_BITS),
    ],
    ids=[
        "t of 38 bits, exact",
        "t of 38 bits and noise of 32 bits",
        "t of 16 bits and no more noise than hides E",
        "no more noise than E",
    ],
)
def test_a_set_that_misses_a_margin_gives_more_than_the_bound(
    change: dict[str, int], bound: Callable[[ParameterSet], int] | None, bits: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = stated_bits()
    assert bits_from_positional_phases(HostileBuyer(), COORDINATES) <= stated + 0.01
    hostile = let_exist(monkeypatch, bound, **change)
    found = bits_from_positional_phases(HostileBuyer(hostile), COORDINATES)
    assert found == pytest.approx(bits, abs=0.1)
    assert found > stated + 1 or bound is None, "t alone takes no noise away: the width follows from the bits"


def test_a_set_that_misses_a_margin_is_refused_by_name_and_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownParameters, match="plain modulus"):
        replace(DEFAULT, name="hostile", plain_modulus=WIDE)
    with monkeypatch.context() as patched:
        asked = HostileBuyer(let_exist(patched, plain_modulus=WIDE)).query([{0: 1}]).to_bytes()
    with pytest.raises(UnknownParameters, match="no such parameter set"):
        evaluate(encode_rows(DEFAULT, np.ones((1, 1), dtype=np.int16)), asked)


def entries_of_a_weighted_sum(asked_under: ParameterSet) -> int:
    """Weights 1, 2^13, 2^26 in one query: entries that come out of a score, right for more than half of the records."""
    rows, plain, small = random_rows(2000, 3), asked_under.plain_modulus, asked_under.reply_modulus
    buyer = HostileBuyer(asked_under)
    query = buyer.query([{0: 2 ** (13 * j) * Q // plain} for j in range(3)])
    phase = buyer.phase(evaluate(encode_rows(asked_under, rows), query.to_bytes()), len(rows))[0][: len(rows)]
    left = np.array([(int(each) * plain + small // 2) // small for each in phase])
    right = 0
    for column in rows.T:
        entry = (left + 2**12) % 2**13 - 2**12
        right += int((entry == column).mean() > 0.5)
        left = (left - entry) // 2**13
    return right


def test_large_weights_read_a_row_where_the_plain_modulus_has_space_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert entries_of_a_weighted_sum(DEFAULT) == 0
    assert entries_of_a_weighted_sum(let_exist(monkeypatch, still_exact, plain_modulus=WIDE)) == 3, "36 bits"
