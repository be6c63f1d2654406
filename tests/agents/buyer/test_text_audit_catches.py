"""The audit catches a seller that cheats about texts as often as PROTOCOL 5.5 says, and never an honest one.

A cheat here is a seller that scores a part of its texts otherwise than the request asks: by made-up rows, by the first
window alone, by the beginning of a text, by other weights or another tokenizer under the digest of the base model.
Everything else is honest: encryption, commitments, records. The draws are seeded.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from audits import AUDITS, audit
from scipy.stats import binom
from texts import (
    OFFERED,
    HandTextValuer,
    OtherRowsSeller,
    corpus,
    offered,
    rounded,
    rows_of,
    scoring_of,
    text_parties,
)
from tiny_bases import build, byte_level_tokenizer, write
from trade import AUDITED, Parties

from blindfair.influence.arrays import Floats
from blindfair.influence.text import BaseModel, TextWindows
from blindfair.influence.text.scoring import unit_rows
from blindfair.protocol.audit import pass_probability
from blindfair.protocol.errors import RowsDisagree, ScoresDisagree

DEEP = os.environ.get("BLINDFAIR_DEEP") == "1"
"""Whether to audit as often as tables are (`scripts/deep`). Each audit runs a transformer."""

FEWER = AUDITS if DEEP else AUDITS // 10

SIZE, FAKED = 36, 4

WORTHLESS = tuple(number for number, text in enumerate(offered()) if 20 < len(text.split()) < 60)[::3]
"""Texts of more than one window, a quarter of which is less than two, so that each cheat changes what is scored."""

HONEST = [number for number in range(OFFERED) if number not in WORTHLESS]

Cheat = Callable[[BaseModel, Path], Floats]
"""The rows that a seller claims, of all offered texts."""


def made_up(base: BaseModel, folder: Path) -> Floats:
    projection = HandTextValuer(base).projection()
    return unit_rows(np.random.default_rng(9).normal(size=(OFFERED, projection.k)))


def first_window_alone(base: BaseModel, folder: Path) -> Floats:
    windows = replace(scoring_of(base).model.windows, max_windows=1)
    return rows_of(base, HandTextValuer(base).projection(), windows=windows)


def beginning_of_each_text(base: BaseModel, folder: Path) -> Floats:
    beginnings = [text[: max(20, len(text) // 4)] for text in offered()]
    return rows_of(base, HandTextValuer(base).projection(), beginnings)


def shorter_windows(base: BaseModel, folder: Path) -> Floats:
    return rows_of(base, HandTextValuer(base).projection(), windows=TextWindows(8, 4))


def other_weights(base: BaseModel, folder: Path) -> Floats:
    return rows_of(swapped(base, weights=True, folder=folder), HandTextValuer(base).projection())


def other_tokenizer(base: BaseModel, folder: Path) -> Floats:
    return rows_of(swapped(base, weights=False, folder=folder), HandTextValuer(base).projection())


def not_of_length_one(base: BaseModel, folder: Path) -> Floats:
    rows = rows_of(base, HandTextValuer(base).projection())
    return rows * np.linspace(0.3, 0.8, OFFERED)[:, np.newaxis]


CHEATS = (
    made_up, first_window_alone, beginning_of_each_text, shorter_windows, not_of_length_one, other_weights,
    other_tokenizer,
)  # fmt: skip


def swapped(base: BaseModel, *, weights: bool, folder: Path) -> BaseModel:
    """A base model under the digest of another: with a few other weights, or with a tokenizer of other words."""
    if weights:
        name = "transformer.h.1.mlp.c_fc.weight"
        return replace(base, tensors={**base.tensors, name: base.tensors[name] * 1.05})
    other = BaseModel.load(write(build("gpt2"), folder / "other", tokenizer=byte_level_tokenizer(270)))
    assert other.digest != base.digest
    return replace(base, tokenizer=other.tokenizer)


@pytest.fixture(params=CHEATS if DEEP else (first_window_alone, other_weights), ids=lambda cheat: cheat.__name__)
def cheated(request: pytest.FixtureRequest, bases: dict[str, BaseModel], tmp_path: Path) -> Iterator[Parties]:
    """Both parties after a reply in which some texts were scored otherwise."""
    base = bases["gpt2"]
    claimed = rounded(request.param(base, tmp_path))
    parties = replied(base, tmp_path, worthless=WORTHLESS, made=lambda _: claimed)
    yield parties
    parties.close()
    parties.world.close()


def replied(base: BaseModel, directory: Path, **cheat: Any) -> Parties:
    """Both parties after a reply of a seller that computes some rows by itself."""
    parties = text_parties(directory / "world", base, seller_type=OtherRowsSeller)
    for name, value in cheat.items():
        setattr(parties.seller, name, value)
    parties.run(lambda: "selection" in parties.buyer.sizes())
    return parties


def test_a_cheat_about_texts_is_caught_as_often_as_the_protocol_says(cheated: Parties) -> None:
    evaluated = cheated.buyer.review()
    rng = np.random.default_rng(5)
    caught = 0
    for seed in range(FEWER):
        faked = rng.choice(WORTHLESS, FAKED, replace=False)
        records = [*map(int, faked), *map(int, rng.choice(HONEST, SIZE - FAKED, replace=False))]
        try:
            drawn = audit(cheated, evaluated, records, seed)
            assert not {*WORTHLESS} & {*drawn}
        except (RowsDisagree, ScoresDisagree):
            caught += 1
    share = FAKED / SIZE
    low, high = binom.interval(0.999, FEWER, 1 - pass_probability(share, AUDITED, SIZE))
    assert low <= caught <= high
    # The figure of PROTOCOL 5.5, which does not count that the draw is without replacement, promises no more.
    assert caught >= binom.ppf(0.0005, FEWER, 1 - (1 - share) ** AUDITED)


@pytest.mark.parametrize("weights", [True, False], ids=["other weights", "another tokenizer"])
def test_another_base_model_under_the_digest_never_passes(
    weights: bool, bases: dict[str, BaseModel], tmp_path: Path
) -> None:
    """All of the seller's program is honest; only its folder holds something else than the digest says."""
    base = bases["gpt2"]
    parties = text_parties(tmp_path / "world", base, seller_base=swapped(base, weights=weights, folder=tmp_path))
    parties.run(lambda: parties.buyer.outcome is not None)
    outcome = parties.buyer.outcome
    assert outcome is not None and outcome.error == "RowsDisagree"
    assert parties.deltas() == (0, 0)
    parties.close()
    parties.world.close()


HONEST_WAYS: dict[str, dict[str, Any]] = {
    "eager attention": {"attention": "eager"},
    "small batches": {"tokens": 20},
    "eager attention in small batches by two threads": {"attention": "eager", "tokens": 40, "threads": 2},
    "one batch by two threads": {"tokens": 10**5, "threads": 2},
}


@pytest.mark.parametrize("kind", ["gpt2", "llama"] if DEEP else ["gpt2"])
@pytest.mark.parametrize("way", list(HONEST_WAYS) if DEEP else list(HONEST_WAYS)[2:3])
def test_an_honest_seller_passes_however_it_computes(
    way: str, kind: str, bases: dict[str, BaseModel], tmp_path: Path
) -> None:
    base = bases[kind]
    claimed = rounded(honest_rows(base, **HONEST_WAYS[way]))
    parties = replied(base, tmp_path, worthless=range(OFFERED), made=lambda _: claimed)
    evaluated = parties.buyer.review()
    assert audit(parties, evaluated, list(range(OFFERED)), 0)
    rng = np.random.default_rng(6)
    for seed in range(FEWER // 5):
        drawn = audit(parties, evaluated, list(map(int, rng.choice(OFFERED, SIZE, replace=False))), seed)
        assert len(drawn) == AUDITED
    parties.close()
    parties.world.close()


_computed: dict[tuple[object, ...], Floats] = {}
"""Rows that a test has computed already, by base model and way."""


def honest_rows(base: BaseModel, *, attention: str = "sdpa", tokens: int | None = None, threads: int = 1) -> Floats:
    way = base.digest, attention, tokens, threads
    if way not in _computed:
        model = replace(scoring_of(base).model, attention=attention)
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            _computed[way] = unit_rows(model.rows(offered(), None, HandTextValuer(base).projection(), tokens=tokens))
        finally:
            torch.set_num_threads(before)
    return _computed[way]


def test_the_ways_differ_in_bits_so_that_the_test_above_is_one(bases: dict[str, BaseModel]) -> None:
    plain = honest_rows(bases["gpt2"])
    assert not np.array_equal(plain, honest_rows(bases["gpt2"], attention="eager", tokens=40, threads=2))
    assert corpus(alone=True).texts() == list(offered())
