"""`seller list --any-base-model` and `buyer evaluate --send-base-model`: what is told, what travels, and what a
seller's `--max-memory` refuses."""

import json
from pathlib import Path

import pytest
from command import Ended, Inside
from local_chain import LocalChain, shell, wait_for
from test_text_commands import OWN, TERMS, TEXTS, lines_of
from tiny_bases import build, write

from blindfair.influence.text import BaseModel
from blindfair.protocol.errors import Refused, UnusableModel


@pytest.mark.deep
def test_a_base_model_travels_by_command(testnet: LocalChain, tmp_path: Path, inside: Inside) -> None:
    held, mine = (write(build(kind), tmp_path / kind) for kind in ("llama", "gpt2"))
    large = write(build("gpt2", n_inner=2**10), tmp_path / "large")
    accounts = {name: testnet.party(tmp_path / name) for name in ("seller", "buyer", "careful", "poor")}
    place: list[object] = ["--mail", tmp_path / "mail", "--rpc", testnet.url, "--deployment", testnet.deployment]
    place += ["--password-file", tmp_path / "password"]
    listed = inside(
        "seller", "list", "--directory", tmp_path / "seller", *place,
        "--records", lines_of(TEXTS, tmp_path / "t.jsonl"), "--opened-share", "0.5", "--opened-records", "60",
        "--text-column", "text", "--base-model", held, "--any-base-model", "--bits", "6",
        *(word for name in ("buyer", "careful", "poor") for word in ("--buyer", accounts[name])), *TERMS,
        "--max-memory", "0.001", "--json", tmp_path / "listing.json",
    )  # fmt: skip
    assert listed.code == 0, listed.err
    assert "or any that a buyer sends" in " ".join((listed.out + listed.err).split())
    listing = json.loads((tmp_path / "listing.json").read_text())["listing"]

    def evaluate(name: str, *more: object, base: Path = mine) -> Ended:
        return inside(
            "buyer", "evaluate", "--directory", tmp_path / name, *place, "--listing", listing,
            "--own", lines_of(OWN, tmp_path / "own.jsonl"), "--text-column", "text", "--base-model", base,
            "--budget", "0.0012", "--audit-rows", "3", "--poll", "0.2", *more,
        )  # fmt: skip

    serving = f"exec blindfair seller serve --directory {tmp_path / 'seller'} --poll 0.2 "
    serving += f"--password-file {tmp_path / 'password'}"
    with shell(serving, tmp_path, tmp_path / "seller.told") as process:
        wait_for("serves", tmp_path / "seller.told", process)
        careful = evaluate("careful")
        assert careful.code == UnusableModel.exit_code and "Traceback" not in careful.err
        assert "--send-base-model sends the seller the whole model" in " ".join(careful.err.split())
        assert "sends the request" not in careful.err and "fine-tunes" not in careful.err
        whole = "".join(careful.err.split())
        assert all(BaseModel.load(each).digest.hex() in whole for each in (held, mine))
        poor = evaluate("poor", "--send-base-model", base=large)
        assert poor.code == Refused.exit_code, poor.err
        assert "takes too much: memory" in " ".join(poor.err.split())
    with shell(f"{serving} --max-memory 4", tmp_path, tmp_path / "again.told") as process:
        wait_for("serves", tmp_path / "again.told", process)
        done = evaluate("buyer", "--send-base-model", "--json", tmp_path / "evaluation.json")
        assert done.code == 0, done.err
    told = " ".join(done.err.split())
    assert "the seller will see your whole base model, about" in told[: told.index("sends the request")]
    assert json.loads((tmp_path / "evaluation.json").read_text())["sent_base_bytes"] > 10_000
