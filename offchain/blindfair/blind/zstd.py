"""Decompress what SEAL has just saved, with the zstd that TenSEAL carries inside its own extension.

The low-level layer always saves compressed and offers no other way. Only for objects that this process saved itself:
nothing from a counterparty is ever compressed.
"""

import ctypes
from functools import cache
from typing import Any

from tenseal.sealapi import _sealapi_cpp

from blindfair.protocol.errors import ScoringError


def decompress(data: bytes, largest: int) -> bytes:
    """The content of one zstd frame of at most `largest` bytes. Raises `ScoringError` if it is not one."""
    library = _library()
    target = ctypes.create_string_buffer(largest)
    size = int(library.ZSTD_decompress(target, largest, data, len(data)))
    if size > largest:
        raise ScoringError("a saved SEAL object cannot be read back", expected=f"<= {largest} bytes of zstd")
    return ctypes.string_at(target, size)


@cache
def _library() -> Any:
    library = ctypes.CDLL(_sealapi_cpp.__file__)
    try:
        function = library.ZSTD_decompress
    except AttributeError:
        raise ScoringError(
            "this build of TenSEAL does not export its zstd", hint="install tenseal 0.3.18 from PyPI"
        ) from None
    function.restype = ctypes.c_size_t
    function.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
    return library
