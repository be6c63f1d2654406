"""Study of unwanted texts that a buyer's scores let through: foreign, spam, forms, shuffled, copies, paraphrases.

The domains are those of the study of purchases, and the questions are as the product asks them: with a hidden query.
Not here: the verdict on each kind (`kept_out`), what purchases are worth (`purchases`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from blindfair.influence.corpus.near_duplicates import near_duplicates_of_texts
from blindfair.influence.text import BaseModel
from blindfair.pricing.texts.choice import text_trust
from blindfair.protocol.documents import Document
from blindfair.studies.ledger import Ledger
from blindfair.studies.table import TextTable
from blindfair.studies.texts.corpora import FOREIGN_NAME, load_documents, load_synonyms
from blindfair.studies.texts.domains import DOMAINS, TextDomain, held_out_documents, in_turn
from blindfair.studies.texts.kept_out import NAMED, told_of_kinds, where_bought
from blindfair.studies.texts.purchasers import measured_purchasers
from blindfair.studies.texts.purchases import most_trusted, prepared, seen_scores
from blindfair.studies.texts.report import MODELS, RESULTS, Domains

SHARES = (0.1, 0.2, 0.4)
SEEDS, QUICK_SEEDS, QUICK_DOMAINS = 2, 1, 2
ADDED = 40
"""Texts of each further kind."""

FOREIGN, SPAM, PARAPHRASES = "foreign languages", "spam", "paraphrases of targets"


def write_unwanted(
    folder: Path, *, quick: bool = False, so_far: bool = False, domains: Mapping[str, Domains] | None = None
) -> Document:
    """Measure, and write `unwanted.md` to a folder. The result as a document. Raises FileMissing, MissingPackage.

    What is measured is kept there line by line: a run that was stopped goes on where it was. With `so_far` nothing is
    measured. `domains` are those of models named in `MODELS`; all if not given.
    """
    ledger = Ledger(folder / RESULTS)
    asked: dict[str, Domains] = dict.fromkeys(MODELS, DOMAINS) if domains is None else dict(domains)
    if quick:
        asked = {model: dict(list(made.items())[:QUICK_DOMAINS]) for model, made in asked.items()}
    seeds = QUICK_SEEDS if quick else SEEDS

    def measure(base: BaseModel, domain: TextDomain, name: str, seed: int) -> dict[str, Any]:
        return purchase(base, with_unwanted(domain, name, base, seed), seed)

    lines = measured_purchasers(ledger, MODELS, asked, seeds, measure, so_far=so_far)
    document: Document = {"asked": seeds * sum(len(made) for made in asked.values()), "lines": lines}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "unwanted.md").write_text(page(document), encoding="utf-8")
    return document


def with_unwanted(domain: TextDomain, name: str, base: BaseModel, seed: int) -> TextDomain:
    """The domain with `ADDED` offered texts more of each further kind, all in a new order."""
    rng = np.random.default_rng([seed, len(name)])
    spam = [document for document in held_out_documents() if (document.source, document.part) == ("mails", "spam")]
    drawn = [spam[place] for place in rng.permutation(len(spam))[: 2 * ADDED]]
    targets = [text for text, kind in zip(domain.offer, domain.kinds, strict=True) if kind == domain.all_kinds[0]]
    added = {
        FOREIGN: list(_first(in_turn(_foreign(), base, rng))),
        SPAM: list(_first(in_turn(drawn, base, rng))),
        PARAPHRASES: [paraphrase(text, _synonyms()) for text in targets[:ADDED]],
    }
    offer = [*zip(domain.offer, domain.kinds, strict=True)]
    offer += [(text, kind) for kind, texts in added.items() for text in texts]
    mixed = [offer[place] for place in rng.permutation(len(offer))]
    return replace(
        domain,
        offer=[text for text, _ in mixed],
        kinds=[kind for _, kind in mixed],
        all_kinds=(*domain.all_kinds, *added),
    )


def paraphrase(text: str, synonyms: Mapping[str, str]) -> str:
    """The text with each word replaced by another that means nearly the same, where there is one.

    >>> paraphrase("Call the ships.", {"call": "name", "ship": "vessel", "the": "le"})
    'Name the vessels.'
    """
    return " ".join(_other(word, synonyms) for word in text.split())


def _other(word: str, synonyms: Mapping[str, str]) -> str:
    bare = word.strip(".,;:!?\"'()")
    small, plural = bare.lower(), bare.lower().removesuffix("s")
    if len(small) < 4 or not bare:
        return word
    found = synonyms.get(small) or (f"{synonyms[plural]}s" if plural != small and plural in synonyms else small)
    return word if found == small else word.replace(bare, found.capitalize() if bare[0].isupper() else found)


def purchase(base: BaseModel, domain: TextDomain, seed: int) -> dict[str, Any]:
    """How many texts of each kind are offered, named as near-duplicates, and bought at each share of the offer."""
    rng = np.random.default_rng(seed)
    made = prepared(base, domain, seed, rng, show_query=False)
    weights = text_trust(seen_scores(made, domain, rng), made).weights

    def counted(places: Sequence[int]) -> dict[str, int]:
        kinds = [domain.kinds[place] for place in places]
        return {kind: kinds.count(kind) for kind in domain.all_kinds}

    bought = {
        f"{share:.0%}": counted([int(place) for place in most_trusted(weights, round(share * len(weights)), rng)])
        for share in SHARES
    }
    named = [later for later, _ in near_duplicates_of_texts(domain.offer)]
    return {"offered": counted(range(len(domain.offer))), NAMED: counted(named), "bought": bought}


def page(document: Document) -> str:
    """The page of a document."""
    lines: Any = document["lines"]
    head = f"""# Unwanted texts

This page is for buyers of texts who want to know what their scores do not keep out.
`scripts/study unwanted --report DIR --json FILE` made it, with `--quick` where few are asked for.
Nothing here is written by hand.

Buyers, domains and offers are those of the [study of purchases](texts.md).
Three kinds of {ADDED} texts each are added to every offer: foreign languages, spam and paraphrases.
*Foreign languages* are passages of the Universal Declaration of Human Rights in twelve languages.
*Paraphrases* are offered texts of the wanted kind with every known word replaced by a synonym.
Queries are hidden, as by default, and the buyer takes the texts that it trusts most, at most a share of the offer.
Measured are {len(lines)} of {document["asked"]} purchasers: a model, a domain and a seed each.
"""
    if not lines:
        return head
    told = "\n".join(["", "## Which kinds are kept out", "", *told_of_kinds(lines), "", ""])
    return head + told + "\n".join(table.to_markdown() for table in (_table(lines), where_bought(lines)))


def _table(lines: Sequence[Any]) -> TextTable:
    return TextTable(
        "unwanted",
        "What is bought of each kind",
        f"Shares of the offered texts of a kind, over all {len(lines)} purchasers.\n"
        "A kind that is bought as often as all texts together is not told from the others.\n"
        "These means hide where a kind is let through: the next table has each domain.\n"
        "*Offered*: texts of all purchasers.\n"
        "*Named*: found by the seller's search for near-duplicates; the buyer's choice leaves these out.",
        ("kind", "offered", "named", *(f"bought at {share}" for share in lines[0]["bought"])),
        tuple(_rows(lines)),
    )


def _rows(lines: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    every = list(dict.fromkeys(kind for line in lines for kind in line["offered"]))
    for name, kinds in [*((kind, [kind]) for kind in every), ("all texts", every)]:
        offered = _total([line["offered"] for line in lines], kinds)
        counted = [[line[NAMED] for line in lines]]
        counted += [[line["bought"][share] for line in lines] for share in lines[0]["bought"]]
        yield name, str(offered), *(f"{_total(each, kinds) / max(1, offered):.0%}" for each in counted)


def _total(counts: Sequence[Mapping[str, int]], kinds: Sequence[str]) -> int:
    return sum(count.get(kind, 0) for count in counts for kind in kinds)


def _first(texts: Iterator[str]) -> Iterator[str]:
    for _, text in zip(range(ADDED), texts, strict=False):
        yield text


@cache
def _foreign() -> tuple[Any, ...]:
    return load_documents(name=FOREIGN_NAME)


@cache
def _synonyms() -> dict[str, str]:
    return load_synonyms()
