"""Vectors of labels: the target that a seller publishes, and the rows of untrained models (PROTOCOL 2, 4.1, 4.2)."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

from vectors.topics_data import Case


def rounded(number: Fraction, unit: Decimal | None = None) -> tuple[float, Decimal]:
    """Half to even, to two significant digits or to a unit; the unit of the last digit comes with it."""
    exact = Decimal(number.numerator) / Decimal(number.denominator)
    if unit is None:
        unit = Decimal(1).scaleb(exact.adjusted() - 1)
    return float(exact.quantize(unit, context=Context(prec=60, rounding=ROUND_HALF_EVEN))), unit


def target(kind: str, labels: list[float]) -> dict[str, Any] | None:
    """The `target` of a listing with these labels, none where they cannot be learned so."""
    ordered = sorted(Fraction(label) for label in labels)
    if kind == "count":
        kept = ordered[:-4]
        if sum(label > 0 for label in kept) < 5 or ordered[0] == ordered[-1]:
            return None
        return {"centre": 0.0, "kind": kind, "scale": rounded(sum(kept, Fraction(0)) / len(kept))[0]}
    low, middle, high = (ordered[-(-quarter * len(ordered) // 4) - 1] for quarter in (1, 2, 3))
    if low == high:
        return None
    scale, unit = rounded((high - low) / Fraction(1349, 1000))
    return {"centre": rounded(middle, unit)[0], "kind": kind, "scale": scale}


def targets() -> list[Case]:
    """Labels of a listing, and what its preprocessing says of them."""
    lists: list[tuple[str, str, list[float]]] = [
        ("amounts", "number", [100 + number % 41 / 4 for number in range(205)]),
        ("amounts with one that is absurd", "number", [*(number * 7.25 for number in range(30)), 1e300]),
        ("negative amounts", "number", [-number / 8 for number in range(64)]),
        ("counts", "count", [float(number % 5) for number in range(100)]),
        ("counts of which four are absurd", "count", [*(float(number % 5) for number in range(100)), *[1e6] * 4]),
        ("counts that are mostly 0", "count", [*[0.0] * 90, *[1.0] * 9]),
        ("counts of which too few are not 0", "count", [*[0.0] * 90, *[1.0] * 8]),
        ("counts that do not vary", "count", [3.0] * 50),
    ]
    return [
        {
            "name": name,
            "kind": kind,
            "labels": labels,
            "target": target(kind, labels),
            "expect": "LabelUnusable" if target(kind, labels) is None else "ok",
        }
        for name, kind, labels in lists
    ]


def clipped(number: float) -> float:
    """To +-8."""
    return max(-8.0, min(8.0, number))


def untrained() -> list[Case]:
    """Rows of records under the untrained model of the label, at the prescribed scale of single records."""
    features = [
        {"centre": 38, "column": "age", "kind": "number", "missing": True, "scale": 8.5},
        {"column": "arm", "kind": "category", "values": ["a", "b"]},
    ]
    kinds: list[tuple[str, str, float, Any, list[Any]]] = [
        ("two classes", "logistic-regression", 4.0, ["no", "yes"], ["no", "yes", "yes"]),
        ("three classes", "softmax-regression", 8 * (1 - 1 / 3), ["blue", "green", "red"], ["red", "blue", "green"]),
        ("64 classes", "softmax-regression", 8 * (1 - 1 / 64), list(range(64)), [63, 0, 17]),
        ("a number", "linear-regression", 64.0, {"centre": 105, "kind": "number", "scale": 3.7}, [100.25, 105, 1e9]),
        ("a count", "poisson-regression", 56.0, {"centre": 0, "kind": "count", "scale": 1.9}, [0, 3, 10**6]),
    ]
    cells: list[tuple[float | None, str]] = [(44.75, "a"), (None, "c"), (1e6, "b")]
    encoded = [
        [0.0 if age is None else clipped((age - 38) / 8.5), float(age is None), float(arm == "a"), float(arm == "b"),
         float(arm not in "ab"), 1.0]
        for age, arm in cells
    ]  # fmt: skip
    cases = []
    for name, model, bound, coded, labels in kinds:
        is_class = isinstance(coded, list)
        scale = 2047 / bound
        rows = []
        for x, label in zip(encoded, labels, strict=True):
            if not is_class:
                aim = clipped((label - coded["centre"]) / coded["scale"])
                residuals = [-aim if coded["kind"] == "number" else 1 - aim]
            elif len(coded) == 2:
                residuals = [0.5 - coded.index(label)]
            else:
                residuals = [1 / len(coded) - (label == value) for value in coded]
            rows.append([round(residual * feature * scale) for residual in residuals for feature in x])
        preprocessing = {
            "classes": coded if is_class else None,
            "columns": ["age", "arm", "y"],
            "features": features,
            "label": "y",
            **({} if is_class else {"target": coded}),
        }
        records = [[*pair, label] for pair, label in zip(cells, labels, strict=True)]
        cases.append(
            {"name": name, "preprocessing": preprocessing, "scoring_model": model, "row_scale": scale,
             "records": records, "rows": rows}
        )  # fmt: skip
    return cases
