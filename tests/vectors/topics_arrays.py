"""Vectors of records that begin with an array: npy 1.0 in one form, then the row of the other cells."""

import struct
from typing import Any

Case = dict[str, Any]

PIXELS = bytes(range(6))
LABEL = bytes([0x81, 0x07])
"""The row `[7]` in CBOR."""


def header(dtype: str, shape: str, *, order: str = "False", version: bytes = b"\x01\x00", more: int = 0) -> bytes:
    """The header as the npy format has it, with `more` blanks than are needed."""
    text = f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}"
    width = 2 if version == b"\x01\x00" else 4
    blanks = -(8 + width + len(text) + 1) % 64 + more
    text += " " * blanks + "\n"
    return b"\x93NUMPY" + version + struct.pack("<H" if width == 2 else "<I", len(text)) + text.encode()


def arrays() -> list[Case]:
    """Records of a listing whose images are 2 x 3 bytes, unless the case says otherwise."""
    good = header("|u1", "(2, 3)") + PIXELS + LABEL
    floats, nan = struct.pack("<2f", 0.5, -2.0), struct.pack("<2f", 0.5, float("nan"))
    return [
        case("bytes", good, cells=["07"]),
        case("bytes with zero bytes after them", good + bytes(40), cells=["07"]),
        case("nothing beside the array", header("|u1", "(2, 3)") + PIXELS + b"\x80", cells=[]),
        case("channels", header("|u1", "(1, 2, 3)") + PIXELS + LABEL, shape=[1, 2, 3], cells=["07"]),
        case("one dimension", header("|u1", "(6,)") + PIXELS + LABEL, shape=[6], cells=["07"]),
        case("16-bit", header("<u2", "(3, 1)") + PIXELS + LABEL, dtype="<u2", shape=[3, 1], cells=["07"]),
        case("single precision", header("<f4", "(1, 2)") + floats + LABEL, dtype="<f4", shape=[1, 2], cells=["07"]),
        case("infinite", header("<f8", "(1,)") + struct.pack("<d", float("inf")) + LABEL, "MalformedRecord",
             dtype="<f8", shape=[1]),
        case("no number", header("<f4", "(1, 2)") + nan + LABEL, "MalformedRecord", dtype="<f4", shape=[1, 2]),
        case("another shape of as many numbers", header("|u1", "(3, 2)") + PIXELS + LABEL, "MalformedRecord"),
        case("another type of as many bytes", header("<u2", "(1, 3)") + PIXELS + LABEL, "MalformedRecord"),
        case("big-endian", header(">u2", "(3, 1)") + PIXELS + LABEL, "MalformedRecord", dtype="<u2", shape=[3, 1]),
        case("Fortran order", header("|u1", "(2, 3)", order="True") + PIXELS + LABEL, "MalformedRecord"),
        case("npy 2.0", header("|u1", "(2, 3)", version=b"\x02\x00") + PIXELS + LABEL, "MalformedRecord"),
        case("a longer header", header("|u1", "(2, 3)", more=64) + PIXELS + LABEL, "MalformedRecord"),
        case("objects", header("|O", "(2, 3)") + PIXELS + LABEL, "MalformedRecord"),
        case("no header", PIXELS + LABEL, "MalformedRecord"),
        case("nothing", b"", "MalformedRecord"),
        case("cut off in the numbers", good[:-3], "MalformedRecord"),
        case("cut off before the row", good[:-2], "MalformedRecord"),
        case("a row that is longer than needed", good[:-2] + b"\x98\x01\x07", "MalformedRecord"),
        case("no row after the numbers", good[:-2] + b"\x07", "MalformedRecord"),
        case("an array in the row", good[:-2] + b"\x81\x41\x07", "MalformedRecord"),
        case("another byte at the end", good + b"\x01", "MalformedRecord"),
    ]  # fmt: skip


def forms() -> list[Case]:
    """Types and shapes that a schema may name, and others."""
    good: list[tuple[str, list[int]]] = [
        ("|u1", [28, 28]), ("<u2", [1]), ("<f4", [8, 8, 3]), ("<f8", [65536]), ("<i8", []), ("|b1", []), ("<U12", []),
    ]  # fmt: skip
    bad: list[tuple[str, list[int]]] = [
        ("<i8", [2, 2]), (">f4", [2, 2]), ("|O", [2, 2]), ("<f2", [2, 2]), ("<U1", [2]), ("|u1", [0, 2]),
        ("|u1", [65537]), ("|u1", [257, 256]), ("|u1", [65536, 65536, 65536]), ("|u1", [1, 1, 1, 1]), ("<U0", []),
        ("|O", []), ("<c8", []), ("", []), ("<M8[D]", []), ("u1", [2, 2]),
    ]  # fmt: skip
    return [
        {"name": f"{dtype} of {shape}", "expect": expect, "dtype": dtype, "shape": shape}
        for expect, some in (("ok", good), ("InvalidListing", bad))
        for dtype, shape in some
    ]


def case(
    name: str,
    record: bytes,
    expect: str = "ok",
    *,
    dtype: str = "|u1",
    shape: list[int] | None = None,
    cells: list[str] | None = None,
) -> Case:
    found: Case = {"name": name, "expect": expect, "dtype": dtype, "shape": shape or [2, 3], "record": record.hex()}
    return found if cells is None else {**found, "cells": cells}
