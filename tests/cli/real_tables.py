"""CSV files of real data from scikit-learn, plain or made as ugly as the tables that people have."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

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


UGLY_HEADER = ("customer id", "[bold]size[/]", "texture", "smoothness", "shape, in words", "symmetric", LABEL)


def ugly(path: Path) -> Path:
    """The tumours as a churn table looks: an id, categories, yes and no, missing cells, markup and commas in names."""
    data = load_breast_cancer()
    rng = np.random.default_rng(0)
    radius, texture, smoothness, concavity, symmetry = (data.data[:, place] for place in (0, 1, 4, 6, 8))
    words = ["[red]round[/red]", "oval, mostly", 'of "many" corners', "été"]
    bins = np.digitize(concavity, np.quantile(concavity, [0.25, 0.5, 0.75]))
    rows = []
    for number, holes in enumerate(rng.random((len(radius), 5)) < 0.04):
        cells: list[object] = [
            f"{radius[number]:.3f}",
            f"{texture[number]:.2f}",
            f"{smoothness[number]:.5f}",
            words[bins[number]],
            "Yes" if symmetry[number] < 0.18 else "No",
        ]
        missing = ["", "NA", "?", "", "null"]
        cells = [gap if hole else cell for cell, gap, hole in zip(cells, missing, holes, strict=True)]
        rows.append([f"{number:04d}-{rng.integers(10**6):06d}", *cells, "Yes" if data.target[number] else "No"])
    return write_csv(path, UGLY_HEADER, rows)
