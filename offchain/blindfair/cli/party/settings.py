"""The settings that an agent's directory was begun with: options, its own tables, contract, node and shared folder.

So that a party that was interrupted goes on with `--directory` alone, and nobody goes on with other options or an
edited table by mistake: tables are copied into the directory.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Generic, Protocol, Self, TypeVar

import blindfair
from blindfair.agents.store.directory import DirectoryLock, write_atomically
from blindfair.api.connection import mail_place
from blindfair.api.fine_tuned import KEPT_MODELS
from blindfair.chain.deployment import Deployment
from blindfair.cli.options import BuyerResumed, Resumed
from blindfair.cli.party.begun import SETTINGS, damaged, is_begun, read_begun
from blindfair.http.wire import service_url
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.errors import (
    FileChanged,
    InvalidOption,
    MalformedFile,
)
from blindfair.protocol.hashing import sha256

OWN_MAIL = "mail"
"""The folder in a party's directory that messages are in where none is shared."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Chain, mail and account of a party. Node, mail, keystore and depth of finality may be moved once begun.

    With `at`, the URL of the seller's service or of a store, `mail` is this party's own folder for messages on their
    way.
    """

    role: str
    deployment: Deployment
    rpc: str
    mail: Path
    keystore: Path
    finality_depth: int | None
    at: str | None = field(default=None, kw_only=True)
    max_gas_price: int | None = field(default=None, kw_only=True)
    """In gwei."""

    def moved(
        self,
        *,
        rpc: str | None,
        mail: Path | None,
        keystore: Path | None,
        finality_depth: int | None = None,
        at: str | None = None,
        max_gas_price: int | None = None,
    ) -> Self:
        """Return the same settings with the places that are given; a shared folder replaces a service."""
        return replace(
            self,
            rpc=rpc or self.rpc,
            mail=self.mail if mail is None else mail.resolve(),
            keystore=self.keystore if keystore is None else keystore.resolve(),
            finality_depth=self.finality_depth if finality_depth is None else finality_depth,
            at=at if at is not None else self.at if mail is None else None,
            max_gas_price=self.max_gas_price if max_gas_price is None else max_gas_price,
        )


class PartyOptions(Protocol):
    """The decisions of a seller or a buyer when it began."""

    ROLE: ClassVar[str]
    """Whose options they are: "seller" or "buyer"."""

    def to_document(self) -> Document:
        """Return the options by name."""
        ...

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Read what `to_document` gave. Raises JournalDamaged, MalformedFile."""
        ...


Options = TypeVar("Options", bound=PartyOptions)


@dataclass(frozen=True, slots=True)
class BegunSettings(Settings, Generic[Options]):
    """All that a directory was begun with. `options` and `tables` (SHA-256 by file name) are fixed from then on."""

    options: Options
    tables: Mapping[str, str]

    def to_document(self) -> Document:
        """The file's content."""
        return {
            "at": self.at,
            "deployment": self.deployment.to_document(),
            "finality_depth": self.finality_depth,
            "keystore": str(self.keystore),
            "mail": str(self.mail),
            "max_gas_price": self.max_gas_price,
            "options": self.options.to_document(),
            "role": self.role,
            "rpc": self.rpc,
            "tables": dict(self.tables),
            "version": blindfair.__version__,
        }


def begin(
    directory: Path,
    settings: BegunSettings[Options],
    tables: Mapping[str, bytes],
    moved: Callable[[BegunSettings[Options], BegunSettings[Options]], BegunSettings[Options]] = lambda begun, _: begun,
) -> BegunSettings[Options]:
    """Write settings and tables into the directory, or compare them with those that it was begun with.

    `moved` gets what it was begun with and what is wanted now, and gives the former with what may differ still.
    Raises InvalidOption for other options or another contract, FileChanged for other tables, and what `load` raises
    but FileMissing.
    """
    settings = replace(settings, tables={name: sha256(data).hex() for name, data in tables.items()})
    with DirectoryLock(directory):
        if is_begun(directory):
            _compare(directory, moved(load(directory, type(settings.options)), settings), settings)
        else:
            for name, data in tables.items():
                write_atomically(directory / name, data)
        save(directory, settings)
    return settings


def save(directory: Path, settings: BegunSettings[Options]) -> None:
    """Write the settings. The node's URL may hold a key of its owner, and so it is a file of mode 0600."""
    write_atomically(directory / SETTINGS, json.dumps(settings.to_document(), indent=2).encode())


def load(directory: Path, kind: type[Options]) -> BegunSettings[Options]:
    """Read the settings of a seller's or buyer's directory, with options of this kind.

    Raises FileMissing where nothing was begun, InvalidOption for the other role, JournalVersion, JournalDamaged,
    FileChanged for a copied table that was edited.
    """
    settings = _read(directory, kind)
    for name, digest in settings.tables.items():
        path = directory / name
        if not path.is_file() or sha256(path.read_bytes()).hex() != digest:
            raise FileChanged(
                f"{path} is not the file that was begun with",
                expected="the copy that was made then",
                found="another" if path.exists() else "nothing",
                hint="restore it from a backup",
            )
    return settings


def resumed_settings(kind: type[Options], resumed: Resumed) -> BegunSettings[Options]:
    """The settings of a directory, with what has moved since. Raises what `load` raises."""
    at = resumed.at if isinstance(resumed, BuyerResumed) else None
    begun = load(resumed.directory, kind)
    check_one_way(resumed.mail, at)
    mail, store = mail_place(resumed.mail)
    at = store if at is None else service_url(at)
    if at is not None:
        # Another service or store than before, or one in place of a folder.
        mail = resumed.directory / OWN_MAIL if begun.at is None else begun.mail
    return begun.moved(
        rpc=resumed.rpc,
        mail=mail,
        keystore=resumed.keystore,
        finality_depth=resumed.finality_depth,
        at=at,
        max_gas_price=resumed.max_gas_price,
    )


def check_one_way(mail: Path | str | None, at: str | None) -> None:
    """Raises InvalidOption for a folder and a service at once."""
    if mail is not None and at is not None:
        raise InvalidOption(
            "Messages travel one way", expected="--mail FOLDER or --at URL", found="both", hint="leave one of them out"
        )


def _read(directory: Path, kind: type[Options]) -> BegunSettings[Options]:
    path, role = directory / SETTINGS, kind.ROLE
    found = read_begun(directory, role)
    try:
        return BegunSettings(
            role=role,
            deployment=Deployment.from_document(found["deployment"]),
            rpc=str(found["rpc"]),
            mail=Path(found["mail"]),
            at=_url(found.get("at")),
            keystore=Path(found["keystore"]),
            finality_depth=_whole(found["finality_depth"]),
            max_gas_price=_whole(found.get("max_gas_price")),
            options=kind.from_document(found["options"]),
            tables=dict(found["tables"]),
        )
    except (MalformedFile, ValueError, TypeError, KeyError) as error:
        raise damaged(path) from error


def _whole(found: object) -> int | None:
    if found is not None and type(found) is not int:
        raise ValueError("no whole number")
    return found


def _url(found: object) -> str | None:
    if found is not None and type(found) is not str:
        raise ValueError("no URL")
    return found


def _differences(before: Document, now: Document, within: str = "") -> Iterator[tuple[str, JsonValue, JsonValue]]:
    """Yield the path of each value that differs, with its stored and its given value; of an object what differs in it.

    >>> list(_differences({"tables": {"seed": 1, "label": "y"}}, {"tables": {"seed": 2, "label": "y"}}))
    [('tables.seed', 1, 2)]
    """
    for name, given in now.items():
        stored = before.get(name)
        if isinstance(stored, dict) and isinstance(given, dict):
            yield from _differences(stored, given, f"{within}{name}.")
        elif stored != given:
            yield f"{within}{name}", stored, given


_NO_OPTIONS = {"chain id", "contract", "images", "places", "record_bits", "record_count", "seller", "texts", "unit"}
"""Names of stored values that no option sets by itself."""


def _named(path: str) -> str:
    """Return a stored value's name as messages name its option.

    >>> _named("tables.show_query"), _named("tables.column"), _named("chain id")
    ('`show_query`', '`text_column`', 'chain id')
    """
    name = path.rpartition(".")[2]
    return name if name in _NO_OPTIONS else f"`{'text_column' if name == 'column' else name}`"


def _shown(path: str, value: JsonValue) -> str:
    """Return a stored value with its option's name.

    >>> _shown("budget", "1"), _shown("watch_packages", None)
    ('`budget` = 1', 'no `watch_packages`')
    """
    return f"no {_named(path)}" if value is None else f"{_named(path)} = {value}"


def _compare(directory: Path, begun: BegunSettings[Options], wanted: BegunSettings[Options]) -> None:
    before, now = (
        {**each.options.to_document(), "contract": each.deployment.address, "chain id": each.deployment.chain_id}
        for each in (begun, wanted)
    )
    named = f"blindfair buyer resume --directory {shlex.quote(str(directory))}"
    resume = "" if begun.role == "seller" else f", or {named}, which needs no others"
    for name, stored, given in _differences(before, now):
        raise InvalidOption(
            f"{directory} was begun with other options",
            expected=_shown(name, stored),
            found=_shown(name, given),
            hint=f"use the same options to go on{resume}; or another directory",
        )
    before, now = dict(begun.tables), dict(wanted.tables)
    others = {name for name in before | now if before.get(name) != now.get(name)}
    if others:
        is_model = others <= KEPT_MODELS.keys()
        what, files = (KEPT_MODELS[min(others)], "weights") if is_model else ("table", "records")
        raise FileChanged(
            f"{directory} was begun with another {what}",
            expected=f"the {files} that it began with",
            found="others",
            hint=f"restore the {what} to go on, or begin again in another directory",
        )
