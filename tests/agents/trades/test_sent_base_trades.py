"""Trades of texts without a common base model: the buyer's travels in the request, where the listing takes any.

Real encryption, a real transformer on both sides; and what a seller refuses before it spends anything.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_questions import said_to, taken_out
from safetensors.torch import load_file, save_file
from text_models import random_projection
from texts import (
    BITS,
    MAX_WINDOWS,
    OFFERED,
    ROW_SCALE,
    WINDOW,
    HandTextValuer,
    K,
    TextWorld,
    offered,
    preprocessing,
    rounded,
    text_goods,
)
from tiny_bases import build, write
from trade import BUYER_POLICY, SELLER_POLICY, UNIFORM, Parties, assert_scores_of, make_buyer

from blindfair.agents.buyer.valuer import Question
from blindfair.agents.evaluation.preprocessing import listed_texts
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.seller import Seller
from blindfair.agents.seller.sent_bases import check_sent_base
from blindfair.agents.store.steps import REQUEST, WRITTEN, StepKind
from blindfair.influence.arrays import Floats
from blindfair.influence.projection import K_LIMIT
from blindfair.influence.text import BaseModel, Difference, TextModel, TextScoring, batches
from blindfair.influence.text.base_files import SentBase
from blindfair.influence.text.scoring import unit_rows, windows_of
from blindfair.protocol.errors import TooCostly, UnusableText
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Message, Request
from blindfair.protocol.quantities import Digest


@dataclass(frozen=True)
class SentValuer(HandTextValuer):
    """Asks at a base model that it sends; `held` is the seller's."""

    held: BaseModel | None = None
    sent: SentBase | None = None

    def scoring(self) -> TextScoring:
        assert self.held is not None
        read = replace(preprocessing(self.held), any_base_model=True)
        return TextScoring(
            TextModel(self.base, Difference(), windows_of(read, self.base)), read, ("text",), normalised=True
        )

    def rows_of(self, texts: Sequence[str]) -> Floats:
        scoring = self.scoring()
        return unit_rows(scoring.model.rows(texts, None, random_projection(scoring.model, k=K)))

    def question(self, manifest: Manifest) -> Question:
        assert self.sent is not None
        scoring = self.scoring()
        config, weights = scoring.to_parts()
        projection, basis = random_projection(scoring.model, k=K).to_parts()
        return Question(
            model_name=scoring.name,
            model_config=config,
            weights=weights,
            fidelity=None,
            projection=projection,
            basis=basis,
            row_scale=ROW_SCALE,
            exponent_bits=0,
            queries=np.random.default_rng(8).integers(-40_000, 40_000, (len(BITS), K), dtype=np.int64),
            bits=BITS,
            pricing=UNIFORM.to_document(),
            notes=(),
            base=self.sent.packed(),
        )


@dataclass(frozen=True)
class Bases:
    """The seller's base model, and the buyer's with its folder."""

    held: BaseModel
    mine: BaseModel
    folder: Path

    @property
    def valuer(self) -> SentValuer:
        return SentValuer(self.mine, held=self.held, sent=SentBase(self.folder))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Bases:
    folder = write(build("gpt2"), tmp_path_factory.mktemp("mine"))
    held = BaseModel.load(write(build("llama"), tmp_path_factory.mktemp("held")))
    return Bases(held, BaseModel.load(folder), folder)


def parties_of(
    directory: Path, both: Bases, *, takes_any: bool = True, policy: SellerPolicy = SELLER_POLICY
) -> Parties:
    """A seller that holds its own base model alone. Called again for the same directory, they go on."""
    world = TextWorld(directory)
    world.bases = {both.held.digest: both.held}
    read = replace(preprocessing(both.held), any_base_model=takes_any)
    goods = replace(text_goods(both.held), preprocessing=read.to_document())
    seller = Seller(world.directory / "seller", world.context(), goods, policy)
    world.bases = {both.mine.digest: both.mine}
    buyer = make_buyer(world, seller, "buyer", valuer=both.valuer, policy=BUYER_POLICY)
    world.fund(seller.address)
    return Parties(world, seller, buyer)


def close(parties: Parties) -> None:
    parties.close()
    parties.world.close()


def kept(parties: Parties) -> list[Any]:
    return list(parties.seller.journal.done(StepKind[str]("request")))


@pytest.mark.deep
def test_a_base_model_that_travels_scores_texts_and_the_seller_goes_on_with_it_after_a_kill(
    both: Bases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = parties_of(tmp_path / "world", both)
    with monkeypatch.context() as patched:
        # The process dies once the request is kept, and before a row is computed.
        def die(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(Seller, "_rows", die)
        with pytest.raises(KeyboardInterrupt):
            parties.run()
    assert len(kept(parties)) == 1
    close(parties)
    parties = parties_of(tmp_path / "world", both)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None and (outcome.final, outcome.error) == ("Released", None)
    assert parties.buyer.audited_rows == 10
    assert_scores_of(parties, rounded(both.valuer.rows_of(offered())))
    assert len(kept(parties)) == 1
    close(parties)


@pytest.fixture(scope="module")
def waiting(both: Bases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    """A buyer whose request waits in the mailbox of a seller that takes any base model."""
    made = parties_of(tmp_path_factory.mktemp("waiting") / "world", both)
    while "request" not in made.buyer.sizes():
        made.seller.step()
        made.buyer.step()
    yield made
    close(made)


def renamed(request: Request, digest: Digest) -> Request:
    inner = request.model_config["model"]
    assert isinstance(inner, dict)
    return replace(request, model_config={**request.model_config, "model": {**inner, "base": "0x" + digest.hex()}})


def other(folder: Path) -> bytes:
    """Another model of the same sizes."""
    weights = write(build("gpt2"), folder) / "model.safetensors"
    save_file({name: tensor * 1.05 for name, tensor in load_file(weights).items()}, weights)
    return SentBase(folder).packed()


def test_a_base_model_that_is_not_what_is_said_of_it_costs_the_seller_nothing(
    waiting: Parties, both: Bases, tmp_path: Path
) -> None:
    request = taken_out(waiting)
    assert isinstance(request, Request) and request.base
    first = request.base
    cases: dict[str, tuple[Message, str]] = {
        "another model under its digest": (replace(request, base=other(tmp_path / "other")), "UnusableModel"),
        "its digest and no bytes": (replace(request, base=b""), "UnusableModel"),
        "the seller's own model": (renamed(request, both.held.digest), "FieldMismatch"),
        "another digest": (renamed(request, Digest(b"\x01" * 32)), "UnusableModel"),
        "no digest": (replace(request, model_config={}), "UnusableModel"),
        "weights without an end": (replace(request, base=first[: len(first) // 2]), "UnusableModel"),
        "lengths without an end": (replace(request, base=b"\xff" * 16 + first[16:]), "UnusableModel"),
        "a pickle": (replace(request, base=b"\x80\x04\x95" + bytes(64)), "UnusableModel"),
    }
    answers = said_to(waiting, waiting.buyer, {name: message for name, (message, _) in cases.items()})
    assert answers == {name: error for name, (_, error) in cases.items()}
    assert kept(waiting) == [] and not (waiting.seller.directory / "rows").exists()
    assert said_to(waiting, waiting.buyer, {"true": request}) == {"reply": "reply"}


def blind_base(folder: Path) -> tuple[BaseModel, SentBase]:
    """A base model of a buyer whose tokenizer knows two characters alone, and drops all others."""
    write(build("gpt2"), folder)
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"] |= {"vocab": {character: place for place, character in enumerate("bl")}, "merges": []}
    path.write_text(json.dumps({**tokenizer, "added_tokens": []}))
    return BaseModel.load(folder), SentBase(folder)


@pytest.mark.deep
def test_a_tokenizer_that_reads_few_texts_makes_no_refusal_tell_which(both: Bases, tmp_path: Path) -> None:
    """An error would name, without any noise, the first text that lacks the word."""
    mine, sent = blind_base(tmp_path / "blind")
    hostile = SentValuer(mine, held=both.held, sent=sent)
    few = hostile.scoring().model.readable(offered())
    assert 0 < len(few) < OFFERED
    with pytest.raises(UnusableText, match="record"):
        hostile.rows_of(offered())
    parties = parties_of(tmp_path / "world", replace(both, mine=mine, folder=tmp_path / "blind"))
    parties.run(lambda: "selection" in parties.buyer.sizes())
    rows = np.zeros((OFFERED, K))
    rows[few] = hostile.rows_of([offered()[place] for place in few])
    assert_scores_of(parties, rounded(rows))
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None and outcome.error is None
    close(parties)


LIMITS: dict[str, SellerPolicy] = {
    "memory": replace(SELLER_POLICY, max_memory=100_000),
    "multiplications": replace(SELLER_POLICY, max_products=10_000_000),
}


@pytest.mark.parametrize("case", ["taken by no listing", *LIMITS])
def test_a_seller_refuses_what_it_does_not_take_or_what_costs_too_much(case: str, both: Bases, tmp_path: Path) -> None:
    policy = LIMITS.get(case, SELLER_POLICY)
    parties = parties_of(tmp_path / "world", both, takes_any=case in LIMITS, policy=policy)
    parties.run(lambda: parties.buyer.outcome is not None)
    outcome = parties.buyer.outcome
    assert outcome is not None and outcome.error == "Refused"
    word = f"The base model takes too much: {case}" if case in LIMITS else "takes no base model that travels"
    assert word in outcome.reason, outcome.reason
    assert kept(parties) == [] and parties.deltas() == (0, 0)
    close(parties)


def costs_of(waiting: Parties, base: bytes) -> dict[str, int]:
    """What the seller reckons that a base model costs it."""
    request = waiting.buyer.mail.stored(WRITTEN.of(REQUEST))[1]
    assert isinstance(request, Request)
    found = {}
    policies = {
        "memory": replace(SELLER_POLICY, max_memory=0),
        "multiplications": replace(SELLER_POLICY, max_products=0),
    }
    for name, policy in policies.items():
        with pytest.raises(TooCostly, match=name) as told:
            check_sent_base(replace(request, base=base), waiting.seller.manifest, policy)
        found[name] = int(str(told.value.found).replace(",", ""))
    return found


def test_the_cost_of_a_base_model_counts_the_batches_that_are_worked_on_at_once(
    waiting: Parties, both: Bases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_NUMBERS", 0)
    base, config = SentBase(both.folder).packed(), both.mine.config
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        found.append(costs_of(waiting, base)["memory"])
    longest = listed_texts(waiting.seller.manifest).window + 2
    assert found[1] - found[0] == 2 * 4 * longest * batches.token_numbers(config, causal=True, longest=longest)


def test_the_cost_of_a_base_model_counts_heads_that_are_wider_than_the_model(waiting: Parties, tmp_path: Path) -> None:
    """Weights alone tell little of them: a text of many tokens takes far more for its pairs of tokens."""
    beyond = {}
    for size in (4, 512):
        folder = write(build("llama", head_dim=size), tmp_path / str(size))
        base = BaseModel.load(folder)
        assert (base.config.width, base.config.heads) == (12, 3)
        numbers = sum(tensor.numel() for tensor in base.tensors.values())
        weights = OFFERED * numbers * (3 * WINDOW * MAX_WINDOWS + K_LIMIT)
        beyond[size] = costs_of(waiting, SentBase(folder).packed())["multiplications"] - weights
    assert beyond[512] == 128 * beyond[4] > 0
