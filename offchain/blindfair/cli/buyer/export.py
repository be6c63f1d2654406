"""The bought records as a file: their numbers in the listing, then its columns, as their seller wrote them.

CSV, or JSON Lines where the file's name ends in .jsonl: texts hold line breaks, which many programs misread in CSV.
Images are a folder: images.npy and labels.npy as their seller had them, and records.npy with their numbers.
Files are a folder with each of them under its name, and bought.csv with their rows.
"""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.buyer.buyer import Buyer
from blindfair.cli.csv_text import csv_bytes, csv_lines, formulas, number_name
from blindfair.cli.lines import Lines
from blindfair.cli.targets import write_beneath, write_folder, write_private_file, write_private_pieces
from blindfair.influence.corpus.text_preprocessing import is_text_preprocessing
from blindfair.influence.folder import is_inside
from blindfair.influence.images.images import IMAGES_FILE, LABELS_FILE, images_of
from blindfair.influence.written import cell_text, writing_of
from blindfair.protocol.errors import NoRecords
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.records import RecordEncoding, Row
from blindfair.protocol.schema import Schema

_TABLE, _TEXTS, _IMAGES = "bought.csv", "bought.jsonl", "bought"
_NUMBERS = "records.npy"
_FILES_TABLE = "bought.csv"
_JSON_LINES = ".jsonl"


def export_bought(buyer: Buyer, path: Path, lines: Lines | None = None) -> int:
    """Write them, for their owner alone: they were paid for. How many there are; `lines` are told of formulas.

    Raises NoRecords where nothing was bought and verified, CannotWrite.
    """
    bought = buyer.bought()
    if not bought:
        raise NoRecords(
            "There is nothing to export",
            expected="records that were paid for and verified",
            found="none",
            hint="blindfair buyer status tells how far the purchase is",
        )
    manifest = buyer.review().listing.manifest
    if manifest.encoding is RecordEncoding.BYTES:
        return export_files(manifest.schema, bought, path, lines)
    numbers = bought.numbers
    if manifest.encoding is RecordEncoding.ARRAY:
        rows = [manifest.schema.decode(manifest.encoding, data) for _, data in bought]
        write_folder(path, bought_arrays(manifest.schema, numbers, rows))
        return len(bought)
    decoded = _Decoded(bought, manifest)
    if path.suffix == _JSON_LINES:
        write_private_pieces(path, bought_lines(manifest.schema, numbers, decoded))
        return len(bought)
    header, texts = bought_table(manifest.schema, numbers, decoded)
    count = 0

    def counted() -> Iterator[tuple[str, ...]]:
        nonlocal count
        for row in texts:
            count += formulas((), (row,))
            yield row

    write_private_pieces(path, csv_lines(header, counted()))
    count += formulas(header, ())
    if lines is not None and count:
        lines.item("but", formula_warning(count), style="yellow")
    return len(bought)


class _Decoded:
    """The rows of bought records, decoded whenever they are asked for: they may be more than the memory holds."""

    def __init__(self, bought: Iterable[tuple[int, bytes]], manifest: Manifest) -> None:
        self._bought = bought
        self._manifest = manifest

    def __iter__(self) -> Iterator[Row]:
        manifest = self._manifest
        return (manifest.schema.decode(manifest.encoding, data) for _, data in self._bought)


def default_export(directory: Path, manifest: Manifest) -> Path:
    """The file in a buyer's directory: JSON Lines for texts, CSV for tables; a folder for images and for files."""
    if manifest.encoding in (RecordEncoding.ARRAY, RecordEncoding.BYTES):
        return directory / _IMAGES
    return directory / (_TEXTS if is_text_preprocessing(manifest.preprocessing) else _TABLE)


def export_files(schema: Schema, bought: Sequence[tuple[int, bytes]], path: Path, lines: Lines | None = None) -> int:
    """Write bought files as they were into a folder, one in memory at a time, and their table beside them.

    A file has the name that its row begins with, if that is a text, lies in the folder and is no other's; else its
    number in the listing. Raises CannotWrite.
    """
    numbers, rows, taken = [], [], {_FILES_TABLE}
    for number, data in bought:
        content, *cells = schema.decode(RecordEncoding.BYTES, data)
        name = str(cells[0]) if cells else ""
        if not is_inside(name) or name in taken or (path / name).is_dir():
            name = f"{number}.bin"
        taken.add(name)
        write_beneath(path, name, content if isinstance(content, bytes) else b"")
        numbers.append(number)
        rows.append(tuple(cells))
    header, texts = bought_table(replace(schema, columns=schema.columns[1:]), numbers, rows)
    rest = list(texts)
    write_private_file(path / _FILES_TABLE, csv_bytes(header, rest))
    if lines is not None and (count := formulas(header, rest)):
        lines.item("but", formula_warning(count), style="yellow")
    return len(bought)


def bought_table(
    schema: Schema, numbers: Sequence[int], rows: Iterable[Row]
) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    """Column names and texts of bought records, each with its number in the listing before it; rows are read twice."""
    names, written = writing_of(schema, rows)
    texts = ((str(number), *map(cell_text, written(row))) for number, row in zip(numbers, rows, strict=True))
    return (number_name(names), *names), texts


def bought_arrays(schema: Schema, numbers: Sequence[int], rows: Sequence[Row]) -> dict[str, bytes]:
    """Images and labels of bought records, and the records' numbers, as npy files by name."""
    images, labels = images_of(schema, rows)
    arrays = {IMAGES_FILE: images, LABELS_FILE: labels, _NUMBERS: np.array(numbers, dtype=np.int64)}
    return {name: _npy(array) for name, array in arrays.items()}


def _npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def bought_lines(schema: Schema, numbers: Sequence[int], rows: Iterable[Row]) -> Iterator[bytes]:
    """The same as JSON Lines: an object for each record, with null for a missing cell."""
    names, written = writing_of(schema, rows)
    header = (number_name(names), *names)
    objects = (
        dict(zip(header, (number, *written(row)), strict=True)) for number, row in zip(numbers, rows, strict=True)
    )
    return ((json.dumps(each, ensure_ascii=False) + "\n").encode() for each in objects)


def formula_warning(count: int) -> str:
    """What to do about cells that a spreadsheet may run."""
    return (
        f"{count:,} cells begin with = + - or @ and are no numbers. They are written as the seller had them, and a "
        "spreadsheet may run them as formulas: import the file with all columns as text"
    )
