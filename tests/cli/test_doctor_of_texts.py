"""`blindfair doctor` on the base models of texts: one that is whole, and what is wrong with others."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("transformers")

from blindfair.cli.demo.texts.prepared import MODEL
from blindfair.cli.doctor.base_models import look_at_base_model
from blindfair.cli.main import app
from blindfair.influence.text import BaseModel


def test_a_base_model_that_is_whole_is_named_by_its_digest() -> None:
    (found,) = look_at_base_model(MODEL)
    assert found.ok and BaseModel.load(MODEL).digest.hex() in found.found and "gpt2-causal" in found.found


def test_a_base_model_that_is_gone_or_broken_is_a_finding_with_a_hint(tmp_path: Path) -> None:
    (gone,) = look_at_base_model(tmp_path / "gone")
    assert not gone.ok and str(tmp_path / "gone") in gone.found and gone.hint
    for file in MODEL.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:2000])
    (broken,) = look_at_base_model(tmp_path)
    assert not broken.ok and broken.check == "base model"


def test_the_command_shows_the_digest_of_a_folder_that_is_named(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["doctor", "--base-model", str(MODEL)])
    assert BaseModel.load(MODEL).digest.hex() in found.output.replace("\n", "").replace(" ", "")
    assert CliRunner().invoke(app, ["doctor", "--base-model", str(tmp_path)]).exit_code == 3
