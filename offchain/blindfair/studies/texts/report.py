"""The study of purchases of texts: everything measured as one document, and the page made of that document.

Not here: what is measured (`purchases`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blindfair.influence.text import BaseModel
from blindfair.pricing.utility import mean_and_margin
from blindfair.protocol.documents import Document
from blindfair.studies.ledger import Ledger
from blindfair.studies.statistics import Gain, SharePart
from blindfair.studies.table import TextTable
from blindfair.studies.texts.domains import DEMO_TEXTS, DOMAINS, KINDS, TARGET, TextDomain
from blindfair.studies.texts.purchases import ARMS, ORACLE, RANDOM, READER, SCORE, PurchasePlan, study_purchases

PLAN, QUICK = PurchasePlan((0.1, 0.2, 0.4), 100), PurchasePlan((0.2,), 36)
SEEDS, QUICK_SEEDS = 8, 3
QUICK_DOMAINS = 3
RESULTS = "results.jsonl"
BAR = "6 domains, 2 models and 8 seeds"


def write_texts(
    folder: Path,
    *,
    quick: bool = False,
    so_far: bool = False,
    domains: Mapping[str, Callable[[BaseModel, int], TextDomain]] = DOMAINS,
) -> Document:
    """Measure, and write `texts.md` to a folder. The result as a document. Raises FileMissing.

    What is measured is kept there line by line: a run that was stopped goes on where it was. With `so_far` nothing is
    measured.
    """
    plan, seeds = (QUICK, QUICK_SEEDS) if quick else (PLAN, SEEDS)
    ledger = Ledger(folder / RESULTS)
    chosen = list(domains)[:QUICK_DOMAINS] if quick else list(domains)
    base: BaseModel | None = None
    lines: list[Any] = []
    for seed in range(seeds):
        for name in chosen:
            key = f"{name}, seed {seed}, {plan.steps} steps, {', '.join(f'{share:.0%}' for share in plan.shares)}"
            if key not in ledger and not so_far:
                base = base or BaseModel.load(DEMO_TEXTS / "model")
                found = study_purchases(base, domains[name](base, seed), plan, seed)
                ledger.add(key, {"domain": name, "seed": seed, **found})
            if key in ledger:
                lines.append({name: value for name, value in ledger[key].items() if name != "key"})
    document: Document = {"steps": plan.steps, "asked": len(chosen) * seeds, "lines": lines}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "texts.md").write_text(page(document), encoding="utf-8")
    return document


def page(document: Document) -> str:
    """The page of a document."""
    return "\n".join([_head(document), *_verdict(document), "", *(each.to_markdown() for each in tables(document))])


def tables(document: Document) -> list[TextTable]:
    """All tables of the page."""
    lines: Any = document["lines"]
    return [_way(lines), _domains(lines), _bought(lines), _rules(lines)]


def way(lines: Sequence[Any], arm: str, share: float) -> tuple[Gain, Gain, SharePart | None]:
    """The gain of an arm over random, that of the oracle, and the first as a part of the second; none of no gain."""
    losses = {each: np.array([_loss(line, each, share) for line in lines]) for each in (arm, RANDOM, ORACLE)}
    gains, limits = losses[RANDOM] - losses[arm], losses[RANDOM] - losses[ORACLE]
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


def _loss(line: Any, arm: str, share: float) -> float:
    return float(_purchase(line, arm, share)["loss"])


def _over_own(lines: Sequence[Any], arm: str, share: float) -> Gain:
    return _gain(np.array([line["own"] - _loss(line, arm, share) for line in lines]))


def _purchase(line: Any, arm: str, share: float) -> Any:
    return next(each for each in line["purchases"] if each["arm"] == arm and each["share"] == share)


def _shares(lines: Sequence[Any]) -> list[float]:
    return sorted({each["share"] for line in lines for each in line["purchases"]})


def _way(lines: Sequence[Any]) -> TextTable:
    rows = []
    for share in _shares(lines):
        for arm in (SCORE, READER):
            gain, limit, part = way(lines, arm, share)
            rows.append((f"{share:.0%}", arm, str(gain), str(limit), "no way" if part is None else str(part)))
    return TextTable(
        "way",
        "The way from random to the oracle",
        "Gains are nats a token of test loss over a random purchase of the whole share.\n"
        "Means are over domains and seeds, ± half of a 95 % interval over both.\n"
        "Seeds of one domain share documents, so the interval is rather too narrow.\n"
        "*Share of the way*: the mean gain of an arm by that of the oracle; no way where the oracle gains nothing.",
        ("bought", "arm", "gain over random", "gain of the oracle", "share of the way"),
        tuple(rows),
        keys=2,
    )


def _domains(lines: Sequence[Any]) -> TextTable:
    rows = []
    for name in dict.fromkeys(line["domain"] for line in lines):
        mine = [line for line in lines if line["domain"] == name]
        for share in _shares(mine):
            asked = sorted({int(line["steps of the direction"]) for line in mine})
            rows.append(
                (
                    name,
                    f"{share:.0%}",
                    f"{_mean(line['base'] for line in mine):.3f}",
                    f"{_mean(line['own'] for line in mine):.3f}",
                    *(f"{_mean(_loss(line, arm, share) for line in mine):.3f}" for arm in ARMS),
                    " or ".join(f"{steps} steps" if steps else "gradient" for steps in asked),
                )
            )
    return TextTable(
        "domains",
        "Losses on test texts",
        "Losses are nats a token, means over seeds.\n"
        "*Base*: before any fine-tuning.\n"
        "*Own*: after fine-tuning on own texts alone.\n"
        "*Asked by*: the displacement of so many steps, or the gradient at the base model.",
        ("domain", "bought", "base", "own", *ARMS, "asked by"),
        tuple(rows),
        keys=2,
    )


def _bought(lines: Sequence[Any]) -> TextTable:
    rows = []
    for name in dict.fromkeys(line["domain"] for line in lines):
        mine = [line for line in lines if line["domain"] == name]
        offered = {kind: sum(line["offered"][kind] for line in mine) for kind in KINDS}
        rows.append((name, "", "offered", *_kinds(offered)))
        for share in _shares(mine):
            for arm in (SCORE, RANDOM, READER):
                bought = {kind: sum(_purchase(line, arm, share)["bought"][kind] for line in mine) for kind in KINDS}
                rows.append((name, f"{share:.0%}", arm, *_kinds(bought)))
    return TextTable(
        "bought",
        "What was bought",
        "Shares of all bought texts, and their number.\n"
        "Where fewer texts are trusted than asked for, fewer are bought by score; the other arms buy all the same.\n"
        "Exact copies are not in the demo's offer here: a listing names them, and a buyer takes one.",
        ("domain", "bought", "arm", *KINDS, "texts"),
        tuple(rows),
        keys=3,
    )


def _kinds(counts: Mapping[str, int]) -> Iterator[str]:
    total = sum(counts.values())
    yield from (f"{counts[kind] / max(1, total):.0%}" for kind in KINDS)
    yield str(total)


def _rules(lines: Sequence[Any]) -> TextTable:
    names = list(dict.fromkeys(each["rule"] for line in lines for each in line["rules"]))
    places = list(dict.fromkeys(line["domain"] for line in lines))
    rows = []
    for share in _shares(lines):
        for rule in names:
            found = {
                place: _mean(
                    each["target"]
                    for line in lines
                    if line["domain"] == place
                    for each in line["rules"]
                    if each["rule"] == rule and each["share"] == share
                )
                for place in places
            }
            rows.append((f"{share:.0%}", rule, *(f"{found[place]:.0%}" for place in places)))
    return TextTable(
        "rules",
        "Other rules of choice",
        f"The share of {TARGET} texts among as many as are bought, by the same noisy scores.\n"
        "Nothing was fine-tuned on these purchases.",
        ("bought", "rule", *places),
        tuple(rows),
        keys=2,
    )


def _mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))


def _verdict(document: Document) -> Iterator[str]:
    lines: Any = document["lines"]
    done, asked = len(lines), document["asked"]
    yield f"Measured are {done} of {asked} pairs of a domain and a seed, with one model."
    yield f"The bar set for this study, {BAR}, is not yet run."
    for share in _shares(lines):
        _, limit, part = way(lines, SCORE, share)
        if part is None:
            yield f"At {share:.0%} the oracle gains nothing over random: these figures decide nothing."
        elif limit.margin is None or limit.margin > limit.mean:
            yield f"At {share:.0%} a purchase by score goes {part} of the way, but the way itself is within chance."
        else:
            yield f"At {share:.0%} a purchase by score goes {part} of the way from random to the oracle."
        yield f"Against own texts alone, a purchase of {share:.0%} lowers the loss by so many nats:"
        yield f"{_over_own(lines, SCORE, share)} by score, {_over_own(lines, RANDOM, share)} at random,"
        yield f"{_over_own(lines, ORACLE, share)} by the oracle."


def _head(document: Document) -> str:
    return f"""# Purchases of texts

This page is for readers who want to know what scores of texts are worth to a buyer.
`scripts/study texts --report DIR --json FILE` made it, with `--quick` where few pairs are asked for.
Nothing here is written by hand.

Each domain has a buyer with 180 own texts, and a seller whose offer mixes texts of that domain with others.
The model is the small GPT-2 that comes with the demo; its texts are the first domain.
The other domains come from the folder that `scripts/text_assets/make.py` fills with `--study`.
The buyer asks for 4 bits of a score and 2 of a contrast, and buys the texts that it trusts most.
All purchases are judged alike: {document["steps"]} steps of fine-tuning on own and bought texts, then the test loss.
The *oracle* knows each text's source.
The *reader* sees all texts, and takes those whose loss its own fine-tuning lowers most.
"""
