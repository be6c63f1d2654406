"""A message names an option by its Python keyword. The commands, and they alone, show it as a flag."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import blindfair
from blindfair.api.keystore import address_of
from blindfair.api.purchase_options import parse_listing
from blindfair.chain.deployment import CodeHash, Deployment
from blindfair.cli.ending import run_to_its_end
from blindfair.cli.flags import with_flags
from blindfair.protocol.errors import BlindfairError, InvalidOption
from blindfair.protocol.quantities import Address, BlockNumber

pd = pytest.importorskip("pandas")

PACKAGE = Path(blindfair.__file__).parent
INNER = ("agents", "api", "blind", "chain", "influence", "pricing", "protocol")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
OTHER_PROGRAMS = {"start it: ray start --head --disable-usage-stats"}

BUYER = "0x" + "11" * 20


def table() -> Any:
    rng = np.random.default_rng(0)
    found = pd.DataFrame(rng.normal(size=(60, 3)).round(6), columns=["a", "b", "c"])
    return found.assign(y=[number % 2 for number in range(60)])


def listing(**changes: object) -> object:
    needed = {"label": "y", "price_per_record": "0.001", "licence": "research", "consent": "given"}
    return blindfair.make_listing(table(), **(needed | changes))  # type: ignore[arg-type]


def purchase(**changes: object) -> object:
    return blindfair.make_purchase(**({"own": table(), "label": "y", "budget": "1"} | changes))


PLACE = Deployment(31337, Address(BUYER), CodeHash(b"\0" * 32), BlockNumber(0), "0.8.30")


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "bits": (lambda: listing(bits=99), "--bits"),
    "buyers": (lambda: listing(buyers=["nobody"]), "--buyer is not"),
    "fee of named buyers": (lambda: listing(buyers=[BUYER], evaluation_fee="1"), "--evaluation-fee or --buyer"),
    "pay_to": (lambda: listing(pay_to="nobody"), "--pay-to"),
    "price": (lambda: listing(price_per_record="much"), "--price-per-record"),
    "free": (lambda: listing(price_per_record="0"), "--evaluation-fee"),
    "free_share": (lambda: listing(free_share=7.0), "--free-share"),
    "disclosed_share": (lambda: listing(disclosed_share=0.5), "--accept-disclosed-share 0.5 if"),
    "one evaluation": (lambda: listing(bits=8, disclosed_share=0.001), "--disclosure per-group-10"),
    "disclosures": (lambda: listing(disclosures=["each"]), "--disclosure names"),
    "never_score": (lambda: listing(never_score=["z"]), "--exclude"),
    "both": (lambda: listing(never_score=["a"], score=["a"]), "a column of --score"),
    "nothing left": (lambda: listing(never_score=["a", "b", "c"]), "--score COLUMN"),
    "max_bonds": (lambda: listing(max_bonds="-1"), "--max-bonds"),
    "max_memory": (lambda: listing(max_memory=-1.0), "--max-memory"),
    "text": (lambda: listing(text=["z"]), "--text"),
    "two ways": (lambda: purchase(train=table()), "--own, or --train and --validation"),
    "model": (lambda: purchase(model="oracle"), "--model"),
    "disclosure": (lambda: purchase(disclosure="each"), "--disclosure names"),
    "score_bits": (lambda: purchase(score_bits=0), "--score-bits"),
    "bandwidth": (lambda: purchase(bandwidth=0.0), "--bandwidth"),
    "sample_share": (lambda: purchase(sample_share=2.0), "--sample-share"),
    "fee": (lambda: purchase(fee="2"), "--fee is more than --budget"),
    "budget": (lambda: purchase(budget="all"), "--budget is not"),
    "value": (lambda: purchase(value="all"), "--value"),
    "refund_to": (lambda: purchase(refund_to="nobody"), "--refund-to"),
    "listing": (lambda: parse_listing("9"), ""),
    "keystore": (lambda: address_of(Path("/nowhere/a key.json")), "account create --keystore '/nowhere/a key.json'"),
    "rpc": (
        lambda: blindfair.connect("nowhere", deployment=PLACE, mail="mail", account=None),
        "--rpc http://127.0.0.1:8545",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_program_reads_keywords_and_a_shell_flags(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    call, shown = WRONG[name]
    with pytest.raises(BlindfairError) as caught:
        call()
    error = caught.value
    assert not FLAG.search(f"{error} {error.what} {error.expected} {error.found} {error.hint}")
    with pytest.raises(SystemExit):
        run_to_its_end(call)
    told = capsys.readouterr().err
    assert shown in told and "`" not in told


def test_an_option_that_is_out_of_range_is_told_apart() -> None:
    with pytest.raises(InvalidOption) as caught:
        listing(disclosed_share=0.5)
    assert caught.value.option == "disclosed_share"
    assert InvalidOption("The password is empty").option is None


def texts(path: Path) -> Iterator[str]:
    """The strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes:
            yield node.value


def test_no_package_below_the_commands_writes_a_flag() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {text}"
        for package in INNER
        for path in (PACKAGE / package).rglob("*.py")
        for text in texts(path)
        if FLAG.search(text) and text not in OTHER_PROGRAMS
    }
    assert found == set()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`budget`", "--budget"),
        ("`rpc=URL` of one", "--rpc URL of one"),
        ("`exclude=['a b', '-c']`", "--exclude 'a b' --exclude=-c"),
        ('`label="it\'s"`', "--label 'it'\"'\"'s'"),
        ("`text=['\\x60id\\x60']`", "--text '`id`'"),
        ("`accept_kinds=True`", "--accept-kinds"),
        ("`for=0x00aB`", "--for 0x00aB"),
        ("`blindfair deploy` wrote it", "`blindfair deploy` wrote it"),
        ("`exclude=; rm x`", "`exclude=; rm x`"),
        ("a `b", "a `b"),
    ],
)
def test_only_what_was_written_as_an_option_becomes_a_flag(text: str, shown: str) -> None:
    assert with_flags(text) == shown
