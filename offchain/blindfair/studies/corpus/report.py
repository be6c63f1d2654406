"""The study of the corpus market: everything measured as one document, and the page made of that document.

Not here: what is measured (`values`, `shape`), and on which texts (`market`).
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blindfair.influence.text import BaseModel
from blindfair.pricing.utility import mean_and_margin
from blindfair.protocol.documents import Document
from blindfair.studies.corpus.market import BAD, BUYERS, FULL, SMALL, CorpusBuyer, CorpusMarket, MarketSize, make_market
from blindfair.studies.corpus.shape import LEAST_CHANCE, SURELY
from blindfair.studies.corpus.values import (
    ALL,
    ARMS,
    BOUGHT,
    BY_VALUE,
    FLAT,
    LENGTH_ONE,
    PAYS,
    PER_TEXT,
    RANDOM,
    SEEN,
    VALUES,
    WHOLE,
    CorpusPlan,
    study_market,
)
from blindfair.studies.ledger import Ledger
from blindfair.studies.statistics import Gain
from blindfair.studies.table import TextTable
from blindfair.studies.texts.domains import DEMO_TEXTS

PLAN, QUICK = CorpusPlan(0.2, 24, 200), CorpusPlan(0.2, 2, 20)
SEEDS, QUICK_SEEDS = 2, 1
RESULTS = "results.jsonl"

MakeMarket = Callable[[BaseModel, CorpusBuyer, int, MarketSize], CorpusMarket]


def write_corpus(
    folder: Path,
    *,
    quick: bool = False,
    so_far: bool = False,
    buyers: Sequence[CorpusBuyer] = BUYERS,
    make: MakeMarket = make_market,
) -> Document:
    """Measure, and write `corpus.md` to a folder. The result as a document. Raises FileMissing.

    What is measured is kept there line by line: a run that was stopped goes on where it was. With `so_far` nothing is
    measured.
    """
    plan, size, seeds = (QUICK, SMALL, QUICK_SEEDS) if quick else (PLAN, FULL, SEEDS)
    ledger = Ledger(folder / RESULTS)
    base: BaseModel | None = None
    lines: list[Any] = []
    for seed in range(seeds):
        for buyer in buyers:
            key = f"{buyer.name}, seed {seed}, {plan.steps} steps, {'quick' if quick else 'full'}"
            if key not in ledger and not so_far:
                base = base or BaseModel.load(DEMO_TEXTS / "model")
                found = study_market(base, make(base, buyer, seed, size), plan, seed)
                ledger.add(key, {"buyer": buyer.name, "seed": seed, **found})
            if key in ledger:
                lines.append({name: value for name, value in ledger[key].items() if name != "key"})
    document: Document = {
        "share": plan.share,
        "steps": plan.steps,
        "asked": len(buyers) * seeds,
        "lines": lines,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "corpus.md").write_text(page(document), encoding="utf-8")
    return document


def page(document: Document) -> str:
    """The page of a document."""
    return "\n".join([_head(document), *_verdict(document), "", *(each.to_markdown() for each in tables(document))])


def tables(document: Document) -> list[TextTable]:
    """All tables of the page."""
    lines: Any = document["lines"]
    return [_shapes(lines), _tails(lines), _sellers(lines), _losses(lines), _gini(lines), _bad(lines)]


def _buyers(lines: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(line["buyer"] for line in lines))


def _of(lines: Sequence[Any], buyer: str) -> list[Any]:
    return [line for line in lines if line["buyer"] == buyer]


def _mean(values: Iterator[float] | list[float]) -> float:
    return float(np.mean(list(values)))


def _shapes(lines: Sequence[Any]) -> TextTable:
    rows = []
    for buyer in _buyers(lines):
        for value in VALUES:
            each = [line["shapes"][value] for line in _of(lines, buyer)]
            rows.append(
                (
                    buyer,
                    value,
                    *(f"{_mean(one[name] for one in each):.0%}" for name in ("carries", "hurts", "top_tenth")),
                    f"{min(one['carries'] for one in each):.0%} to {max(one['carries'] for one in each):.0%}",
                )
            )
    return TextTable(
        "shapes",
        "The shape of values",
        "Means over divisions of the documents.\n"
        "*Carries 80 %*: the share of all offered texts that holds 80 % of the positive value, and its range.\n"
        "*Hurts*: the share of all offered texts of negative value.\n"
        "*Best tenth*: the part of the positive value that the best tenth of all texts has.\n"
        f"*{LENGTH_ONE[0].upper() + LENGTH_ONE[1:]}*: what the product computes, of rows of length one.\n"
        f"*{WHOLE[0].upper() + WHOLE[1:]}*: the same query on rows of their own length.\n"
        f"*{SEEN[0].upper() + SEEN[1:]}*: what the buyer gets for 4 bits a text, with the noise that these bits need.",
        ("buyer", "value", "carries 80 %", "hurts", "best tenth has", "range of the first"),
        tuple(rows),
        keys=2,
    )


def _tails(lines: Sequence[Any]) -> TextTable:
    rows = []
    for line in lines:
        for value in (LENGTH_ONE, WHOLE):
            fit = line["shapes"][value]["tail"]
            if fit is not None:
                rows.append(
                    (
                        f"{line['buyer']}, {line['seed']}",
                        value,
                        f"{fit['exponent']:.1f}",
                        f"{fit['low']:.1f} to {fit['high']:.1f}",
                        f"{fit['tail']:.0%}",
                        f"{fit['chance']:.2f}",
                        f"{fit['preference']:+.1f}",
                        "not refused" if fit["holds"] else "refused",
                    )
                )
    return TextTable(
        "tails",
        "Is the tail a power law?",
        "A power law's density is fitted to the largest positive values (Clauset, Shalizi and Newman 2009).\n"
        "*Exponent*: Hill's estimate, with a 95 % bootstrap interval that chooses the beginning of the tail anew.\n"
        "*Tail*: the share of positive values that it is fitted to.\n"
        f"*Chance*: how often synthetic power laws fit worse; under {LEAST_CHANCE:g} the law is refused.\n"
        f"*Over exponential*: standard errors by which it is likelier (Vuong 1989); it is refused under -{SURELY:g}.",
        ("buyer, division", "value", "exponent", "interval", "tail", "chance", "over exponential", "power law"),
        tuple(rows),
        keys=2,
    )


def _sellers(lines: Sequence[Any]) -> TextTable:
    buyers = _buyers(lines)
    rows = []
    names = list(dict.fromkeys(name for line in lines for name in line["sellers"]))
    for name in sorted(names, key=lambda name: (name in BAD, name)):
        cells = []
        for buyer in buyers:
            each = [line["sellers"][name] for line in _of(lines, buyer) if name in line["sellers"]]
            texts = _mean(one["texts"] for one in each)
            share = texts / _mean(line["offered"] for line in _of(lines, buyer))
            value = _mean(one["value"] for one in each) / share
            bought = _mean(one["bought"] for one in each) / texts
            target = " (target)" if any(one["wanted"] for one in each) else ""
            cells.append(f"{value:.2f}, {_mean(one['hurts'] for one in each):.0%}, {bought:.0%}{target}")
        rows.append((name, *cells))
    return TextTable(
        "sellers",
        "Value by source",
        "For each buyer three figures, means over divisions.\n"
        "The first is the part of the positive value over the part of the texts: 1 is as good as the mean text.\n"
        "The second is the share of texts that hurt, and the third the share of texts that are bought.\n"
        "Values are exact scores.\n"
        "*Target*: the source of the buyer's own texts.",
        ("source", *buyers),
        tuple(rows),
    )


def _losses(lines: Sequence[Any]) -> TextTable:
    rows = []
    for buyer in [*_buyers(lines), "all"]:
        mine = [line for line in lines if buyer in (line["buyer"], "all")]
        for arm in ARMS:
            with_arm = [line for line in mine if arm in line["training"]]
            if with_arm:
                over = [loss(line, RANDOM) - loss(line, arm) for line in with_arm]
                rows.append(
                    (
                        buyer,
                        arm,
                        f"{_mean(line['training'][arm]['texts'] for line in with_arm):.0f}",
                        f"{_mean(line['training'][arm]['tokens'] for line in with_arm):,.0f}",
                        f"{_mean(loss(line, arm) for line in with_arm):.3f}",
                        "" if arm == RANDOM else str(gain_of(over)),
                    )
                )
    return TextTable(
        "losses",
        "Losses after training at equal tokens",
        "Losses on the buyer's test texts, in nats a token.\n"
        "All arms train the same base model on their texts alone, by the product's fine-tuning.\n"
        "The last rows are means over all pairs of a buyer and a division.\n"
        "*Gain over random*: mean paired difference, ± half of a 95 % interval over divisions, or over these pairs.\n"
        f"*{BOUGHT.capitalize()}*: what the product buys by scores seen through noise.\n"
        "*Wanted*: as many texts of the buyer's own source, or all there are.\n"
        "*Lowest scores*: as many of the lowest exact scores.\n"
        "*Own*: the buyer's own texts.",
        ("buyer", "arm", "texts", "tokens", "loss", "gain over random"),
        tuple(rows),
        keys=2,
    )


def loss(line: Any, arm: str) -> float:
    """The test loss of an arm."""
    return float(line["training"][arm]["loss"])


def gain_of(values: Sequence[float]) -> Gain:
    """The mean of paired differences, with half of its 95 % interval."""
    if len(values) < 2:
        return Gain(float(values[0]), None)
    mean, margin = mean_and_margin(np.array(values))
    return Gain(float(mean), float(margin))


def _gini(lines: Sequence[Any]) -> TextTable:
    rows = []
    for buyer in _buyers(lines):
        for rule in PAYS:
            each = [line["pay"][rule] for line in _of(lines, buyer)]
            bad = [_bad_part(one) for one in each]
            rows.append(
                (
                    buyer,
                    rule,
                    f"{_mean(one['texts'] for one in each):.2f}",
                    f"{_mean(one['sellers'] for one in each):.2f}",
                    f"{_mean(bad):.0%}",
                )
            )
    return TextTable(
        "gini",
        "Flat-rate pay against pay by value",
        "The buyer pays the same sum under each rule; means over divisions.\n"
        "*Gini*: 0 where all have the same, near 1 where one has all; over texts, and over sellers by pay for a text.\n"
        f"*{FLAT.capitalize()}*: every offered text is paid by its tokens.\n"
        "*Bought, one price*: the product's default, where all bought texts cost the same.\n"
        "*Bought, by trust*: a bought text is paid in proportion to its trust.\n"
        f"*{BY_VALUE.capitalize()}*: every text is paid in proportion to its exact positive score.",
        ("buyer", "rule", "Gini of texts", "Gini of sellers", "bad sellers get"),
        tuple(rows),
        keys=2,
    )


def _bad_part(pay: Any) -> float:
    return sum(float(pay["parts"].get(name, 0.0)) for name in BAD)


def _times_flat(lines: Sequence[Any], seller: str) -> float:
    flat, bought = (_mean(line["pay"][rule]["parts"].get(seller, 0.0) for line in lines) for rule in (FLAT, PER_TEXT))
    return bought / flat if flat else 0.0


def _bad(lines: Sequence[Any]) -> TextTable:
    rows = []
    for buyer in _buyers(lines):
        for name in BAD:
            mine = [line for line in _of(lines, buyer) if name in line["sellers"]]
            if mine:
                flat = _mean(line["pay"][FLAT]["parts"][name] for line in mine)
                texts = sum(line["sellers"][name]["texts"] for line in mine)
                rows.append(
                    (
                        buyer,
                        name,
                        f"{sum(line['sellers'][name]['named'] for line in mine) / texts:.0%}",
                        f"{flat:.1%}",
                        *(
                            f"{_mean(line['pay'][rule]['parts'][name] for line in mine) / flat:.2f}"
                            for rule in PAYS
                            if rule != FLAT
                        ),
                    )
                )
    return TextTable(
        "bad",
        "What bad sellers earn",
        "The part of all pay at the flat rate, and how many times that part they get by the other rules.\n"
        "*Named*: the share of the seller's texts that its listing names as near-duplicates of an earlier one.\n"
        "*Spam* is new to the base model, as ham is; a buyer of mails may gain by it.\n"
        "*Form texts* are a few notices with other names and numbers.\n"
        "*Shuffled words* are texts of others with their words in another order.\n"
        "*Near copies* lack 6 % of the words of a text of another seller; *exact copies* are such texts.\n"
        "A listing that holds equal texts is refused before it is scored.\n"
        "A copy in another seller's listing scores like its original, and is paid like it.",
        ("buyer", "seller", "named", f"{FLAT}: part", *(rule for rule in PAYS if rule != FLAT)),
        tuple(rows),
        keys=2,
    )


def _verdict(document: Document) -> Iterator[str]:
    lines: Any = document["lines"]
    yield f"Measured are {len(lines)} of {document['asked']} pairs of a buyer and a division."
    if not lines:
        return
    shapes = [line["shapes"][LENGTH_ONE] for line in lines]
    yield (
        f"On average {_mean(one['carries'] for one in shapes):.0%} of the offered texts carry 80 % of the positive "
        f"value, and {_mean(one['hurts'] for one in shapes):.0%} hurt."
    )
    ranks = _mean(line["told"]["ranks"] for line in lines)
    yield f"Scores seen through noise keep the ranks of exact ones: {ranks:.3f}."
    fits = [line["shapes"][value]["tail"] for line in lines for value in (LENGTH_ONE, WHOLE)]
    known = [fit for fit in fits if fit is not None]
    yield f"A power law is refused for {sum(not fit['holds'] for fit in known)} of {len(known)} tails."
    if all(BOUGHT in line["training"] for line in lines):
        yield f"Training on bought texts instead of as many random ones takes off so many nats: {_gain(lines, RANDOM)}."
        yield f"Instead of all texts, at as many tokens: {_gain(lines, ALL)}."
    flat, bought = (_mean(_bad_part(line["pay"][rule]) for line in lines) for rule in (FLAT, PER_TEXT))
    yield f"Bad sellers get {flat:.0%} of the pay at the flat rate, and {bought:.0%} where texts are bought by score."
    times, seller, buyer = max(
        (_times_flat(_of(lines, buyer), name), name, buyer) for buyer in _buyers(lines) for name in BAD
    )
    if times > 1:
        yield f"The worst case: {seller} get {times:.1f} times the flat rate's pay from the buyer of {buyer}."


def _gain(lines: Sequence[Any], other: str) -> Gain:
    return gain_of([loss(line, other) - loss(line, BOUGHT) for line in lines])


def _head(document: Document) -> str:
    lines: Any = document["lines"]
    offered = sorted({int(line["offered"]) for line in lines}) or [0]
    documents = sorted({int(line["documents"]) for line in lines}) or [0]
    return f"""# The market of a corpus

This page is for readers who want to know how value is spread over the texts of many sources.
`scripts/study corpus --report DIR --json FILE` made it; nothing here is written by hand.

The model is the small GPT-2 that comes with the demo.
Three buyers each have 180 own texts: addresses since 1946, fiction of five kinds, or ham mails.
The offer has {_span(offered)} texts of 60 to 120 tokens, cut from {_span(documents)} documents.
The model was trained on none of these; the folder is filled by `scripts/text_assets/make.py --study`.
There is a seller for each source and five bad sellers.
A buyer asks for 4 bits of a score and 2 of a contrast, and buys {document["share"]:.0%} of the offer at most.
It buys the texts that it trusts most, as the product does.
It asks with `--show-query`; [another study](hidden.md) says what it costs to hide the query.
Each seller's listing names its [near-duplicates](../explanation/texts.md#near-duplicates), as the product's do.
Of such a cluster a buyer takes the first text alone.
No seller sees the texts of another, so copies of another seller's texts are not named.
Scores are computed in the clear here, for speed.
They are the same integers: [encrypted scores equal them](fidelity.md#encrypted-scores-against-plaintext-scores).
Noise is drawn as a blind evaluation draws it for so many bits.
A *value* is first-order: how far the text's own gradient goes along the buyer's query, positive where it helps.
A *division* draws own texts, test texts and offer anew from the same documents.
Intervals are of such draws: other documents and other buyers may give other figures.
"""


def _span(numbers: Sequence[int]) -> str:
    low, high = numbers[0], numbers[-1]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
