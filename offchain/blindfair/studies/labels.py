"""Whether buying by score is worth anything where the label has more than two classes, or is a number or a count.

For each seed a table is divided as the demo divides it, a share of the offered labels is replaced by wrong ones, scores
of the default bits are seen through noise, and a part of the offer is bought: by trust, at random, or at random of the
right ones, which nobody could know. The judge is a test set of neither party. Not here: two classes (`bins`, `cells`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.images.images import read_images
from blindfair.influence.label import LabelKind
from blindfair.pricing.functions import UniformPricing
from blindfair.pricing.learners import CnnLearner, Learner, LogisticLearner
from blindfair.pricing.quality import quality_of
from blindfair.pricing.ranks import auc
from blindfair.pricing.scenario import TEST_SHARE, TRAIN_SHARE, VALIDATION_SHARE
from blindfair.pricing.selection import Method, select
from blindfair.pricing.spoilt_labels import spoilt_labels
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.utility import PLAIN_MODULUS, mean_and_margin, retrained_quality
from blindfair.pricing.valuation import prepare_valuation
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.quantities import Wei
from blindfair.protocol.records import Row
from blindfair.studies import label_forecasts
from blindfair.studies.datasets import installed
from blindfair.studies.label_forecasts import forecast_sellers, section, summarise

WRONG_SHARE = 0.3
BOUGHT_SHARE = 0.3
SEEDS, QUICK_SEEDS = 20, 3
MOST = 2000
"""Records of a data set that are taken, of a larger one at random."""

_DRAWS = 5
"""Purchases of each kind that a seed averages over."""


@dataclass(frozen=True, slots=True)
class LabelledData:
    """Records with the label last, what scores them, and the buyer's own model, by which a purchase is judged."""

    kind: LabelKind
    what: str
    rows: Sequence[Row]
    learner: Learner = field(default_factory=LogisticLearner)
    judge: Learner = field(default_factory=LogisticLearner)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names by place."""
        return (*(f"x{place}" for place in range(len(self.rows[0]) - 1)), "y")

    def schema(self, rows: Sequence[Row]) -> FeatureSchema:
        """The preprocessing that a seller of these rows publishes."""
        return FeatureSchema.infer(rows, self.columns, "y", label_kind=self.kind)


@dataclass(frozen=True, slots=True)
class LabelOutcome:
    """One seed: qualities on the test set, how well trust tells right labels (AUC), and shares of wrong labels."""

    before: float
    by_score: float
    at_random: float
    right_only: float
    telling: float
    wrong_bought: float
    wrong_estimated: float


def _wine() -> LabelledData:
    return LabelledData(LabelKind.CLASSES, "3 kinds of wine", _rows(load_wine(), int))


def _digits() -> LabelledData:
    return LabelledData(LabelKind.CLASSES, "10 digits", _rows(load_digits(), int))


def _diabetes() -> LabelledData:
    return LabelledData(LabelKind.NUMBER, "progress of a disease", _rows(load_diabetes(), float))


def _nuclei() -> LabelledData:
    """The ten mean measurements of cell nuclei tell the largest radius well."""
    data = load_breast_cancer()
    rows = _records(data.data[:, :10], data.data[:, list(data.feature_names).index("worst radius")], float)
    return LabelledData(LabelKind.NUMBER, "largest radius of nuclei", rows)


def _visits() -> LabelledData:
    """The RAND health insurance experiment (Deb and Trivedi 2002): visits to a doctor in a year."""
    numbers = np.loadtxt(installed("statsmodels", "datasets/randhie/randhie.csv"), delimiter=",", skiprows=1)
    chosen = numbers[np.random.default_rng(0).permutation(len(numbers))[:MOST]]
    return LabelledData(LabelKind.COUNT, "visits to a doctor", _records(chosen[:, 1:], chosen[:, 0], int))


def _images() -> LabelledData:
    """The same digits as a seller of images lists them."""
    data = load_digits()
    rows = read_images((data.images.astype("u1"), data.target)).rows
    # The network that scores is fitted for few steps, and gains nothing by more records; nobody would use it.
    judge = CnnLearner(channels=(8, 16), steps=200, l2=1.0)
    return LabelledData(LabelKind.CLASSES, "10 digits by a CNN", rows, CnnLearner(), judge)


TABLES: Mapping[str, Callable[[], LabelledData]] = {
    "wine": _wine, "digits": _digits, "diabetes": _diabetes, "nuclei": _nuclei, "visits": _visits
}  # fmt: skip

DATA: Mapping[str, Callable[[], LabelledData]] = {**TABLES, "images": _images}


def _rows(data: Any, kind: type[int] | type[float]) -> list[Row]:
    return _records(data.data, data.target, kind)


def _records(X: Floats, y: NDArray[np.generic], kind: type[int] | type[float]) -> list[Row]:
    return [(*map(float, cells), kind(label)) for cells, label in zip(X, y.tolist(), strict=True)]


def run(data: LabelledData, seed: int) -> LabelOutcome:
    """One seed of one data set."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data.rows))
    ends = np.cumsum([round(share * len(order)) for share in (TRAIN_SHARE, VALIDATION_SHARE, TEST_SHARE)])
    train, validation, test, honest = ([data.rows[place] for place in part] for part in np.split(order, ends))
    offer, wrong = _spoilt(honest, data, rng)
    schema = data.schema(offer)
    made = prepare_valuation(train, validation, schema, plain_modulus=PLAIN_MODULUS, rng=rng, learner=data.learner)
    trust = calibrated_trust(made.read(made.seen_scores(offer, rng)), made.right, made.wrong)
    judge, quality = data.judge.for_label(schema), quality_of(schema)
    own, offered, tests = (judge.encode(schema, rows) for rows in ([*train, *validation], offer, test))
    count = round(BOUGHT_SHARE * len(offer))
    everything, right = np.arange(len(offer)), np.flatnonzero(~wrong)

    def after(bought: Integers) -> float:
        return retrained_quality(own, (offered[0][bought], offered[1][bought]), tests, quality, judge)

    purchases = [_bought(everything, trust.weights, count, rng) for _ in range(_DRAWS)]
    sizes = [min(len(bought), len(right)) for bought in purchases]
    return LabelOutcome(
        before=after(everything[:0]),
        by_score=_mean(after(bought) for bought in purchases),
        at_random=_mean(after(rng.choice(everything, size, replace=False)) for size in sizes),
        right_only=_mean(after(rng.choice(right, size, replace=False)) for size in sizes),
        telling=auc(~wrong, trust.clean),
        wrong_bought=_mean(wrong[bought].mean() for bought in purchases),
        wrong_estimated=trust.bad_share,
    )


def _spoilt(rows: Sequence[Row], data: LabelledData, rng: np.random.Generator) -> tuple[list[Row], NDArray[np.bool_]]:
    """The offer with wrong labels, and which these are."""
    labels, wrong = spoilt_labels([row[-1] for row in rows], data.kind, WRONG_SHARE, rng)
    return [(*row[:-1], label) for row, label in zip(rows, labels, strict=True)], wrong


def _bought(records: Integers, weights: Floats, count: int, rng: np.random.Generator) -> Integers:
    pricing = UniformPricing(Wei(1), Wei(0))
    return np.array(select(Method.TRUST, records, weights, pricing, Wei(count), rng).records, dtype=np.int64)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def write_labels(folder: Path, *, quick: bool = False) -> Document:
    """Measure, and write `labels.md` to a folder. The result as a document."""
    seeds = QUICK_SEEDS if quick else SEEDS
    results: dict[str, JsonValue] = {}
    lines = []
    for name, load in DATA.items():
        data = load()
        quality = quality_of(data.schema(data.rows)).name
        outcomes = [run(data, seed) for seed in range(seeds)]
        columns = {field: np.array([getattr(one, field) for one in outcomes]) for field in LabelOutcome.__slots__}
        gain, margin = mean_and_margin(columns["by_score"] - columns["at_random"])
        limit, limit_margin = mean_and_margin(columns["right_only"] - columns["at_random"])
        means = {field: float(values.mean()) for field, values in columns.items()}
        results[name] = {**means, "gain": float(gain), "margin": float(margin), "records": len(data.rows)}
        lines.append(
            f"| {name}, {data.what} | {quality} | {means['before']:.3f} | {means['at_random']:.3f} | "
            f"{means['by_score']:.3f} | {gain:+.3f} ± {margin:.3f} | {limit:+.3f} ± {limit_margin:.3f} | "
            f"{means['telling']:.2f} | {means['wrong_bought']:.2f} | {means['wrong_estimated']:.2f} |"
        )
    repetitions = label_forecasts.QUICK_SEEDS if quick else label_forecasts.SEEDS
    sellers = [
        one
        for name, load in TABLES.items()
        for data in [load()]
        for seed in range(repetitions)
        for one in forecast_sellers(name, data, seed)
    ]
    forecasts = summarise(sellers)
    told = section({name: load().what for name, load in TABLES.items()}, forecasts, repetitions)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.md").write_text(f"{_page(lines, seeds)}\n{told}", encoding="utf-8")
    return {"seeds": seeds, "data": results, "forecasts": forecasts}


def _page(lines: Sequence[str], seeds: int) -> str:
    return f"""# Labels of every kind

This page is for readers who want to know what scores are worth where a label is not of two classes.
`scripts/study labels --report DIR` made it; nothing here is written by hand.

A table is divided as the demo divides it: 5 % trains the buyer's model, 10 % validates it, 30 % tests, the rest is
offered.
{WRONG_SHARE:.0%} of the offered labels are wrong: another class, or the number of another record.
The buyer asks for 3 bits of a score and buys {BOUGHT_SHARE:.0%} of the offer.
Its model is the linear one of the label, and of images a small convolutional network (CNN).
The CNN that is judged is twice as wide as the one that scores, and trained four times as long.
Figures are means of {seeds} seeds, ± half of a 95 % interval over seeds.

- *Quality*: on the test set.
  R2 and D2 are the parts of a constant's squared error, or Poisson deviance, that the model takes off.
- *Random*: as many records at random.
- *Limit*: gain over random of as many records at random of those with right labels, which nobody knows.
- *Tells*: AUC of trust in right labels against wrong ones; 0.5 is guessing.
- *Wrong*: the share of wrong labels among the bought records, and the estimate for the whole offer.

| data | quality | before | random | by score | gain over random | limit | tells | wrong bought | wrong estimated |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(lines)}
"""
