"""`blindfair backup` and `blindfair restore`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from blindfair.cli.options import JsonFile
from blindfair.cli.output import Output
from blindfair.cli.party.again import again
from blindfair.cli.password import read_password
from blindfair.cli.targets import check_file_target
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import BlindfairError, JournalDamaged
from blindfair.protocol.words import counted

BackupPassword = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Its first line opens the backup; asked for if not given. It need not be the keystore's.",
    ),
]


def backup(
    directory: Annotated[
        Path, typer.Option(metavar="DIR", help="The directory of a seller, a buyer or a watcher; it may be working.")
    ],
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The backup, in place of an earlier one.")],
    password_file: BackupPassword = None,
    keystore: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The account's keystore, if the directory's settings do not name it."),
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Do not ask the node how many transactions the account has sent."),
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Write one encrypted file with all that a party has.

    It holds journal, secrets, rows, listing and keystore. Its agent may be running. The file is in the age format under
    a password, and has mode 0600.
    """
    from blindfair.api.backup import write_backup

    output = Output(json_file)
    check_file_target(to, "--to")
    settings = settings_of(directory)
    found = keystore or (Path(settings["keystore"]) if "keystore" in settings else None)
    count = None if offline or not settings else _sent(settings, found, output)
    password = read_password(password_file, to, twice=True, why="nothing leaves the directory in the clear")
    about = write_backup(directory, to, password, keystore=found if found and found.is_file() else None,
                         transactions=count)  # fmt: skip
    size = to.stat().st_size
    output.lines.item(
        "backup", f"{to}: {counted(about.files, 'file')}, {about.entries:,} journal entries, {size:,} bytes"
    )
    if found is None or not found.is_file():
        output.lines.item("but", "without a keystore: none was found; back it up yourself")
    output.lines.item("", "keep the password elsewhere; make another one after each order")
    output.document({
        "account": about.account, "bytes": size, "entries": about.entries, "file": str(to), "files": about.files,
        "has_keystore": found is not None and found.is_file(), "made_at": about.made_at,
        "transactions": about.transactions,
    })  # fmt: skip


def restore(
    source: Annotated[Path, typer.Option("--from", metavar="FILE", help="What `blindfair backup` wrote.")],
    directory: Annotated[Path, typer.Option(metavar="DIR", help="The directory to make; it must not be there yet.")],
    password_file: BackupPassword = None,
    used_elsewhere: Annotated[
        bool,
        typer.Option(
            "--used-elsewhere",
            help="Do not stop for transactions that the copy does not know: you have used its account yourself since.",
        ),
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Restore a party's directory from a backup.

    End every program of its account first, on all machines. A seller or buyer compares its copy with chain and mail. As
    far as these show that it is too old, it stops (OldCopy) and signs nothing that a newer copy contradicts.
    """
    from blindfair.api.backup import restore_backup

    output = Output(json_file)
    password = read_password(password_file, source)
    about = restore_backup(source, directory, password, is_used_elsewhere=used_elsewhere)
    files = counted(about.files, "file")
    output.lines.item("restored", f"{directory}: {files} of {about.account}, {about.entries:,} journal entries")
    role = settings_of(directory).get("role")
    on = {"seller": "seller serve", "buyer": "buyer resume"}.get(str(role), "watch")
    others = "" if on == "buyer resume" else ", with its other options as before"
    output.lines.item("first", "make sure that no other program of this account runs, on any machine")
    output.lines.item("next", again("doctor", directory, None))
    output.lines.item("then", again(on, directory, None) + others)
    output.document({"account": about.account, "directory": str(directory), "entries": about.entries,
                     "files": about.files, "made_at": about.made_at, "transactions": about.transactions})  # fmt: skip


def settings_of(directory: Path) -> dict[str, Any]:
    """What a party's directory was begun with; nothing for a watcher's. Raises JournalDamaged."""
    path = directory / "settings.json"
    if not path.exists():
        return {}
    try:
        return dict(json_value(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise JournalDamaged(f"{path} cannot be read", found=type(error).__name__, hint="look at it") from error


def _sent(settings: dict[str, Any], keystore: Path | None, output: Output) -> int | None:
    """How many transactions the account has sent, if the node says so: a restored copy is compared with it."""
    from blindfair.api.keystore import address_of
    from blindfair.chain.deployment import Deployment, open_exchange

    try:
        account = None if keystore is None else address_of(keystore)
        if account is None:
            return None
        exchange = open_exchange(str(settings["rpc"]), Deployment.from_document(settings["deployment"]))
        return exchange.sent(account)
    except (BlindfairError, KeyError) as error:
        output.lines.item("but", f"the node was not asked what the account has sent: {error}")
        return None
