"""The study of the linear datamodelling score on texts: the measure by hand, what peers read, and a tiny run."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from study_pages import PAGES, missing_lines

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "peers"))

pytest.importorskip("transformers", reason="language models need the extra `text`")

import tiny_bases
from text_network import SmallGpt2, predicted, text_losses

from blindfair.influence.architecture import SoftmaxRegression
from blindfair.influence.bases import principal_directions
from blindfair.influence.gradients import record_gradients
from blindfair.influence.text import BaseModel, Difference, TextModel, TextWindows, fine_tune
from blindfair.influence.text.bases import SIDE
from blindfair.influence.text.fine_tuning import blank_head
from blindfair.protocol import errors
from blindfair.studies.fidelity.exact import exact_products
from blindfair.studies.lds.measures import EACH, TOTAL, ahead, datamodelling, measured, noise_limit
from blindfair.studies.lds.report import PLANS, WHOLE_PEER, LdsPlan, best, page, tables, write_lds
from blindfair.studies.lds.scores import (
    DISPLACEMENT,
    OURS,
    PLAIN,
    TextQuestion,
    first_rows,
    our_scores,
    plain_tensors,
    write,
)
from blindfair.studies.lds.worlds import CausalWorld, LdsWorld, features

PEER = """
import json, sys
from pathlib import Path
import numpy as np
place = Path(sys.argv[1])
asked = np.load(place / "question.npz", allow_pickle=False)
shape = len(asked["train_tokens"]), len(asked["query_tokens"])
scores = np.random.default_rng(0).standard_normal(shape)
np.savez(place / "answer.npz", **{"a peer": scores, "a broken peer": np.full(shape, np.nan)})
(place / "answer.json").write_text(json.dumps({"seconds": {"a peer": 0.5, "a broken peer": 0.1}}))
"""


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[TextModel, TextModel]:
    """A tiny GPT-2, and the same with a LoRA that it has learnt."""
    folder = tiny_bases.write(tiny_bases.build("gpt2"), tmp_path_factory.mktemp("gpt2"))
    model = TextModel(BaseModel.load(folder), Difference(), TextWindows(40, 1))
    found = fine_tune(model, tiny_bases.texts(12, 3, 9), None, steps=6, seed=1, rate=2e-2)
    return model, TextModel(model.base, found.difference, model.windows)


def test_a_score_is_a_mean_rank_correlation_with_the_fall_of_the_loss() -> None:
    sums = np.array([[3.0, 1.0], [1.0, 2.0], [2.0, 3.0]])
    # By hand: ranks 3, 1, 2 against 3, 2, 1 of the falls, which is 0.5; and 1, 2, 3 against the same, which is -1.
    losses = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    assert datamodelling(sums, losses) == pytest.approx(-0.25)
    assert datamodelling(np.exp(sums), -sums) == pytest.approx(1.0)


def test_intervals_hold_the_score_and_compare_methods_by_the_same_halves() -> None:
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((60, 8))
    sums = {
        "ours": (truth + 0.5 * rng.standard_normal(truth.shape), 1.0),
        "other": (truth + 2.0 * rng.standard_normal(truth.shape), 2.0),
        "one": (truth.sum(axis=1, keepdims=True), 3.0),
        "broken": (np.full(truth.shape, np.nan), 4.0),
    }
    found = measured(sums, -truth, rng, 100)
    assert found["ours"][EACH]["low"] < found["ours"][EACH]["mean"] < found["ours"][EACH]["high"]
    gap, low, high = ahead(found, "ours", "other", EACH)
    assert 0 < low < gap < high and gap == pytest.approx(found["ours"][EACH]["mean"] - found["other"][EACH]["mean"])
    assert found["one"][TOTAL]["mean"] == pytest.approx(1.0) and EACH not in found["one"]
    assert found["broken"] == {"seconds": 4.0}
    assert best(found, EACH, ours=True) == "ours" and best(found, EACH, ours=False) == "other"
    assert noise_limit(truth, truth)[EACH] == pytest.approx(1.0) == -noise_limit(truth, -truth)[TOTAL]


def test_the_peers_read_the_same_network(tuned: tuple[TextModel, TextModel]) -> None:
    model = tuned[1]
    texts = tiny_bases.texts(7, 5, 12)
    windows = model.read(texts, None)
    lengths = torch.tensor([len(window.tokens) for window in windows])
    tokens = torch.zeros((len(windows), int(lengths.max())), dtype=torch.int64)
    for place, window in enumerate(windows):
        tokens[place, : len(window.tokens)] = torch.tensor(window.tokens)
    values: Any = model.base.config.values
    network = SmallGpt2(plain_tensors(model), values["n_head"], values["layer_norm_epsilon"])
    found = text_losses(network(tokens), tokens, lengths)
    np.testing.assert_allclose(found.detach().numpy(), model.losses(texts, None), rtol=1e-5)
    # What is learnt of it are the weights that a row counts, and what stands behind a text counts nothing.
    assert sum(each.numel() for each in network.parameters()) == model.k
    tokens[torch.nn.functional.pad(~predicted(tokens, lengths), (1, 0))] = 7
    np.testing.assert_allclose(text_losses(network(tokens), tokens, lengths).detach(), found.detach(), rtol=1e-6)
    one = tuned[0].losses(texts, None)
    assert not np.allclose(one, model.losses(texts, None), rtol=1e-3)


def test_our_scores_are_near_products_of_whole_gradients(tuned: tuple[TextModel, TextModel]) -> None:
    base, model = tuned
    train, queries = tiny_bases.texts(20, 6, 12), tiny_bases.texts(5, 7, 12)
    answer = our_scores(TextQuestion(base, model, train, queries), sides=(8,))
    plain = answer[f"{OURS} 8, {PLAIN}"].scores
    gradients = [model.layer_gradients([query], None) for query in queries]
    whole = exact_products(model, train, None, gradients)[0].T
    assert np.corrcoef(plain.ravel(), whole.ravel())[0, 1] > 0.9
    for kind in ("diagonal Fisher", "whole Fisher"):
        near = np.corrcoef(answer[f"{OURS} 8, {kind}, 1"].scores.ravel(), plain.ravel())[0, 1]
        assert 0.5 < near < 0.999
        assert near > np.corrcoef(answer[f"{OURS} 8, {kind}, 0.1"].scores.ravel(), plain.ravel())[0, 1]


def test_scores_with_curvature_are_those_of_short_rows(tuned: tuple[TextModel, TextModel]) -> None:
    base, model = tuned
    train, queries = tiny_bases.texts(20, 6, 12), tiny_bases.texts(5, 7, 12)
    answer = our_scores(TextQuestion(base, model, train, queries), sides=(8,))
    rows = first_rows(model, [*train, *queries], 8)
    trained, asked = rows[:20], rows[20:]
    squares = (trained**2).mean(axis=0)
    whitened = rows / np.sqrt(squares + 0.1 * squares.mean())
    short = principal_directions(whitened, 25).apply(whitened)
    assert short.shape == (25, 25) and rows.shape[1] > 100
    np.testing.assert_allclose(
        answer[f"{OURS} 8, diagonal Fisher, 0.1"].scores, short[:20] @ short[20:].T, rtol=1e-4, atol=1e-5
    )
    # The whole matrix, inverted as it stands, up to a factor that changes no ranks.
    fisher = trained.T @ trained / 20
    level = 0.1 * np.trace(fisher) / 20
    exact = trained @ np.linalg.solve(fisher + level * np.eye(len(fisher)), asked.T)
    np.testing.assert_allclose(answer[f"{OURS} 8, whole Fisher, 0.1"].scores, exact, rtol=1e-4, atol=1e-5)


def test_a_heads_features_are_what_its_gradients_are_made_of(tmp_path: Path) -> None:
    folder = tiny_bases.write(tiny_bases.build("bert"), tmp_path)
    base = BaseModel.load(folder)
    head = blank_head(base.config.width, 2, 1)
    model = TextModel(base, head, TextWindows(20, 1), 2)
    texts, labels = tiny_bases.texts(9, 2, 12), [0, 1, 1, 0, 1, 0, 0, 1, 1]
    found = features(model, texts, labels)
    theta = np.hstack([head.tensors["classifier.weight"], head.tensors["classifier.bias"][:, np.newaxis]])
    network = SoftmaxRegression(inputs=base.config.width, classes=2)
    rows = record_gradients(network, theta.astype(np.float64).ravel(), found, np.array(labels))
    whole = model.layer_gradients(texts, labels)[-1]
    np.testing.assert_allclose(rows.sum(axis=0), whole.ravel(), atol=1e-5)


def test_files_hold_one_window_a_text_and_only_gpt2_is_written(
    tuned: tuple[TextModel, TextModel], tmp_path: Path
) -> None:
    base, model = tuned
    write(TextQuestion(base, model, tiny_bases.texts(3, 1, 6), tiny_bases.texts(2, 2, 6)), tmp_path)
    with np.load(tmp_path / "question.npz", allow_pickle=False) as arrays:
        assert len(arrays["train_tokens"]) == 3 and len(arrays["query_lengths"]) == 2
        assert arrays["tensor:transformer.h.0.attn.c_attn.weight"].shape == (36, 12)
    long = TextModel(base.base, Difference(), TextWindows(8, 4))
    with pytest.raises(errors.UnusableModel, match="one window"):
        write(TextQuestion(long, long, tiny_bases.texts(3, 1, 24), tiny_bases.texts(2, 2, 6)), tmp_path)
    llama = BaseModel.load(tiny_bases.write(tiny_bases.build("llama"), tmp_path / "llama"))
    other = TextModel(llama, Difference(), TextWindows(40, 1))
    with pytest.raises(errors.UnusableModel, match="GPT-2"):
        write(TextQuestion(other, other, ["the cat"], ["the dog"]), tmp_path)


@pytest.mark.deep
def test_a_tiny_run_is_kept_and_its_page_is_of_its_document(tuned: tuple[TextModel, TextModel], tmp_path: Path) -> None:
    (tmp_path / "peer.py").write_text(PEER, encoding="utf-8")
    program = tmp_path / "peer"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "peer.py"}" "$@"\n', encoding="utf-8")
    program.chmod(0o700)

    def make(records: int, queries: int, steps: int) -> LdsWorld:
        return CausalWorld(tuned[0], tiny_bases.texts(records, 8, 9), tiny_bases.texts(queries, 9, 9), steps)

    plans = {"tiny, a GPT-2": LdsPlan(12, 3, 2, 6, 3, (0.1, 1.0))}
    found: Any = write_lds(tmp_path, program, worlds={"tiny, a GPT-2": make}, plans=plans)
    world = found["worlds"]["tiny, a GPT-2"]
    assert {DISPLACEMENT, f"{OURS} 16, {PLAIN}", "a peer"} < set(world["methods"])
    assert EACH not in world["methods"][DISPLACEMENT] and TOTAL in world["methods"][DISPLACEMENT]
    assert set(world["methods"]["a broken peer"]) == {"seconds"}
    assert set(world["leads"]) == {EACH, TOTAL} and world["leads"][EACH]["theirs"] == "a peer"
    # The draws of a bootstrap were thirty thousand lines of the committed document.
    assert set(world["methods"]["a peer"][EACH]) == {"mean", "low", "high"}
    text = (tmp_path / "lds.md").read_text(encoding="utf-8")
    assert text == page(found) and "The best peer is a peer" in text and "The goal" in text
    # What is in the ledger is not measured again, and needs neither a world nor the peers.
    assert write_lds(tmp_path, tmp_path / "x", so_far=True, worlds={"tiny, a GPT-2": make}, plans=plans) == found
    with pytest.raises(errors.FileMissing):
        write_lds(tmp_path, tmp_path / "nobody", worlds={"tiny, a GPT-2": make}, plans=plans)
    assert not write_lds(tmp_path / "new", program, so_far=True, worlds={"tiny, a GPT-2": make}, plans=plans)["worlds"]


def test_a_lead_that_is_a_rounding_error_is_neither_a_lead_nor_a_miss() -> None:
    found = json.loads((PAGES / "lds.json").read_text(encoding="utf-8"))
    name = "head on MiniLM, spam or ham"
    found["worlds"] = {name: found["worlds"][name]}
    lead = found["worlds"][name]["leads"][EACH]
    for gap, told in ((7e-6, "reached"), (-7e-6, "reached"), (-7e-4, "missed: the score is lower")):
        lead |= {"lead": gap, "low": gap - 1e-5, "high": gap + 1e-5}
        text = page(found)
        assert ("Ours is the same to three digits" in text) == (told == "reached") and f"throughput, is {told}." in text


def test_the_verdict_has_the_products_own_directions_beside_the_best() -> None:
    found = json.loads((PAGES / "lds.json").read_text(encoding="utf-8"))
    methods = found["worlds"]["small GPT-2, fine-tuned"]["methods"]
    # Rounded figures of the document; the best of 16 directions is not the last of them.
    methods[f"{OURS} {SIDE}, diagonal Fisher, 0.1"][EACH] = {"mean": 0.5, "low": 0.4, "high": 0.6}
    methods[f"{OURS} {SIDE}, diagonal Fisher, 1"][EACH]["mean"] = 0.45
    text = page(found)
    assert (
        f"The product's default is {SIDE} directions: the best of these is LoGra {SIDE}, diagonal Fisher, 0.1." in text
    )
    assert "It has +0.500 (+0.400 to +0.600), which is -0.194 against the best peer" in text
    assert "By 16, 32 and 64 directions, the best of ours is +0.500, +0.677 and +0.685." in text
    assert "may explain most of the -0.009" in text
    # Without a peer that has no curvature nothing is said of the directions left out.
    del methods[WHOLE_PEER]
    assert "may explain" not in page(found) and "It has +0.500" in page(found)


def test_the_committed_page_is_made_of_the_committed_document() -> None:
    found = json.loads((PAGES / "lds.json").read_text(encoding="utf-8"))
    assert (PAGES / "lds.md").read_text(encoding="utf-8") == page(found)
    assert list(found["worlds"]) == list(PLANS)
    assert all(world["halves"] >= 50 for world in found["worlds"].values())
    assert missing_lines("lds.md", tables(found)) == []
