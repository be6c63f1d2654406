"""Purchasers of a study, a model, a domain and a seed each: measured once, and kept line by line."""

from collections.abc import Callable, Mapping
from typing import Any

from blindfair.influence.text import BaseModel
from blindfair.studies.ledger import Ledger
from blindfair.studies.texts.domains import TextDomain
from blindfair.studies.texts.report import Domains

Measure = Callable[[BaseModel, TextDomain, str, int], dict[str, Any]]
"""What is found out about one purchaser, by its base model, its domain, the domain's name and the seed."""


def measured_purchasers(
    ledger: Ledger,
    models: Mapping[str, Callable[[], BaseModel]],
    domains: Mapping[str, Domains],
    seeds: int,
    measure: Measure,
    *,
    so_far: bool,
    what: str = "",
) -> list[Any]:
    """The lines of all purchasers in the ledger. Those that are not there are measured first, unless `so_far`.

    `what` tells lines of one purchaser apart where a study measures several things of it.
    """
    lines: list[Any] = []
    for seed in range(seeds):
        for model, made in domains.items():
            for name, domain in made.items():
                key = ", ".join(filter(None, (model, name, f"seed {seed}", what)))
                if key not in ledger and not so_far:
                    base = models[model]()
                    found = measure(base, domain(base, seed), name, seed)
                    ledger.add(key, {"model": model, "domain": name, "seed": seed, **found})
                if key in ledger:
                    lines.append(ledger[key])
    return lines
