"""The pages that are made from the code say what the code says."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_generated_pages_are_what_the_code_gives() -> None:
    """`scripts/docs reference` writes them anew."""
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "pages" / "reference.py", "--check"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "offchain")},
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_option_shows_a_type_of_python_in_place_of_a_word() -> None:
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    assert re.findall(r"`--[a-z-]+ (?:INT|INTEGER|FLOAT|STR|PATH)(?: RANGE)?`", page) == []
    assert "`--seed NUMBER`" in page
