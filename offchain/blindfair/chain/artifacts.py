"""The compiled contracts that come with this package: interface and code, so that nobody needs a compiler.

That they are what the sources compile to is shown by a test, not here.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import InvalidOption


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract."""

    abi: list[dict[str, Any]]
    """The interface, in Solidity's JSON form."""

    bytecode: bytes
    """The bytecode that a deployment sends."""

    deployed_bytecode: bytes
    """The code at the contract's address afterwards, with zeros in place of immutable values."""

    compiler: str
    """The version of Solidity."""

    source_digest: str
    """SHA-256 over names and hashes of all sources, `0x` and hexadecimal."""


@cache
def load_artifact(name: str) -> Artifact:
    """The contract of that name. Raises InvalidOption if this package has none."""
    path = files("blindfair.chain") / "artifacts" / f"{name}.json"
    if not path.is_file():
        raise InvalidOption("no such contract in this package", found=name, hint="the escrow is DataExchange")
    found = json_value(path.read_text(encoding="utf-8"))
    return Artifact(
        abi=found["abi"],
        bytecode=bytes.fromhex(found["bytecode"].removeprefix("0x")),
        deployed_bytecode=bytes.fromhex(found["deployedBytecode"].removeprefix("0x")),
        compiler=found["compiler"],
        source_digest=found["sourceDigest"],
    )


def verification_input(contract: str = "DataExchange") -> bytes:
    """A contract's sources and settings as the compiler's standard JSON: what block explorers ask for."""
    return (files("blindfair.chain") / "verification" / f"{contract}.json").read_bytes()
