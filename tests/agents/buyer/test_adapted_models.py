"""A buyer asks at its own fine-tuned model: the scores are those of that model, and no other one passes the audit.

Real encryption, a real transformer on both sides, and a buyer that is interrupted between request and reply.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tiny_bases
from texts import (
    OFFERED,
    HandTextValuer,
    OtherRowsSeller,
    rounded,
    rows_of,
    scoring_of,
    text_goods,
    text_parties,
)
from trade import UNIFORM, assert_scores_of

from blindfair.agents.buyer.text_valuer import TextValuer
from blindfair.agents.buyer.valuer import Question
from blindfair.influence.text import BaseModel, Difference, Lora, TextModel, TextWindows
from blindfair.influence.text.applying import linear_layers
from blindfair.influence.text.fine_tuning import fine_tune
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.manifest import Manifest


@cache
def random_lora(base: BaseModel, seed: int = 3) -> Difference:
    """A LoRA of every layer, large enough to turn the rows."""
    rng = np.random.default_rng(seed)
    down, up = {}, {}
    for name, (outputs, inputs) in linear_layers(base).items():
        down[name] = rng.normal(size=(2, inputs)).astype(np.float32)
        up[name] = (rng.normal(size=(outputs, 2)) / 4).astype(np.float32)
    return Difference({}, Lora(2, 2.0, down, up))


@dataclass(frozen=True)
class AdaptedHandValuer(HandTextValuer):
    """Asks at a model with a LoRA."""

    def question(self, manifest: Manifest) -> Question:
        plain = scoring_of(self.base)
        scoring = replace(plain, model=replace(plain.model, difference=random_lora(self.base)))
        config, weights = scoring.to_parts()
        return replace(super().question(manifest), model_config=config, weights=weights)


def test_scores_are_those_of_the_adapted_model_and_the_audit_passes(
    bases: dict[str, BaseModel], tmp_path: Path
) -> None:
    base = bases["gpt2"]
    projection = HandTextValuer(base).projection()
    adapted, bare = (
        rows_of(base, projection, difference=difference) for difference in (random_lora(base), Difference())
    )
    assert np.median(np.abs((adapted * bare).sum(axis=1))) < 0.8
    parties = text_parties(tmp_path / "world", base, valuer=AdaptedHandValuer(base))
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None and (outcome.final, outcome.error) == ("Released", None)
    assert parties.buyer.audited_rows == 10
    assert_scores_of(parties, rounded(adapted))
    parties.close()
    parties.world.close()


def test_a_seller_that_computes_at_the_bare_base_never_passes(bases: dict[str, BaseModel], tmp_path: Path) -> None:
    base = bases["gpt2"]
    bare = rounded(rows_of(base, HandTextValuer(base).projection()))
    parties = text_parties(tmp_path / "world", base, valuer=AdaptedHandValuer(base), seller_type=OtherRowsSeller)
    assert isinstance(parties.seller, OtherRowsSeller)
    parties.seller.worthless, parties.seller.made = tuple(range(OFFERED)), lambda _: bare
    parties.run(lambda: parties.buyer.outcome is not None)
    outcome = parties.buyer.outcome
    assert outcome is not None and outcome.error == "RowsDisagree"
    assert parties.deltas() == (0, 0)
    parties.close()
    parties.world.close()


def tuned(base: BaseModel, steps: int) -> Difference:
    model = TextModel(base, Difference(), TextWindows(16, 2))
    return fine_tune(model, tiny_bases.texts(40, 12, longest=40), None, steps=steps, seed=1, rank=2).difference


def valuer(base: BaseModel, adapter: Difference | None) -> TextValuer:
    train, validation = ((tiny_bases.texts(40, seed, longest=40), None) for seed in (12, 13))
    return TextValuer(base, train, validation, pricing=UNIFORM, seed=0, fine_tuned=adapter)


@pytest.mark.deep
@pytest.mark.parametrize("other", ["another adapter", "none"])
def test_an_evaluation_goes_on_with_its_own_adapter_alone(
    other: str, bases: dict[str, BaseModel], tmp_path: Path
) -> None:
    base = bases["gpt2"]
    mine = tuned(base, 6)
    goods = text_goods(base, opened_records=OFFERED)
    parties = text_parties(tmp_path / "world", base, goods=goods, valuer=valuer(base, mine))
    parties.run(lambda: "request" in parties.buyer.sizes())
    asked = parties.buyer.sizes()["request"]
    parties.close()
    parties.world.close()

    wrong = tuned(base, 5) if other == "another adapter" else None
    parties = text_parties(tmp_path / "world", base, goods=goods, valuer=valuer(base, wrong))
    with pytest.raises(InvalidOption, match="at another model than this one") as caught:
        parties.run(lambda: "reply" in parties.seller.sizes() and parties.buyer.outcome is not None)
    assert "`adapter`" in str(caught.value.expected) and parties.buyer.outcome is None
    parties.close()
    parties.world.close()

    parties = text_parties(tmp_path / "world", base, goods=goods, valuer=valuer(base, mine))
    parties.run(lambda: parties.buyer.outcome is not None or "selection" in parties.buyer.sizes())
    assert parties.buyer.sizes()["request"] == asked
    config = parties.buyer.review().request.model_config["model"]
    assert isinstance(config, dict) and isinstance(config["difference"], dict)
    assert config["difference"]["kind"] == "lora" and config["difference"]["r"] == 2
    outcome = parties.buyer.outcome
    # Few of these texts are worth buying, and the default audit may be more than these.
    assert outcome is None or outcome.error in (None, "OfferTooSmall")
    parties.close()
    parties.world.close()


def test_what_is_asked_for_is_the_way_from_the_adapted_model(bases: dict[str, BaseModel]) -> None:
    """Fine-tuning goes on from the adapter: the displacement has nothing of the adapter itself."""
    base, texts = bases["gpt2"], tiny_bases.texts(40, 12, longest=40)
    first = tuned(base, 6)
    model = TextModel(base, first, TextWindows(16, 2))
    found = fine_tune(model, texts, None, steps=4, seed=2, rank=3)
    both = replace(model, difference=found.difference)
    assert found.difference.lora is not None and found.difference.lora.r == 5
    whole = {name: tensor.numpy().astype(np.float64) for name, tensor in model.network.module.named_parameters()}
    for layer, moved in zip(model.network.layers, found.displacements, strict=True):
        name = f"{layer.name}.weight"
        after = both.network.module.get_parameter(name).numpy().astype(np.float64)
        assert np.abs(after - whole[name] - moved.T).max() < 1e-6 < np.abs(moved).max()
    assert both.losses(texts, None).mean() < model.losses(texts, None).mean()
