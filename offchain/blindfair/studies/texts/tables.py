"""The tables of the study of purchases of texts, of its lines: one for each purchaser.

Not here: what is measured (`purchases`), and the page (`report`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

import numpy as np

from blindfair.pricing.utility import mean_and_margin
from blindfair.studies.statistics import Gain, SharePart
from blindfair.studies.table import TextTable
from blindfair.studies.texts.purchases import ARMS, ORACLE, RANDOM

PLAIN, LABELLED = "texts", "labelled"
"""The sections of the page."""

_TITLES = {PLAIN: "Language models", LABELLED: "Classifiers"}


class Criterion(Enum):
    """What is measured on the test texts; lower is better."""

    LOSS = "loss"
    ERRORS = "errors"


def page_tables(lines: Sequence[Any], section: str) -> list[TextTable]:
    """All tables of a section."""
    found = [_way(lines, section), _domains(lines, section), _bought(lines), _rules(lines)]
    return [replace(table, title=f"{_TITLES[section]}: {table.title}") for table in found]


def way(
    lines: Sequence[Any], arm: str, share: float, judged: Criterion = Criterion.LOSS
) -> tuple[Gain, Gain, SharePart | None]:
    """The gain of an arm over random, that of the oracle, and the first as a part of the second; none of no gain."""
    found = {each: np.array([_value(line, each, share, judged) for line in lines]) for each in (arm, RANDOM, ORACLE)}
    gains, limits = found[RANDOM] - found[arm], found[RANDOM] - found[ORACLE]
    limit = float(limits.mean())
    if limit <= 0:
        return _gain(gains), _gain(limits), None
    part = float(gains.mean()) / limit
    # A ratio of two means, linearised.
    rest = _gain(gains - part * limits).margin
    return _gain(gains), _gain(limits), SharePart(part, None if rest is None else rest / limit)


def _gain(values: Any) -> Gain:
    if len(values) < 2:
        return Gain(float(values[0]), None)
    mean, margin = mean_and_margin(values)
    return Gain(float(mean), float(margin))


def _value(line: Any, arm: str, share: float, judged: Criterion) -> float:
    return float(_purchase(line, arm, share)[judged.value])


def _purchase(line: Any, arm: str, share: float) -> Any:
    return next(each for each in line["purchases"] if each["arm"] == arm and each["share"] == share)


def _shares(lines: Sequence[Any]) -> list[float]:
    return sorted({each["share"] for line in lines for each in line["purchases"]})


def _arms(lines: Sequence[Any], share: float) -> list[str]:
    there = {each["arm"] for line in lines for each in line["purchases"] if each["share"] == share}
    return [arm for arm in ARMS if arm in there]


def _groups(lines: Sequence[Any]) -> Iterator[tuple[tuple[str, str], list[Any]]]:
    """The lines of each model and domain."""
    for model, name in dict.fromkeys((line["model"], line["domain"]) for line in lines):
        yield (model, name), [line for line in lines if (line["model"], line["domain"]) == (model, name)]


def _way(lines: Sequence[Any], section: str) -> TextTable:
    rows = []
    models = list(dict.fromkeys(line["model"] for line in lines))
    parts = [(model, [line for line in lines if line["model"] == model]) for model in models]
    if len(parts) > 1:
        parts.append(("all", list(lines)))
    for judged in (Criterion.LOSS, Criterion.ERRORS) if section == LABELLED else (Criterion.LOSS,):
        for model, mine in parts:
            for share in _shares(mine):
                for arm in _arms(mine, share):
                    if arm not in (RANDOM, ORACLE):
                        gain, limit, part = way(mine, arm, share, judged)
                        said = "no way" if part is None else str(part)
                        rows.append((judged.value, model, f"{share:.0%}", arm, str(gain), str(limit), said))
    return TextTable(
        f"{section}-way",
        "the way from random to the oracle",
        "Gains are over a random purchase of the whole share: nats of test loss, or a part of wrong answers.\n"
        "Means are over domains and seeds, ± half of a 95 % interval over both.\n"
        "Seeds of one domain share documents, so the interval is rather too narrow.\n"
        "*Share of the way*: the mean gain of an arm by that of the oracle; no way where the oracle gains nothing.",
        ("judged by", "model", "bought", "arm", "gain over random", "gain of the oracle", "share of the way"),
        tuple(rows),
        keys=4,
    )


def _domains(lines: Sequence[Any], section: str) -> TextTable:
    rows = []
    judged = Criterion.ERRORS if section == LABELLED else Criterion.LOSS
    for (model, name), mine in _groups(lines):
        for share in _shares(mine):
            asked = sorted({_asked(line["steps of the direction"]) for line in mine})
            arms = _arms(mine, share)
            rows.append(
                (
                    name,
                    model,
                    f"{share:.0%}",
                    str(len(mine)),
                    f"{_mean(line['own'][judged.value] for line in mine):.3f}",
                    *(
                        f"{_mean(_value(line, arm, share, judged) for line in mine):.3f}" if arm in arms else ""
                        for arm in ARMS
                    ),
                    " or ".join(asked),
                )
            )
    what = "wrong answers on test texts" if section == LABELLED else "losses on test texts"
    unit = "Parts of the test texts" if section == LABELLED else "Nats a token"
    return TextTable(
        f"{section}-domains",
        what,
        f"{unit}, means over seeds; lower is better.\n"
        "*Own*: after fine-tuning on own texts alone.\n"
        "*Asked by*: the displacement of so many steps or to a fitted head, or the gradient at the base model.",
        ("domain", "model", "bought", "seeds", "own", *ARMS, "asked by"),
        tuple(rows),
        keys=3,
    )


def _asked(steps: int | None) -> str:
    if steps is None:
        return "head"
    return f"{steps} steps" if steps else "gradient"


def _bought(lines: Sequence[Any]) -> TextTable:
    rows = []
    kinds = list(lines[0]["offered"])
    for (model, name), mine in _groups(lines):
        offered = {kind: sum(line["offered"][kind] for line in mine) for kind in kinds}
        rows.append((name, model, "", "offered", *_kinds(offered)))
        for share in _shares(mine):
            for arm in _arms(mine, share):
                if arm != ORACLE:
                    of_arm = [_purchase(line, arm, share)["bought"] for line in mine]
                    bought = {kind: sum(each[kind] for each in of_arm) for kind in kinds}
                    rows.append((name, model, f"{share:.0%}", arm, *_kinds(bought)))
    return TextTable(
        f"{lines[0]['section']}-bought",
        "what was bought",
        "Shares of all bought texts, and their number.\n"
        "Where fewer texts are trusted than asked for, fewer are bought by score; the other arms buy all the same.\n"
        "Exact copies are in no offer here: a listing names them, and a buyer takes one.",
        ("domain", "model", "bought", "arm", *kinds, "texts"),
        tuple(rows),
        keys=4,
    )


def _kinds(counts: Mapping[str, int]) -> Iterator[str]:
    total = sum(counts.values())
    yield from (f"{number / max(1, total):.0%}" for number in counts.values())
    yield str(total)


def _rules(lines: Sequence[Any]) -> TextTable:
    names = list(dict.fromkeys(each["rule"] for line in lines for each in line["rules"]))
    rows = []
    for (model, name), mine in _groups(lines):
        for share in _shares(mine):
            found = [
                _mean(
                    each["target"]
                    for line in mine
                    for each in line["rules"]
                    if each["rule"] == rule and each["share"] == share
                )
                for rule in names
            ]
            rows.append((name, model, f"{share:.0%}", *(f"{part:.0%}" for part in found)))
    return TextTable(
        f"{lines[0]['section']}-rules",
        "other rules of choice",
        "The share of wanted texts among as many as are bought, by the same noisy scores.\n"
        "Nothing was fine-tuned on these purchases.",
        ("domain", "model", "bought", *names),
        tuple(rows),
        keys=3,
    )


def _mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))
