"""What a buyer with a model of its own can make of a text's row (docs/explanation/privacy.md): all its words.

The seller answers this buyer as any other. Only the bits of an evaluation, and who may ask, bound what it learns.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from texts import MAX_WINDOWS, WINDOW, HandTextValuer, offered, scoring_of, text_goods, text_parties

from blindfair.influence.projection import Projection, Sides
from blindfair.influence.text import BaseModel, Difference
from blindfair.influence.text.windows import PREDICTED

pytestmark = pytest.mark.deep


def test_a_row_can_be_the_words_of_its_text(bases: dict[str, BaseModel], tmp_path: Path) -> None:
    """A final norm without weights makes every prediction the same, so that the gradient of the output layer counts
    the predicted tokens; a projection of that layer hands out these counts, an entry a token."""
    base, honest = bases["gpt2"], scoring_of(bases["gpt2"])
    same = {
        "transformer.ln_f.weight": np.zeros(base.config.width, np.float32),
        "transformer.ln_f.bias": np.ones(base.config.width, np.float32),
    }
    model = replace(honest.model, difference=Difference(same), output_layer=True)
    config, weights = replace(honest, model=model, normalised=False).to_parts()
    *blocks, output = model.network.layers
    sides = [Sides(np.ones((layer.inputs, 1)), np.ones((layer.outputs, 1))) for layer in blocks]
    sides.append(Sides(np.ones((output.inputs, 1)) / output.inputs, np.eye(output.outputs)))
    projection = Projection.two_sided(tuple(sides))
    document, basis = projection.to_parts()
    asked = {
        "model_config": config, "weights": weights, "projection": document, "basis": basis,
        "queries": np.random.default_rng(1).integers(-2000, 2000, (2, projection.k)), "row_scale": 2047.0,
    }  # fmt: skip
    parties = text_parties(tmp_path / "world", base, valuer=HandTextValuer(base, changes=asked))
    parties.run(lambda: "selection" in parties.buyer.sizes())
    assert parties.seller.refusals() == ()
    rows = np.load(next((parties.seller.directory / "rows").glob("*.npy")))[:, len(blocks) :] / 2047.0
    words = [predicted(tokens) for tokens in base.tokenizer.encode(offered())]
    # What is predicted of every token alike shows in a text that does not have it: of a token of few texts, the median.
    rare = [token for token in range(rows.shape[1]) if 1 <= sum(token in each for each in words) < len(words) / 2]
    counts = np.array([each.total() for each in words])[:, np.newaxis]
    read = np.rint((np.median(rows, axis=0) - rows) * counts)
    assert np.array_equal(read[:, rare], [[each[token] for token in rare] for each in words])
    assert len(rare) > 20
    # All bits of one evaluation together are more than what a text holds, and a hostile query chooses where they go.
    terms = text_goods(base).terms
    assert terms.bits_per_record * len(rows) > terms.record_bits
    parties.close()
    parties.world.close()


def predicted(tokens: list[int]) -> Counter[int]:
    """The tokens that a language model predicts of a text: of each scored window all but the first."""
    starts = range(0, min(len(tokens), WINDOW * MAX_WINDOWS), WINDOW)
    windows = [tokens[start : start + WINDOW] for start in starts]
    return Counter(
        token for window in windows if len(window) > PREDICTED or window is windows[0] for token in window[1:]
    )
