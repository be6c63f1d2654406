"""The study of the linear datamodelling score on texts: its jobs, one document, and the page made of that document.

A job is a retraining, or the scores of one side; of scores the sums over each half are kept. Not here: what is
retrained (`worlds`), how scores are made (`scores`) and measured (`measures`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from blindfair.influence.arrays import Floats, Integers
from blindfair.influence.text.bases import SIDE
from blindfair.protocol.documents import Document
from blindfair.studies.jobs import StudyJob, run_jobs
from blindfair.studies.lds.measures import EACH, TOTAL, ahead, measured, noise_limit, without_draws
from blindfair.studies.lds.scores import OUR_DAMPINGS, PEER_DAMPINGS, PLAIN, SIDES
from blindfair.studies.lds.scores import OURS as LOGRA
from blindfair.studies.lds.worlds import CUT, SEED, WORLDS, LdsWorld
from blindfair.studies.ledger import Ledger
from blindfair.studies.peers.datamodels import random_half
from blindfair.studies.peers.measures import OURS
from blindfair.studies.peers.question import check_program
from blindfair.studies.table import TextTable

RESULTS = "results.jsonl"
BAR = 1.5
"""Times the peers' throughput that ours shall have."""

WHOLE_PEER = "kronfluence identity"
"""The peer that keeps every direction, without curvature."""

SAME = 0.0005
"""Scores that differ by less are equal to three digits: the sign of such a lead is one of rounding errors."""

_SIDES = ("our scores", "their scores")


@dataclass(frozen=True, slots=True)
class LdsPlan:
    """Sizes of one world, and seconds that a retraining and both sides' scores are expected to take."""

    records: int
    queries: int
    steps: int
    halves: int
    again: int
    """Halves that are retrained once more with another seed."""

    seconds: tuple[float, float]


PLANS: Mapping[str, LdsPlan] = {
    "small GPT-2, fine-tuned": LdsPlan(100, 40, 30, 52, 8, (2.5, 130.0)),
    "head on MiniLM, spam or ham": LdsPlan(1000, 100, 0, 100, 0, (0.3, 120.0)),
}
QUICK: Mapping[str, LdsPlan] = {
    "small GPT-2, fine-tuned": LdsPlan(48, 16, 10, 8, 2, (2.0, 80.0)),
    "head on MiniLM, spam or ham": LdsPlan(150, 30, 0, 30, 0, (0.1, 60.0)),
}


@dataclass(frozen=True)
class LdsRun:
    """One world, made when the first of its jobs is run."""

    name: str
    plan: LdsPlan
    make: Callable[[int, int, int], LdsWorld]
    program: Path

    @cached_property
    def world(self) -> LdsWorld:
        """The world itself."""
        return self.make(self.plan.records, self.plan.queries, self.plan.steps)

    @property
    def key(self) -> str:
        """What results of this world and these sizes are kept under."""
        plan = self.plan
        return f"{self.name}, {plan.records} records, {plan.queries} queries, {plan.steps} steps"

    def half(self, number: int) -> Integers:
        """Half `number` of the training records: the same whenever it is asked for."""
        return random_half(self.plan.records, np.random.default_rng([SEED, number]))

    def jobs(self) -> list[StudyJob]:
        """All of this world: the peers first, since they may not be there."""
        each, scores = self.plan.seconds
        found = [StudyJob(f"{self.key}/{side}", scores / 2, self._scores_of(side)) for side in reversed(_SIDES)]
        for kind, count, seed in (("half", self.plan.halves, SEED), ("again", self.plan.again, SEED + 1)):
            found += [
                StudyJob(f"{self.key}/{kind} {number}", each, self._retrained(number, seed)) for number in range(count)
            ]
        return found

    def _scores_of(self, side: str) -> Callable[[], Document]:
        def run() -> Document:
            answer = self.world.ours() if side == _SIDES[0] else self.world.peers(self.program)
            halves = [self.half(number) for number in range(self.plan.halves)]
            return {
                name: {
                    "seconds": one.seconds,
                    "sums": [[float(f"{value:.6g}") for value in one.scores[half].sum(axis=0)] for half in halves],
                }
                for name, one in answer.items()
            }

        return run

    def _retrained(self, number: int, seed: int) -> Callable[[], Document]:
        return lambda: {"losses": [round(float(loss), 7) for loss in self.world.retrained(self.half(number), seed)]}

    def document(self, ledger: Ledger) -> Any:
        """What is measured of this world; None where something is missing."""
        if any(job.key not in ledger for job in self.jobs()):
            return None
        losses = self._losses(ledger, "half", self.plan.halves)
        again = self._losses(ledger, "again", self.plan.again)
        entries: dict[str, Any] = {}
        for side in _SIDES:
            kept: Any = ledger[f"{self.key}/{side}"]
            entries |= {name: entry for name, entry in kept.items() if name != "key"}
        sums = {name: (np.array(entry["sums"], dtype=np.float64), entry["seconds"]) for name, entry in entries.items()}
        plan = self.plan
        methods = measured(sums, losses, np.random.default_rng(SEED))
        return {
            "records": plan.records,
            "queries": plan.queries,
            "steps": plan.steps,
            "halves": plan.halves,
            "again": plan.again,
            "limit": noise_limit(losses[: len(again)], again) if plan.again > 2 else None,
            "leads": leads(methods),
            "methods": without_draws(methods),
        }

    def _losses(self, ledger: Ledger, kind: str, count: int) -> Floats:
        found: list[Any] = [ledger[f"{self.key}/{kind} {number}"]["losses"] for number in range(count)]
        return np.array(found, dtype=np.float64)


def write_lds(
    folder: Path,
    program: Path,
    *,
    quick: bool = False,
    so_far: bool = False,
    worlds: Mapping[str, Callable[[int, int, int], LdsWorld]] = WORLDS,
    plans: Mapping[str, LdsPlan] | None = None,
) -> Document:
    """Measure, and write `lds.md` to a folder. The result as a document. Raises FileMissing, NoAnswer.

    What is measured is kept there line by line: a run that was stopped goes on where it was. With `so_far` nothing is
    measured.
    """
    chosen = plans or (QUICK if quick else PLANS)
    ledger = Ledger(folder / RESULTS)
    runs = [LdsRun(name, chosen[name], make, program) for name, make in worlds.items()]
    if not so_far:
        check_program(program)
        # The shortest first: there is something to read soon.
        order = sorted((run.jobs() for run in runs), key=lambda jobs: sum(job.seconds for job in jobs))
        run_jobs([job for jobs in order for job in jobs], ledger)
    found = {run.name: run.document(ledger) for run in runs}
    document: Document = {"worlds": {name: one for name, one in found.items() if one is not None}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lds.md").write_text(page(document), encoding="utf-8")
    return document


def page(document: Document) -> str:
    """The page of a document."""
    worlds: Any = document["worlds"]
    parts = [_HEAD, *(line for name, world in worlds.items() for line in _verdict(name, world)), ""]
    return "\n".join([*parts, *(table.to_markdown() for table in tables(document))])


def tables(document: Document) -> list[TextTable]:
    """All tables of the page: one a world."""
    worlds: Any = document["worlds"]
    return [_table(name, world) for name, world in worlds.items()]


def best(methods: Mapping[str, Any], measure: str, *, ours: bool) -> str | None:
    """The best method of one side, or none that has the measure."""
    names = [name for name in methods if name.startswith(OURS) == ours and measure in methods[name]]
    return max(names, key=lambda name: float(methods[name][measure]["mean"])) if names else None


def leads(methods: Mapping[str, Any]) -> dict[str, Any]:
    """Our best method, the best peer and the lead of the one over the other with its 95 % interval, by each measure.

    `methods` are with the scores of their bootstraps. A measure that only one side has is not there.
    """
    found: dict[str, Any] = {}
    for measure in (EACH, TOTAL):
        ours, theirs = best(methods, measure, ours=True), best(methods, measure, ours=False)
        if ours is not None and theirs is not None:
            lead, low, high = ahead(methods, ours, theirs, measure)
            found[measure] = {"ours": ours, "theirs": theirs, "lead": lead, "low": low, "high": high}
    return found


def _table(name: str, world: Mapping[str, Any]) -> TextTable:
    methods = world["methods"]
    rows = []
    for method in sorted(methods, key=lambda method: (not method.startswith(OURS), method)):
        entry = methods[method]
        rate = world["records"] / entry["seconds"] if entry["seconds"] else float("inf")
        rows.append(
            (
                method,
                *(_shown(entry.get(measure)) for measure in (EACH, TOTAL)),
                f"{entry['seconds']:.2f}",
                f"{rate:,.1f}",
            )
        )
    learnt = f"{world['steps']} steps of fine-tuning each" if world["steps"] else "a fit of the head each"
    limit = world["limit"]
    told = (
        ""
        if limit is None
        else f"\n{world['again']} of the halves are retrained with another seed, too.\n"
        f"Losses with both seeds correlate by {limit[EACH]:.2f} by ranks for each query.\n"
        f"For the total it is {limit[TOTAL]:.2f}."
    )
    return TextTable(
        name.split(",")[0].lower().replace(" ", "-"),
        name[0].upper() + name[1:],
        f"{world['halves']} halves of {world['records']:,} training records, {learnt}; {world['queries']} queries."
        f"{told}\n"
        "*Each*: the mean over queries; *total*: of the sum over queries; 95 % bootstrap intervals over halves.\n"
        "*Seconds*: processor time on one thread for all records and queries, from the fitted model to the scores.\n"
        "*Records a second*: training records by these seconds.",
        ("method", "each", "total", "seconds", "records a second"),
        tuple(rows),
    )


def _shown(found: Any) -> str:
    return "" if found is None else f"{found['mean']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"


def _verdict(name: str, world: Mapping[str, Any]) -> Iterator[str]:
    methods = world["methods"]
    for measure, found in world["leads"].items():
        ours, theirs, gap, low, high = (found[name] for name in ("ours", "theirs", "lead", "low", "high"))
        quicker = methods[theirs]["seconds"] / methods[ours]["seconds"]
        verdict = "ahead" if low > 0 else "behind" if high < 0 else "level within chance"
        if max(abs(gap), abs(low), abs(high)) < SAME:
            verdict = "the same to three digits"
        yield f"{name[0].upper() + name[1:]}, by {measure}: {ours} has {_mean(methods[ours], measure)}."
        yield f"The best peer is {theirs} with {_mean(methods[theirs], measure)}."
        yield f"Ours is {verdict}: {gap:+.3f} ({low:+.3f} to {high:+.3f}), at {quicker:.1f} times the throughput."
    if EACH in world["leads"]:
        yield _goal(methods, world["leads"][EACH])
        yield from _by_directions(methods, world["leads"][EACH])


def _by_directions(methods: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """How far the product's number of directions comes for each query, and what the directions left out may cost."""
    tried = {side: best(_of_side(methods, side), EACH, ours=True) for side in SIDES}
    sides = {side: name for side, name in tried.items() if name is not None}
    if SIDE not in sides or not found["ours"].startswith(LOGRA):
        return
    entry, theirs = methods[sides[SIDE]], methods[found["theirs"]]
    yield f"The product's default is {SIDE} directions: the best of these is {_short(sides[SIDE])}."
    yield (
        f"It has {_shown(entry[EACH])}, which is {entry[EACH]['mean'] - theirs[EACH]['mean']:+.3f} against the best "
        f"peer, at {theirs['seconds'] / entry['seconds']:.1f} times the throughput."
    )
    yield f"By {_listed(list(sides))} directions, the best of ours is {_of_each(methods, list(sides.values()))}."
    plain, most = f"{LOGRA} {SIDE}, {PLAIN}", f"{LOGRA} {max(sides)}, {PLAIN}"
    if not {plain, most, WHOLE_PEER} <= set(methods):
        return
    gap = methods[most][EACH]["mean"] - methods[WHOLE_PEER][EACH]["mean"]
    yield f"The product uses no curvature: {_short(plain)}, has {_shown(methods[plain][EACH])}."
    yield f"Of the peers {WHOLE_PEER} has none either, and keeps every direction: {_shown(methods[WHOLE_PEER][EACH])}."
    yield f"From that {_short(most)}, is {gap:+.3f} away, and these two differ by the directions left out alone."
    if found["high"] < 0 and gap < 0:
        yield f"So the directions left out may explain most of the {found['lead']:+.3f}."
        yield "No interval of that difference is kept, so this is no finding."


def _short(method: str) -> str:
    return method.removeprefix(f"{OURS}, ")


def _of_side(methods: Mapping[str, Any], side: int) -> Mapping[str, Any]:
    return {name: entry for name, entry in methods.items() if name.startswith(f"{LOGRA} {side},")}


def _of_each(methods: Mapping[str, Any], names: Sequence[str]) -> str:
    found = [_mean(methods[name], EACH) for name in names]
    return _and([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else found[0]


def _goal(methods: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    gap, high = found["lead"], found["high"]
    quicker = methods[found["theirs"]]["seconds"] / methods[found["ours"]]["seconds"]
    if gap > -SAME and quicker >= BAR:
        return f"The goal, at least the best peer for each query at {BAR:g} times its throughput, is reached."
    short = [
        *([] if gap > -SAME else ["the score is lower" if high < 0 else "the score is lower, within chance"]),
        *([] if quicker >= BAR else ["the throughput is too low"]),
    ]
    return f"The goal, at least the best peer for each query at {BAR:g} times its throughput, is missed: {_and(short)}."


def _and(parts: Sequence[str]) -> str:
    return " and ".join(parts)


def _mean(entry: Mapping[str, Any], measure: str) -> str:
    return f"{entry[measure]['mean']:+.3f}"


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{each:g}" for each in numbers[:-1]) + f" and {numbers[-1]:g}"


_HEAD = f"""# Do scores of texts predict retraining?

This page is for readers who want to compare our scores of texts with those of kronfluence and dattri.
`scripts/study lds --report DIR --json FILE` made it; nothing here is written by hand.

The measure is the linear datamodelling score (Park et al. 2023).
A model is trained anew on each of many random halves of its training records.
For each query, the sum of its scores over a half is compared with the fall of its loss, by rank correlation.
All methods score the same records, by the same fitted models, for the same queries, in one run on one thread.
Scores are exact here: neither rounded nor encrypted.

For the language model, scores count the linear layers of the blocks, whose weights fine-tuning changes.
Its training texts are from the demo's offer, of several sources, and its queries are addresses since 1946.
Of each text the first {CUT} tokens are read.
Our rows are LoGra's, of so many directions of each side of a layer as the table says; the product's default is {SIDE}.
More of them make the basis larger that a buyer sends, but no row longer.
Their curvature is the empirical Fisher matrix or its diagonal.
It is damped by {_listed(OUR_DAMPINGS)} times its mean eigenvalue.
EK-FAC is damped by its default, and by {_listed(PEER_DAMPINGS)}.
EK-FAC keeps every direction of a layer, and takes its curvature from labels that it draws from the model.
Ours keeps the main directions, and takes it from the texts as they are.
Both sides are judged by the best of their settings, of which ours have more.
Ours were tried out on the same halves before, and intervals do not allow for the choice.
Fitted model, directions and curvature are made with the training texts, which a buyer does not have.
So this compares methods; the product uses no such curvature.
A displacement is one query for all, asked at the base model, as the product asks it.
It is asked of rows that keep their lengths, which the product makes one.

For the head, MiniLM's blocks stay as they are, and the head on the mean of its last states is fitted anew.
Methods are those of [the comparison on tables](peers.md).
Those of 10 models take the mean over models of ten halves.
Whole rows and dattri's explicit ones are the same scores but for rounding: they differ in time alone.
"""
