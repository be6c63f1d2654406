"""A table that cannot be traded ends the command at once: a named error with its own code, and nothing written."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import COMMAND, Inside, outside
from real_tables import LABEL, digits, wines, write_csv

from blindfair.protocol.errors import (
    BlindfairError,
    FileChanged,
    FileMissing,
    InvalidOption,
    LabelMissing,
    LabelUnusable,
    MalformedTable,
    NoRecords,
    TooLarge,
    UndecodableBytes,
    UnusableModel,
)


def rows(count: int, width: int = 2) -> list[list[object]]:
    """Records of `width` varying numbers and a label of two classes."""
    return [[*((number * place) % 97 for place in range(1, width + 1)), number % 2] for number in range(count)]


def missing(path: Path) -> None:
    assert not path.exists()


def folder(path: Path) -> None:
    path.mkdir()


def latin(path: Path) -> None:
    path.write_bytes("größe,y\n1,0\n2,1\n".encode("latin-1"))


def binary(path: Path) -> None:
    path.write_bytes(b"a,y\n1\x00,0\n")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def header_only(path: Path) -> None:
    path.write_text("a,b,y\n")


def without_label(path: Path) -> None:
    write_csv(path, ["a", "b", "z"], rows(300))


def unlabelled_record(path: Path) -> None:
    write_csv(path, ["a", "b", "y"], [*rows(300), [1, 2, ""]])


def one_class(path: Path) -> None:
    write_csv(path, ["a", "b", "y"], [[*row[:2], 1] for row in rows(300)])


def sixty_five_classes(path: Path) -> None:
    write_csv(path, ["a", "b", "y"], [[*row[:2], f"c{number % 65}"] for number, row in enumerate(rows(3000))])


def rare_of_three(path: Path) -> None:
    write_csv(path, ["a", "b", "y"], [[*row[:2], 2 if number < 19 else row[2]] for number, row in enumerate(rows(300))])


def one_number(path: Path) -> None:
    """But for twelve records on either side, all labels are zero."""
    labels = [number - 12 if number < 25 else 0 for number in range(300)]
    write_csv(path, ["a", "b", "y"], [[*row[:2], label] for row, label in zip(rows(300), labels, strict=True)])


def too_many_for_all_classes(path: Path) -> None:
    write_csv(path, [*(f"c{number}" for number in range(120)), "y"], [[*row[:120], f"c{number % 9}"]
        for number, row in enumerate(rows(300, 120))])  # fmt: skip


def rare_class(path: Path) -> None:
    write_csv(path, ["a", "b", "y"], [[*row[:2], int(number < 5)] for number, row in enumerate(rows(300))])


def few_records(path: Path) -> None:
    write_csv(path, ["a", "b", "y"], rows(150))


def ragged(path: Path) -> None:
    write_csv(path, ["a", "b", "y"], [*rows(250), [1, 2, 1, 4]])


def open_quote(path: Path) -> None:
    path.write_text('a,b,y\n1,"2,0\n3,4,1\n')


def same_names(path: Path) -> None:
    write_csv(path, ["a", "a", "y"], rows(300))


def nameless(path: Path) -> None:
    write_csv(path, ["a", "", "y"], rows(300))


def infinite(path: Path) -> None:
    write_csv(path, ["a", "b", "y"], [*rows(300), [1.5, "inf", 1]])


def only_label(path: Path) -> None:
    write_csv(path, ["y"], [[number % 2] for number in range(300)])


def constant(path: Path) -> None:
    write_csv(path, ["a", "y"], [[7, number % 2] for number in range(300)])


def million_columns(path: Path) -> None:
    path.write_text(",".join(f"c{number}" for number in range(10**6)) + ",y\n" + ",".join("1" * 10**6) + ",1\n")


def thousands_of_columns(path: Path) -> None:
    write_csv(path, [*(f"c{number}" for number in range(5000)), "y"], rows(300, 5000))


def wide(path: Path) -> None:
    write_csv(path, [*(f"c{number}" for number in range(300)), "y"], rows(300, 300))


def long(path: Path) -> None:
    write_csv(path, ["a", "b", "y"], rows(20_001))


def endless_line(path: Path) -> None:
    path.write_bytes(b"a" * 5 * 2**20)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(300 * 2**20)


def pipe(path: Path) -> None:
    os.mkfifo(path)


BAD_TABLES: list[tuple[Callable[[Path], object], type[BlindfairError]]] = [
    (missing, FileMissing),
    (folder, FileMissing),
    (pipe, FileMissing),
    (latin, UndecodableBytes),
    (binary, MalformedTable),
    (empty, NoRecords),
    (header_only, NoRecords),
    (few_records, NoRecords),
    (without_label, LabelMissing),
    (unlabelled_record, LabelMissing),
    (one_class, LabelUnusable),
    (sixty_five_classes, LabelUnusable),
    (rare_of_three, LabelUnusable),
    (one_number, LabelUnusable),
    (rare_class, LabelUnusable),
    (ragged, MalformedTable),
    (open_quote, MalformedTable),
    (same_names, MalformedTable),
    (nameless, MalformedTable),
    (infinite, MalformedTable),
    (only_label, MalformedTable),
    (constant, UnusableModel),
    (million_columns, TooLarge),
    (thousands_of_columns, TooLarge),
    (wide, TooLarge),
    (too_many_for_all_classes, TooLarge),
    (long, TooLarge),
    (endless_line, TooLarge),
    (huge, TooLarge),
]


@pytest.mark.parametrize(("make", "error"), BAD_TABLES, ids=lambda value: getattr(value, "__name__", None))
def test_a_bad_table_is_refused_by_name(
    make: Callable[[Path], object], error: type[BlindfairError], tmp_path: Path, clean: Path, inside: Inside
) -> None:
    table = tmp_path / "mine.csv"
    make(table)
    ended = inside(
        "demo", "--records", table, "--label", "y", "--json", "r.json", "--report", "report", "--directory", "home"
    )
    ended.failed(error)


def test_a_small_table_says_how_many_records_it_takes(tmp_path: Path, clean: Path, inside: Inside) -> None:
    ended = inside("demo", "--records", wines(tmp_path / "wines.csv"), "--label", LABEL)
    ended.failed(NoRecords, "at least 200 records", "found     178")


def test_a_million_columns_do_not_fill_the_memory(tmp_path: Path, clean: Path) -> None:
    table = tmp_path / "wide.csv"
    million_columns(table)
    # A process counts the memory of the one that it was forked from: a small one stands in between.
    between = (
        "import os, subprocess, sys;"
        "process = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL);"
        "_, status, used = os.wait4(process.pid, 0);"
        "print(os.waitstatus_to_exitcode(status), used.ru_maxrss)"
    )
    command: list[str | Path] = [sys.executable, "-c", between, COMMAND, "demo", "--records", table, "--label", "y"]
    code, used = map(int, subprocess.run(command, check=True, capture_output=True).stdout.split())
    assert code == TooLarge.exit_code
    # In KiB. The command takes about 110 MiB to find out that there is no table at all.
    assert used < 400 * 1024


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Another program that writes other digits over the first number of the table, again and again."""
    stop = threading.Event()

    def write() -> None:
        place = path.read_bytes().index(b"\n") + 1
        digit = 0
        with path.open("r+b", buffering=0) as file:
            while not stop.is_set():
                file.seek(place)
                digit = (digit + 1) % 10
                file.write(b"%d" % digit)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def test_a_table_that_changes_while_it_is_read_is_refused(tmp_path: Path, clean: Path) -> None:
    table = digits(tmp_path / "digits.csv")
    with changing(table):
        ended = outside("demo", "--records", table, "--label", LABEL, "--json", "r.json")
    ended.failed(FileChanged)


@pytest.mark.parametrize("option", ["--categorical", "--exclude"])
def test_a_column_that_is_not_there_is_refused(option: str, tmp_path: Path, clean: Path, inside: Inside) -> None:
    table = write_csv(tmp_path / "mine.csv", ["a", "b", "y"], rows(300))
    ended = inside("demo", "--records", table, "--label", "y", option, "nonsense")
    ended.failed(InvalidOption, "nonsense")


def test_names_of_files_cannot_command_the_terminal(tmp_path: Path, clean: Path, inside: Inside) -> None:
    ended = inside("demo", "--records", tmp_path / "\x1b[2Jmine.csv", "--label", "y")
    ended.failed(FileMissing)
    assert "\x1b" not in ended.err
    assert "\\x1b[2Jmine.csv" in ended.err
