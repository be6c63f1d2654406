"""Trust in texts by domain: a share that the offer does not contradict, and no reward for scoring too well."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.pricing.domain_trust import domain_trust
from blindfair.protocol.errors import OfferTooSmall

RNG = np.random.default_rng


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.6, 1.0])
def test_the_share_of_like_texts_is_found(share: float) -> None:
    found = []
    for seed in range(20):
        rng = RNG(seed)
        like = rng.random(1000) < share
        offered = np.where(like, rng.normal(1.5, 1, 1000), rng.normal(-1.5, 1, 1000))
        found.append(domain_trust(offered, rng.normal(1.5, 1, 300)).share)
    assert abs(np.mean(found) - share) < 0.12


def test_what_scores_too_well_is_not_believed_more() -> None:
    """A template that pleases the query better than any own text crowds the last bin, and is trusted less for it."""
    rng = RNG(1)
    own = rng.normal(0, 1, 400)
    like, template = rng.normal(0, 1, 300), np.full(600, own.max() + 5)
    found = domain_trust(np.concatenate([like, template]), own)
    assert found.alike[300:].max() < 0.2
    assert found.alike[:300].mean() > 0.6


@given(st.integers(0, 2**32 - 1), st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_the_unit_of_scores_does_not_matter(seed: int, shift: float, unit: float) -> None:
    rng = RNG(seed)
    offered, own = rng.normal(size=80), rng.normal(size=60)
    one, other = domain_trust(offered, own), domain_trust(shift + unit * offered, shift + unit * own)
    assert np.allclose(one.alike, other.alike) and 0 <= one.share <= 1
    assert ((one.alike >= 0) & (one.alike <= 1)).all()


def test_equal_scores_are_no_error() -> None:
    assert domain_trust(np.ones(50), np.ones(50)).share == 1.0


def test_too_little_to_judge_by_is_refused() -> None:
    with pytest.raises(OfferTooSmall):
        domain_trust(np.zeros(0), np.zeros(50))
    with pytest.raises(OfferTooSmall):
        domain_trust(np.zeros(5), np.zeros(39))
