"""A folder of `.txt` files, one text each, in the order of their names.

A file's name is not read: it may hold a person's name. Sizes are bounded before anything is in memory. Not here: texts
in a table (`corpus`).
"""

from pathlib import Path

from blindfair.influence.corpus.copies import is_visible
from blindfair.influence.csv_file import BYTE_LIMIT, CELL_LENGTH
from blindfair.protocol.errors import FileMissing, MalformedTable, NoRecords, TooLarge, UndecodableBytes

FILE_LIMIT = 2**20
"""Texts of a folder: as many as a listing can have chunks."""

_TEXT_BYTES = 4 * CELL_LENGTH + 3
"""Bytes of a text of `CELL_LENGTH` characters in UTF-8 at most, with its mark of the order of bytes."""


def read_folder(folder: Path) -> tuple[str, ...]:
    """Read the texts of a folder and of the folders in it.

    Raises FileMissing, for a link to nothing too, NoRecords, TooLarge, UndecodableBytes, MalformedTable for a file
    without text, or with too much.
    """
    named = sorted(folder.rglob("*.txt"))
    for path in named:
        if path.is_symlink() and not path.exists():
            raise FileMissing(
                f"{path} is a link to a file that is not there",
                expected="a file",
                found="nothing",
                hint="restore the file, or remove the link",
            )
    paths = [path for path in named if path.is_file()]
    if not paths:
        raise NoRecords(
            f"There are no texts in {folder}", expected="files whose names end in .txt", found=0, hint="name the folder"
        )
    if len(paths) > FILE_LIMIT:
        raise TooLarge(f"{folder} holds too many texts", expected=f"at most {FILE_LIMIT}", found=len(paths))
    total = 0
    for path in paths:
        size = path.stat().st_size
        total += size
        if size > _TEXT_BYTES:
            raise TooLarge(
                f"{path} holds a text that is too long",
                expected=f"at most {CELL_LENGTH:,} characters",
                found=f"{size:,} bytes",
                hint="cut it into parts",
            )
        if total > BYTE_LIMIT:
            raise TooLarge(
                f"{folder} holds too many texts",
                expected=f"at most {BYTE_LIMIT:,} bytes in all",
                found=f"{total:,} or more",
                hint="list a part of the texts",
            )
    return tuple(map(_text, paths))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileMissing(f"{path} cannot be read", found=error.strerror) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UndecodableBytes(
            f"{path} is not UTF-8",
            expected="UTF-8",
            found=f"byte {error.start}: {error.reason}",
            hint=f"convert it: iconv -f LATIN1 -t UTF-8 {path.name}",
        ) from error
    if not is_visible(text) or "\0" in text:
        found = "a zero character" if "\0" in text else f"{len(data)} bytes"
        raise MalformedTable(f"{path} holds no text", expected="text", found=found, hint="is it text? remove it if not")
    # As in a table: a copy of the folder is kept as one.
    if len(text) > CELL_LENGTH:
        raise MalformedTable(
            f"{path} holds a text that is too long",
            expected=f"at most {CELL_LENGTH:,} characters",
            found=f"{len(text):,}",
            hint="cut it into parts",
        )
    return text
