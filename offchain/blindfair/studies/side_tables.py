"""The tables of sums, lots and attacks, each a function of the findings. Not here: those of purchases (`tables`)."""

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.pricing.ranks import rank_correlation
from blindfair.protocol.documents import Document
from blindfair.studies.reading import Findings
from blindfair.studies.table import Table


def sums_table(found: Findings) -> Table:
    cases: dict[str, dict[str, list[float]]] = {}
    for case, document in found.sums:
        kinds = cases.setdefault(case.rpartition("/")[0], {})
        for name, value in document.items():
            if isinstance(value, float):
                kinds.setdefault(name, []).append(value)
    names = list(dict.fromkeys(name for kinds in cases.values() for name in kinds))
    rows = [(name, *(f"{np.mean(kinds[name]):+.2f}" for kinds in cases.values())) for name in names]
    return Table(
        "sums",
        "Sums of scores against exact retraining",
        "Rank correlation of the sum of scores over 60 random subsets (20 % of an offer with 30 % wrong labels) with "
        "the fall of the test loss after retraining; mean over seeds.",
        ("score", *cases),
        tuple(rows),
    )


def lot_arrays(found: Findings) -> dict[str, Floats]:
    """Every number of the lots as an array over lots; forecasts as three."""
    values: dict[str, list[float]] = {}
    for _, document in found.lots:
        for lot in document.values():
            if not isinstance(lot, dict):
                continue
            for name, value in lot.items():
                if isinstance(value, list):
                    for part, number in zip(("mean", "low", "high"), value, strict=True):
                        values.setdefault(f"{name}_{part}", []).append(float(str(number)))
                else:
                    values.setdefault(name, []).append(float(str(value)))
    return {name: np.array(numbers) for name, numbers in values.items()}


def lots_table(found: Findings) -> Table:
    lots = lot_arrays(found)
    if not lots:
        return Table("lots", "", "", (), ())
    rows = []
    for predictor in ("forecast", "expected_good", "records", "likeness", "gradient_cosine", "chance"):
        row = [predictor.replace("_", " ")]
        for kind in ("whole", "part"):
            values = lots[f"forecast_{kind}_mean"] if predictor == "forecast" else lots[predictor]
            spearman = rank_correlation(values, lots[kind])
            row += [f"{np.corrcoef(values, lots[kind])[0, 1]:+.2f}", "" if spearman is None else f"{spearman:+.2f}"]
        rows.append(tuple(row))
    inside = {
        kind: float(
            np.mean((lots[f"forecast_{kind}_low"] <= lots[kind]) & (lots[kind] <= lots[f"forecast_{kind}_high"]))
        )
        for kind in ("whole", "part")
    }
    return Table(
        "lots",
        "The value of a lot",
        f"{len(lots['whole'])} lots of 10 % to all of an offer, clean to 50 % wrong: correlation of what was predicted "
        "with the AUC that was gained, when the lot is bought whole and when the best 30 % are. The forecast's "
        f"interval of 95 % held the gain in {inside['whole']:.0%} and {inside['part']:.0%} of the lots.",
        ("predictor", "whole: Pearson", "whole: Spearman", "part: Pearson", "part: Spearman"),
        tuple(rows),
    )


def attacks_table(found: Findings) -> Table:
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
            for name in ("revenue", "gain", "right", "copies", "bad_estimated")
        }
        estimated = "" if np.isnan(means["bad_estimated"]) else f"{means['bad_estimated']:.2f}"
        rows.append(
            (
                attack,
                f"{means['revenue']:.2f}",
                f"{means['gain']:+.4f}",
                f"{means['right']:.2f}",
                f"{means['copies']:.2f}",
                estimated,
            )
        )
    return Table(
        "attacks",
        "A seller that knows the method",
        "An offer with 30 % wrong labels; the buyer buys as many records as 30 % of the honest listing has. Revenue is "
        "the sum of efficacy that linear pricing pays, the honest seller's being 1; what the purchase adds to the "
        "buyer's AUC; shares of the purchase with right labels and of copies; the share of bad records as estimated.",
        ("the seller", "revenue", "buyer's gain", "right labels", "copies", "bad, estimated"),
        tuple(rows),
    )


def _entry(document: Document, name: str) -> Document:
    entry = document[name]
    return entry if isinstance(entry, dict) else {}
