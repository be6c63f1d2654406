"""The tables of sums, bundles and attacks, each a function of the findings. Not here: those of purchases (`tables`)."""

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.pricing.ranks import rank_correlation
from blindfair.protocol.documents import Document
from blindfair.studies.coverage import Intervals, held_out_factors
from blindfair.studies.reading import Findings
from blindfair.studies.table import TextTable


def sums_table(found: Findings) -> TextTable:
    cases: dict[str, dict[str, list[float]]] = {}
    for case, document in found.sums:
        kinds = cases.setdefault(case.rpartition("/")[0], {})
        for name, value in document.items():
            if isinstance(value, float):
                kinds.setdefault(name, []).append(value)
    names = list(dict.fromkeys(name for kinds in cases.values() for name in kinds))
    rows = [(name, *(f"{np.mean(kinds[name]):+.2f}" for kinds in cases.values())) for name in names]
    return TextTable(
        "sums",
        "Sums of scores against exact retraining",
        "Rank correlation between the sum of scores of a subset and the fall of the test loss after retraining on it.\n"
        "There are 60 random subsets, each of 20 % of an offer with 30 % wrong labels.\n"
        "Mean over seeds.",
        ("score", *cases),
        tuple(rows),
    )


def bundle_arrays(found: Findings) -> dict[str, Floats]:
    """Every number of the bundles as an array over bundles; forecasts as three."""
    values: dict[str, list[float]] = {}
    for _, document in found.bundles:
        for bundle in _bundles_of(document):
            for name, value in bundle.items():
                if isinstance(value, list):
                    for part, number in zip(("mean", "low", "high"), value, strict=True):
                        values.setdefault(f"{name}_{part}", []).append(float(str(number)))
                else:
                    values.setdefault(name, []).append(float(str(value)))
    return {name: np.array(numbers) for name, numbers in values.items()}


def bundles_table(found: Findings) -> TextTable:
    bundles = bundle_arrays(found)
    if not bundles:
        return TextTable("bundles", "", "", (), ())
    rows = []
    for predictor in ("forecast", "expected_good", "records", "likeness", "gradient_cosine", "chance"):
        row = [predictor.replace("_", " ")]
        for kind in ("whole", "part"):
            values = bundles[f"forecast_{kind}_mean"] if predictor == "forecast" else bundles[predictor]
            spearman = rank_correlation(values, bundles[kind])
            row += [f"{np.corrcoef(values, bundles[kind])[0, 1]:+.2f}", "" if spearman is None else f"{spearman:+.2f}"]
        rows.append(tuple(row))
    return TextTable(
        "bundles",
        "The value of a bundle of records",
        f"{len(bundles['whole'])} bundles of 10 % to all of an offer, from clean to 50 % wrong labels.\n"
        "Correlation of what was predicted with the AUC that was gained.\n"
        "*Whole*: the whole bundle is bought.\n"
        "*Part*: its best 30 % are bought.",
        ("predictor", "whole: Pearson", "whole: Spearman", "part: Pearson", "part: Spearman"),
        tuple(rows),
    )


def intervals_table(found: Findings) -> TextTable:
    """How often the forecast's interval held the gain, as it is and widened by what other data sets' bundles need."""
    bundles, sets = (
        bundle_arrays(found),
        np.array([case.split("/")[0] for case, one in found.bundles for _ in _bundles_of(one)]),
    )
    rows = []
    for kind in ("whole", "part") if bundles else ():
        plain = Intervals(*(bundles[f"forecast_{kind}_{end}"] for end in ("mean", "low", "high")))
        factors = held_out_factors(plain, bundles[kind], sets)
        if factors is None:
            continue
        for name, intervals, factor in (
            ("as simulated", plain, ""),
            ("widened", plain.widened(factors), f"{factors.min():.2f} to {factors.max():.2f}"),
        ):
            holds = intervals.holds(bundles[kind])
            worst = min((float(holds[sets == one].mean()), str(one)) for one in np.unique(sets))
            width = f"{(intervals.high - intervals.low).mean():.3f}"
            rows.append((kind, name, factor, f"{holds.mean():.1%}", f"{worst[1]} {worst[0]:.0%}", width))
    return TextTable(
        "bundle-intervals",
        "The interval of a bundle's value",
        "The share of bundles whose gain lies in the forecast's interval of 95 %.\n"
        "Each data set is judged by an interval that has not seen it (split conformal prediction).\n"
        "*As simulated*: the interval as the simulated worlds give it.\n"
        "*Widened*: both halves are multiplied by the factor that the bundles of all *other* data sets need.",
        ("bought", "interval", "factor", "holds the gain", "worst data set", "mean width, AUC"),
        tuple(rows),
    )


def _bundles_of(document: Document) -> list[Document]:
    return [bundle for bundle in document.values() if isinstance(bundle, dict)]


def attacks_table(found: Findings) -> TextTable:
    by_attack: dict[str, list[dict[str, float]]] = {}
    honest = {
        case: {name: float(str(value)) for name, value in _entry(document, "honest").items() if value is not None}
        for case, document in found.attacks
    }
    for case, document in found.attacks:
        for attack, values in document.items():
            if isinstance(values, dict):
                numbers = {name: float(str(value)) for name, value in values.items() if value is not None}
                numbers["revenue"] /= honest[case]["revenue"]
                numbers["gain"] = numbers["quality"] - numbers["before"]
                by_attack.setdefault(attack, []).append(numbers)
    rows = []
    for attack, all_numbers in by_attack.items():
        means = {
            name: float(np.mean([numbers[name] for numbers in all_numbers if name in numbers] or [np.nan]))
            for name in ("revenue", "gain", "right", "copies", "bad_estimated", "warned")
        }
        estimated = "" if np.isnan(means["bad_estimated"]) else f"{means['bad_estimated']:.2f}"
        warned = "" if np.isnan(means["warned"]) else f"{means['warned']:.0%}"
        rows.append(
            (
                attack,
                f"{means['revenue']:.2f}",
                f"{means['gain']:+.4f}",
                f"{means['right']:.2f}",
                f"{means['copies']:.2f}",
                estimated,
                warned,
            )
        )
    return TextTable(
        "attacks",
        "A seller that knows the method",
        "An offer with 30 % wrong labels; the buyer buys as many records as 30 % of the honest listing has.\n"
        "*Revenue*: the sum of efficacy that linear pricing pays; the honest seller's is 1.\n"
        "*Buyer's gain*: what the purchase adds to the buyer's AUC.\n"
        "*Right labels* and *copies*: their shares of the purchase.\n"
        "*Bad, estimated*: the estimated share of bad records in the offer.\n"
        "*Warned*: how often the buyer is warned that the labels fit its model too well.",
        ("the seller", "revenue", "buyer's gain", "right labels", "copies", "bad, estimated", "warned"),
        tuple(rows),
    )


def _entry(document: Document, name: str) -> Document:
    entry = document[name]
    return entry if isinstance(entry, dict) else {}
