"""Projections of texts: a low-rank query is held exactly, and main directions keep more than random ones."""

import numpy as np
import pytest
import torch
from text_models import exact_rows, example, random_projection

from blindfair.influence.arrays import Floats
from blindfair.influence.plausible import check_query
from blindfair.influence.projection import Projection
from blindfair.influence.text import BaseModel, find_projection, project_query
from blindfair.influence.text.batches import batched
from blindfair.influence.text.covariances import factor_covariances
from blindfair.influence.text.factors import pass_back
from blindfair.influence.text.fine_tuning import fine_tune
from blindfair.protocol.errors import InvalidOption, NoRecords, ShapeMismatch, UnusableModel

KINDS = ("bert", "gpt2", "llama")


@pytest.mark.parametrize("kind", KINDS)
def test_a_displacements_scores_are_those_of_whole_rows(bases: dict[str, BaseModel], kind: str) -> None:
    one = example(bases[kind], records=20)
    tuned = fine_tune(one.model, one.texts, one.labels, steps=4, seed=1, rank=2, rate=0.02)
    projection = find_projection(one.model, one.texts, one.labels, [tuned.displacements], side=6, k=24).projection
    assert projection.k <= 24 and len(projection.sides) == len(one.model.network.layers)
    whole = exact_rows(one.model, one.texts, one.labels)
    scores = whole @ np.concatenate([part.ravel() for part in tuned.displacements])
    found = one.model.rows(one.texts, one.labels, projection) @ project_query(projection, tuned.displacements)
    assert np.abs(found - scores).max() < 1e-4 * np.abs(scores).max()


@pytest.mark.parametrize("kind", KINDS)
def test_main_directions_keep_a_gradient_query(bases: dict[str, BaseModel], kind: str) -> None:
    one = example(bases[kind], records=40)
    gradients = one.model.layer_gradients(one.texts[20:], None if one.labels is None else one.labels[20:])
    own, labels = one.texts[20:], None if one.labels is None else one.labels[20:]
    projection = find_projection(one.model, own, labels, [gradients], side=6, k=24).projection
    whole = exact_rows(one.model, one.texts, one.labels)
    scores = whole @ np.concatenate([part.ravel() for part in gradients])
    rows = one.model.rows(one.texts, one.labels, projection)
    assert np.corrcoef(rows @ project_query(projection, gradients), scores)[0, 1] > 0.97
    chance = random_projection(one.model, inner=6, outer=6, k=24)
    random = one.model.rows(one.texts, one.labels, chance) @ project_query(chance, gradients)
    assert np.corrcoef(random, scores)[0, 1] < 0.97


@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_that_come_with_a_projection_are_its_own(bases: dict[str, BaseModel], kind: str) -> None:
    one = example(bases[kind], records=20)
    gradients = one.model.layer_gradients(one.texts, one.labels)
    found = find_projection(one.model, one.texts, one.labels, [gradients], side=6, k=24)
    rows = one.model.rows(one.texts, one.labels, found.projection)
    np.testing.assert_allclose(found.rows, rows, atol=1e-5 * np.abs(rows).max())


def test_layers_with_the_same_inputs_have_their_covariance_summed_once(bases: dict[str, BaseModel]) -> None:
    one = example(bases["bert"], records=20)
    windows = one.model.read(one.texts, one.labels)
    found = dict(factor_covariances(one.model.network, windows, tokens=64))
    inner: dict[int, Floats] = {}

    def add(number: int, inputs: torch.Tensor) -> None:
        kept = inputs.double().flatten(0, 1).numpy()
        inner[number] = inner.get(number, np.zeros(1)) + kept.T @ kept

    for batch in batched(windows, tokens=1):
        pass_back(one.model.network, batch, add, lambda number, kept, slopes: None)
    names = [layer.name.rpartition(".")[2] for layer in one.model.network.layers]
    key, query = found[names.index("key")].inner, found[names.index("query")].inner
    assert key is not None and query is not None and np.shares_memory(key, query)
    for number in range(len(names) - 1):
        # All but the head, whose inputs have a 1 more.
        summed = found[number].inner
        assert summed is not None
        np.testing.assert_allclose(summed, inner[number], rtol=1e-4, atol=1e-4)


def test_a_projection_travels(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"])
    projection = find_projection(
        one.model, one.texts, None, [one.model.layer_gradients(one.texts, None)], side=3, k=9
    ).projection
    again = Projection.from_parts(*projection.to_parts())
    assert again.k == projection.k
    assert (one.model.rows(one.texts, None, again) == one.model.rows(one.texts, None, projection)).all()


def test_what_cannot_be_a_projection_is_refused(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"])
    gradients = one.model.layer_gradients(one.texts, None)
    for sizes in ({"side": 0}, {"k": 0}, {"k": 513}):
        with pytest.raises(InvalidOption):
            find_projection(one.model, one.texts, None, [gradients], side=sizes.get("side", 6), k=sizes.get("k", 24))
    with pytest.raises(ShapeMismatch):
        find_projection(one.model, one.texts, None, [gradients[:-1]])
    with pytest.raises(NoRecords):
        find_projection(one.model, [], None, [gradients])


@pytest.mark.deep
def test_fine_tuning_learns_and_is_the_same_again(bases: dict[str, BaseModel]) -> None:
    for kind in KINDS:
        one = example(bases[kind], records=20)
        tuned = fine_tune(one.model, one.texts, one.labels, steps=30, seed=1, rank=4, rate=0.02)
        again = fine_tune(one.model, one.texts, one.labels, steps=30, seed=1, rank=4, rate=0.02)
        assert tuned.losses == again.losses and tuned.losses[-1] < 0.9 * tuned.losses[0]
        assert tuned.difference.to_parts() == again.difference.to_parts()
        other = fine_tune(one.model, one.texts, one.labels, steps=30, seed=2, rank=4, rate=0.02)
        assert other.difference.to_parts()[1] != tuned.difference.to_parts()[1]


def test_a_head_is_trained_alone(bases: dict[str, BaseModel]) -> None:
    one = example(bases["bert"])
    tuned = fine_tune(one.model, one.texts, one.labels, steps=5, seed=1, head_only=True)
    assert tuned.difference.lora is None
    assert [bool(part.any()) for part in tuned.displacements] == [False] * (len(tuned.displacements) - 1) + [True]


def test_what_cannot_be_fine_tuned_is_refused(bases: dict[str, BaseModel]) -> None:
    one = example(bases["gpt2"])
    for wrong in ({"steps": 0}, {"rank": 0}, {"rate": float("nan")}, {"batch": 0}, {"head_only": True}):
        with pytest.raises(InvalidOption):
            fine_tune(one.model, one.texts, None, **{"steps": 1, "seed": 1} | wrong)
    with pytest.raises(NoRecords):
        fine_tune(one.model, [], None, steps=1, seed=1)
    with pytest.raises(UnusableModel, match="finite"):
        fine_tune(one.model, one.texts, None, steps=4, seed=1, rate=1e30)


def test_a_query_of_one_layer_is_not_one_entry(bases: dict[str, BaseModel]) -> None:
    """No seller takes a query that reads one entry of the rows, and a layer may well outweigh all others."""
    one = example(bases["gpt2"])
    gradients = [np.zeros((layer.outputs, layer.inputs)) for layer in one.model.network.layers]
    gradients[2] = np.outer(np.arange(1, len(gradients[2]) + 1), np.ones(gradients[2].shape[1]))
    projection = find_projection(one.model, one.texts, one.labels, [gradients], side=6, k=24).projection
    check_query(project_query(projection, gradients))
