"""The pages that are made from the code say what the code says."""

import os
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
