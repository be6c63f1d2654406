"""Options that several commands have, spelled and explained once. Nothing slow to load: help is to come at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

POLL = 1.0
"""Seconds between two looks at folder and chain, if not told otherwise."""

Rpc = Annotated[str, typer.Option("--rpc", metavar="URL", help="JSON-RPC address of a node of the chain.")]
RememberedRpc = Annotated[
    str | None, typer.Option("--rpc", metavar="URL", help="Another node than the one that it was begun with.")
]
DeploymentFile = Annotated[
    Path, typer.Option("--deployment", metavar="FILE", help="Where the contract is: deployments/<chain id>.json.")
]
Directory = Annotated[
    Path,
    typer.Option(metavar="DIR", help="The agent's own directory: keystore, secrets, journal. Name it again to go on."),
]
Keystore = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The account's encrypted keystore; keystore.json in DIR if not given."),
]
PasswordFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Its first line opens the keystore; asked for if not given.")
]
Mail = Annotated[Path, typer.Option(metavar="DIR", help="The folder that seller and buyer share.")]
RememberedMail = Annotated[
    Path | None, typer.Option("--mail", metavar="DIR", help="Where the shared folder is now, if it was moved.")
]
FinalityDepth = Annotated[
    int | None,
    typer.Option(metavar="BLOCKS", help="Blocks on top that make a block final; else the node says what is final."),
]
Poll = Annotated[float, typer.Option(metavar="SECONDS", help="How often to look for what is new.", min=0.05, max=3600)]
KeystoreFile = Annotated[Path, typer.Option("--keystore", metavar="FILE", help="The encrypted keystore.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the result here; - for standard output.")
]


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a party begins: its directory, what it shares with the other side, and the account it acts with."""

    directory: Path
    mail: Path
    rpc: str
    deployment: Path
    keystore: Path | None
    password_file: Path | None
    finality_depth: int | None


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where a party goes on: its directory, and what has moved since it began there."""

    directory: Path
    password_file: Path | None
    keystore: Path | None = None
    rpc: str | None = None
    mail: Path | None = None
