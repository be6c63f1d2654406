"""The page on Python shows parts of the examples, and they run as pasted, in the order of the page."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pandas")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "call-from-python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PROGRAMS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.py"))]
NOTEBOOK = json.loads((ROOT / "examples" / "trade.ipynb").read_text(encoding="utf-8"))
EXAMPLES = [
    "\n".join(line.strip() for line in text.splitlines())
    for text in [*PROGRAMS, *("".join(cell["source"]) for cell in NOTEBOOK["cells"])]
]


def test_the_page_has_the_blocks_that_it_promises() -> None:
    assert len(BLOCKS) == 10


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("(")[0].strip())
def test_each_block_stands_in_an_example(block: str) -> None:
    lines = "\n".join(line.strip() for line in block.strip().splitlines())
    assert any(lines in example for example in EXAMPLES)


@pytest.mark.deep
def test_the_blocks_run_as_pasted_in_the_order_of_the_page() -> None:
    names: dict[str, Any] = {}
    exec(compile("\n".join(BLOCKS), "call-from-python.md", "exec"), names)  # noqa: S102
    np.testing.assert_allclose(names["scores"], names["rows"] @ names["query"], atol=0.5)
    assert names["told"].bits_per_record <= 32
    assert len(names["bought"]) == len(names["choice"].records) > 0
    assert names["outcome"].final == "Released"
    assert not names["market"].directory.exists()


def test_each_program_that_is_named_is_there() -> None:
    named = re.findall(r"`(examples/[\w.]+)`", PAGE)
    assert len(named) >= 5 and all((ROOT / name).exists() for name in named)
