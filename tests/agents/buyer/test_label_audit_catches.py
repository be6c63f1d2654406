"""The audit of texts with labels: a seller is caught that scores under other labels, and never an honest one.

The model is of the BERT type with a head, which is sure of one of its classes: rows of that class are the smallest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from audits import audit
from scipy.stats import binom
from text_models import CLASSES, head
from texts import OFFERED, HandTextValuer, OtherRowsSeller, offered, preprocessing, rounded, text_goods, text_parties
from trade import AUDITED, Parties

from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.influence.arrays import Floats
from blindfair.influence.corpus.corpus import Corpus
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.influence.text import BaseModel, Difference, TextModel, TextScoring
from blindfair.influence.text.scoring import unit_rows, windows_of
from blindfair.protocol.audit import pass_probability
from blindfair.protocol.errors import RowsDisagree, ScoresDisagree

COLUMNS = ("text", "kind")
LABELS = [number % CLASSES for number in range(OFFERED)]
AUDITS, SIZE, FAKED = 8, 36, 4

WORTHLESS = tuple(number for number, text in enumerate(offered()) if 20 < len(text.split()) < 60)[::3]
"""Texts of more than one window, so that each cheat changes what is scored."""

HONEST = [number for number in range(OFFERED) if number not in WORTHLESS]


def read_as(base: BaseModel) -> TextPreprocessing:
    return replace(preprocessing(base), label="kind", classes=tuple(f"kind {code}" for code in range(CLASSES)))


def sure_head() -> Difference:
    tensors = dict(head().tensors)
    tensors["classifier.bias"] = tensors["classifier.bias"] + np.array([20, 0, 0], dtype=np.float32)
    return Difference(tensors)


@dataclass(frozen=True)
class LabelledValuer(HandTextValuer):
    """Asks at a classifier of the label."""

    def asked(self, columns: object = COLUMNS) -> TextScoring:
        read = read_as(self.base)
        model = TextModel(self.base, sure_head(), windows_of(read, self.base), CLASSES)
        return TextScoring(model, read, COLUMNS, normalised=True)


def goods(base: BaseModel) -> ListingSpec:
    rows = tuple((text, f"kind {label}") for text, label in zip(offered(), LABELS, strict=True))
    made = Corpus(COLUMNS, rows, "text", "kind")
    return replace(
        text_goods(base),
        encoding=made.encoding,
        schema=made.schema(),
        preprocessing=read_as(base).to_document(),
        records=made.encoded(1024),
    )


Claims = Callable[[TextModel, BaseModel], Floats]
"""The rows that a seller claims, of all offered texts."""


def under_another_label(model: TextModel, base: BaseModel) -> Floats:
    return model.rows(offered(), [(label + 1) % CLASSES for label in LABELS], LabelledValuer(base).projection())


def first_window_alone(model: TextModel, base: BaseModel) -> Floats:
    windows = replace(model.windows, max_windows=1)
    return replace(model, windows=windows).rows(offered(), LABELS, LabelledValuer(base).projection())


def under_another_head(model: TextModel, base: BaseModel) -> Floats:
    return replace(model, difference=head(seed=3)).rows(offered(), LABELS, LabelledValuer(base).projection())


def honest_in_its_own_way(model: TextModel, base: BaseModel) -> Floats:
    return replace(model, attention="eager").rows(offered(), LABELS, LabelledValuer(base).projection(), tokens=40)


@pytest.fixture
def replied(request: pytest.FixtureRequest, bases: dict[str, BaseModel], tmp_path: Path) -> Iterator[Parties]:
    """Both parties after the reply of a seller that claims some rows, or all of them where it is honest."""
    base, claims = bases["bert"], request.param
    valuer = LabelledValuer(base)
    claimed = rounded(unit_rows(claims(valuer.asked().model, base)))
    parties = text_parties(tmp_path / "world", base, seller_type=OtherRowsSeller, goods=goods(base), valuer=valuer)
    assert isinstance(parties.seller, OtherRowsSeller)
    parties.seller.worthless = tuple(range(OFFERED)) if claims is honest_in_its_own_way else WORTHLESS
    parties.seller.made = lambda _: claimed
    parties.run(lambda: "selection" in parties.buyer.sizes())
    yield parties
    parties.close()
    parties.world.close()


CHEATS = [
    under_another_label,
    pytest.param(first_window_alone, marks=pytest.mark.deep),
    pytest.param(under_another_head, marks=pytest.mark.deep),
]


@pytest.mark.parametrize("replied", CHEATS, indirect=True)
def test_a_cheat_about_labelled_texts_is_caught_as_often_as_the_protocol_says(replied: Parties) -> None:
    evaluated = replied.buyer.review()
    rng = np.random.default_rng(5)
    caught = 0
    for seed in range(AUDITS):
        faked = rng.choice(WORTHLESS, FAKED, replace=False)
        records = [*map(int, faked), *map(int, rng.choice(HONEST, SIZE - FAKED, replace=False))]
        try:
            assert not {*WORTHLESS} & {*audit(replied, evaluated, records, seed)}
        except (RowsDisagree, ScoresDisagree):
            caught += 1
    low, high = binom.interval(0.999, AUDITS, 1 - pass_probability(FAKED / SIZE, AUDITED, SIZE))
    assert low <= caught <= high


@pytest.mark.deep
@pytest.mark.parametrize("replied", [honest_in_its_own_way], indirect=True)
def test_an_honest_seller_of_labelled_texts_passes_at_a_sure_head(replied: Parties) -> None:
    """Its rows are other bits than the buyer's."""
    evaluated = replied.buyer.review()
    base = next(iter(replied.world.bases.values()))  # type: ignore[attr-defined]
    model = LabelledValuer(base).asked().model
    projection = LabelledValuer(base).projection()
    assert not np.array_equal(model.rows(offered(), LABELS, projection), honest_in_its_own_way(model, base))
    assert model.losses(offered(), LABELS)[::CLASSES].max() < 1e-4
    assert audit(replied, evaluated, list(range(OFFERED)), 0)
    rng = np.random.default_rng(6)
    for seed in range(5):
        assert len(audit(replied, evaluated, list(map(int, rng.choice(OFFERED, SIZE, replace=False))), seed)) == AUDITED
