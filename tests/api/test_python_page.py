"""The page on Python shows parts of the examples, and they run in the order of the page."""

import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import blindfair

pd = pytest.importorskip("pandas")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "call-from-python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = [
    textwrap.dedent("\n".join(line.strip() for line in path.read_text(encoding="utf-8").splitlines()))
    for path in sorted((ROOT / "examples").glob("*.py"))
]


def test_the_page_has_the_blocks_that_it_promises() -> None:
    assert len(BLOCKS) == 6


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("(")[0].strip())
def test_each_block_stands_in_an_example(block: str) -> None:
    lines = "\n".join(line.strip() for line in block.strip().splitlines())
    assert any(lines in example for example in EXAMPLES)


def program(blocks: list[str]) -> str:
    """The blocks as one program: those after a `with` stand in it, as the page says."""
    lines: list[str] = []
    indent = ""
    for block in blocks:
        lines += [indent + line for line in block.splitlines()]
        if block.startswith("with "):
            indent = "    "
    return "\n".join(lines)


def test_the_blocks_run_in_the_order_of_the_page() -> None:
    """With the names that the page explains: a query, rows, an offered table and one of the buyer's own."""
    rng = np.random.default_rng(0)
    trial = Path(str(blindfair.__file__)).parent / "cli" / "demo" / "data" / "ACTG175.csv"
    patients = (
        pd.read_csv(trial).drop(columns=["pidnum", "days", "cd496", "offtrt", "r"]).sample(frac=1, random_state=0)
    )
    names: dict[str, Any] = {
        "query": rng.normal(size=64),
        "rows": rng.normal(size=(1000, 64)),
        "offered": patients[:400],
        "own": patients[400:800],
    }
    exec(compile(program(BLOCKS), "call-from-python.md", "exec"), names)  # noqa: S102
    np.testing.assert_allclose(names["scores"], names["rows"] @ names["query"], atol=0.5)
    assert names["told"].bits_per_record <= 32
    assert len(names["bought"]) == len(names["choice"].records) > 0
    assert names["outcome"].final == "Released"


def test_each_program_that_is_named_is_there() -> None:
    named = re.findall(r"`(examples/[\w.]+)`", PAGE)
    assert len(named) >= 5 and all((ROOT / name).exists() for name in named)
