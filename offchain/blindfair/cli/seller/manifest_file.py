"""The manifest of a seller's listing, kept beside the journal for those who only look."""

from pathlib import Path

from blindfair.agents.store.directory import write_atomically
from blindfair.protocol.documents import canonical, json_value
from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.manifest import Manifest

_FILE = "manifest.json"


def keep_manifest(directory: Path, manifest: Manifest) -> None:
    """Write it, unless it is there. Raises CannotWrite."""
    data, path = canonical(manifest.to_document()), directory / _FILE
    if not path.exists() or path.read_bytes() != data:
        write_atomically(path, data)


def kept_manifest(directory: Path) -> Manifest | None:
    """Read it; None where it is not there, or is none: it is only shown, and every agent makes its own."""
    try:
        return Manifest.from_document(json_value((directory / _FILE).read_bytes()))
    except (OSError, ValueError, TypeError, BlindfairError):
        return None
