"""This machine's cost model, kept in the user's cache folder: measured once per machine and version.

The file says how long operations take and nothing of anybody's data. It decides no choice, only the times that people
are told, so a damaged or foreign file is ignored. Not here: telling a person that something is measured.
"""

import contextlib
import hashlib
import json
import os
import sys
from pathlib import Path

import blindfair
from blindfair.blind.blob_store import Directory
from blindfair.blind.cost_model import CostModel
from blindfair.blind.measure_costs import machine_name
from blindfair.blind.parameters import PARAMETER_SETS
from blindfair.blind.reference_costs import REFERENCE
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import CannotWrite, MalformedFile

_LIMIT = 2**16
"""Bytes of a file that is read; a model has about 1,000."""


def cache_folder() -> Path | None:
    """Return the folder for what can be made again, by the platform's rules; None where the user has no home.

    `XDG_CACHE_HOME` if it is an absolute path; else `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows,
    `~/.cache` elsewhere.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return named / "blindfair"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "blindfair"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "")
        return (Path(local) if local else home / "AppData" / "Local") / "blindfair"
    return home / ".cache" / "blindfair"


_BRACKETS = 100
"""More than a cost model has."""


def cache_path() -> Path | None:
    """Return the file of this machine's cost model, of a name of its own: machines may share a home."""
    folder = cache_folder()
    key = hashlib.sha256(f"{machine_name()}\n{blindfair.__version__}".encode()).hexdigest()[:16]
    return None if folder is None else folder / f"costs-{key}.json"


def cached_costs() -> CostModel | None:
    """Read this machine's cost model. None if it is missing, damaged, or of another machine or version."""
    path = cache_path()
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT)
        # Before the parser, which a deep document overruns where a library has lifted the limit of recursion.
        if data.count(b"[") + data.count(b"{") > _BRACKETS:
            return None
        model = CostModel.from_document(json_value(data))
    except (OSError, ValueError, RecursionError, MalformedFile):
        return None
    fits = model.machine == machine_name() and model.version == blindfair.__version__
    return model if fits and model.operations.keys() >= PARAMETER_SETS.keys() else None


def known_costs() -> CostModel:
    """Return this machine's cost model if it was measured before, else `REFERENCE`. Measures nothing."""
    return cached_costs() or REFERENCE


def keep_costs(model: CostModel) -> Path | None:
    """Write a model of this machine to the cache, mode 0600. Returns its file, None where none can be written."""
    path = cache_path()
    if path is not None:
        with contextlib.suppress(CannotWrite):
            Directory(path.parent).write(path.name, json.dumps(model.to_document(), indent=2).encode())
            return path
    return None
