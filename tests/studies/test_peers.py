"""The comparison with other libraries, without them: its arithmetic by hand, our answer against an explicit Hessian,
and a peer that is a small program which reads the files of a question and answers well, badly or not at all."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from study_pages import missing_lines

from blindfair.influence.architecture import Architecture, Mlp, SoftmaxRegression
from blindfair.influence.arrays import Floats
from blindfair.influence.gradients import record_gradients
from blindfair.protocol import errors
from blindfair.protocol.documents import Document
from blindfair.studies.__main__ import main
from blindfair.studies.jobs import peer_jobs
from blindfair.studies.peers import datamodels
from blindfair.studies.peers.datamodels import DISPLACEMENT, datamodelling_score, run_datamodels
from blindfair.studies.peers.measures import all_measures
from blindfair.studies.peers.ours import PLAIN, our_answer
from blindfair.studies.peers.purchases import held_out, run_purchases
from blindfair.studies.peers.question import PeerQuestion, ask, check_program, read, write
from blindfair.studies.peers.report import peer_tables, write_peers
from blindfair.studies.worlds import Records, Regime

GRADIENTS = """
import json, sys
from pathlib import Path
import numpy as np
place = Path(sys.argv[1])
sizes = json.loads((place / "question.json").read_text())["sizes"]
asked = np.load(place / "question.npz", allow_pickle=False)
inputs, classes = sizes
weights = asked["thetas"][0].reshape(classes, inputs + 1)
def rows(part):
    X = np.hstack([asked[part + "_X"], np.ones((len(asked[part + "_X"]), 1))])
    logits = X @ weights.T
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(p)), asked[part + "_y"]] -= 1
    return (p[:, :, None] * X[:, None, :]).reshape(len(p), -1)
np.savez(place / "answer.npz", **{"a peer, 0.1": rows("rows") @ rows("query").T})
(place / "answer.json").write_text(json.dumps({"seconds": {"a peer, 0.1": 0.5}}))
"""


def program(place: Path, text: str) -> Path:
    """An executable that runs this Python."""
    (place / "peer.py").write_text(text, encoding="utf-8")
    path = place / "peer"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{place / "peer.py"}" "$@"\n', encoding="utf-8")
    path.chmod(0o700)
    return path


def records(count: int, rng: np.random.Generator) -> Records:
    X = np.hstack([rng.standard_normal((count, 4)), np.ones((count, 1))])
    return Records(X, rng.integers(0, 3, count))


@pytest.fixture
def question() -> PeerQuestion:
    rng = np.random.default_rng(0)
    network = SoftmaxRegression(inputs=4, classes=3)
    train, rows, queries = (records(count, rng) for count in (60, 25, 7))
    return PeerQuestion(network, 0.3 * rng.standard_normal((3, network.parameters)), train, rows, queries)


def test_a_datamodelling_score_is_a_rank_correlation_of_sums_with_the_fall_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    scores = rng.standard_normal((30, 4))
    halves = [rng.permutation(30)[:15] for _ in range(12)]
    sums = np.array([scores[half].sum(axis=0) for half in halves])
    assert datamodelling_score(scores, halves, np.exp(-sums)) == pytest.approx(1.0)
    assert datamodelling_score(scores, halves, sums**3) == pytest.approx(-1.0)
    # By hand: sums 3, 1, 2 against losses 1, 2, 3: ranks 3, 1, 2 and 3, 2, 1.
    three = [np.array([0, 1]), np.array([0]), np.array([1])]
    found = datamodelling_score(np.array([[1.0], [2.0]]), three, np.array([[1.0], [2.0], [3.0]]))
    assert found == pytest.approx(0.5)
    mixed = np.column_stack([np.exp(-sums[:, :2]), sums[:, 2:]])
    assert datamodelling_score(scores, halves, mixed) == pytest.approx(0.0)
    # Queries of which nothing can be said do not count, and nobody's failure is a number.
    assert datamodelling_score(np.ones((30, 4)), halves, sums) is None
    assert datamodelling_score(np.full((30, 4), np.nan), halves, sums) is None


def test_whole_rows_are_the_influence_function_with_the_exact_hessian(question: PeerQuestion) -> None:
    answer = our_answer(question)
    theta = torch.from_numpy(question.models[0])
    X, y = torch.from_numpy(question.train.X[:, :-1].copy()), torch.from_numpy(question.train.y)
    mean_loss = partial(mean_losses, question.network, X, y)
    hessian = torch.autograd.functional.hessian(mean_loss, theta).numpy()  # type: ignore[no-untyped-call]
    rows, asked = (
        record_gradients(question.network, question.models[0], part.X[:, :-1], part.y)
        for part in (question.rows, question.queries)
    )
    for damping in (0.01, 0.1):
        exact = rows @ np.linalg.solve(hessian + damping * np.eye(len(theta)), asked.T)
        np.testing.assert_allclose(answer[f"ours, whole rows, {damping:g}"].scores, exact, rtol=2e-3, atol=2e-3)
        # So few parameters that all directions are principal ones.
        whole = answer[f"ours, principal directions, {damping:g}"].scores
        np.testing.assert_allclose(whole, exact, rtol=2e-2, atol=2e-2)
    np.testing.assert_allclose(answer[PLAIN].scores, rows @ asked.T)
    # A row learnt with positive score lowers the loss of the query.
    scores = answer["ours, whole rows, 0.01"].scores
    row, query = np.unravel_index(scores.argmax(), scores.shape)
    after = question.models[0] - 1e-3 * np.linalg.solve(hessian + 0.01 * np.eye(len(theta)), rows[row])
    one = question.queries.at(np.array([query]))
    features, label = torch.from_numpy(one.X[:, :-1].copy()), torch.from_numpy(one.y)
    before, then = (float(question.network.losses(at, features, label)) for at in (theta, torch.from_numpy(after)))
    assert then < before


def mean_losses(network: Architecture, X: torch.Tensor, y: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
    return network.losses(theta, X, y).mean()


def test_several_models_are_averaged(question: PeerQuestion) -> None:
    models = [question.models[[0, number]] for number in (1, 2)]
    alone = [our_answer(PeerQuestion(question.network, two, *parts(question))) for two in models]
    both = our_answer(question)["ours, principal directions, 2 models, 0.1"]
    mean = np.mean([one["ours, principal directions, 1 models, 0.1"].scores for one in alone], axis=0)
    np.testing.assert_allclose(both.scores, mean, atol=1e-9)


def parts(question: PeerQuestion) -> tuple[Records, Records, Records]:
    return question.train, question.rows, question.queries


def test_a_peer_reads_the_question_from_its_files_alone(question: PeerQuestion, tmp_path: Path) -> None:
    answer = ask(program(tmp_path, GRADIENTS), question)
    assert answer["a peer, 0.1"].seconds == 0.5
    np.testing.assert_allclose(answer["a peer, 0.1"].scores, our_answer(question)[PLAIN].scores, atol=1e-12)


def test_the_sizes_of_a_network_are_those_of_its_layers(question: PeerQuestion, tmp_path: Path) -> None:
    network = Mlp(inputs=4, hidden=(6,), classes=3)
    write(PeerQuestion(network, np.zeros((2, network.parameters)), *parts(question)), tmp_path)
    assert json.loads((tmp_path / "question.json").read_text(encoding="utf-8"))["sizes"] == [4, 6, 3]


def test_a_peer_that_is_not_there_or_fails_is_a_named_error(question: PeerQuestion, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program", encoding="utf-8")
    for nothing in (tmp_path / "nobody", tmp_path / "text", tmp_path):
        with pytest.raises(errors.FileMissing, match="cannot be run"):
            check_program(nothing)
    check_program(program(tmp_path, "pass"))
    with pytest.raises(errors.NoAnswer, match="no such library"):
        ask(program(tmp_path, "raise SystemExit('no such library')"), question)
    with pytest.raises(errors.MalformedFile):
        ask(program(tmp_path, "pass"), question)


def answered(place: Path, scores: dict[str, Floats], seconds: object) -> Path:
    np.savez(place / "answer.npz", allow_pickle=True, **scores)
    (place / "answer.json").write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
    return place


@pytest.mark.parametrize(
    ("scores", "seconds"),
    [
        ({"a": np.zeros((3, 3))}, {"a": 1.0}),
        ({"a": np.zeros(6)}, {"a": 1.0}),
        ({"a": np.zeros((3, 2)), "b": np.zeros((2, 3))}, {"a": 1.0, "b": 1.0}),
        ({"a": np.zeros((3, 2))}, {"a": -1.0}),
        ({"a": np.zeros((3, 2))}, {"a": float("nan")}),
        ({"a": np.zeros((3, 2))}, {"a": "long"}),
        ({"a": np.zeros((3, 2))}, {}),
        ({"a": np.zeros((3, 2))}, [1.0]),
        ({}, {}),
        ({"a": np.array([["x", "y"]] * 3)}, {"a": 1.0}),
        ({"a": np.array([[print, print]] * 3, dtype=object)}, {"a": 1.0}),
    ],
    ids=["wide", "flat", "turned", "negative", "nan", "words", "untimed", "list", "nothing", "texts", "pickled"],
)
def test_an_answer_that_is_none_is_refused(scores: dict[str, Floats], seconds: object, tmp_path: Path) -> None:
    with pytest.raises(errors.MalformedFile):
        read(answered(tmp_path, scores, seconds), 3, 2)


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    answered(tmp_path, {"a": np.zeros((3, 2))}, {"a": 1.0})
    whole = (tmp_path / "answer.npz").read_bytes()
    (tmp_path / "answer.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(errors.MalformedFile):
        read(tmp_path, 3, 2)


def test_a_method_that_failed_by_itself_is_kept_and_counts_nowhere(tmp_path: Path) -> None:
    broken = np.zeros((3, 2))
    broken[1, 1] = np.inf
    answer = read(answered(tmp_path, {"a": broken, "b": np.ones((3, 2))}, {"a": 1.0, "b": 1.0}), 3, 2)
    assert np.isnan(answer["a"].scores).all() and (answer["b"].scores == 1).all()


def test_a_trusted_record_is_scored_by_the_others_alone() -> None:
    scores = np.array([[1.0, 2.0], [3.0, 5.0], [100.0, 7.0], [9.0, 100.0], [-100.0, 4.0], [6.0, -100.0]])
    answer = held_out(scores, 2)
    np.testing.assert_array_equal(answer.offer.scores, [1.5, 4.0])
    np.testing.assert_array_equal(answer.right.scores, [7.0, 9.0])
    np.testing.assert_array_equal(answer.wrong.scores, [4.0, 6.0])


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    peer = program(tmp_path_factory.mktemp("peer"), GRADIENTS)
    with pytest.MonkeyPatch.context() as patched:
        for name, few in (("RETRAININGS", 16), ("QUERIES", 40), ("MODELS", 1)):
            patched.setattr(datamodels, name, few)
        return [
            {"key": f"peers/{what}/digits/softmax/{regime.value}/0", **run("digits", "softmax", regime, 0, peer)}
            for what, run, regime in (
                ("datamodels", run_datamodels, Regime.CLEAN),
                ("purchases", run_purchases, Regime.WRONG_30),
            )
        ]


@pytest.mark.deep
def test_curvature_predicts_retraining_and_the_displacement_finds_wrong_labels(documents: list[Document]) -> None:
    clean, offer = (json.loads(json.dumps(document)) for document in documents)
    assert clean["ours, whole rows, 0.1"]["each"] > clean[PLAIN]["each"] + 0.05 > 0.5
    assert clean["a peer, 0.1"]["each"] == pytest.approx(clean[PLAIN]["each"])
    assert clean[DISPLACEMENT]["told_apart"] is None
    assert offer[DISPLACEMENT]["told_apart"] > 0.9 > offer["a peer, 0.1"]["told_apart"]
    assert offer["random"] < offer[DISPLACEMENT]["trust"]


@pytest.mark.deep
def test_the_report_says_where_we_are_behind(documents: list[Document], tmp_path: Path) -> None:
    better = json.loads(json.dumps(documents))
    better[0]["a peer, 0.01"] = {"each": 0.99, "total": 0.1, "told_apart": None, "seconds": 0.1}
    measures = {measure.name: measure for measure in all_measures(better)}
    # The better of its two dampings, in each column.
    assert measures["softmax: sums for each query"].values["a peer"] == 0.99
    assert measures["softmax: sums for the total"].values["a peer"] > 0.1
    best = {row[0]: row[-1] for row in peer_tables(better)[0].rows}
    assert best["softmax: sums for each query"].startswith("no, by")
    assert best["softmax, wrong-30: told apart"] == "yes"
    for place in ("one", "two"):
        write_peers(documents, tmp_path / place, tmp_path / f"{place}.json", quick=True)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert missing_lines("peers.md", peer_tables(documents)) == []
    text = (tmp_path / "one" / "peers.md").read_text(encoding="utf-8")
    assert "scripts/study peers --quick" in text and "| a peer |" in text and "0.01" not in text.split("##")[0]
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(errors.CannotWrite):
        write_peers(documents, tmp_path / "file" / "x", None, quick=True)


def test_the_jobs_are_a_quarter_of_an_hour_and_the_quick_ones_some_of_them() -> None:
    jobs, quick = peer_jobs(False, Path("x")), peer_jobs(True, Path("x"))
    assert len({job.key for job in jobs}) == len(jobs) and {job.key for job in quick} < {job.key for job in jobs}
    assert sum(job.seconds for job in jobs) < 25 * 60 and sum(job.seconds for job in quick) < 5 * 60


def test_the_command_reports_what_there_is_and_asks_the_program_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["study", "peers", "--quick", "--report", str(tmp_path), "--peers", str(tmp_path / "nobody")]
    monkeypatch.setattr(sys, "argv", [*options, "--so-far"])
    assert main() == 0 and (tmp_path / "peers.md").is_file()
    monkeypatch.setattr(sys, "argv", options)
    assert main() == errors.FileMissing.exit_code
    said = capsys.readouterr().err
    assert "FileMissing" in said and "nobody" in said and "scripts/study peers" in said
