"""The draw is settled by both parties, even, and catches as often as is claimed (PROTOCOL 4, 5.2, 5.5)."""

import math
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol import draw as draw_module
from blindfair.protocol.draw import (
    catch_probability,
    commit_buyer_randomness,
    commit_seller_randomness,
    draw,
    pass_probability,
    rows_to_audit,
)
from blindfair.protocol.errors import InvalidOption, ShapeMismatch
from blindfair.protocol.evaluation import evaluation_digest
from blindfair.protocol.hashing import u64
from blindfair.protocol.projection import sign_bits
from blindfair.protocol.quantities import Digest, RecordIndex
from protocol.vector_files import Case, each, outcome

EVALUATION = Digest(bytes(32))
shares = st.floats(0, 1)


def records(numbers: list[int]) -> list[RecordIndex]:
    return [RecordIndex(number) for number in numbers]


@each("draw/draw.json")
def test_draws_are_those_of_the_protocol(case: Case) -> None:
    buyer, seller = bytes.fromhex(case["buyer"]), bytes.fromhex(case["seller"])
    evaluation = evaluation_digest(Digest(bytes.fromhex(case["request"])), Digest(bytes.fromhex(case["reply"])))
    assert evaluation.hex() == case["evaluation"]
    assert commit_buyer_randomness(buyer).hex() == case["buyer_commitment"]
    assert commit_seller_randomness(seller).hex() == case["seller_commitment"]
    drawn = outcome(case, lambda: draw(buyer, seller, evaluation, records(case["selection"]), case["t"]))
    if drawn is not None:
        assert list(drawn) == case["drawn"]


@given(st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=40).map(sorted), st.integers(0, 50), st.binary())
def test_distinct_members_of_the_selection_are_drawn(selection: list[int], t: int, randomness: bytes) -> None:
    drawn = draw(randomness, bytes(32), EVALUATION, records(selection), t)
    assert len(drawn) == min(t, len(selection))
    assert sorted(set(drawn) & set(selection)) == list(drawn)


def test_every_party_and_every_choice_moves_the_draw() -> None:
    base = (bytes(32), bytes(32), EVALUATION, records(list(range(1000))), 20)
    draws = [
        draw(*base),
        draw(b"\x01" * 32, *base[1:]),
        draw(base[0], b"\x01" * 32, *base[2:]),
        draw(*base[:2], Digest(b"\x01" * 32), *base[3:]),
        draw(*base[:3], records(list(range(1001))), 20),
    ]
    assert len(set(draws)) == 5


def test_all_subsets_are_drawn_about_as_often() -> None:
    # 3,000 draws of 2 out of 5: 300 a pair, standard deviation 16; six of them is never left by chance.
    counts = dict.fromkeys(combinations(range(5), 2), 0)
    for i in range(3000):
        one, two = draw(u64(i), bytes(32), EVALUATION, records([0, 1, 2, 3, 4]), 2)
        counts[one, two] += 1
    assert all(200 < count < 400 for count in counts.values())


def test_words_that_would_favour_some_places_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    # With words of 2 bits and 3 places, the word 3 has no place of its own: it must not count as place 0.
    monkeypatch.setattr(draw_module, "_WORD", 4)
    monkeypatch.setattr(draw_module, "_words", lambda seed: iter([3, 3, 2]))
    assert draw(b"", b"", EVALUATION, records([0, 1, 2]), 1) == (2,)


@given(shares, st.integers(0, 300), st.integers(1, 300))
def test_chances_are_those_of_drawing_without_replacement(f: float, t: int, n: int) -> None:
    faked = math.ceil(round(f * n, 9))
    ways = Fraction(math.comb(n - faked, min(t, n)), math.comb(n, min(t, n)))
    assert pass_probability(f, t, n) == pytest.approx(float(ways), abs=1e-12)
    assert catch_probability(f, t, n) == 1 - pass_probability(f, t, n)
    assert pass_probability(f, t, n) <= (1 - f) ** min(t, n) + 1e-9


def test_chances_counted_by_hand() -> None:
    assert pass_probability(0, 59, 100) == 1
    assert pass_probability(1, 1, 100) == 0
    assert pass_probability(0.5, 1, 2) == 0.5
    assert pass_probability(0.5, 2, 2) == 0
    assert pass_probability(0.07, 1, 100) == pytest.approx(0.93)
    assert pass_probability(0.001, 10, 100) == pytest.approx(0.9)
    assert pass_probability(0.3, 0, 10) == 1


def test_a_cheat_is_caught_as_often_as_is_claimed() -> None:
    # 400 draws of 20 out of 100, of which 10 are fakes: caught in 90.5 % by the formula.
    caught = sum(
        any(record < 10 for record in draw(u64(i), bytes(32), EVALUATION, records(list(range(100))), 20))
        for i in range(400)
    )
    assert caught / 400 == pytest.approx(catch_probability(0.1, 20, 100), abs=0.06)


@pytest.mark.parametrize(
    ("confidence", "share", "rows"),
    [(0.95, 0.05, 59), (0.99, 0.05, 90), (0.95, 0.01, 299), (0.5, 0.5, 1), (0.75, 0.5, 2)],
)
def test_rows_to_audit(confidence: float, share: float, rows: int) -> None:
    assert rows_to_audit(confidence, share) == rows


@given(st.floats(0.01, 0.999), st.floats(0.001, 0.99))
def test_as_many_rows_as_needed_and_no_more(confidence: float, share: float) -> None:
    rows = rows_to_audit(confidence, share)
    assert (1 - share) ** rows <= 1 - confidence + 1e-9
    assert (1 - share) ** (rows - 1) > 1 - confidence - 1e-9


@pytest.mark.parametrize(("f", "t", "n"), [(-0.1, 1, 1), (1.1, 1, 1), (0.5, -1, 1), (0.5, 1, 0), (math.nan, 1, 1)])
def test_chances_of_nonsense_are_refused(f: float, t: int, n: int) -> None:
    with pytest.raises(InvalidOption):
        pass_probability(f, t, n)


@pytest.mark.parametrize(("confidence", "share"), [(0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1), (math.nan, 0.5), (2, 0.5)])
def test_an_audit_of_nonsense_is_refused(confidence: float, share: float) -> None:
    with pytest.raises(InvalidOption):
        rows_to_audit(confidence, share)


@each("draw/signs.json")
def test_signs_of_a_projection_are_the_cipher_stream(case: Case) -> None:
    bits = outcome(case, lambda: sign_bits(bytes.fromhex(case["seed"]), case["count"]))
    if bits is not None:
        assert len(bits) == (case["count"] + 7) // 8
        signs = "".join("+" if bits[i // 8] >> i % 8 & 1 else "-" for i in range(case["count"]))
        assert signs == case["signs"]


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2000), st.integers(0, 2000))
def test_fewer_signs_are_the_first_of_more(seed: bytes, fewer: int, more: int) -> None:
    fewer, more = sorted((fewer, more))
    assert sign_bits(seed, more).startswith(sign_bits(seed, fewer))


def test_no_signs_need_no_bytes() -> None:
    assert sign_bits(bytes(32), 0) == b""
    with pytest.raises(ShapeMismatch):
        sign_bits(b"", 0)
