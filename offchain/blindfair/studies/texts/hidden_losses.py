"""What hiding its query costs a buyer of texts in loss: after what a shown and a hidden query buy, beside a random
purchase and the oracle's, all judged as in the study of purchases.

Not here: which texts are bought and what the seller can guess (`hidden`), and the arms (`purchases`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from blindfair.influence.arrays import Integers
from blindfair.influence.text import BaseModel
from blindfair.pricing.texts.choice import text_trust
from blindfair.studies.table import TextTable
from blindfair.studies.texts.domains import TextDomain
from blindfair.studies.texts.purchases import (
    ORACLE,
    RANDOM,
    figures_of,
    judge_of,
    most_trusted,
    prepared,
    seen_scores,
    wanted_first,
    wanted_of,
)
from blindfair.studies.texts.tables import Criterion, way

SHOWN, HIDDEN = "shown", "hidden"
SHARES = (0.1, 0.2, 0.4)
STEPS = 36
"""Steps of the fine-tuning that judges, as in the study of purchases."""


def compare_losses(base: BaseModel, domain: TextDomain, seed: int) -> dict[str, Any]:
    """Losses on the test texts after each purchase."""
    orders: dict[str, Mapping[float, Integers]] = {}
    for how in (SHOWN, HIDDEN):
        # Both draw alike, so that they differ in the projection alone.
        rng = np.random.default_rng(seed)
        made = prepared(base, domain, seed, rng, show_query=how == SHOWN)
        weights = text_trust(seen_scores(made, domain, rng), made).weights
        orders[how] = {share: most_trusted(weights, _count(share, domain), rng) for share in SHARES}
    mixed = np.random.default_rng(seed).permutation(len(domain.offer))
    for arm, order in ((RANDOM, mixed), (ORACLE, wanted_first(mixed, wanted_of(domain)))):
        orders[arm] = {share: order[: _count(share, domain)] for share in SHARES}
    judge = judge_of(made.scoring.model, domain, STEPS, seed)
    return {
        "purchases": [
            {"arm": arm, "share": share, **figures_of(judge.after(domain.with_own(bought[share])))}
            for arm, bought in orders.items()
            for share in SHARES
        ]
    }


def _count(share: float, domain: TextDomain) -> int:
    return round(share * len(domain.offer))


def loss_table(lines: Sequence[Any]) -> TextTable:
    """How far each query's purchase goes from random to the oracle, by model and share."""
    return TextTable(
        "losses",
        "Loss after the purchase",
        f"Means over {len(lines)} purchasers, ± half of a 95 % interval.\n"
        "Seeds of one domain share documents, so the interval is rather too narrow.\n"
        f"A language model learned by {STEPS} steps of fine-tuning, a classifier by a head that is fitted exactly.\n"
        "*Oracle*: what knowing each text's kind gains over a random purchase, in nats of test loss.\n"
        "*Shown* and *hidden*: the part of that which a purchase by score gains; *no way* where the oracle gains "
        "nothing.",
        ("model", "purchasers", "bought", "oracle", SHOWN, HIDDEN),
        tuple(_rows(lines)),
    )


def _rows(lines: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    for model in dict.fromkeys(line["model"] for line in lines):
        mine = [line for line in lines if line["model"] == model]
        for share in SHARES:
            ways = {how: way(mine, how, share, Criterion.LOSS) for how in (SHOWN, HIDDEN)}
            parts = ("no way" if part is None else str(part) for *_, part in ways.values())
            yield model, str(len(mine)), f"{share:.0%}", str(ways[SHOWN][1]), *parts
