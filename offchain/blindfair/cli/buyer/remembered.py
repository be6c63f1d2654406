"""What all purchases of one account know, whatever their directories: a small file of sentences beside the keystore.

A plain file for its owner, who may take an entry out. Not here: what is remembered (`distrust`, `evaluations`).
"""

import json
from collections.abc import Mapping
from pathlib import Path

from blindfair.agents.store.directory import write_atomically
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import MalformedFile


def remember(path: Path, key: str, text: str) -> None:
    """Write an entry down; one that is there already stays. Raises CannotWrite, MalformedFile."""
    known = remembered(path)
    if key not in known:
        write_atomically(path, json.dumps({**known, key: text}, indent=2).encode())


def remembered(path: Path) -> Mapping[str, str]:
    """Read the entries; none where there is no file. Raises MalformedFile."""
    if not path.exists():
        return {}
    try:
        found = json_value(path.read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MalformedFile(f"{path} is damaged", expected="an object of texts", found="something else")
    return {str(key): str(text) for key, text in found.items()}
