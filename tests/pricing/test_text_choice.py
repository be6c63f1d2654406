"""Which texts with labels are wanted: those with the highest scores, however few trusted texts there are."""

from pathlib import Path

import numpy as np
import pytest

from blindfair.pricing.texts.choice import share_interval, text_trust, trust_by

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


def test_named_near_duplicates_are_not_wanted_and_change_nothing_of_the_others(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    import tiny_bases
    from text_models import random_projection

    from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
    from blindfair.influence.text import BaseModel, Difference, TextModel, TextScoring
    from blindfair.influence.text.scoring import windows_of
    from blindfair.pricing.texts.directions import Direction
    from blindfair.pricing.texts.valuation import TextValuation
    from blindfair.protocol.quantities import RecordIndex

    base = BaseModel.load(tiny_bases.write(tiny_bases.build("gpt2"), tmp_path))
    trusted, damaged = RNG.normal(1, 0.3, (2, 80)), RNG.normal(-1, 0.3, (2, 80))

    def valuation(*named: int) -> TextValuation:
        read = TextPreprocessing("text", None, (), 16, 1, (base.digest,), tuple(map(RecordIndex, named)))
        model = TextModel(base, Difference(), windows_of(read, base))
        scoring, projection = TextScoring(model, read, ("text",), normalised=True), random_projection(model)
        none = np.zeros((2, projection.k), dtype=np.int64)
        asked = Direction((), 0, 0.0, 0.0)
        return TextValuation(scoring, projection, none, (4, 2), (), 2**33, trusted, damaged, asked, 0.0, ())

    prose, forms = RNG.normal(1, 0.3, (2, 60)), np.full((2, 40), 1.1)
    everything = np.hstack([prose, forms])
    alone = text_trust(prose, valuation())
    found = text_trust(everything, valuation(*range(60, 100)))
    assert (
        not found.weights[60:].any()
        and not found.good[60:].any()
        and text_trust(everything, valuation()).good[60:].all()
    )
    np.testing.assert_array_equal(found.weights[:60], alone.weights)
    assert alone.weights.any() and found.share == pytest.approx(0.6 * alone.share)
    low, high = share_interval(everything, valuation(*range(60, 100)), np.random.default_rng(0), resamples=20)
    assert low <= found.share <= high <= 0.6
