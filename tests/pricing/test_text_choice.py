"""Which texts with labels are wanted: those with the highest scores, however few trusted texts there are."""

import numpy as np

from blindfair.pricing.texts.choice import trust_by

RNG = np.random.default_rng(5)


def test_a_higher_score_never_makes_a_label_less_likely_right() -> None:
    for count in (40, 60, 200):
        trusted, damaged = RNG.normal(0.2, 0.3, (1, count)), RNG.normal(-0.2, 0.3, (1, count))
        right, wrong = RNG.normal(0.3, 0.4, 90), RNG.normal(-0.3, 0.4, 40)
        offer = np.concatenate([right, wrong])[np.newaxis]
        found = trust_by(offer, trusted, damaged, labelled=True)
        order = np.argsort(offer[0])
        assert (np.diff(found.good[order]) >= -1e-12).all() and (np.diff(found.weights[order]) >= -1e-12).all()
        bought = order[::-1][:60]
        assert found.weights[bought].all() and (bought < 90).mean() > 0.85
        assert 0.4 < found.share < 0.95


def test_without_labels_a_score_far_beyond_all_trusted_ones_earns_no_more_trust() -> None:
    trusted, damaged = RNG.normal(1, 0.3, (1, 200)), RNG.normal(-1, 0.3, (1, 200))
    offer = np.concatenate([RNG.normal(1, 0.3, 100), np.full(200, 5.0)])[np.newaxis]
    found = trust_by(offer, trusted, damaged)
    assert found.good[100:].max() < found.good[:100].max()
