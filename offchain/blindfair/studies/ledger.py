"""The results so far: one JSON document a line, under a key, appended as it is found; a restart skips what is there.

A line that was cut off by a kill is left out, and its cell studied again. Not here: what the documents say.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from blindfair.protocol.documents import Document
from blindfair.protocol.errors import CannotWrite


class Ledger:
    """A file of finished documents."""

    def __init__(self, path: Path) -> None:
        """Raises CannotWrite where the file can neither be read nor made."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            whole = [line for line in text.split("\n")[:-1] if _is_document(line)]
            kept = "".join(line + "\n" for line in whole)
            if kept != text:
                path.write_text(kept, encoding="utf-8")
        except OSError as error:
            raise CannotWrite(f"The results cannot be kept in {path}", found=error.strerror) from error
        self._found: dict[str, Document] = {}
        for line in whole:
            document = json.loads(line)
            self._found[document["key"]] = document

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def __getitem__(self, key: str) -> Document:
        return self._found[key]

    def __iter__(self) -> Iterator[Document]:
        yield from self._found.values()

    def add(self, key: str, document: Document) -> None:
        """Keep a document; it is on the disk when this returns. Raises CannotWrite."""
        entry: Document = {"key": key, **document}
        line = json.dumps(entry, sort_keys=True)
        try:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")
        except OSError as error:
            raise CannotWrite(f"The results cannot be kept in {self._path}", found=error.strerror) from error
        # As a later start would read it: a report does not depend on how often the study was interrupted.
        self._found[key] = json.loads(line)


def _is_document(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
