"""The demo's directory: empty at first, then of one demo only, which goes on in it after an interruption."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import Enum
from pathlib import Path

import blindfair
from blindfair.agents.store.directory import DirectoryLock, private_directory, write_atomically
from blindfair.api.amounts import show_ether
from blindfair.cli.demo.options import DemoOptions
from blindfair.cli.flags import flag_of
from blindfair.protocol.documents import JsonValue, json_value
from blindfair.protocol.errors import CannotWrite, FileChanged, InvalidOption, JournalDamaged, JournalVersion
from blindfair.protocol.quantities import Digest

_AMOUNTS = {"budget", "good_record_value"}
"""Options that are kept in wei."""

_FLAGS = {"good_record_value": "value"}
"""Fields whose option has another name."""

OPTIONS_FILE = "options.json"
_LOCK_FILE = "lock"


@contextmanager
def demo_home(directory: Path, options: DemoOptions, traded: Digest) -> Iterator[Path]:
    """Hold the directory for a demo with these options that trades what has this digest, begun here or earlier.

    What is not empty and not a demo's is left as it was. Raises CannotWrite, InsecureStore, StoreInUse, InvalidOption
    (something else is there, or a demo with other options), FileChanged (a demo of other records), JournalVersion (of
    another version of this program), JournalDamaged.
    """
    _check_untouched(directory)
    with DirectoryLock(private_directory(directory)):
        _check_untouched(directory)
        _remember(directory / OPTIONS_FILE, options, traded)
        yield directory


def _check_untouched(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise CannotWrite(
            "--directory names something that is not a directory",
            expected="a new, an empty or a demo's directory",
            found=directory,
            hint="name another",
        )
    if not directory.exists() or (directory / OPTIONS_FILE).exists():
        return
    # A process that was killed at its very beginning leaves a lock, or its options under a temporary name.
    others = sorted(
        entry.name
        for entry in directory.iterdir()
        if entry.name != _LOCK_FILE and not entry.name.startswith(f".{OPTIONS_FILE}.")
    )
    if others:
        raise InvalidOption(
            "--directory holds something that is not a demo",
            expected="a new, an empty or a demo's directory",
            found=f"{others[0]!r} in {directory}",
            hint="name another directory",
        )


def _written(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _shown(name: str, value: JsonValue) -> str:
    """Return a remembered option as it is typed.

    >>> _shown("budget", 10**17), _shown("good_record_value", None), _shown("exclude", ["a", "b"])
    ('--budget 0.1', 'no --value', '--exclude a --exclude b')
    """
    flag = flag_of(_FLAGS.get(name, name))
    if name in _AMOUNTS and isinstance(value, int):
        return f"{flag} {show_ether(value)}"
    if isinstance(value, list) and value:
        return " ".join(f"{flag} {shlex.quote(str(each))}" for each in value)
    return f"no {flag}" if value is None or value == [] else f"{flag} {shlex.quote(str(value))}"


def _remember(path: Path, options: DemoOptions, traded: Digest) -> None:
    remembered = json_value(json.dumps(asdict(options), default=_written))
    # By now the amount says it; and no option is called so.
    del remembered["is_default_budget"]
    wanted = {
        "options": remembered,
        "table": traded.hex(),
        "version": blindfair.__version__,
    }
    if not path.exists():
        write_atomically(path, json.dumps(wanted, indent=2).encode())
        return
    try:
        found = json_value(path.read_text(encoding="utf-8"))
        version, begun, table_digest = found["version"], dict(found["options"]), found["table"]
    except (ValueError, TypeError, KeyError) as error:
        raise JournalDamaged(
            f"{path} is damaged",
            expected="the options of a demo",
            found="something else",
            hint="begin again in another directory",
        ) from error
    if version != wanted["version"]:
        raise JournalVersion(
            f"{path.parent} holds a demo of another version of blindfair",
            expected=wanted["version"],
            found=version,
            hint="go on with that version, or begin again in another directory",
        )
    for name, value in wanted["options"].items():
        if begun.get(name) != value:
            raise InvalidOption(
                f"{path.parent} holds a demo that was begun with other options",
                expected=_shown(name, begun.get(name)),
                found=_shown(name, value),
                hint="use the same options to go on, or another directory",
            )
    if table_digest != wanted["table"]:
        raise FileChanged(
            f"{path.parent} holds a demo of another table or of other texts",
            expected="the records that it began with",
            found="others under the same name",
            hint="restore them to go on, or begin again in another directory",
        )
