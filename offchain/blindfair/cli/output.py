"""Where a command's result goes: lines for people, or one document with `--json`. Progress is on standard error."""

import json
import sys
from pathlib import Path

from rich.console import Console

from blindfair.cli.lines import Lines
from blindfair.cli.targets import check_file_target, write_file
from blindfair.cli.verbosity import is_quiet
from blindfair.protocol.documents import Document

STANDARD_OUTPUT = Path("-")


class Output:
    """The result of one command. `lines` are for people, and go to standard error where the document goes to the other.

    Raises CannotWrite for a file that cannot be written, before anything is done.
    """

    def __init__(self, json_file: Path | None) -> None:
        if json_file is not None and json_file != STANDARD_OUTPUT:
            check_file_target(json_file, "--json")
        self._json_file = json_file
        beside = json_file == STANDARD_OUTPUT
        self.lines = Lines(Console(stderr=beside, quiet=beside and is_quiet()))

    def document(self, document: Document) -> None:
        """Write the document, if one was asked for."""
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
        if self._json_file == STANDARD_OUTPUT:
            sys.stdout.write(text)
            sys.stdout.flush()
        elif self._json_file is not None:
            write_file(self._json_file, text.encode())
