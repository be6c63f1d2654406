"""`buyer evaluate --fine-tuned`: what is told, what is kept of it over a kill, and what is refused."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import tiny_bases
from command import Ended, Inside
from local_chain import LocalChain, shell, wait_for
from test_text_commands import OWN, TERMS, TEXTS, lines_of
from tiny_bases import build, write
from tuned_folders import write_tuned

from blindfair.api.fine_tuned import CHANGED_FILE
from blindfair.influence.text import BaseModel, Difference, TextModel, TextWindows, fine_tune
from blindfair.protocol.errors import FileChanged, FileMissing, InvalidOption, UnusableModel


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("gpt2"), tmp_path_factory.mktemp("base"))


def tuned(base: Path, folder: Path, steps: int) -> Path:
    model = TextModel(BaseModel.load(base), Difference(), TextWindows(16, 2))
    texts = tiny_bases.texts(60, 5, longest=40)
    shutil.rmtree(folder, ignore_errors=True)
    return write_tuned(base, folder, fine_tune(model, texts, None, steps=steps, seed=1, rank=2).difference)


@pytest.mark.deep
def test_a_killed_evaluation_goes_on_with_the_model_that_it_began_with(
    testnet: LocalChain, base: Path, tmp_path: Path, inside: Inside
) -> None:
    accounts = {name: testnet.party(tmp_path / name) for name in ("seller", "buyer")}
    place: list[object] = ["--mail", tmp_path / "mail", "--rpc", testnet.url, "--deployment", testnet.deployment]
    place += ["--password-file", tmp_path / "password"]
    listed = inside(
        "seller", "list", "--directory", tmp_path / "seller", *place,
        "--records", lines_of(TEXTS, tmp_path / "t.jsonl"), "--opened-share", "0.5", "--opened-records", "60",
        "--text-column", "text", "--base-model", base, "--bits", "6", "--buyer", accounts["buyer"], *TERMS,
        "--json", tmp_path / "listing.json",
    )  # fmt: skip
    assert listed.code == 0, listed.err
    listing = json.loads((tmp_path / "listing.json").read_text())["listing"]
    mine = tuned(base, tmp_path / "mine", 6)
    command: list[object] = [
        "buyer", "evaluate", "--directory", tmp_path / "buyer", *place, "--listing", listing,
        "--own", lines_of(OWN, tmp_path / "own.jsonl"), "--text-column", "text", "--base-model", base,
        "--budget", "0.0012", "--audit-rows", "3", "--poll", "0.2",
    ]  # fmt: skip

    def evaluate(folder: Path) -> Ended:
        return inside(*command, "--fine-tuned", folder, "--json", tmp_path / "evaluation.json")

    kept = tmp_path / "buyer" / CHANGED_FILE
    serving = f"exec blindfair seller serve --directory {tmp_path / 'seller'} --poll 0.2 "
    serving += f"--password-file {tmp_path / 'password'}"
    with shell(serving, tmp_path, tmp_path / "seller.told") as process:
        wait_for("serves", tmp_path / "seller.told", process)
        words = " ".join(map(str, [*command, "--fine-tuned", mine]))
        with shell(f"exec blindfair {words}", tmp_path, tmp_path / "buyer.told") as buyer:
            wait_for("sends the request", tmp_path / "buyer.told", buyer)
            os.killpg(buyer.pid, signal.SIGKILL)
        told = " ".join((tmp_path / "buyer.told").read_text().split())
        before = told[: told.index("sends the request")]
        assert "the seller will see each layer of your model that differs from the base" in before
        assert "Without --fine-tuned it sees nothing of it" in before
        layers = kept.read_bytes()

        evaluate(tuned(base, tmp_path / "other", 5)).failed(InvalidOption, "--fine-tuned", "another directory")
        inside(*command).failed(InvalidOption, "--fine-tuned = None")
        tuned(base, mine, 5)
        evaluate(mine).failed(FileChanged, "another fine-tuned model", "restore the fine-tuned model")
        shutil.rmtree(mine)
        assert layers == kept.read_bytes()
        done = inside(
            "buyer", "resume", "--directory", tmp_path / "buyer", "--password-file", tmp_path / "password",
            "--poll", "0.2", "--json", tmp_path / "evaluation.json",
        )  # fmt: skip
        assert done.code == 0, done.err
    found = json.loads((tmp_path / "evaluation.json").read_text())
    assert (found["shows_fine_tuned"], found["shows_adapter"]) == (True, False)

    kept.write_bytes(layers[:-4] + bytes(4))
    inside(
        "buyer", "resume", "--directory", tmp_path / "buyer", "--password-file", tmp_path / "password"
    ).failed(FileChanged, f"{CHANGED_FILE} is not the file that was begun with")  # fmt: skip


def test_models_that_cannot_be_used_end_the_command_and_begin_nothing(
    testnet: LocalChain, base: Path, clean: Path, tmp_path: Path, inside: Inside
) -> None:
    place: list[object] = ["--directory", "home", "--mail", "mail", "--rpc", testnet.url]
    given: list[object] = [
        "buyer", "evaluate", *place, "--deployment", testnet.deployment, "--budget", "1",
        "--own", lines_of(OWN, tmp_path / "own.jsonl"),
    ]  # fmt: skip
    texts = [*given, "--text-column", "text", "--base-model", base]
    inside(*texts, "--fine-tuned", tmp_path / "nowhere").failed(FileMissing, "no such folder", "save_pretrained")
    inside(*texts, "--fine-tuned", base).failed(UnusableModel, str(base), "no layer differs", "--fine-tuned out")
    wider = write(build("gpt2", n_embd=24), tmp_path / "wider")
    inside(*texts, "--fine-tuned", wider).failed(UnusableModel, "n_embd = 24")
    inside(*texts, "--fine-tuned", base, "--adapter", base).failed(InvalidOption, "--adapter or --fine-tuned")
    inside(*given, "--label", "text", "--fine-tuned", base).failed(InvalidOption, "--fine-tuned is for texts")
