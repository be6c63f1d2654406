"""CSV files of real data from scikit-learn and the package, plain or made as ugly as the tables that people have."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

import blindfair.cli.demo

LABEL = "diagnosis"


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def tumours(path: Path) -> Path:
    """569 records of 30 numbers."""
    data = load_breast_cancer()
    names = ["malignant", "benign"]
    return write_csv(
        path, [*data.feature_names, LABEL], ([*x, names[y]] for x, y in zip(data.data, data.target, strict=True))
    )


def digits(path: Path) -> Path:
    """1,797 records of 64 numbers, some columns all zero: is the digit five or more."""
    data = load_digits()
    return write_csv(
        path, [*data.feature_names, LABEL], ([*x, int(y >= 5)] for x, y in zip(data.data, data.target, strict=True))
    )


def wines(path: Path) -> Path:
    """178 records: too few."""
    data = load_wine()
    return write_csv(
        path, [*data.feature_names, LABEL], ([*x, int(y == 0)] for x, y in zip(data.data, data.target, strict=True))
    )


UGLY_HEADER = ("patient id", "[bold]cd4[/]", "cd4 before", "weight", "treatment, in words", "symptoms", LABEL)
UGLY_RECORDS = 1000


def ugly(path: Path) -> Path:
    """The clinical trial as a churn table looks: an id, categories, yes and no, missing cells, markup in names."""
    with (Path(blindfair.cli.demo.__file__).parent / "data" / "ACTG175.csv").open(encoding="utf-8") as file:
        patients = list(csv.DictReader(file))[:UGLY_RECORDS]
    rng = np.random.default_rng(0)
    words = ["[red]zidovudine[/red]", "both, mostly", 'a "third" one', "didanosine à jeun"]
    gaps = ["", "NA", "?", "", "null"]
    rows = []
    for patient, holes in zip(patients, rng.random((UGLY_RECORDS, len(gaps))) < 0.04, strict=True):
        cells = [
            patient["cd420"],
            patient["cd40"],
            patient["wtkg"],
            words[int(patient["arms"])],
            "Yes" if patient["symptom"] == "1" else "No",
        ]
        cells = [gap if hole else cell for cell, gap, hole in zip(cells, gaps, holes, strict=True)]
        rows.append([f"{patient['pidnum']}-AB", *cells, "Yes" if patient["cens"] == "1" else "No"])
    return write_csv(path, UGLY_HEADER, rows)
