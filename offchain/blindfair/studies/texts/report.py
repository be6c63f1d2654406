"""The study of purchases of texts: everything measured as one document, and the page made of that document.

Not here: what is measured (`purchases`), and the tables (`tables`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from blindfair.influence.text import BaseModel
from blindfair.protocol.documents import Document
from blindfair.studies.ledger import Ledger
from blindfair.studies.statistics import SharePart
from blindfair.studies.texts.corpora import DEFAULT_FOLDER, LLAMA
from blindfair.studies.texts.domains import DEMO_TEXTS, DOMAINS, TextDomain
from blindfair.studies.texts.forecasts import forecast_table
from blindfair.studies.texts.labelled import TASKS, WRONG_SHARES, labelled_domains, load_minilm
from blindfair.studies.texts.purchases import READER, SCORE, PurchasePlan, study_purchases
from blindfair.studies.texts.tables import LABELLED, PLAIN, Criterion, page_tables, way

PLAN, QUICK = PurchasePlan((0.1, 0.2, 0.4), 36), PurchasePlan((0.2,), 36)
SEEDS, QUICK_SEEDS = 8, 3
QUICK_DOMAINS = 3
RESULTS = "results.jsonl"
BAR = 0.8
"""The share of the way from random to the oracle that a purchase by score must go on average."""

BELOW = 0.002
"""Nats, or accuracy, that it may be below random in a regime."""

Domains = Mapping[str, Callable[[BaseModel, int], TextDomain]]

GPT2 = "small GPT-2"


@cache
def _gpt2() -> BaseModel:
    return BaseModel.load(DEMO_TEXTS / "model")


@cache
def _llama() -> BaseModel:
    return BaseModel.load(DEFAULT_FOLDER / LLAMA)


MODELS: Mapping[str, Callable[[], BaseModel]] = {GPT2: _gpt2, "small Llama": _llama}
"""The models of unlabelled texts, and how each is loaded."""


def write_texts(folder: Path, *, quick: bool = False, so_far: bool = False, domains: Domains | None = None) -> Document:
    """Measure, and write `texts.md` to a folder. The result as a document. Raises FileMissing, MissingPackage.

    What is measured is kept there line by line: a run that was stopped goes on where it was (`restore_texts` from its
    document). With `so_far` nothing is measured. `domains` are the domains of the small GPT-2 alone, for a trial.
    """
    plan, seeds = (QUICK, QUICK_SEEDS) if quick else (PLAN, SEEDS)
    ledger = Ledger(folder / RESULTS)
    plain = dict(list(DOMAINS.items())[: QUICK_DOMAINS if quick else None]) if domains is None else domains
    asked: list[tuple[str, str, Callable[[], BaseModel], Domains]] = [
        (PLAIN, name, load, plain) for name, load in MODELS.items() if name == GPT2 or not (quick or domains)
    ]
    if not (quick or domains):
        asked.append((LABELLED, "MiniLM", cache(load_minilm), labelled_domains()))
    lines: list[Any] = []
    for seed in range(seeds):
        for section, model, load, made in asked:
            for name, domain in made.items():
                shares = ", ".join(f"{share:.0%}" for share in plan.shares)
                key = f"{model}, {name}, seed {seed}, {plan.steps} steps, {shares}"
                if key not in ledger and not so_far:
                    found = study_purchases(load(), domain(load(), seed), plan, seed)
                    ledger.add(key, {"section": section, "model": model, "domain": name, "seed": seed, **found})
                if key in ledger:
                    lines.append(ledger[key])
    counted: dict[str, Any] = {section: len(made) * seeds for section, _, _, made in asked}
    counted[PLAIN] = len(plain) * seeds * sum(section == PLAIN for section, *_ in asked)
    document: Document = {"steps": plan.steps, "asked": counted, "lines": lines}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "texts.md").write_text(page(document), encoding="utf-8")
    return document


def restore_texts(folder: Path, document: Document) -> None:
    """Put what an earlier run has measured into a folder, so that it goes on from there."""
    ledger = Ledger(folder / RESULTS)
    lines: Any = document["lines"]
    losses: Any = document.get("losses", [])
    for line in [*lines, *losses]:
        if line["key"] not in ledger:
            ledger.add(line["key"], {name: value for name, value in line.items() if name != "key"})


def page(document: Document) -> str:
    """The page of a document."""
    lines: Any = document["lines"]
    asked: Any = document["asked"]
    parts = [_head(document)]
    for section, title in ((PLAIN, "Texts for a language model"), (LABELLED, "Labelled texts for a classifier")):
        mine = [line for line in lines if line["section"] == section]
        if section not in asked:
            continue
        parts += [f"## {title}\n", *_verdict(mine, asked[section], section), ""]
        if mine:
            parts += [table.to_markdown() for table in page_tables(mine, section)]
    forecasts = forecast_table(lines)
    return "\n".join([*parts, *([] if forecasts is None else [forecasts.to_markdown()])])


def _verdict(lines: Sequence[Any], asked: int, section: str) -> Iterator[str]:
    models, seeds = (len({line[name] for line in lines}) for name in ("model", "seed"))
    yield f"Measured are {len(lines)} of {asked} purchasers: a model, a domain and a seed each."
    if not lines:
        return
    yield f"They have {models} {'model' if models == 1 else 'models'} and {seeds} {'seed' if seeds == 1 else 'seeds'}."
    for judged in (Criterion.LOSS, Criterion.ERRORS) if section == LABELLED else (Criterion.LOSS,):
        for share in sorted({each["share"] for line in lines for each in line["purchases"]}):
            yield _judgement(lines, share, judged)
            yield from _of_the_reader(lines, share, judged)
    worst = sorted(_below(lines, section))
    if worst:
        gain, name, share = worst[0]
        number = sum(gain < -BELOW for gain, _, _ in worst)
        if section == LABELLED:
            yield f"Regimes of labelled texts are {len(TASKS)} topics by shares of wrong labels and by sizes."
        yield f"In {number} of {len(worst)} regimes a purchase by score is more than {BELOW} worse than one at random."
        yield f"The worst is {gain:+.4f}: {name} at {share:.0%}."


def _judgement(lines: Sequence[Any], share: float, judged: Criterion) -> str:
    _, limit, part = way(lines, SCORE, share, judged)
    said = f"At {share:.0%}, by {judged.value}"
    if part is None:
        return f"{said}, the oracle gains nothing over random: these figures decide nothing."
    if limit.margin is None or limit.margin > limit.mean:
        return f"{said}, a purchase by score goes {part} of the way, but the way itself is within chance."
    return f"{said}, a purchase by score goes {part} of the way from random to the oracle: {told_of_bar(part)}"


def _of_the_reader(lines: Sequence[Any], share: float, judged: Criterion) -> Iterator[str]:
    """How far a buyer comes that reads all texts, where one was asked for."""
    arms = {(each["arm"], each["share"]) for line in lines for each in line["purchases"]}
    if (READER, share) in arms and (part := way(lines, READER, share, judged)[2]) is not None:
        yield f"The reader, who sees all texts and buys by the loss that each lowers, goes {part} of that way."


def told_of_bar(part: SharePart) -> str:
    """Whether a share of the way reaches the bar on average, and whether that is by chance."""
    reached, other = ("reaches", "less") if part.mean >= BAR else ("misses", "more")
    is_sure = part.margin is not None and abs(part.mean - BAR) >= part.margin
    return (
        f"it {reached} {BAR:.0%}."
        if is_sure
        else f"it {reached} {BAR:.0%} on average.\n{other.capitalize()} is within chance."
    )


def _below(lines: Sequence[Any], section: str) -> Iterator[tuple[float, str, float]]:
    """The mean gain over random of each regime: a model, a domain and a share."""
    judged = Criterion.ERRORS if section == LABELLED else Criterion.LOSS
    for model, name in dict.fromkeys((line["model"], line["domain"]) for line in lines):
        mine = [line for line in lines if (line["model"], line["domain"]) == (model, name)]
        for share in sorted({each["share"] for line in mine for each in line["purchases"]}):
            yield way(mine, SCORE, share, judged)[0].mean, f"{name}, {model}", share


def _labelled_tasks(document: Document) -> str:
    """How few tasks the labelled texts are; nothing where none are asked for."""
    asked: Any = document["asked"]
    if LABELLED not in asked:
        return ""
    names = " and ".join(f"*{name}*" for name in TASKS)
    seeds = asked[LABELLED] // (len(TASKS) * len(WRONG_SHARES))
    wrong = ", ".join(f"{share:.0%}" for share in WRONG_SHARES)
    return (
        f"They are of {len(TASKS)} topics alone, {names}, each with two classes.\n"
        f"Each topic comes with {len(WRONG_SHARES)} shares of wrong labels, {wrong}, and with one model.\n"
        f"So {asked[LABELLED]} purchasers of labelled texts are {len(TASKS)} topics, {len(WRONG_SHARES)} shares of "
        f"wrong labels and {seeds} seeds.\n"
        f"Intervals say nothing of other topics, of more classes or of other models.\n"
    )


def _head(document: Document) -> str:
    return f"""# Purchases of texts

This page is for readers who want to know what scores of texts are worth to a buyer.
`scripts/study texts --report DIR --json FILE` made it, with `--quick` where few are asked for.
Nothing here is written by hand.

Each domain has a buyer with own texts, and a seller whose offer mixes texts of that domain with others.
Models are the small GPT-2 that comes with the demo, and a Llama of its size that was trained alike.
The demo's texts are the first domain.
Others come from the folder that `scripts/text_assets/make.py` fills with `--study`.
Labelled texts train a classifier, MiniLM with a head; some of the offered labels are wrong.
{_labelled_tasks(document)}\
The buyer asks for 4 bits of a score and, without labels, 2 of a contrast, and buys the texts that it trusts most.
It asks with `--show-query`; [another study](hidden.md) says what it costs to hide the query.
All purchases are judged alike, by test texts, once a model learned from own and bought texts.
A language model learns by {document["steps"]} steps of fine-tuning, a classifier by a head that is fitted exactly.
The *oracle* knows which texts are of the wanted kind.
The *reader* sees all texts, and takes those whose loss its own fine-tuning lowers most; it buys one share.
"""
