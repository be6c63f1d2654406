"""`buyer evaluate --score-bits`: what a buyer asks for by name, and what no query has."""

from dataclasses import replace

import pytest
from test_disclosure_option import PURCHASE

from blindfair.api.defaults import BITS, SCORE_BITS
from blindfair.pricing.valuation import DEFAULT_BITS
from blindfair.protocol.errors import InvalidOption


def test_the_default_is_what_the_valuation_asks_for_and_what_a_listing_tells() -> None:
    assert replace(PURCHASE, score_bits=SCORE_BITS).bits == DEFAULT_BITS
    assert sum(DEFAULT_BITS) == BITS


@pytest.mark.parametrize(("asked", "bits"), [(1, (1, 1)), (4, (4, 1)), (31, (31, 1)), (32, (32, 32))])
def test_the_class_takes_a_bit_and_exact_scores_an_exact_one(asked: int, bits: tuple[int, int]) -> None:
    assert replace(PURCHASE, score_bits=asked).bits == bits


@pytest.mark.parametrize("asked", [0, -1, 33])
def test_bits_that_no_query_has_are_refused(asked: int) -> None:
    with pytest.raises(InvalidOption, match="`score_bits`"):
        replace(PURCHASE, score_bits=asked).check()
