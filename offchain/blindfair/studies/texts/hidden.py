"""What it costs a buyer of texts to hide its query: the same purchases with the query's directions shown and hidden.

The request of a shown query has each layer's part of it in the projection; that of a hidden one has main directions of
own texts, or of their pieces, alone (`influence.text.bases`). Judged is how many of the bought texts are of the wanted
kind, which needs no fine-tuning; and how near the seller of a hidden query comes to it by guessing. Not here: how
questions are made and texts chosen (`purchases`), and the losses after the purchases (`hidden_losses`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from blindfair.influence.arrays import Floats
from blindfair.influence.projection import Projection
from blindfair.influence.text import BaseModel
from blindfair.influence.text.scoring import unit_rows
from blindfair.pricing.texts.choice import text_trust
from blindfair.pricing.texts.valuation import TextValuation
from blindfair.pricing.utility import mean_and_margin
from blindfair.protocol.documents import Document
from blindfair.studies.ledger import Ledger
from blindfair.studies.table import TextTable
from blindfair.studies.texts.domains import DOMAINS, TextDomain
from blindfair.studies.texts.hidden_losses import HIDDEN, SHARES, SHOWN, compare_losses, loss_table
from blindfair.studies.texts.labelled import labelled_domains, load_minilm
from blindfair.studies.texts.purchasers import measured_purchasers
from blindfair.studies.texts.purchases import most_trusted, prepared, seen_scores, wanted_of
from blindfair.studies.texts.report import MODELS, RESULTS, Domains

SEEDS, QUICK_SEEDS, QUICK_DOMAINS = 4, 2, 2

NEAREST = 0.2
"""Share of the offer."""


def write_hidden(
    folder: Path, *, quick: bool = False, so_far: bool = False, domains: Mapping[str, Domains] | None = None
) -> Document:
    """Measure, and write `hidden.md` to a folder. The result as a document. Raises FileMissing, MissingPackage.

    What is measured is kept there line by line: a run that was stopped goes on where it was (`restore_texts` from its
    document). With `so_far` nothing is measured. `domains` are those of models named in `MODELS` and of `MiniLM`; all
    if not given.
    """
    ledger = Ledger(folder / RESULTS)
    load: dict[str, Callable[[], BaseModel]] = {**MODELS, "MiniLM": cache(load_minilm)}
    asked = {**dict.fromkeys(MODELS, DOMAINS), "MiniLM": labelled_domains()} if domains is None else domains
    seeds = QUICK_SEEDS if quick else SEEDS
    if quick:
        asked = {model: dict(list(made.items())[:QUICK_DOMAINS]) for model, made in asked.items()}

    def measure(base: BaseModel, domain: TextDomain, _: str, seed: int) -> dict[str, Any]:
        return compare_queries(base, domain, seed)

    def measure_losses(base: BaseModel, domain: TextDomain, _: str, seed: int) -> dict[str, Any]:
        return compare_losses(base, domain, seed)

    lines = measured_purchasers(ledger, load, asked, seeds, measure, so_far=so_far)
    losses = measured_purchasers(ledger, load, asked, seeds, measure_losses, so_far=so_far, what="losses")
    purchasers = seeds * sum(len(made) for made in asked.values())
    document: Document = {"asked": purchasers, "lines": lines, "losses": losses}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hidden.md").write_text(page(document), encoding="utf-8")
    return document


def compare_queries(base: BaseModel, domain: TextDomain, seed: int) -> dict[str, Any]:
    """The shares of wanted texts bought by a shown and by a hidden query, and how their exact scores agree by ranks."""
    wanted = wanted_of(domain)
    found: dict[str, Any] = {"offered": float(wanted.mean())}
    exact: list[Floats] = []
    for how in (SHOWN, HIDDEN):
        # Both draw alike, so that they differ in the projection alone.
        rng = np.random.default_rng(seed)
        made = prepared(base, domain, seed, rng, show_query=how == SHOWN)
        weights = text_trust(seen_scores(made, domain, rng), made).weights
        found[how] = {
            f"{share:.0%}": float(wanted[most_trusted(weights, round(share * len(wanted)), rng)].mean())
            for share in SHARES
        }
        rows = unit_rows(made.scoring.model.rows(domain.offer, domain.labels.offer, made.projection))
        exact.append(rows @ np.asarray(made.queries, dtype=np.float64)[0])
    return {**found, "agreement": float(spearmanr(*exact).statistic), "guesses": _guesses(made, domain)}


def _guesses(hidden: TextValuation, domain: TextDomain) -> dict[str, dict[str, float]]:
    """What a seller reads of a request: of each guess its cosine with what is asked, and how its scores agree by ranks.

    All in the layers of the query, which the kind of the listing tells.
    """
    projection = hidden.projection
    parts = [pair.project_query(part) for pair, part in zip(projection.sides, hidden.direction.layers, strict=True)]
    inside = np.concatenate([np.full(part.shape, part.any()) for part in parts])
    wide = Projection(len(inside), sides=projection.sides)
    rows = unit_rows(hidden.scoring.model.rows(domain.offer, domain.labels.offer, wide))
    sent = np.eye(len(inside)) if projection.entries is None else projection.entries
    space, _ = np.linalg.qr(sent)
    # Scores are products with projected rows, and the entries sent are orthonormal.
    asked = sent @ np.asarray(hidden.queries, dtype=np.float64)[0]
    scores, outside = rows @ asked, np.linalg.norm(rows - (rows @ space) @ space.T, axis=1)
    nearest = outside <= np.quantile(outside, NEAREST)

    def judged(guess: Floats) -> dict[str, float]:
        guess = np.where(inside, guess, 0.0)
        size = np.linalg.norm(guess) * np.linalg.norm(np.where(inside, asked, 0.0))
        return {"cosine": float(guess @ asked / size), "ranks": float(spearmanr(rows @ guess, scores).statistic)}

    columns = [judged(column) for column in sent.T]
    return {
        "mean row": judged(rows.mean(axis=0)),
        "nearest rows": judged(rows[nearest].mean(axis=0) - rows[~nearest].mean(axis=0)),
        "best direction sent": max(columns, key=lambda each: abs(each["cosine"])),
    }


def page(document: Document) -> str:
    """The page of a document."""
    lines: Any = document["lines"]
    losses: Any = document.get("losses", [])
    head = """# What it costs to hide a query about texts

This page is for buyers of texts who want to know whether to ask with `--show-query`.
`scripts/study hidden --report DIR --json FILE` made it, with `--quick` where few are asked for.
Nothing here is written by hand.

Each purchaser asks twice, with the same own texts, offer and draws.
Its domains and offers are those of the [study of purchases](texts.md), which has more seeds of shown queries.
A *shown* query is found by its seller; a *hidden* one is the default.
Of that the seller sees a space of main directions of own texts or of their pieces, and no single direction.
Judged is how many of the bought texts are of the wanted kind: of the domain, and labelled right where there are labels.
Judged is also the loss on the test texts, once a model learned from own and bought texts.
"""
    told = f"Measured are {len(lines)} of {document['asked']} purchasers: a model, a domain and a seed each.\n"
    if len(losses) < len(lines):
        told += f"The loss was measured for {len(losses)} of them.\n"
    tables = [*([_table(lines)] if lines else []), *([loss_table(losses)] if losses else [])]
    tables += [_guessed(lines)] if lines else []
    return f"{head}{told}" + "".join(f"\n{table.to_markdown()}" for table in tables)


def _table(lines: Sequence[Any]) -> TextTable:
    return TextTable(
        "hidden",
        "Wanted texts among the bought",
        f"Means over {len(lines)} purchasers, ± half of a 95 % interval of the differences, pair by pair.\n"
        "*Agreement*: of the exact scores of both queries by ranks (Spearman), mean and least.\n"
        "Seeds of one domain share documents, so the interval is rather too narrow.\n"
        "A purchaser that trusts fewer texts than it asked for buys those alone.\n"
        "*Offered*: the share of wanted texts in the offer, which a random purchase has.",
        ("model", "purchasers", "agreement", "bought", "offered", "shown", "hidden", "hidden less shown"),
        tuple(_rows(lines)),
    )


def _rows(lines: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    for model in dict.fromkeys(line["model"] for line in lines):
        mine = [line for line in lines if line["model"] == model]
        agreement = np.array([line["agreement"] for line in mine])
        for share in mine[0][SHOWN]:
            shown, hidden = (np.array([line[how][share] for line in mine]) for how in (SHOWN, HIDDEN))
            yield (
                model, str(len(mine)), f"{agreement.mean():.2f}, {agreement.min():.2f}", share,
                f"{np.mean([line['offered'] for line in mine]):.0%}", f"{shown.mean():.0%}", f"{hidden.mean():.0%}",
                _points(hidden - shown),
            )  # fmt: skip


def _guessed(lines: Sequence[Any]) -> TextTable:
    rows = []
    for model in dict.fromkeys(line["model"] for line in lines):
        found = [line["guesses"] for line in lines if line["model"] == model]
        for guess in found[0]:
            cosines, ranks = (np.mean([abs(each[guess][name]) for each in found]) for name in ("cosine", "ranks"))
            rows.append((model, str(len(found)), guess, f"{cosines:.2f}", f"{ranks:.2f}"))
    return TextTable(
        "guessed",
        "What the seller of a hidden query can guess",
        "Means of absolute values, in the entries of the projection's first stage and the layers of the query.\n"
        "*Cosine*: of the guess and of the query that is asked.\n"
        "*Ranks*: the rank correlation (Spearman) of the offer's scores by the guess and by the query.\n"
        "*Mean row*: of the whole offer, which the seller has without being asked.\n"
        f"*Nearest rows*: the mean row of the {NEAREST:.0%} of the offer nearest to the space sent, less the others'.\n"
        "*Best direction sent*: the one nearest to the query; the seller does not know which that is.",
        ("model", "purchasers", "guess", "cosine", "ranks"),
        tuple(rows),
    )


def _points(differences: Floats) -> str:
    if len(differences) < 2:
        return f"{100 * float(differences[0]):+.1f} points"
    mean, margin = mean_and_margin(differences)
    return f"{100 * float(mean):+.1f} ± {100 * float(margin):.1f} points"
