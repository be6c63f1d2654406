"""The studies' products with whole gradients, which are never formed, against autograd."""

from dataclasses import replace

import numpy as np
import pytest
from text_models import exact_rows, example

from blindfair.influence.text import BaseModel, TextWindows
from blindfair.studies.fidelity.exact import exact_products


@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama"])
def test_products_and_lengths_are_those_of_whole_gradients(bases: dict[str, BaseModel], kind: str) -> None:
    one = example(bases[kind], records=6)
    one = replace(one, model=replace(one.model, windows=TextWindows(8, 1)))
    rng = np.random.default_rng(0)
    query = [rng.normal(size=(layer.outputs, layer.inputs)) for layer in one.model.network.layers]
    products, lengths = exact_products(one.model, one.texts, one.labels, [query])
    whole = exact_rows(one.model, one.texts, one.labels)
    assert np.allclose(products[0], whole @ np.concatenate([part.ravel() for part in query]), rtol=1e-9)
    assert np.allclose(lengths, np.linalg.norm(whole, axis=1), rtol=1e-9)
