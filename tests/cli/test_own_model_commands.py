"""`buyer evaluate --adapter` and `--fine-tuned`: what is told, what is kept over a kill, and what is refused.

The adapters are what the library peft wrote.
"""

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import Ended, Inside
from local_chain import LocalChain, shell, wait_for
from make_peft_adapters import FOLDER
from own_models import tuned
from test_text_commands import OWN, TERMS, TEXTS, lines_of
from tiny_bases import build, write
from tuned_folders import write_tuned

from blindfair.api.fine_tuned import CHANGED_FILE
from blindfair.protocol.errors import FileChanged, FileMissing, InvalidOption, UnusableModel


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("gpt2"), tmp_path_factory.mktemp("base"))


@dataclass(frozen=True)
class Form:
    """How a buyer names its own model: `write` makes one of two of them in a folder that may be there."""

    option: str
    write: Callable[[Path, Path, int], Path]
    kept: tuple[str, ...]
    shown: tuple[str, str]
    begun_with: str
    shows: tuple[bool, bool]
    """`shows_adapter` and `shows_fine_tuned` of `--json`."""


def adapter(_: Path, folder: Path, which: int) -> Path:
    return shutil.copytree(FOLDER / ("gpt2_rank_2", "gpt2_rank_8")[which], folder, dirs_exist_ok=True)


def whole(base: Path, folder: Path, which: int) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return write_tuned(base, folder, tuned(base, steps=6 - which, rank=2))


ADAPTER = Form(
    "--adapter", adapter, ("adapter_config.json", "adapter_model.safetensors"),
    ("the seller will see the weights of your adapter", "Without --adapter it sees"), "adapter", (True, False),
)  # fmt: skip
FINE_TUNED = Form(
    "--fine-tuned", whole, (CHANGED_FILE,),
    (
        "the seller will see each layer of your model that differs from the base",
        "Without --fine-tuned it sees nothing of it",
    ),
    "fine-tuned model", (False, True),
)  # fmt: skip


@pytest.mark.deep
@pytest.mark.parametrize("form", [ADAPTER, FINE_TUNED], ids=lambda form: str(form.option))
def test_a_killed_evaluation_goes_on_with_the_model_that_it_began_with(
    form: Form, testnet: LocalChain, base: Path, tmp_path: Path, inside: Inside
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
    mine = form.write(base, tmp_path / "mine", 0)
    command: list[object] = [
        "buyer", "evaluate", "--directory", tmp_path / "buyer", *place, "--listing", listing,
        "--own", lines_of(OWN, tmp_path / "own.jsonl"), "--text-column", "text", "--base-model", base,
        "--budget", "0.0012", "--audit-rows", "3", "--poll", "0.2",
    ]  # fmt: skip

    def evaluate(folder: Path) -> Ended:
        return inside(*command, form.option, folder, "--json", tmp_path / "evaluation.json")

    def kept() -> list[bytes]:
        return [(tmp_path / "buyer" / name).read_bytes() for name in form.kept]

    serving = f"exec blindfair seller serve --directory {tmp_path / 'seller'} --poll 0.2 "
    serving += f"--password-file {tmp_path / 'password'}"
    with shell(serving, tmp_path, tmp_path / "seller.told") as process:
        wait_for("serves", tmp_path / "seller.told", process)
        words = " ".join(map(str, [*command, form.option, mine]))
        with shell(f"exec blindfair {words}", tmp_path, tmp_path / "buyer.told") as buyer:
            wait_for("sends the request", tmp_path / "buyer.told", buyer)
            os.killpg(buyer.pid, signal.SIGKILL)
        told = " ".join((tmp_path / "buyer.told").read_text().split())
        before = told[: told.index("sends the request")]
        assert all(words in before for words in form.shown)
        begun = kept()

        evaluate(form.write(base, tmp_path / "other", 1)).failed(InvalidOption, form.option, "another directory")
        inside(*command).failed(InvalidOption, f"found     no {form.option}")
        form.write(base, mine, 1)
        evaluate(mine).failed(
            FileChanged, f"was begun with another {form.begun_with}", f"restore the {form.begun_with}"
        )
        shutil.rmtree(mine)
        assert begun == kept()
        done = inside(
            "buyer", "resume", "--directory", tmp_path / "buyer", "--password-file", tmp_path / "password",
            "--poll", "0.2", "--json", tmp_path / "evaluation.json",
        )  # fmt: skip
        assert done.code == 0, done.err
        assert "positive = helpful, in cosines of row and query times the query's size" in " ".join(done.out.split())
    found = json.loads((tmp_path / "evaluation.json").read_text())
    assert (found["shows_adapter"], found["shows_fine_tuned"]) == form.shows

    (tmp_path / "buyer" / form.kept[-1]).write_bytes(begun[-1][:-4] + bytes(4))
    inside(
        "buyer", "resume", "--directory", tmp_path / "buyer", "--password-file", tmp_path / "password"
    ).failed(FileChanged, f"{form.kept[-1]} is not the file that was begun with")  # fmt: skip


@pytest.fixture
def given(testnet: LocalChain, clean: Path, tmp_path: Path) -> list[object]:
    """A purchase that begins nothing: `clean` sees to that."""
    place: list[object] = ["--directory", "home", "--mail", "mail", "--rpc", testnet.url]
    own = lines_of(OWN, tmp_path / "own.jsonl")
    return ["buyer", "evaluate", *place, "--deployment", testnet.deployment, "--budget", "1", "--own", own]


def test_adapters_that_cannot_be_used_end_the_command_and_begin_nothing(
    given: list[object], base: Path, tmp_path: Path, inside: Inside
) -> None:
    texts = [*given, "--text-column", "text", "--base-model", base]
    inside(*texts, "--adapter", tmp_path / "nowhere").failed(FileMissing, "no such folder", "peft")
    dora = FOLDER / "gpt2_dora"
    inside(*texts, "--adapter", dora).failed(UnusableModel, str(dora), "use_dora")
    embedding = FOLDER / "gpt2_embedding"
    inside(*texts, "--adapter", embedding).failed(UnusableModel, str(embedding), "transformer.wte", "modules_to_save")
    inside(*given, "--label", "text", "--adapter", dora).failed(InvalidOption, "--adapter is for texts")


def test_models_that_cannot_be_used_end_the_command_and_begin_nothing(
    given: list[object], base: Path, tmp_path: Path, inside: Inside
) -> None:
    texts = [*given, "--text-column", "text", "--base-model", base]
    inside(*texts, "--fine-tuned", tmp_path / "nowhere").failed(FileMissing, "no such folder", "save_pretrained")
    inside(*texts, "--fine-tuned", base).failed(UnusableModel, str(base), "no layer differs", "--fine-tuned out")
    wider = write(build("gpt2", n_embd=24), tmp_path / "wider")
    inside(*texts, "--fine-tuned", wider).failed(UnusableModel, "n_embd = 24")
    inside(*texts, "--fine-tuned", base, "--adapter", base).failed(InvalidOption, "--adapter or --fine-tuned")
    inside(*given, "--label", "text", "--fine-tuned", base).failed(InvalidOption, "--fine-tuned is for texts")
