"""Residues of a ciphertext, copied from where SEAL keeps them.

The low-level layer gives ciphertexts out as compressed files alone, a millisecond each; a copy takes a fiftieth of it.
TenSEAL's extension exports `seal::Ciphertext::data`, SEAL's own way to its residues, and pybind11 keeps the pointer to
a wrapped object behind the head of the Python object. Both are facts of a build. So this is for one version alone, and
`seal.engine` uses it after it has compared what is read with a file; all else goes through files. Nothing is written
this way.
"""

import ctypes
import math
import sys
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tenseal.sealapi import _sealapi_cpp

BUILD = "0.3.18"
"""The version of TenSEAL whose objects are read so."""

_DATA = "_ZN4seal10Ciphertext4dataEm"
"""`std::uint64_t *seal::Ciphertext::data(std::size_t)`."""


@cache
def accessor() -> Any | None:
    """SEAL's function; None if it is missing or the build is another one."""
    if sys.implementation.name != "cpython" or version("tenseal") != BUILD:
        return None
    try:
        found = getattr(ctypes.CDLL(_sealapi_cpp.__file__), _DATA)
    except (OSError, AttributeError):
        return None
    found.restype = ctypes.c_void_p
    found.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    return found


def words(data: Any, ciphertext: Any, shape: tuple[int, ...]) -> NDArray[np.uint64]:
    """A copy of the residues of a ciphertext, which has that shape, `count x primes x N`, by the function `data`."""
    this = ctypes.c_void_p.from_address(id(ciphertext) + object.__basicsize__)
    array = (ctypes.c_uint64 * math.prod(shape)).from_address(data(this, 0))
    return np.array(np.ctypeslib.as_array(array).reshape(shape), dtype=np.uint64)
