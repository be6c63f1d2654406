"""The report of the comparison with the peers: `peers.md` and one JSON document. A function of the results alone."""

import json
from collections.abc import Sequence
from pathlib import Path

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import CannotWrite
from blindfair.studies.peers.datamodels import QUERIES, RETRAININGS
from blindfair.studies.peers.measures import KINDS, Measure, all_measures, methods_of
from blindfair.studies.peers.question import DAMPINGS
from blindfair.studies.table import TextTable

REPORT = "peers.md"

_HEAD = """\
# Our scores beside those of other libraries

This page is for readers who want to know how our scores compare with those of kronfluence and dattri.
It says which side is better at predicting retraining, at finding wrong labels, and at choosing a purchase.
[Valuation](../explanation/valuation.md#beside-other-libraries) explains the terms, and says what follows.
"""

_NEARLY = 0.005
"""The least difference that counts, of correlations, AUCs and accuracies over a few seeds."""


def write_peers(documents: Sequence[Document], directory: Path, json_path: Path | None, *, quick: bool) -> None:
    """Write `peers.md` into `directory`, and the document to `json_path`. Raises CannotWrite.

    The document has `jobs` and `seeds`, numbers, and `tables` as the other study's.
    """
    tables = peer_tables(documents)
    seeds = len({str(document["key"]).rpartition("/")[2] for document in documents})
    command = f"scripts/study peers{' --quick' if quick else ''} --report DIR"
    made = (
        f"`{command}` wrote this page from {len(documents)} jobs; the number of seeds is {seeds}.\n"
        "Nothing here is written by hand.\n"
    )
    summary: Document = {
        "jobs": len(documents),
        "seeds": seeds,
        "tables": {table.name: table.to_document() for table in tables},
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        text = "\n".join([_HEAD, made, *(table.to_markdown() for table in tables)])
        (directory / REPORT).write_text(text, encoding="utf-8")
        if json_path is not None:
            json_path.write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise CannotWrite(f"The report cannot be written to {directory}", found=error.strerror) from error


def peer_tables(documents: Sequence[Document]) -> list[TextTable]:
    """The tables for which there are documents."""
    measures = all_measures(documents)
    dampings = " and ".join(format(damping, "g") for damping in DAMPINGS)
    same = f"Every method has the better of the dampings {dampings} in each column (TRAK: the better of its own two)."
    tables = [
        _best(measures),
        _table(
            "datamodels",
            "Sums of scores against retraining",
            "MNIST at 14 x 14, softmax regression and an MLP with 32 hidden units; mean over seeds.\n"
            "Rank correlation of the sum of scores of a subset with the loss after retraining on it.\n"
            f"The subsets are {RETRAININGS} random halves of a clean training set of 1,350 records.\n"
            f"It is measured for each of {QUERIES} queries, and for their total.\n"
            f"Seconds are processor time on one thread, for all records and queries.\n{same}",
            [measure for measure in measures if "sums" in measure.name or "seconds" in measure.name],
        ),
        _table(
            "told-apart",
            "Wrong labels told apart",
            "How well the score, summed over queries, tells wrong labels from right ones (AUC).\n"
            f"{same}\n"
            "*Learnt*: at a model that was fitted to the records, 30 % of them wrong.\n"
            "*wrong-10* and *wrong-30*: at a buyer's model that has seen none of the offer, with 10 or 30 % wrong.",
            [measure for measure in measures if "told apart" in measure.name],
        ),
        *(
            _table(
                f"purchases-{kind}",
                f"A purchase by these scores: {kind}",
                "Accuracy over that of as many records at random, with 30 % of the offer bought.\n"
                f"{same}\n"
                "*Top*: the highest scores are bought.\n"
                "*Trust*: records are bought by calibrated trust, which every method gets as the product's does.",
                [one for one in measures if one.name.startswith(f"{kind}, ") and "told" not in one.name],
            )
            for kind in KINDS
        ),
    ]
    return [table for table in tables if table.rows]


def _table(name: str, title: str, note: str, measures: Sequence[Measure]) -> TextTable:
    columns = ("method", *(measure.name for measure in measures))
    rows = tuple((method, *(measure.shown(method) for measure in measures)) for method in methods_of(measures))
    return TextTable(name, title, note, columns, rows)


def _best(measures: Sequence[Measure]) -> TextTable:
    rows = []
    leaders: tuple[str, str] | None = None
    for measure in measures:
        ours, theirs = measure.best(ours=True), measure.best(ours=False)
        if measure.least and leaders is not None:
            # A method that is quick and useless is not the one to beat.
            ours, theirs = ((name, measure.values[name]) for name in leaders)
        if ours is None or theirs is None:
            continue
        leaders = ours[0], theirs[0]
        ahead = theirs[1] - ours[1] if measure.least else ours[1] - theirs[1]
        verdict = "yes" if ahead >= (0.0 if measure.least else -_NEARLY) else f"no, by {format(-ahead, measure.form)}"
        shown = (f"{name}: {format(value, measure.form)}" for name, value in (ours, theirs))
        rows.append((measure.name, *shown, verdict))
    return TextTable(
        "best",
        "The best of either side",
        f"Whether the best of ours at least equals the best of the peers; within {_NEARLY} is equal.\n"
        "Seconds are those of the two methods that are best at sums for each query.\n"
        "Ten models cost ten times as much as one.\n"
        "The product does not buy from the top.\n"
        "The highest displacements are of records that the buyer's model knows already.",
        ("measure", "ours", "peers", "at least equal"),
        tuple(rows),
    )
