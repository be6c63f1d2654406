"""Forecasts of a seller's worth where the label has more than two classes, or is a number or a count.

Each table has one buyer and some sellers, divided anew by each seed. A seller has its own size, case mix, share of
wrong labels and missing columns; its worth is what all of its records take off the loss on a test set. Not here: the
tables themselves (`labels`); two classes (`hospitals`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind
from blindfair.influence.linear_fits import LinearFit, linear_fit
from blindfair.influence.robust import RARE
from blindfair.pricing.learners import L2, Examples, joined
from blindfair.pricing.ranks import rank_correlation
from blindfair.pricing.resampled_forecast import WIDENING, ResampledBasis, resampled_forecast
from blindfair.pricing.trust import calibrated_trust
from blindfair.pricing.utility import PLAIN_MODULUS
from blindfair.pricing.valuation import prepare_valuation
from blindfair.protocol.documents import Document
from blindfair.protocol.records import Row
from blindfair.studies.coverage import Intervals, held_out_factors

TRAIN_SHARE, VALIDATION_SHARE, TEST_SHARE = 0.1, 0.2, 0.25
SELLERS = 4
SEEDS, QUICK_SEEDS = 10, 2

_SIZES = (0.05, 1.0)
_LEAST = 15
_OF_CLASS = 6
"""Records of each class that a seller has at least: a listing with fewer of one is refused."""

_TILT = 1.0
_CLEAN_SELLERS, _MOST_WRONG = 1 / 3, 0.5
_GAPS = (0.1, 0.4)
_RANKED = 0.5
"""The rank correlation from which on a forecast is said to rank sellers."""


class Labelled(Protocol):
    """Records with the label last."""

    @property
    def kind(self) -> LabelKind:
        """How the label is read."""
        ...

    @property
    def rows(self) -> Sequence[Row]:
        """The records."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names by place."""
        ...


@dataclass(frozen=True, slots=True)
class SellerForecast:
    """One seller: the fall of the test loss, what was forecast, and the ends of the interval that is not widened.

    `seen` is the fall on the buyer's validation records, of a buyer who has the records.
    """

    table: str
    seed: int
    records: int
    realised: float
    mean: float
    low: float
    high: float
    seen: float


def forecast_sellers(name: str, data: Labelled, seed: int) -> list[SellerForecast]:
    """All sellers of one table in one repetition."""
    rng = np.random.default_rng([seed, len(data.rows)])
    order = rng.permutation(len(data.rows))
    ends = np.cumsum([round(share * len(order)) for share in (TRAIN_SHARE, VALIDATION_SHARE, TEST_SHARE)])
    train, validation, test, left = ([data.rows[place] for place in part] for part in np.split(order, ends))
    own = FeatureSchema.infer([*train, *validation], data.columns, "y", label_kind=data.kind)
    model = linear_fit(own)
    found = []
    for rows in _sellers(left, data.kind, rng):
        listed = FeatureSchema.infer(rows, data.columns, "y", label_kind=data.kind)
        made = prepare_valuation(
            train, validation, listed, plain_modulus=PLAIN_MODULUS, rng=rng, accept_kinds=True, max_bits=64
        )
        offer = made.read(made.seen_scores(rows, rng))
        trust = calibrated_trust(offer, made.right, made.wrong)
        gone = [all(row[place] is None for row in rows) for place in range(len(data.columns))]
        blank = [tuple(None if one else cell for cell, one in zip(row, gone, strict=True)) for row in validation]
        basis = ResampledBasis.of(made, own, train, validation, blank)
        loss = resampled_forecast(basis, offer.scores, trust.clean, rng, widening=1.0).loss
        offered, tests = basis.schema.encode(rows), basis.schema.encode(test)
        realised, seen = (_worth(model, basis.train, offered, judges) for judges in (tests, basis.validation))
        found.append(SellerForecast(name, seed, len(rows), realised, loss.mean, loss.low, loss.high, seen))
    return found


def _sellers(rows: Sequence[Row], kind: LabelKind, rng: np.random.Generator) -> list[list[Row]]:
    """Divide records among sellers of their own kinds; no record is in two places."""
    left, labels = list(rows), [row[-1] for row in rows]
    pool = sorted(set(labels), key=repr) if kind is LabelKind.CLASSES else labels
    least = 2 * _OF_CLASS * len(pool) if kind is LabelKind.CLASSES else _LEAST
    sizes = np.exp(rng.uniform(np.log(_SIZES[0]), np.log(_SIZES[1]), max(1, min(SELLERS, len(left) // least))))
    sizes = np.maximum(least, 0.9 * len(left) * sizes / sizes.sum())
    found = []
    for size in sizes.astype(np.int64):
        X = np.array([row[:-1] for row in left], dtype=np.float64)
        along = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9) @ rng.standard_normal(X.shape[1])
        wanted = rng.uniform(0, _TILT) * along / max(float(along.std()), 1e-9)
        order = np.argsort(-(wanted + rng.gumbel(size=len(left))), kind="stable").tolist()
        # The first records of a class have right labels, so that no class gets too few.
        kept = {
            place
            for value in (pool if kind is LabelKind.CLASSES else ())
            for place in [place for place in order if left[place][-1] == value][:_OF_CLASS]
        }
        members = {*kept, *order[: int(size)]}
        share = 0.0 if rng.random() < _CLEAN_SELLERS else float(rng.uniform(0, _MOST_WRONG))
        gaps = np.zeros(X.shape[1], dtype=np.bool_)
        if rng.random() < 0.5:
            gaps = np.asarray(rng.random(X.shape[1]) < rng.uniform(*_GAPS), dtype=np.bool_)
        mine = []
        for place in sorted(members):
            row = left[place]
            others = [label for label in pool if label != row[-1]]
            is_wrong = place not in kept and rng.random() < share
            label = others[int(rng.integers(len(others)))] if is_wrong else row[-1]
            mine.append((*(None if gap else cell for cell, gap in zip(row, gaps, strict=False)), label))
        # What the earlier ones left may be too few of a class to be listed.
        if kind is not LabelKind.CLASSES or min(Counter(row[-1] for row in mine)[value] for value in pool) >= RARE:
            found.append(mine)
        left = [row for place, row in enumerate(left) if place not in members]
    return found


def _worth(model: LinearFit, train: Examples, bought: Examples, judges: Examples) -> float:
    before, after = (model.losses(model.fit(*part, L2), *judges) for part in (train, joined(train, bought)))
    return float((before - after).mean())


def summarise(found: Sequence[SellerForecast]) -> Document:
    """Correlations within a table and seed, and how often the interval holds the worth."""
    truth = np.array([one.realised for one in found])
    tables = np.array([one.table for one in found])
    plain = Intervals(*(np.array([getattr(one, end) for one in found]) for end in ("mean", "low", "high")))
    factors = held_out_factors(plain, truth, tables)
    wide = plain if factors is None else plain.widened(factors)
    shipped = plain.widened(np.full(len(truth), WIDENING))
    ranked = np.sort(plain.errors(truth))
    return {
        "sellers": len(found),
        "as_simulated": float(plain.holds(truth).mean()),
        "held_out": float(wide.holds(truth).mean()),
        "held_out_worst_table": min(float(wide.holds(truth)[tables == table].mean()) for table in np.unique(tables)),
        "factor_of_all": float(ranked[min(len(ranked) - 1, int(np.ceil(0.95 * len(ranked))))]),
        "as_shipped": float(shipped.holds(truth).mean()),
        "tables": {str(table): _of_table(found, shipped, tables == table) for table in dict.fromkeys(tables.tolist())},
    }


def _of_table(found: Sequence[SellerForecast], shipped: Intervals, mine: np.typing.NDArray[np.bool_]) -> Document:
    sellers = [one for one, is_mine in zip(found, mine, strict=True) if is_mine]
    truth = np.array([one.realised for one in sellers])
    guesses: Mapping[str, Floats] = {
        "forecast": np.array([one.mean for one in sellers]),
        "seen": np.array([one.seen for one in sellers]),
        "records": np.array([float(one.records) for one in sellers]),
    }
    mean, low, high = (ends[mine] for ends in (shipped.mean, shipped.low, shipped.high))
    return {
        "sellers": len(sellers),
        "worth": float(truth.mean()),
        "spread": float(truth.std()),
        "forecast": float(mean.mean()),
        "ranks": {name: rank_correlation(guess, truth) or 0.0 for name, guess in guesses.items()},
        "held": float(Intervals(mean, low, high).holds(truth).mean()),
        "width": float((high - low).mean()),
        "sign": float(((low > 0) | (high < 0)).mean()),
    }


def _ranked(tables: Mapping[str, Any]) -> str:
    """Where the forecast ranks sellers, and where it does not."""
    well = [name for name, each in tables.items() if each["ranks"]["forecast"] >= _RANKED]
    ill = [name for name in tables if name not in well]
    told = f"It ranks the sellers of {' and '.join(well)}." if well else "It ranks no table's sellers."
    return (
        f"{told}\nThose of {', '.join(ill)} it hardly ranks: there its interval alone says something." if ill else told
    )


def section(names: Mapping[str, str], found: Document, seeds: int) -> str:
    """The part of the page about forecasts; `names` says in words what each table's label is."""
    tables: Mapping[str, Any] = cast(Any, found["tables"])
    lines = []
    for name, told in names.items():
        if name in tables:
            each = tables[name]
            ranks = " | ".join(f"{each['ranks'][guess]:+.2f}" for guess in ("forecast", "seen", "records"))
            lines.append(
                f"| {name}, {told} | {each['sellers']} | {each['worth']:+.4f} ± {each['spread']:.4f} | "
                f"{each['forecast']:+.4f} | {ranks} | {each['held']:.0%} | {each['width']:.3f} | {each['sign']:.0%} |"
            )
    return f"""## Forecasts of the gain

`buyer evaluate` forecasts what a purchase takes off the loss of a linear model ([how](../explanation/valuation.md)).
Here {found["sellers"]} sellers each list their own records, over {seeds} seeds.
A buyer has {TRAIN_SHARE:.0%} of a table for training and {VALIDATION_SHARE:.0%} for validation; {TEST_SHARE:.0%} test.
Each seller has its own size, case mix, share of wrong labels (0 to 50 %, none of a third) and missing columns.
The *worth* of a seller is what all of its records take off the loss on the test set.

An interval of 95 % as it is simulated holds the worth of {found["as_simulated"]:.0%} of the sellers.
Widened by what the sellers of all *other* tables need, it holds {found["held_out"]:.0%}.
On the worst table it holds {found["held_out_worst_table"]:.0%}: that is what a new table may expect.
The product widens by {WIDENING:g}, which was found on these sellers: so it holds {found["as_shipped"]:.0%}.
{_ranked(tables)}

- *Worth*: mean over sellers ± one standard deviation.
  Classes are in nats, numbers in squared error / 2 with the label in standard deviations,
  counts in nats of the scaled count.
- *Ranks*: Spearman correlations of the worth with the forecast, with what a buyer measures that has the records,
  and with the number of records.
- *Held*: the share of the product's intervals that hold the worth; *width* is their mean width.
- *Sign told*: so many of them do not hold zero.

| data | sellers | worth | forecast | ranks: forecast | records seen | number | held | width | sign told |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(lines)}
"""
