"""The page on Python shows parts of the examples, which other tests run."""

import re
import textwrap
from pathlib import Path

import pytest

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


def test_each_program_that_is_named_is_there() -> None:
    named = re.findall(r"`(examples/[\w.]+)`", PAGE)
    assert len(named) >= 5 and all((ROOT / name).exists() for name in named)
