#!/usr/bin/env python3
"""Compile the contracts and write what the Python package ships; with `--check`, compare instead of writing.

The package needs no compiler and no Node to run: it carries the ABI and the bytecode. This tool makes them, and shows
that they are made from the sources beside them. It is not part of the package. Needs the extra `dev`, and once npm's
packages, which it installs by itself from the lock file.

    python scripts/compile.py           write the artifacts
    python scripts/compile.py --check   compile, compare, exit 1 on a difference
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from blindfair.cli.testnet.npm import HARDHAT, find_node, install_locked
from blindfair.protocol.errors import BlindfairError

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
SHIPPED = ROOT / "offchain" / "blindfair" / "chain" / "artifacts"
FOR_EXPLORERS = ROOT / "offchain" / "blindfair" / "chain" / "verification"
FOR_TESTS = ROOT / "tests" / "contracts" / "artifacts"
FORGE = "node_modules/@foundry-rs/forge-"

SHIPPED_CONTRACTS = ("DataExchange", "ListingDirectory", "PermitToken", "TestToken")
VERIFIED_CONTRACTS = ("DataExchange", "ListingDirectory")
"""Those on public chains, whose sources block explorers ask for."""

RUNNERS = {"properties", "symbolic"}
"""Folders of tests in Solidity, which their runners compile."""


class CompileFailed(Exception):
    """Something is missing or wrong; the text says what and what to do."""


def fits_here(package: dict[str, Any]) -> bool:
    """Whether a package of binaries is for this machine, in the words of the lock file."""
    cpu = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine())
    return platform.system().lower() in package["os"] and cpu in package["cpu"]


def find_forge() -> Path | None:
    """The runner of the tests in Solidity among npm's packages; None where there is none for the machine."""
    return next(iter(ROOT.glob(f"{FORGE}*/bin/forge")), None)


def install_packages(node: Path) -> None:
    """`npm ci`, unless the locked versions are installed. Raises MissingPackage."""
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    forges = [name for name, package in locked.items() if name.startswith(FORGE) and fits_here(package)]
    install_locked(ROOT, node, [HARDHAT, "node_modules/solc", "node_modules/@openzeppelin/contracts", *forges])


def compile_all(compiler: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Compiler output of all contracts: source name -> contract name -> output."""
    import solcx

    wanted = ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object", "storageLayout"]
    question = {
        "language": "Solidity",
        "sources": {name: {"content": (ROOT / name).read_text()} for name in names},
        "settings": {**compiler["settings"], "outputSelection": {"*": {"*": wanted}}},
    }
    try:
        answer = solcx.compile_standard(question, solc_binary=ROOT / "scripts" / "solc")
    except solcx.exceptions.SolcError as failure:
        raise CompileFailed(f"{failure.message}\n{failure.stderr_data}") from None
    for problem in answer.get("errors", []):
        raise CompileFailed(f"the compiler warns:\n{problem['formattedMessage']}")
    contracts: dict[str, Any] = answer["contracts"]
    return contracts


def source_digest(output: dict[str, Any]) -> str:
    """SHA-256 over the names and hashes of every source that a contract is made of, imported packages included."""
    sources = json.loads(output["metadata"])["sources"]
    hashes = {name: source["keccak256"] for name, source in sources.items()}
    return "0x" + hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def verification_input(compiler: dict[str, Any], output: dict[str, Any]) -> str:
    """What a block explorer needs to compile one contract again: standard JSON with the sources that it is made of."""
    question = {
        "language": "Solidity",
        "sources": {name: {"content": source_text(name)} for name in sorted(json.loads(output["metadata"])["sources"])},
        "settings": {
            **compiler["settings"],
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode", "evm.deployedBytecode", "metadata"]}},
        },
    }
    return json.dumps(question, indent=1) + "\n"


def source_text(name: str) -> str:
    """A source, from the project or from npm's packages, as scripts/solc finds it."""
    own = ROOT / name
    return (own if own.is_file() else ROOT / "node_modules" / name).read_text()


def storage_layout(output: dict[str, Any]) -> list[dict[str, Any]]:
    """Variables with slot, offset and type; without the compiler's internal numbering, which says nothing."""
    layout = output["storageLayout"]
    types = layout["types"] or {}
    return [
        {
            "label": each["label"],
            "slot": int(each["slot"]),
            "offset": each["offset"],
            "type": types[each["type"]]["label"],
        }
        for each in layout["storage"]
    ]


def artifacts() -> dict[Path, str]:
    """Every file that is generated, with its content."""
    compiler = json.loads((CONTRACTS / "compiler.json").read_text())
    sources = (path for path in CONTRACTS.rglob("*.sol") if not RUNNERS & set(path.parts))
    names = sorted(str(path.relative_to(ROOT)) for path in sources)
    compiled = compile_all(compiler, names)
    files = {}
    for source in names:
        # A file of types alone has no contract.
        for name, output in compiled.get(source, {}).items():
            bytecode = output["evm"]["bytecode"]["object"]
            shipped = name in SHIPPED_CONTRACTS
            if not shipped and (not source.startswith("contracts/test/") or not bytecode):
                continue
            artifact = {
                "contractName": name,
                "sourceName": source,
                "compiler": compiler["version"],
                "settings": compiler["settings"],
                "sourceDigest": source_digest(output),
                "abi": output["abi"],
                "bytecode": "0x" + bytecode,
                "deployedBytecode": "0x" + output["evm"]["deployedBytecode"]["object"],
                "storageLayout": storage_layout(output),
            }
            folder = SHIPPED if shipped else FOR_TESTS
            files[folder / f"{name}.json"] = json.dumps(artifact, indent=1) + "\n"
            if name in VERIFIED_CONTRACTS:
                files[FOR_EXPLORERS / f"{name}.json"] = verification_input(compiler, output)
    return files


def differences(files: dict[Path, str]) -> list[str]:
    """One sentence for every generated file that is missing, other than expected or left over."""
    found = []
    for path, content in sorted(files.items()):
        name = path.relative_to(ROOT)
        if not path.is_file():
            found.append(f"{name} is missing")
            continue
        expected, shipped = json.loads(content), json.loads(path.read_text())
        keys = sorted(key for key in expected.keys() | shipped.keys() if expected.get(key) != shipped.get(key))
        if keys:
            found.append(f"{name} differs from its sources in {', '.join(keys)}")
    for folder in (SHIPPED, FOR_EXPLORERS, FOR_TESTS):
        found.extend(f"{path.relative_to(ROOT)} has no source" for path in folder.glob("*.json") if path not in files)
    return found


def write(files: dict[Path, str]) -> None:
    """Write all files, each at once or not at all, and remove those without a source."""
    for folder in (SHIPPED, FOR_EXPLORERS, FOR_TESTS):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.json"):
            if path not in files:
                path.unlink()
    for path, content in files.items():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as temporary:
            temporary.write(content)
        Path(temporary.name).chmod(0o644)
        Path(temporary.name).replace(path)


def main() -> int:
    """0 when done or equal, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Compile the contracts and write what the package ships.")
    parser.add_argument("--check", action="store_true", help="compare with the shipped artifacts instead of writing")
    arguments = parser.parse_args()
    try:
        node = find_node()
        # scripts/solc is found through its first line.
        os.environ["PATH"] = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
        install_packages(node)
        files = artifacts()
    except (CompileFailed, BlindfairError) as failure:
        print(f"compile: {failure}", file=sys.stderr)
        return 1
    if not arguments.check:
        write(files)
        print(f"compile: {len(files)} artifacts written")
        return 0
    found = differences(files)
    for difference in found:
        print(f"compile: {difference}", file=sys.stderr)
    if found:
        print("compile: run `python scripts/compile.py` and commit the artifacts", file=sys.stderr)
        return 1
    print(f"compile: {len(files)} artifacts are those of the sources")
    return 0


if __name__ == "__main__":
    sys.exit(main())
