"""The README and the first tutorial: short, and what they quote of a demo is what a demo prints."""

import re
from pathlib import Path

import pytest
from command import Ended, Inside
from local_chain import ROOT

README, FIRST_TRADE = ROOT / "README.md", ROOT / "docs" / "tutorials" / "first-trade.md"
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
VARIES = 0.01
"""How far a quoted number may be off, as a share: the last digits of the gas differ between runs."""

BY_NOISE = {"offer": 8.0, "trade": 0.05}
"""Lines whose numbers follow from the noise of a run, by their first word, and how far these may be off: further than
any run goes. What is quoted is printed in the same words; how good it is other tests say."""


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def quoted_lines(page: Path) -> list[str]:
    """The lines that a page quotes of a demo."""
    return [line.strip() for block in blocks(page, "text") for line in block.splitlines() if line.strip() != "..."]


def is_printed(quoted: str, printed: str) -> bool:
    """Whether a run printed a quoted line: the same words, however wrapped, and numbers within the tolerances."""
    words = r"\s+".join(NUMBER.sub("#", re.escape(word)) for word in NUMBER.sub("#", quoted).split())
    pattern = words.replace(r"\#", "#").replace("#", f"({NUMBER.pattern})")
    wanted = numbers(NUMBER.findall(quoted))
    found = [numbers(match.groups()) for match in re.finditer(pattern, printed)]
    off = BY_NOISE.get(quoted.split()[0])
    return any(numbers_found == pytest.approx(wanted, rel=VARIES, abs=off) for numbers_found in found)


def numbers(texts: list[str] | tuple[str, ...]) -> list[float]:
    return [float(text.replace(",", "")) for text in texts]


@pytest.fixture(scope="module")
def demo_of_the_pages(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """What `./scripts/demo` starts once there is an environment: `blindfair demo` without options."""
    assert (ROOT / "scripts" / "demo").read_text().splitlines()[-1] == 'exec "$venv/bin/blindfair" demo "$@"'
    ended = Inside()("demo")
    assert ended.code == 0, ended.err
    return ended


@pytest.mark.deep
@pytest.mark.parametrize("page", [README, FIRST_TRADE], ids=lambda page: page.name)
def test_what_a_page_quotes_of_the_demo_is_printed(page: Path, demo_of_the_pages: Ended) -> None:
    quoted, printed = quoted_lines(page), demo_of_the_pages.out + demo_of_the_pages.err
    assert len(quoted) > 12
    assert [line for line in quoted if not is_printed(line, printed)] == []


def test_the_commands_of_the_front_pages_are_known() -> None:
    """`./scripts/demo` runs above; `./scripts/test` is what continuous integration runs."""
    commands = [line.partition("#")[0].strip() for line in "".join(blocks(README, "sh")).splitlines()]
    assert commands == ["./scripts/demo", "./scripts/test"]
    assert blocks(FIRST_TRADE, "sh") == ["./scripts/demo\n"]
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1].endswith("./scripts/test")


def test_the_readme_is_one_screen_and_a_map() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 100
