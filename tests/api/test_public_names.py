"""The public names are frozen, load late, and say by examples how they are used."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import blindfair

PACKAGE = Path(blindfair.__file__).parent

NAMES = [
    "BlindQuery",
    "BlindRows",
    "BlindfairError",
    "BuyerPolicy",
    "Disclosure",
    "LocalMarket",
    "RealTime",
    "SellerPolicy",
    "Valuer",
    "__version__",
    "connect",
    "make_listing",
    "make_purchase",
    "open_buyer",
    "open_seller",
    "read_table",
    "unlock",
]


def test_the_public_names_are_these() -> None:
    assert blindfair.__all__ == NAMES
    assert dir(blindfair) == NAMES


@pytest.mark.parametrize("facade", [blindfair], ids=lambda facade: facade.__name__)
def test_every_public_name_is_there_and_the_same_for_type_checkers(facade: ModuleType) -> None:
    typed = {
        alias.name: node.module
        for block in ast.walk(ast.parse(Path(str(facade.__file__)).read_text(encoding="utf-8")))
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == {name: f"blindfair.{home}" for name, home in facade._HOMES.items()}
    assert (
        sorted(facade.__all__) == facade.__all__ == sorted({*typed, *({"__version__"} if facade is blindfair else ())})
    )
    for name in facade.__all__:
        assert getattr(facade, name) is not None
        assert name == "__version__" or getattr(facade, name).__doc__
    with pytest.raises(AttributeError, match="nonsense"):
        _ = facade.nonsense


def test_importing_it_loads_no_library() -> None:
    code = "import sys, blindfair; print(sorted({'numpy', 'torch', 'web3', 'tenseal', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


DOCUMENTED = sorted(
    str(path.relative_to(PACKAGE.parent).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for path in (*PACKAGE.glob("*.py"), *PACKAGE.glob("*/__init__.py"), *(PACKAGE / "api").glob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", DOCUMENTED)
def test_the_examples_in_its_documentation_run(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module))
    assert (found.failed, found.attempted > 0) == (0, True)


def test_the_front_page_of_the_package_has_examples() -> None:
    assert {"blindfair", "blindfair.api.blind_scoring"} <= set(DOCUMENTED)
