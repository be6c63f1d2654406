"""A table that is too large for the memory: read once to learn what its columns hold, and once more for its records.

    file --survey_table--> types of all columns, the number of records, and a sample of the records as a `Table`
         --typed_rows--> rows, one record after the other, the same as a table in memory gives
         --typed_records--> their canonical bytes

Types, missing labels, and whether records differ, are of all records. Everything else (centres, scales, categories,
bits, how columns look) is of the sample. Not here: terms (`api.stream_options`), how the file is read
(`table_stream`), and which records are in the sample (`sample`).
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from blindfair.influence.column_survey import CellKind, ColumnSurvey, cells_of, companion_cells
from blindfair.influence.csv_file import CsvTexts
from blindfair.influence.distinct import SIZE, Digests
from blindfair.influence.reading import column_reading
from blindfair.influence.sample import LabelSurvey, Sample, SampledRow
from blindfair.influence.table import Companion, Table, check_companions, check_labels_differ, kept_columns
from blindfair.influence.table_stream import TableStream, source_of
from blindfair.protocol.chunks import SALT_SIZE, fill_record
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import FileChanged, InvalidListing, JournalDamaged
from blindfair.protocol.records import Row, encode_row

VERSION = 1
_ARRAY_HEAD = 3
_SHOWN_COPIES = 5


@dataclass(frozen=True, slots=True)
class SurveyedColumn:
    """A column that is listed, by all of its cells. `is_written`: its companion holds cells as they were written."""

    name: str
    kind: CellKind
    is_written: bool


@dataclass(frozen=True, slots=True)
class SurveyedFiles:
    """The files that a table names, a file a record."""

    column: str
    """The first column, with their names."""

    size: int
    """Bytes of all."""

    digest: str
    """SHA-256 of their sizes and times in the table's order, as `file_stream` writes them."""


@dataclass(frozen=True, slots=True)
class TableSurvey:
    """What was learned of a table."""

    source: str
    """Names the file and its state."""

    label: str
    columns: tuple[SurveyedColumn, ...]
    record_count: int
    record_bytes: int
    """Bytes that no record exceeds."""

    sample: tuple[SampledRow, ...] = field(repr=False)
    """Ascending; the cells of `columns` alone."""

    files: SurveyedFiles | None = None

    def to_bytes(self) -> bytes:
        """The survey as lines of JSON, the sample's records after the head."""
        columns = [[column.name, column.kind.value, column.is_written] for column in self.columns]
        head: dict[str, object] = {
            "columns": columns,
            "bytes": self.record_bytes,
            "label": self.label,
            "records": self.record_count,
            "source": self.source,
            "version": VERSION,
        }
        if self.files is not None:
            head["files"] = [self.files.column, self.files.size, self.files.digest]
        lines = [head, *([row.number, row.line, row.texts] for row in self.sample)]
        return "".join(json.dumps(line) + "\n" for line in lines).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "TableSurvey":
        """Read what `to_bytes` gave. Raises JournalDamaged."""
        try:
            head, *rows = map(json_value, data.splitlines())
            if head["version"] != VERSION:
                raise ValueError("another version")
            columns = tuple(SurveyedColumn(name, CellKind(kind), bool(kept)) for name, kind, kept in head["columns"])
            sample = tuple(SampledRow(int(number), int(line), tuple(map(str, texts))) for number, line, texts in rows)
            counts = int(head["records"]), int(head["bytes"])
            files = None
            if "files" in head:
                column, size, digest = head["files"]
                files = SurveyedFiles(str(column), int(size), str(digest))
            return cls(str(head["source"]), str(head["label"]), columns, *counts, sample, files)
        except (ValueError, KeyError, TypeError) as error:
            raise JournalDamaged(
                "The survey of a table is damaged", found=str(error)[:80], hint="restore it from a backup"
            ) from error

    def is_of(self, stream: TableStream, label: str, exclude: Collection[str], text: Collection[str]) -> bool:
        """Whether `survey_table` would look at the same columns in the same way. Raises as `kept_columns`."""
        names = [stream.columns[place] for place in kept_columns(stream.columns, label, exclude, text)]
        as_text = {column.name for column in self.columns if column.kind is CellKind.AS_WRITTEN}
        return (label, names, set(text)) == (self.label, [column.name for column in self.columns], as_text)

    def table(self) -> Table:
        """The sample as a table, its columns typed as all records have them. Raises LabelUnusable, MalformedTable."""
        lines = [row.line for row in self.sample]
        texts = list(zip(*(row.texts for row in self.sample), strict=True))
        cells = [cells_of(each, column.kind) for each, column in zip(texts, self.columns, strict=True)]
        companions = [
            Companion(column.name, tuple(companion_cells(written, typed)))
            for column, written, typed in zip(self.columns, texts, cells, strict=True)
            if column.is_written
        ]
        names = tuple(column.name for column in self.columns)
        check_companions(names, companions)
        readings = tuple(
            column_reading(
                column.name,
                written,
                typed,
                lines,
                is_label=column.name == self.label,
                is_named=column.kind is CellKind.AS_WRITTEN,
            )
            for column, written, typed in zip(self.columns, texts, cells, strict=True)
        )
        check_labels_differ(cells[names.index(self.label)], self.label)
        return Table(names, tuple(zip(*cells, strict=True)), self.label, tuple(companions), readings)


def survey_table(
    stream: TableStream,
    label: str,
    folder: Path,
    *,
    exclude: Collection[str] = (),
    text: Collection[str] = (),
    tell: Callable[[float, int], None] = lambda share, records: None,
) -> TableSurvey:
    """Read a table from beginning to end, as `read_table` would be asked to.

    16 bytes a record are written to `folder`, and are gone at the end. `tell` gets the share of the file that was read
    and the number of records. Raises what reading the file and `read_table` raise, InvalidListing for copies,
    CannotWrite.
    """
    places = kept_columns(stream.columns, label, exclude, text)
    columns = [ColumnSurvey(stream.columns[place], stream.columns[place] in text) for place in places]
    labels = LabelSurvey(label, as_text=label in text)
    sample, extras, count, longest = Sample(), dict[int, SampledRow](), 0, 0
    with Digests(folder) as digests:
        for batch, share in stream.batches():
            cells = _kept_cells(batch, places)
            rows = list(zip(*cells, strict=True))

            def row_at(
                place: int, first: int = count, rows: list[tuple[str, ...]] = rows, at: CsvTexts = batch
            ) -> SampledRow:
                return SampledRow(first + place, at.lines[place], rows[place])

            for column, texts in zip(columns, cells, strict=True):
                if (place := column.add(texts, batch.lines)) is not None:
                    extras[count + place] = row_at(place)
                if column.name == label:
                    labels.add(texts, batch.lines, row_at)
            whole = ["\0".join(row).encode() for row in rows]
            longest = max(longest, *map(len, whole))
            found = [hashlib.sha256(each).digest()[:SIZE] for each in whole]
            digests.add(found)
            for place, digest in enumerate(found):
                if digest < sample.below:
                    sample.offer(digest, row_at(place))
            count += len(rows)
            tell(share, count)
        _check_different(digests, count)
    for column in columns:
        column.check()
    kept = {row.number: row for row in (*sample.rows(), *labels.rows(), *extras.values())}
    found_columns = tuple(SurveyedColumn(column.name, column.kind, column.is_written) for column in columns)
    most = _ARRAY_HEAD + min(
        sum(column.most_bytes for column in columns), longest + sum(column.more_bytes for column in columns)
    )
    return TableSurvey(stream.source, label, found_columns, count, most, tuple(kept[number] for number in sorted(kept)))


def _kept_cells(batch: CsvTexts, places: Sequence[int]) -> list[tuple[str, ...]]:
    cells = list(zip(*batch.rows, strict=True))
    return [cells[place] for place in places]


def _check_different(digests: Digests, count: int) -> None:
    copies = digests.copies(_SHOWN_COPIES)
    if copies or count < 2:
        shown = ", ".join(f"{copy} of {first}" for copy, first in copies)
        raise InvalidListing(
            "Some records are exact copies: their scores would tell more of one record, and an audit that opens "
            "copies fails",
            expected=f"{max(2, count):,} different records",
            found=f"copies, counted from 0: {shown}, ..." if copies else f"{count}",
            hint="remove them: `sort -u` does so for lines of CSV",
        )


def typed_rows(stream: TableStream, survey: TableSurvey, start: int) -> Iterator[Row]:
    """The rows of all records from number `start` on, as a table in memory lists them.

    Raises FileChanged where the file is not the one that was surveyed, and what reading it raises.
    """
    places, done = [stream.columns.index(column.name) for column in survey.columns], 0
    for batch, _ in stream.batches():
        first, done = done, done + len(batch.rows)
        if done > start:
            yield from islice(_typed(stream, survey, _kept_cells(batch, places)), max(0, start - first), None)
    if done != survey.record_count or source_of(stream.path) != survey.source:
        raise _changed(stream, survey)


def typed_records(stream: TableStream, survey: TableSurvey, chunk_size: int, start: int) -> Iterator[bytes]:
    """The canonical bytes of all records from number `start` on, filled up so that their lengths tell nothing.

    All have the length of the longest where that is a chunk or less, and fill whole chunks otherwise. Raises as
    `typed_rows`.
    """
    length, payload = survey.record_bytes, chunk_size - SALT_SIZE
    for record in map(encode_row, typed_rows(stream, survey, start)):
        yield record.ljust(length, b"\0") if length <= payload else fill_record(record, chunk_size)


def _typed(stream: TableStream, survey: TableSurvey, texts: Sequence[Sequence[str]]) -> Iterator[Row]:
    try:
        cells = [cells_of(each, column.kind) for each, column in zip(texts, survey.columns, strict=True)]
    except ValueError:
        raise _changed(stream, survey) from None
    written = [
        companion_cells(each, typed)
        for each, typed, column in zip(texts, cells, survey.columns, strict=True)
        if column.is_written
    ]
    return zip(*cells, *written, strict=True)


def _changed(stream: TableStream, survey: TableSurvey) -> FileChanged:
    return FileChanged(
        f"{stream.path} has changed since the listing was begun",
        expected=survey.source,
        found=source_of(stream.path),
        hint="put it back as it was, or begin again in another directory",
    )
