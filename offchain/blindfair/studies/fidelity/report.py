"""The study of fidelity: everything measured as one document, and the page made of that document.

Not here: what is measured (`worlds`, `measures`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blindfair.influence.quantise import ScoreScale, choose_row_scale, quantise_query, quantise_rows
from blindfair.influence.text.scoring import unit_rows
from blindfair.pricing.class_query import scale_query
from blindfair.pricing.texts.valuation import DEFAULT_BITS, MARGIN, ROW_SCALE
from blindfair.pricing.utility import PLAIN_MODULUS
from blindfair.protocol.documents import Document
from blindfair.studies.fidelity.measures import agreement, scored_blind
from blindfair.studies.fidelity.worlds import DISPLACEMENT, GRADIENT, MLP, WORLDS, World
from blindfair.studies.ledger import Ledger
from blindfair.studies.table import TextTable

ENTRIES = (32, 128, 512)
GOAL = 0.995
QUICK_SHARE = 0.25
RESULTS = "results.jsonl"

PUBLISHED = (
    ("MLP, MNIST", "r about 1.0"),
    ("BERT, SST-2, 4,676 dimensions", "r .97"),
    ("GPT-2, WikiText-2, 384 dimensions", "r about 1.00"),
)
"""Encrypted against plaintext scores, as others have published them."""


def write_fidelity(
    folder: Path,
    *,
    quick: bool = False,
    so_far: bool = False,
    worlds: Mapping[str, Callable[[float], World]] = WORLDS,
    entries: Sequence[int] = ENTRIES,
) -> Document:
    """Measure, and write `fidelity.md` to a folder. The result as a document. Raises FileMissing.

    What is measured is kept there line by line: a run that was stopped goes on where it was. With `so_far` nothing is
    measured.
    """
    share = QUICK_SHARE if quick else 1.0
    ledger = Ledger(folder / RESULTS)
    found: list[Any] = []
    for name, make in worlds.items():
        keys = {f"{name}, {query}, {k}, {share:.0%}": (query, k) for query in (DISPLACEMENT, GRADIENT) for k in entries}
        # A world takes minutes to make: only where something is left to measure.
        world = make(share) if not so_far and any(key not in ledger for key in keys) else None
        for key, (query, k) in keys.items():
            if world is not None and key not in ledger:
                ledger.add(key, {"world": name, "query": query, **_measured(world, query, k)})
            # More entries than the buyer's records span are the same question again.
            known = {(line["world"], line["query"], line["k"]) for line in found}
            if key in ledger and (name, query, ledger[key]["k"]) not in known:
                found.append(ledger[key])
    document: Document = {
        "worlds": {line["world"]: {each: line[each] for each in ("entries", "own", "records")} for line in found},
        "lines": [{name: line[name] for name in line if name not in ("key", "entries", "own")} for line in found],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fidelity.md").write_text(page(document), encoding="utf-8")
    return document


def _measured(world: World, query: str, k: int) -> dict[str, Any]:
    """One query with rows of at most `k` entries: against whole gradients, and under encryption."""
    found = world.projected(query, k)
    truth = world.exact(query)
    scale = choose_row_scale(found.own)
    rows = quantise_rows(found.offered, scale)
    integers, unit = quantise_query(found.query, PLAIN_MODULUS)
    clear = rows.scores(integers[np.newaxis])[0]
    blind = scored_blind(rows.entries, integers)
    scores = ScoreScale(scale, unit).real(blind.scores)
    few, few_unit = scale_query(found.query, [quantise_rows(found.own, scale)], PLAIN_MODULUS, DEFAULT_BITS[0], MARGIN)
    noisy = scored_blind(rows.entries, few, bits=DEFAULT_BITS[0], full=False).scores
    unit_scores = quantise_rows(unit_rows(found.offered), ROW_SCALE).scores(integers[np.newaxis])[0]
    return {
        "entries": world.entries,
        "own": world.records[0],
        "k": int(rows.entries.shape[1]),
        "whole": _named(scores, truth),
        "length one": _named(ScoreScale(ROW_SCALE, unit).real(unit_scores), truth / world.lengths()),
        "equal": int((blind.scores == clear).sum()),
        "records": len(clear),
        "unrounded": _named(scores, found.offered @ found.query),
        "few bits": _named(ScoreScale(scale, few_unit).real(noisy), scores),
        "seconds": {
            "row": found.row_seconds,
            "query": blind.query_seconds,
            "encode": blind.encode_seconds,
            "score": blind.score_seconds,
            "read": blind.read_seconds,
        },
    }


def _named(scores: Any, truth: Any) -> dict[str, float]:
    found = agreement(np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.float64))
    return {"pearson": found.pearson, "spearman": found.spearman, "error": found.error}


def tables(document: Document) -> list[TextTable]:
    """All tables of the page."""
    lines: list[Any] = list(document["lines"])  # type: ignore[arg-type]
    return [_whole(lines), _encrypted(lines), _seconds(lines), _published()]


def page(document: Document) -> str:
    """The page of a document."""
    worlds: Any = document["worlds"]
    lines: Any = document["lines"]
    return "\n".join(
        [_HEAD, *_worlds(worlds), "", *_verdict(lines), "", *(table.to_markdown() for table in tables(document))]
    )


def _worlds(worlds: Mapping[str, Any]) -> Iterator[str]:
    yield "| model and data | weights in a gradient | buyer's records | scored records |"
    yield "| --- | --- | --- | --- |"
    for name, world in worlds.items():
        yield f"| {name} | {world['entries']:,} | {world['own']:,} | {world['records']:,} |"


def _verdict(lines: Sequence[Any]) -> Iterator[str]:
    missed = [line for line in lines if line["whole"]["spearman"] < GOAL]
    equal = all(line["equal"] == line["records"] for line in lines)
    yield f"The goal is at least {GOAL} by ranks against whole gradients."
    yield f"It is reached on {len(lines) - len(missed)} of {len(lines)} lines."
    for line in missed:
        yield (
            f"It is missed by {line['world']}, {line['query']} query, {line['k']} entries: "
            f"{line['whole']['spearman']:.4f}."
        )
    short = [line["length one"]["spearman"] for line in lines]
    reached = sum(value >= GOAL for value in short)
    yield (
        f"With rows of length one, as the product asks of texts, it is reached on {reached} of {len(lines)} lines and "
        f"missed on {len(lines) - reached}."
    )
    yield f"The least is {min(short):.4f}."
    texts = [line["length one"]["spearman"] for line in lines if not line["world"].startswith(MLP)]
    if texts:
        reached = sum(value >= GOAL for value in texts)
        yield f"Of the {len(texts)} lines of texts, which the product asks so, it is reached on {reached or 'none'}."
        yield f"The best of these has {max(texts):.5f}."
    yield "Every decrypted exact score equals the plaintext one." if equal else "Some decrypted exact scores differ."


def _whole(lines: Sequence[Any]) -> TextTable:
    rows = [
        (
            line["world"],
            line["query"],
            str(line["k"]),
            *_three(line["whole"]),
            f"{line['length one']['pearson']:.4f}",
            f"{line['length one']['spearman']:.4f}",
        )
        for line in lines
    ]
    return TextTable(
        "whole",
        "Projected, rounded and encrypted scores against whole gradients",
        "Scores are the decrypted ones of 32 bits.\n"
        "They stand for the product of the query with the record's whole gradient in double precision.\n"
        "*k*: entries of a projected row; fewer than asked for where the buyer's records span fewer.\n"
        "*Error*: the mean absolute one, as a share of the standard deviation of the true scores.\n"
        "*Length one*: rows divided by their length, as the product asks of texts, against whole gradients likewise.",
        ("model and data", "query", "k", "Pearson", "Spearman", "error", "length one: Pearson", "Spearman of these"),
        tuple(rows),
        keys=3,
    )


def _encrypted(lines: Sequence[Any]) -> TextTable:
    rows = [
        (
            line["world"],
            line["query"],
            str(line["k"]),
            f"{line['equal']:,} of {line['records']:,}",
            *_three(line["unrounded"]),
            *_three(line["few bits"]),
        )
        for line in lines
    ]
    return TextTable(
        "encrypted",
        "Encrypted scores against plaintext scores",
        "Each query was encrypted, evaluated on encoded rows, and decrypted.\n"
        f"The last three columns are of {DEFAULT_BITS[0]} bits, whose noise is meant to be there.\n"
        "*Equal*: decrypted scores of 32 bits that are the integer product of the same rounded rows and query.\n"
        "*Plain*: against projected scores before rows and query were rounded.\n"
        "*Few bits*: against the scores of 32 bits.",
        (
            "model and data",
            "query",
            "k",
            "equal",
            "plain: Pearson",
            "plain: Spearman",
            "plain: error",
            "few bits: Pearson",
            "few bits: Spearman",
            "few bits: error",
        ),
        tuple(rows),
        keys=3,
        breaks=("few bits: Pearson",),
    )


def _seconds(lines: Sequence[Any]) -> TextTable:
    rows = []
    for line in lines:
        if line["query"] == DISPLACEMENT:
            taken = line["seconds"]
            each = taken["row"] + taken["encode"] + taken["score"] + taken["read"]
            rows.append(
                (
                    line["world"],
                    str(line["k"]),
                    f"{taken['query']:.2f} s",
                    *(f"{1e3 * taken[name]:.3f} ms" for name in ("row", "encode", "score", "read")),
                    f"{each:.4f} s",
                )
            )
    return TextTable(
        "seconds",
        "Seconds of one core",
        "Encoding, scoring and decryption are of a full block of records: a part of one costs as much as all of it.\n"
        "Rows were repeated to fill the block.\n"
        "*Query*: keys and encryption, once for all records.\n"
        "*Row*: the projected gradient, which later queries on the same model share.\n"
        "*Together*: all four, for one record and one query.",
        ("model and data", "k", "query", "row", "encode", "score", "decrypt", "together"),
        tuple(rows),
        keys=2,
    )


def _published() -> TextTable:
    return TextTable(
        "published",
        "What others have published",
        "Their figures compare encrypted with plaintext scores on their own data and machines.\n"
        "Models and data differ from ours, so this is no comparison under equal conditions.\n"
        "The published time is 0.15 seconds a record.",
        ("model and data", "agreement"),
        PUBLISHED,
    )


def _three(found: Mapping[str, float]) -> tuple[str, str, str]:
    return f"{found['pearson']:.4f}", f"{found['spearman']:.4f}", f"{found['error']:.4f}"


_HEAD = f"""# Fidelity of blind scores

This page is for readers who want to know how far scores change by projection, rounding and encryption.
`scripts/study fidelity --report DIR --json FILE` made it; nothing here is written by hand.

The small GPT-2 and its texts come with the demo.
The mails come from the folder that `scripts/text_assets/make.py` fills with `--study`.
A *displacement* query is the way from the model's weights to the buyer's own fit.
A *gradient* query is the mean gradient of the buyer's own records.
Projections are found in the buyer's records alone.
For texts they hold the query itself: all lines of texts are measured as with `--show-query`.
A hidden query, the product's default, is not measured here.
[Another study](hidden.md) says how far its scores agree with those of a shown one.
For the MLP they are the main directions of own rows.
The line "query in the basis" shows what the MLP would gain if they held the query too.
The product does without: the seller sees the basis, and would see the way to the buyer's best MLP among its directions.
Texts have one window; rows are rounded to 12 bits, and queries are asked for {DEFAULT_BITS[0]} or 32 bits.
"""
