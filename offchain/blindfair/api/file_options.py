"""What an agent lists of files with a table: from their folder, or from the seller's directory once they are there.

Terms and prices are `listing_options`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blindfair.bulk.store import open_store, read_state
from blindfair.influence.files import Files, named_first, read_files
from blindfair.influence.table import Table
from blindfair.protocol.errors import InvalidOption

DATA = "data"
"""The folder in a seller's directory that keeps a large data set (`agents.seller.data`)."""


@dataclass(frozen=True, slots=True)
class KeptFiles(Files):
    """Files whose records are in a seller's directory already: their own folder may be gone."""

    store: Path
    """The folder of the finished data set."""

    def records(self, chunk_size: int) -> Sequence[bytes]:
        """The records of the listing."""
        return open_store(self.store).records

    def source(self) -> str:
        """What the data set was made of."""
        state = read_state(self.store)
        return "" if state is None else state.source


def listed_files(table: Table, folder: Path, column: str, *, beside: Path | None, without_copies: bool) -> Files:
    """The files of a table, from the data set `beside` it where that is finished.

    Raises InvalidOption for `without_copies`, and as `read_files`.
    """
    if without_copies:
        raise InvalidOption(
            "`without_copies` is for tables, texts and images, and these are files",
            expected="files and rows that differ",
            found="`files` and `without_copies`",
            hint="leave the option out: copies are named",
        )
    table = named_first(table, column)
    if beside is not None and (state := read_state(beside)) is not None and state.finished:
        return KeptFiles(table, folder, column, (), beside)
    return read_files(table, folder, column)
