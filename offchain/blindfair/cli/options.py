"""Options that several commands have, spelled and explained once. Nothing slow to load: help is to come at once."""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

SELLER_PORT, BUYER_PORT = 8441, 8442
"""Where the pages of a party are, if not told otherwise."""

POLL = 1.0
"""Seconds between two looks at folder and chain, if not told otherwise."""

WAIT = 15.0
"""Seconds that a seller has to say what it lists, if not told otherwise."""

WATCH_POLL = 15.0
"""Seconds between two looks of a watcher, if not told otherwise: the shortest window of an order is ten minutes."""

Rpc = Annotated[
    str,
    typer.Option(
        "--rpc",
        metavar="URL",
        help="JSON-RPC address of a node of the chain. May be repeated: what more than half of the nodes say counts.",
    ),
]
RememberedRpc = Annotated[
    str | None,
    typer.Option("--rpc", metavar="URL", help="Another node than the one that it was begun with. May be repeated."),
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
Mail = Annotated[
    str | None,
    typer.Option(
        metavar="DIR|URL",
        readable=False,
        help="The folder that seller and buyer share, or a folder in a store, such as s3://bucket/mail. A seller that "
        "serves over HTTP needs none: mail in DIR is used.",
    ),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="URL", help="The seller's HTTP service, in place of a shared folder."),
]
RememberedAt = Annotated[
    str | None, typer.Option("--at", metavar="URL", help="Where the seller's HTTP service is now, if it was moved.")
]
Http = Annotated[
    str | None,
    typer.Option(
        "--http",
        metavar="HOST:PORT",
        help="Answer buyers over HTTP as well, such as at 0.0.0.0:8440. They need the URL alone.",
    ),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="With --http: how buyers reach it. Needed where HOST is 0.0.0.0 or a proxy is before it."
    ),
]
TlsCert = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With --http: the certificate chain, in PEM. Without it, plain HTTP."),
]
TlsKey = Annotated[Path | None, typer.Option(metavar="FILE", help="With --tls-cert: its private key, in PEM.")]
Proxy = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="ADDRESS",
        help="With --http: trust the client addresses that this reverse proxy reports, such as 127.0.0.1.",
    ),
]
WatchPackages = Annotated[
    Path | None,
    typer.Option(
        "--watch-packages",
        metavar="DIR",
        help="Write what `blindfair watch` needs to reveal each open offer's key into this folder, in the same turn.",
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="127.0.0.1:PORT",
        help="Answer /metrics, for Prometheus, and /health at an address of this machine alone.",
    ),
]
Limit = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=NUMBER",
        help="With --http: another limit for strangers, accounts or addresses, such as connections=1000. May be "
        "repeated.",
    ),
]
MaxBonds = Annotated[
    str | None,
    typer.Option(
        "--max-bonds",
        metavar="AMOUNT",
        help="The most that the bonds of all open offers may come to from now on; it is told at the start.",
    ),
]
MaxMemory = Annotated[
    float | None,
    typer.Option(
        "--max-memory",
        metavar="GIB",
        help="The most memory of this machine that one request may take from now on, 0.001 or more; it is told at the "
        "start.",
    ),
]
Announce = Annotated[
    bool,
    typer.Option(
        "--announce",
        help="With --http: announce the service on chain, where buyers find it without being told. It takes a "
        "transaction, the first time only.",
    ),
]
Private = Annotated[
    bool,
    typer.Option(
        "--private",
        help="Ask announced services at addresses of private networks and of this machine, too.",
    ),
]
RememberedMail = Annotated[
    str | None,
    typer.Option(
        "--mail", metavar="DIR|URL", readable=False, help="Where the shared folder or store is now, if it was moved."
    ),
]
FinalityDepth = Annotated[
    int | None,
    typer.Option(
        metavar="BLOCKS", help="Number of blocks on top that make a block final; else the node says what is final."
    ),
]
MaxGasPrice = Annotated[
    int | None,
    typer.Option(
        "--max-gas-price",
        metavar="GWEI",
        help="The most to offer for a unit of gas; 500 if it was never given. Nothing is sent for more.",
    ),
]
RememberedFinalityDepth = Annotated[
    int | None,
    typer.Option("--finality-depth", metavar="BLOCKS", help="Change the finality depth, in blocks."),
]
LabelKindName = Annotated[
    str | None,
    typer.Option(
        "--label-kind",
        metavar="KIND",
        help="How the label is read: classes (2 to 64 values), number, or count. If not given, more than 20 different "
        "numbers are a number, and everything else is classes.",
    ),
]

Text = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        metavar="COLUMN",
        help="A table's column of codes, such as 007: its cells stay as they are written, and only empty ones are "
        "missing. Texts that a model reads are named by --text-column instead. May be repeated.",
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option(
        "--text-column",
        metavar="COLUMN",
        help="The records are texts that a --base-model reads: the column that holds them, or `text` for a folder of "
        ".txt files. Codes in a column of a table are named by --text instead.",
    ),
]
Poll = Annotated[float, typer.Option(metavar="SECONDS", help="How often to look for what is new.", min=0.05, max=3600)]
Token = Annotated[
    str | None,
    typer.Option("--token", metavar="ADDRESS", help="The token that prices are in; ether if not given."),
]
Port = Annotated[
    int,
    typer.Option(metavar="PORT", help="Where the page is, on this machine only; 0 is any free port.", min=0, max=65535),
]
WithdrawTo = Annotated[
    str | None,
    typer.Option("--to", metavar="ADDRESS", help="Where the money goes; your own account if not given."),
]
ExportFile = Annotated[
    Path | None,
    typer.Option(
        "--export",
        metavar="FILE",
        help="The bought records, as CSV or FILE.jsonl as JSON Lines, or a folder for images; if not given, bought.csv "
        "in DIR for a table, bought.jsonl for texts, the folder bought for images.",
    ),
]
KeystoreFile = Annotated[Path, typer.Option("--keystore", metavar="FILE", help="The encrypted keystore.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the result here; - for standard output.")
]


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a party begins: its directory, what it shares with the other side, and the account it acts with."""

    directory: Directory
    rpc: Rpc
    deployment: DeploymentFile
    mail: Mail = None
    keystore: Keystore = None
    password_file: PasswordFile = None
    finality_depth: FinalityDepth = None
    max_gas_price: MaxGasPrice = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where a party goes on: its directory, and what has moved since it began there."""

    directory: Directory
    password_file: PasswordFile = None
    keystore: Keystore = None
    rpc: RememberedRpc = None
    mail: RememberedMail = None
    finality_depth: RememberedFinalityDepth = None
    max_gas_price: MaxGasPrice = None


@dataclass(frozen=True, slots=True)
class BuyerBegun(Begun):
    """Where a buyer begins: with a shared folder, or with the URL of the seller's service."""

    at: At = None


@dataclass(frozen=True, slots=True)
class BuyerResumed(Resumed):
    """Where a buyer goes on."""

    at: RememberedAt = None


@dataclass(frozen=True, slots=True)
class Serving:
    """How a seller serves: over HTTP, if it does, and with which limits."""

    http: Http = None
    public_url: PublicUrl = None
    tls_cert: TlsCert = None
    tls_key: TlsKey = None
    proxy: Proxy = None
    announce: Announce = False
    metrics: Metrics = None
    watch_packages: WatchPackages = None
    limit: Limit = None
    max_bonds: MaxBonds = None
    max_memory: MaxMemory = None


_GROUPS = (Begun, BuyerBegun, Resumed, BuyerResumed, Serving)


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of each parameter whose kind is in `_GROUPS` as options of their own."""
    given = inspect.signature(command, eval_str=True).parameters
    groups = {name: parameter.annotation for name, parameter in given.items() if parameter.annotation in _GROUPS}

    @functools.wraps(command)
    def spread(**options: object) -> None:
        for name, kind in groups.items():
            options[name] = kind(**{field.name: options.pop(field.name) for field in fields(kind)})
        command(**options)

    def parameters() -> Iterator[inspect.Parameter]:
        for name, parameter in given.items():
            if name not in groups:
                yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
                continue
            for field in fields(groups[name]):
                default = inspect.Parameter.empty if field.default is MISSING else field.default
                yield inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.type
                )

    shown = [*parameters()]
    spread.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    del spread.__wrapped__
    return spread
