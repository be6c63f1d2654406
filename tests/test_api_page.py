"""The page of the API shows every public name, however it is loaded, and every example."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

FILL = """
import sys
from pathlib import Path
import hooks
print(hooks.filled(Path(sys.argv[1]).read_text(encoding="utf-8"), Path(sys.argv[2])))
"""


def filled(examples: Path) -> str:
    """The page as mkdocs gets it. In a process of its own, since the modules of a script have common names."""
    told = subprocess.run(
        [sys.executable, "-c", FILL, ROOT / "docs" / "reference" / "api.md", examples],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'offchain'}{os.pathsep}{ROOT / 'scripts' / 'pages'}"},
    )
    return told.stdout


def test_every_name_and_every_program_is_there(tmp_path: Path) -> None:
    (tmp_path / "buy.py").write_text('"""Buy."""\n\nprint("```")\n')
    page = filled(tmp_path)
    for facade in ("blindfair", *(f"blindfair.{name}" for name in ("blind", "influence", "pricing", "protocol"))):
        assert f"::: {facade}\n" in page
        for name in getattr(importlib.import_module(facade), "__all__", ()):
            assert name.startswith("_") or f".{name}\n" in page, name
    assert '### examples/buy.py\n\n````python\n"""Buy."""\n\nprint("```")\n````' in page
