"""Arrays in npy files, read by their header: sizes are checked before anything is in memory, and nothing is unpickled.

Not here: which arrays are images (`images`).
"""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from blindfair.influence.csv_file import BYTE_LIMIT
from blindfair.protocol.errors import FileMissing, TooLarge, UnusableImages

_ZIP = b"PK"

_HEADERS: Mapping[tuple[int, int], Callable[[BinaryIO], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def read_arrays(path: Path) -> list[NDArray[Any]]:
    """Read the arrays of a file: one, or the images and the labels one after the other.

    Raises FileMissing, TooLarge, UnusableImages for a file that is no npy, damaged, in Fortran order or of objects.
    """
    try:
        size = path.stat().st_size
        if size > BYTE_LIMIT:
            raise TooLarge(
                f"{path} is too large", expected=f"at most {BYTE_LIMIT} bytes", found=size, hint="list a part of it"
            )
        with path.open("rb") as file:
            found = [_read_array(file, path)]
            if file.tell() < size:
                found.append(_read_array(file, path))
            if file.tell() < size:
                raise UnusableImages(
                    f"{path} goes on after its arrays",
                    expected="one array, or images and labels",
                    found=f"{size - file.tell()} bytes more",
                    hint="write it again: numpy.save(path, array)",
                )
    except OSError as error:
        raise FileMissing(
            f"{path} cannot be read", expected="a file", found=error.strerror, hint="is the path right?"
        ) from error
    return found


def _read_array(file: BinaryIO, path: Path) -> NDArray[Any]:
    shape, is_fortran, dtype = _header(file, path)
    if dtype.kind not in "biufU" or dtype.fields is not None:
        raise UnusableImages(
            f"{path} holds no plain numbers",
            expected="numbers, and in labels also texts",
            found=f"type {dtype}"[:80],
            hint="objects are never read: they could run code. Save images.astype('uint8'), for example",
        )
    if is_fortran:
        raise UnusableImages(
            f"{path} is in Fortran order",
            expected="C order",
            found=f"shape {shape}",
            hint="numpy.save(path, numpy.ascontiguousarray(array))",
        )
    size = math.prod(shape) * dtype.itemsize
    left = os.fstat(file.fileno()).st_size - file.tell()
    if not 0 < size <= left:
        raise UnusableImages(
            f"{path} is empty or cut off",
            expected=f"{size:,} bytes of numbers, 1 or more",
            found=f"{left:,}",
            hint="write it again: numpy.save(path, array)",
        )
    return np.frombuffer(file.read(size), dtype).reshape(shape)


def _header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    head = file.read(len(_ZIP))
    file.seek(-len(head), os.SEEK_CUR)
    try:
        shape, is_fortran, dtype = _HEADERS[npy_format.read_magic(file)](file)
        if any(type(length) is not int or not 0 <= length <= BYTE_LIMIT for length in shape):
            raise ValueError("a side is no length")
    except (ValueError, KeyError, TypeError, MemoryError, RecursionError, TokenError) as error:
        raise UnusableImages(
            f"{path} is no npy file",
            expected="an array as numpy.save writes it",
            found="a zip or npz file" if head == _ZIP else "other bytes",
            hint="numpy.save(path, array) writes one; of an npz file, save each array by itself",
        ) from error
    return shape, is_fortran, dtype
