"""Folders of base models that anybody may have made: a listing and a purchase refuse what is none by its name."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny_bases
from tiny_bases import build, write

from blindfair.api.buying import make_purchase
from blindfair.api.listing import make_listing
from blindfair.protocol.errors import BlindfairError, FileMissing, UnusableModel

TEXTS = pd.DataFrame({"text": tiny_bases.texts(60, 1, longest=40)})
OWN = pd.DataFrame({"text": tiny_bases.texts(90, 2, longest=40)})
CHEAP: dict[str, Any] = {"price_per_record": "0.0001", "licence": "any", "consent": "made up", "own_models": True}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(build("gpt2"), tmp_path_factory.mktemp("base"))


def changed_base(base: Path, folder: Path, change: Callable[[Path], object]) -> Path:
    folder.mkdir()
    for path in base.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    change(folder)
    return folder


def config(**changes: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def cut(name: str) -> Callable[[Path], object]:
    return lambda folder: os.truncate(folder / name, 200)


def piped(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


HOSTILE_BASES: dict[str, tuple[Callable[[Path], object], type[BlindfairError]]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), FileMissing),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), FileMissing),
    "a pickle": (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), FileMissing),
    "a pipe": (piped, FileMissing),
    "code of its own": (config(auto_map={"AutoModel": "evil.py"}), UnusableModel),
    "another kind": (config(model_type="oracle"), UnusableModel),
    "a billion numbers a token": (config(n_embd=10**9), UnusableModel),
    "a config that is no JSON": (cut("config.json"), UnusableModel),
    "weights cut short": (cut("model.safetensors"), UnusableModel),
    "a tokenizer cut short": (cut("tokenizer.json"), UnusableModel),
    "a nest of brackets": (lambda folder: (folder / "config.json").write_text("[" * 10**5), UnusableModel),
}


@pytest.mark.parametrize("case", HOSTILE_BASES)
def test_a_hostile_base_model_is_refused_by_name(case: str, base: Path, tmp_path: Path) -> None:
    change, error = HOSTILE_BASES[case]
    folder = changed_base(base, tmp_path / "hostile", change)
    with pytest.raises(error) as told:
        make_listing(TEXTS, text_column="text", base_models=[base, folder], **CHEAP)
    assert str(folder) in told.value.what and told.value.hint
    with pytest.raises(error) as told:
        make_purchase(OWN, text_column="text", base_model=folder, budget="1")
    assert str(folder) in told.value.what and told.value.hint
