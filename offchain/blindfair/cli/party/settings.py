"""What an agent's directory was begun with: options, its own tables, contract, node and shared folder.

So that a party that was interrupted goes on with `--directory` alone, and nobody goes on with other options or an
edited table by mistake: tables are copied into the directory.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import blindfair
from blindfair.agents.store.directory import DirectoryLock, write_atomically
from blindfair.chain.deployment import Deployment
from blindfair.cli.options import Resumed
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import (
    FileChanged,
    FileMissing,
    InvalidOption,
    JournalDamaged,
    JournalVersion,
    MalformedFile,
)
from blindfair.protocol.hashing import sha256

SETTINGS = "settings.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """`options` and `tables` (SHA-256 by file name) are fixed once begun; node, folder and keystore may be moved."""

    role: str
    deployment: Deployment
    rpc: str
    mail: Path
    keystore: Path
    finality_depth: int | None
    options: Document
    tables: Mapping[str, str]

    def moved(
        self, *, rpc: str | None, mail: Path | None, keystore: Path | None, finality_depth: int | None = None
    ) -> "Settings":
        """The same at other places, where they are given."""
        return replace(
            self,
            rpc=rpc or self.rpc,
            mail=self.mail if mail is None else mail.resolve(),
            keystore=self.keystore if keystore is None else keystore.resolve(),
            finality_depth=self.finality_depth if finality_depth is None else finality_depth,
        )

    def to_document(self) -> Document:
        """The file's content."""
        return {
            "deployment": self.deployment.to_document(),
            "finality_depth": self.finality_depth,
            "keystore": str(self.keystore),
            "mail": str(self.mail),
            "options": self.options,
            "role": self.role,
            "rpc": self.rpc,
            "tables": dict(self.tables),
            "version": blindfair.__version__,
        }


def begin(directory: Path, settings: Settings, tables: Mapping[str, bytes]) -> Settings:
    """Write settings and tables into the directory, or compare them with those that it was begun with.

    Raises InvalidOption for other options or another contract, FileChanged for other tables, and what `load` raises
    but FileMissing.
    """
    settings = replace(settings, tables={name: sha256(data).hex() for name, data in tables.items()})
    with DirectoryLock(directory):
        if is_begun(directory):
            _compare(directory, load(directory, settings.role), settings)
        else:
            for name, data in tables.items():
                write_atomically(directory / name, data)
        save(directory, settings)
    return settings


def save(directory: Path, settings: Settings) -> None:
    """Write the settings. The node's URL may hold a key of its owner, and so it is a file of mode 0600."""
    write_atomically(directory / SETTINGS, json.dumps(settings.to_document(), indent=2).encode())


def is_begun(directory: Path) -> bool:
    """Whether something was begun there."""
    return (directory / SETTINGS).exists()


def load(directory: Path, role: str) -> Settings:
    """Read the settings of a seller's or buyer's directory.

    Raises FileMissing where nothing was begun, InvalidOption for the other role, JournalVersion, JournalDamaged,
    FileChanged for a copied table that was edited.
    """
    settings = _read(directory, role)
    if settings.role != role:
        raise InvalidOption(
            f"{directory} belongs to a {settings.role}",
            expected=f"the directory of a {role}",
            found=f"that of a {settings.role}",
            hint="name another directory",
        )
    for name, digest in settings.tables.items():
        path = directory / name
        if not path.is_file() or sha256(path.read_bytes()).hex() != digest:
            raise FileChanged(
                f"{path} is not the table that was begun with",
                expected="the copy that was made then",
                found="another" if path.exists() else "nothing",
                hint="restore it from a backup",
            )
    return settings


def resumed_settings(role: str, resumed: Resumed) -> Settings:
    """The settings of a directory, with what has moved since. Raises what `load` raises."""
    return load(resumed.directory, role).moved(
        rpc=resumed.rpc, mail=resumed.mail, keystore=resumed.keystore, finality_depth=resumed.finality_depth
    )


def _read(directory: Path, role: str) -> Settings:
    path = directory / SETTINGS
    try:
        found = json.loads(path.read_bytes())
        version = found["version"]
    except OSError as error:
        raise FileMissing(
            f"Nothing was begun in {directory}",
            expected=f"the directory of a {role}",
            found=error.strerror,
            hint="begin with blindfair " + ("seller list" if role == "seller" else "buyer evaluate"),
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path) from error
    if version != blindfair.__version__:
        raise JournalVersion(
            f"{directory} was begun by another version of blindfair",
            expected=blindfair.__version__,
            found=version,
            hint="go on with that version, or begin again in another directory",
        )
    try:
        return Settings(
            role=str(found["role"]),
            deployment=Deployment.from_document(found["deployment"]),
            rpc=str(found["rpc"]),
            mail=Path(found["mail"]),
            keystore=Path(found["keystore"]),
            finality_depth=found["finality_depth"],
            options=dict(found["options"]),
            tables=dict(found["tables"]),
        )
    except (MalformedFile, ValueError, TypeError, KeyError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> JournalDamaged:
    return JournalDamaged(
        f"{path} is damaged",
        expected="the settings of a party",
        found="something else",
        hint="restore it from a backup",
    )


def _compare(directory: Path, begun: Settings, wanted: Settings) -> None:
    before = {**begun.options, "contract": begun.deployment.address, "chain id": begun.deployment.chain_id}
    now = {**wanted.options, "contract": wanted.deployment.address, "chain id": wanted.deployment.chain_id}
    for name, value in now.items():
        if before.get(name) != value:
            raise InvalidOption(
                f"{directory} was begun with other options",
                expected=f"{name} = {before.get(name)}",
                found=f"{name} = {value}",
                hint="use the same options to go on, or another directory",
            )
    if dict(begun.tables) != dict(wanted.tables):
        raise FileChanged(
            f"{directory} was begun with another table",
            expected="the records that it began with",
            found="others",
            hint="restore the table to go on, or begin again in another directory",
        )
