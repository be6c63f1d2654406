"""Buyers that ask a seller of texts for what they may not have: refused by name before anything is spent or computed,
and the service goes on (PROTOCOL 2, 4.1)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from bad_questions import Change, projected, said_to, taken_out
from text_models import random_projection
from texts import (
    OFFERED,
    HandTextValuer,
    K,
    offered,
    preprocessing,
    rounded,
    rows_of,
    scoring_of,
    text_goods,
    text_parties,
)
from trade import SELLER_POLICY, HandValuer, Parties, World, make_parties

from blindfair.agents.evaluation.own_models import check_prescribed_model
from blindfair.agents.evaluation.preprocessing import check_reads
from blindfair.agents.store.steps import StepKind
from blindfair.influence.projection import Projection, Sides
from blindfair.influence.text import BaseModel, Difference, TextScoring
from blindfair.influence.text.scoring import windows_of
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import FieldMismatch, UnusableModel
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Message
from blindfair.protocol.quantities import ETHER, Secret
from blindfair.protocol.signing import Domain

NORM = "transformer.ln_f.weight"
LAYER = "transformer.h.0.attn.c_attn"


@pytest.fixture(scope="module")
def parties(bases: dict[str, BaseModel], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    """A seller of texts and a buyer whose request waits in the seller's mailbox."""
    made = asking(text_parties(tmp_path_factory.mktemp("hostile") / "world", bases["gpt2"]))
    yield made
    made.close()
    made.world.close()


def asking(parties: Parties) -> Parties:
    while "request" not in parties.buyer.sizes():
        parties.seller.step()
        parties.buyer.step()
    return parties


def model(made: TextScoring) -> Change:
    config, weights = made.to_parts()
    return {"model_config": config, "weights": weights}


def changed(held: BaseModel, **fields: Any) -> Change:
    """The honest model with other fields in its own config."""
    config, weights = scoring_of(held).to_parts()
    inner = config["model"]
    assert isinstance(inner, dict)
    return {"model_config": {**config, "model": {**inner, **fields}}, "weights": weights}


def with_preprocessing(base: BaseModel, **fields: Any) -> Change:
    """The honest model with other preprocessing; its windows are changed along, so that the model itself is one."""
    read = replace(preprocessing(base), **fields)
    made = scoring_of(base).model
    return model(TextScoring(replace(made, windows=windows_of(read, base)), read, ("text",), normalised=True))


def difference(kind: str, weights: bytes, **fields: Any) -> Callable[[BaseModel], Change]:
    return lambda base: {**changed(base, difference={"kind": kind, **fields}), "weights": weights}


def tensors(**named: Any) -> bytes:
    return safetensors.numpy.save(
        {f"base_model.model.{name}": np.asarray(array, dtype=np.float32) for name, array in named.items()}
    )


def sides(base: BaseModel, change: Callable[[list[Sides]], list[Sides]]) -> Change:
    return projected(Projection.two_sided(tuple(change(list(random_projection(scoring_of(base).model).sides)))))


def staged(base: BaseModel, change: Callable[[list[Sides]], list[Sides]]) -> Change:
    """Of the honest length, by layers that are changed."""
    found = tuple(change(list(random_projection(scoring_of(base).model, inner=8, outer=8).sides)))
    entries = np.random.default_rng(3).normal(size=(sum(pair.k for pair in found), K))
    return projected(Projection.staged(found, entries))


def wide(pair: Sides) -> Sides:
    return Sides(np.vstack([pair.inner, pair.inner[:1]]), pair.outer)


def table_model() -> Change:
    asked = HandValuer().question(None)  # type: ignore[arg-type]
    return {"model_name": asked.model_name, "model_config": asked.model_config, "weights": asked.weights,
            "projection": asked.projection, "basis": asked.basis}  # fmt: skip


BAD_REQUESTS: Mapping[str, tuple[Callable[[BaseModel], Change], str]] = {
    "a base model that the seller does not hold": (lambda base: changed(base, base="0x" + "ab" * 32), "UnusableModel"),
    "a base model of another architecture": (lambda base: changed(base, architecture="llama-causal"), "UnusableModel"),
    "an unknown architecture": (lambda base: changed(base, architecture="oracle"), "UnusableModel"),
    "no config": (lambda _: {"model_config": {}}, "UnusableModel"),
    "weights of a model that is its base": (lambda _: {"weights": b"\0" * 64}, "UnusableModel"),
    "a pickle": (lambda _: {"weights": b"\x80\x04\x95\x10"}, "UnusableModel"),
    "a difference with NaN": (
        difference("tensors", tensors(**{NORM: np.full(12, np.nan)}), tensors=[NORM]), "UnusableModel",
    ),
    "a difference of another shape": (
        difference("tensors", tensors(**{NORM: np.ones((12, 2))}), tensors=[NORM]), "UnusableModel",
    ),
    "a difference larger than what it may change": (
        difference("tensors", tensors(**{NORM: np.ones(2**18)}), tensors=[NORM]), "UnusableModel",
    ),
    "a difference in a layer that is not there": (
        difference("tensors", tensors(**{"transformer.h.9.ln_1.weight": np.ones(12)}),
                   tensors=["transformer.h.9.ln_1.weight"]), "UnusableModel",
    ),
    "a difference that says it has gigabytes": (
        difference("lora", b"\xff" * 8 + b"{}", layers=[LAYER], r=256, alpha=1.0, tensors=[]), "UnusableModel",
    ),
    "a LoRA of rank 10,000": (
        difference("lora", b"", layers=[LAYER], r=10_000, alpha=1.0, tensors=[]), "UnusableModel",
    ),
    "a LoRA with half of its matrices": (
        difference("lora", tensors(**{f"{LAYER}.lora_A.weight": np.ones((2, 12))}), layers=[LAYER], r=2, alpha=1.0,
                   tensors=[]), "UnusableModel",
    ),
    "a name that leads to a folder": (lambda base: changed(base, difference={"kind": "tensors", "tensors": [
        "../../etc/passwd"]}), "UnusableModel"),
    "a classifier of texts without a label": (lambda base: changed(base, classes=3), "UnusableModel"),
    "more classes than there are": (lambda base: changed(base, classes=2**40), "UnusableModel"),
    "longer windows": (lambda base: changed(base, windows={"max_windows": 2, "window": 30}), "UnusableModel"),
    "more windows": (lambda base: changed(base, windows={"max_windows": 3, "window": 16}), "UnusableModel"),
    "windows without end": (lambda base: changed(base, windows={"max_windows": 2**40, "window": 16}), "UnusableModel"),
    "other windows by preprocessing of its own": (lambda base: with_preprocessing(base, window=8), "FieldMismatch"),
    "other windows than the listing's": (lambda base: with_preprocessing(base, max_windows=1), "FieldMismatch"),
    "another column": (lambda base: {"model_config": {**scoring_of(base).to_parts()[0], "columns": ["secret"]}},
                       "UnusableModel"),
    "more columns": (lambda base: model(scoring_of(base, ("text", "source"))), "FieldMismatch"),
    "the output layer, which its projection lacks": (lambda base: changed(base, output_layer=True), "ShapeMismatch"),
    "a projection of a layer less": (lambda base: staged(base, lambda pairs: pairs[1:]), "ShapeMismatch"),
    "a projection of layers in another order": (lambda base: staged(base, lambda pairs: pairs[::-1]), "ShapeMismatch"),
    "a projection of one layer as large as all": (lambda base: staged(base, lambda pairs: [pairs[0]]),
                                                  "ShapeMismatch"),
    "a projection of a wider layer": (lambda base: staged(base, lambda pairs: [wide(pairs[0]), *pairs[1:]]),
                                      "ShapeMismatch"),
    "two sides alone, of another length": (lambda base: sides(base, lambda pairs: pairs), "ShapeMismatch"),
    "signs": (lambda _: projected(Projection.signs(K, bytes(32))), "ShapeMismatch"),
    "a matrix": (lambda base: projected(Projection.matrix(np.random.default_rng(1).normal(
        size=(scoring_of(base).k, K)))), "ShapeMismatch"),
    "no projection": (lambda _: projected(Projection.identity(K)), "ShapeMismatch"),
    "more entries than the rows have": (lambda base: {**projected(Projection.identity(4096)), "dimension": 4096},
                                        "ShapeMismatch"),
    "a model of tables": (lambda _: table_model(), "ShapeMismatch"),
}  # fmt: skip


def nothing_was_spent(parties: Parties) -> None:
    journal = parties.seller.journal
    assert list(journal.done(StepKind[str]("evaluation-of"))) == []
    assert list(journal.done(StepKind[str]("request"))) == []
    assert not (parties.seller.directory / "rows").exists()


def test_a_bad_request_is_refused_before_it_costs_anything(parties: Parties, bases: dict[str, BaseModel]) -> None:
    request = taken_out(parties)
    messages: dict[str, Message] = {
        name: replace(request, **change(bases["gpt2"])) for name, (change, _) in BAD_REQUESTS.items()
    }
    messages["half a query"] = replace(request, query=request.query[: len(request.query) // 2])
    answers = said_to(parties, parties.buyer, messages)
    expected = {name: error for name, (_, error) in BAD_REQUESTS.items()} | {"half a query": "MalformedCiphertext"}
    assert answers == expected
    nothing_was_spent(parties)
    assert said_to(parties, parties.buyer, {"true": request}) == {"reply": "reply"}
    rows = np.load(next((parties.seller.directory / "rows").glob("*.npy")))
    assert np.array_equal(rows, rounded(rows_of(bases["gpt2"], HandTextValuer(bases["gpt2"]).projection())).entries)


@pytest.mark.deep
def test_a_model_that_overflows_on_some_texts_is_answered_as_any_other(
    bases: dict[str, BaseModel], tmp_path: Path
) -> None:
    """A refusal would tell without noise that some text is longer than ten tokens. Its rows are zeros instead."""
    base = bases["gpt2"]
    name = "transformer.wpe.weight"
    positions = base.tensors[name].numpy().copy()
    positions[10:] = 3e38
    made = replace(scoring_of(base).model, difference=Difference({name: positions}))
    config, weights = replace(scoring_of(base), model=made).to_parts()
    valuer = HandTextValuer(base, changes={"model_config": config, "weights": weights})
    parties = asking(text_parties(tmp_path / "world", base, valuer=valuer))
    parties.seller.step()
    parties.buyer.step()
    assert parties.seller.refusals() == parties.buyer.refusals() == ()
    rows = np.load(next((parties.seller.directory / "rows").glob("*.npy")))
    tokens = [len(each) for each in base.tokenizer.encode(offered())]
    overflows = [not row.any() for row in rows]
    assert all(overflows[number] for number in range(OFFERED) if tokens[number] > 10) and not all(overflows)
    parties.close()
    parties.world.close()


def test_an_unnamed_buyer_is_told_who_may_ask(bases: dict[str, BaseModel], tmp_path: Path) -> None:
    """A listing that names nobody and takes no own models: the buyer's program asks nothing, and another is refused."""
    base = bases["gpt2"]
    closed = text_parties(tmp_path / "closed", base, goods=text_goods(base, own_models=False))
    closed.run(lambda: closed.buyer.outcome is not None)
    outcome = closed.buyer.outcome
    assert outcome is not None and outcome.error == "FieldMismatch" and "unnamed buyer" in outcome.reason
    assert "request" not in closed.buyer.sizes()
    with pytest.raises(FieldMismatch, match="unnamed buyer") as caught:
        check_prescribed_model(HandTextValuer(base).question(closed.seller.manifest), closed.seller.manifest)
    assert "name you" in str(caught.value.hint)
    closed.close()
    closed.world.close()


def test_a_text_model_is_refused_by_a_seller_of_a_table(bases: dict[str, BaseModel], world: World) -> None:
    """Whether or not it holds the base model."""
    parties = asking(make_parties(world))
    request = taken_out(parties)
    asked = HandTextValuer(bases["gpt2"]).question(text_manifest(bases["gpt2"]))
    text_model = {"model_name": asked.model_name, "model_config": asked.model_config, "weights": asked.weights}
    projection = {"projection": asked.projection, "basis": asked.basis, "dimension": K}
    messages: dict[str, Message] = {
        "a text model": replace(request, **text_model), "all of it": replace(request, **text_model, **projection),
    }  # fmt: skip
    assert said_to(parties, parties.buyer, messages) == dict.fromkeys(messages, "UnusableModel")
    nothing_was_spent(parties)
    with pytest.raises(UnusableModel, match="not one of texts"):
        check_reads(scoring_of(bases["gpt2"]), parties.seller.manifest, HandTextValuer(bases["gpt2"]).projection())
    assert said_to(parties, parties.buyer, {"true": request}) == {"reply": "reply"}
    parties.close()


def text_manifest(base: BaseModel) -> Manifest:
    goods = text_goods(base)
    dataset = ChunkedDataset.build(goods.records, goods.chunk_size, Secret(bytes(32)))
    return goods.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))


@pytest.mark.parametrize("limit", ["max_products", "max_memory", "max_disk"])
def test_a_request_that_takes_too_much_is_refused(limit: str, bases: dict[str, BaseModel], tmp_path: Path) -> None:
    low: dict[str, Any] = {limit: 1000}
    policy = replace(SELLER_POLICY, **low)
    parties = asking(text_parties(tmp_path / "world", bases["gpt2"], seller_policy=policy))
    assert said_to(parties, parties.buyer, {"asked": taken_out(parties)}) == {"asked": "TooCostly"}
    nothing_was_spent(parties)
    parties.close()
    parties.world.close()
