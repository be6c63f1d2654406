"""`seller list` of a table, or files with one, that are larger than the memory: what it will take, how far it is, and
where it goes on."""

import time
from pathlib import Path

from blindfair.agents.context import Event
from blindfair.agents.seller.progress import PROGRESS
from blindfair.agents.store.directory import private_directory
from blindfair.api.listing_options import Listed, ListingOptions
from blindfair.api.stream_estimate import StreamEstimate, estimate_stream
from blindfair.api.stream_options import RECORDS, StreamedTable, check_fits, is_large, survey, write_records
from blindfair.cli.party.begun import is_begun
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.settings import load
from blindfair.protocol.errors import BlindfairError, CannotWrite, TooLarge
from blindfair.protocol.words import counted


def is_streamed(options: ListingOptions, directory: Path, records: Path) -> bool:
    """Whether a table is read record by record although nobody said so: because it, or its files, are too large for
    anything else. What was begun goes on as it was begun. Raises as `load`."""
    if options.texts is not None or options.images:
        return False
    files = None if options.files is None else Path(options.files)
    if files is not None and is_begun(directory):
        return load(directory, ListingOptions).options.stream
    return is_large(records, files)


def read_at_once(options: ListingOptions, records: Path) -> Listed:
    """Read a table, texts or images. Raises what `ListingOptions.table` raises, with the way out of TooLarge."""
    try:
        return options.table(records)
    except TooLarge as error:
        is_read_whole = options.texts is not None or options.images
        # A line or a header that is too long is so in a stream, too.
        if is_read_whole or "too many cells" not in error.what:
            raise
        raise TooLarge(
            error.what, expected=error.expected, found=error.found, hint="read it record by record: `stream`"
        ) from error


def surveyed(directory: Path, options: ListingOptions, records: Path) -> StreamedTable:
    """Read a table once, from its beginning to its end, unless that was done. Raises what `survey` raises."""
    label = options.check_stream()
    options.policy()
    private_directory(directory)
    with PartyScreen() as screen:
        if not (directory / RECORDS).exists():
            _tell_estimate(directory, options, records, label, screen)
        progress = _Progress(screen, "reads the table")
        table = survey(
            records,
            label,
            directory,
            exclude=options.exclude,
            text=options.text,
            files=options.files_beside(),
            is_begun=is_begun(directory),
            tell=progress,
        )
        screen.still()
        if table.file_column is not None and table.store is None:
            # Before anything is begun that only other options could end.
            check_fits(directory, table, options.chunk_size)
        found = table.survey
        screen.lines.item(
            "sample",
            f"columns, bits and what the manifest tells are measured on {len(found.sample):,} of "
            f"{counted(found.record_count, 'record')}, drawn evenly; types, labels and copies were looked at in all",
        )
    return table


def _tell_estimate(directory: Path, options: ListingOptions, records: Path, label: str, screen: PartyScreen) -> None:
    try:
        takes = estimate_stream(
            records,
            label,
            directory,
            options.chunk_size,
            exclude=options.exclude,
            text=options.text,
            files=options.files_beside(),
        )
    except CannotWrite:
        raise
    except BlindfairError:
        # What is wrong with the first records alone may be right with all; what is wrong with all is told by these.
        return
    what = f"{takes.records:,} records twice" if options.files is None else f"{counted(takes.records, 'file')}"
    screen.lines.item("takes", f"{_text(takes, what)}, by the first records; it can be interrupted")


def _text(takes: StreamEstimate, what: str) -> str:
    minutes = takes.seconds / 60
    spent = f"{takes.seconds:,.0f} s" if minutes < 2 else f"{minutes:,.0f} minutes"
    return f"about {spent} to read {what}, and {takes.disk / 1e9:,.1f} GB of disk"


def written(directory: Path, options: ListingOptions, records: Path, table: StreamedTable) -> None:
    """Write the records of a table as chunks into the directory, or go on with it. Raises what `write_records`
    raises."""
    files = options.files_beside()
    with PartyScreen() as screen:
        progress = _Progress(screen, "writes the table" if files is None else "writes the files")
        write_records(directory, records, table, options.chunk_size, progress, files)
        screen.still()


class _Progress:
    """Shows how far a reading is, the rate, and the time left."""

    def __init__(self, screen: PartyScreen, does: str) -> None:
        self._screen = screen
        self._does = does
        self._began: tuple[float, float] | None = None

    def __call__(self, share: float, records: int) -> None:
        """Tell that this share is done."""
        now = time.monotonic()
        if self._began is None:
            self._began = now, share
        at, before = self._began
        text = f"{self._does}: {share:.0%}, {counted(records, 'record')}"
        if share > before and now > at:
            text += f", about {(1 - share) * (now - at) / (share - before):,.0f} s left"
        self._screen.event(Event("seller", PROGRESS, text))
