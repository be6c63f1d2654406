"""Decompress what SEAL has just saved, with the zstd that TenSEAL carries inside its own extension.

The low-level layer always saves compressed and offers no other way. Only for objects that this process saved itself:
nothing from a counterparty is ever compressed.
"""

import ctypes
from functools import cache
from typing import Any

import numpy as np
from tenseal.sealapi import _sealapi_cpp

from blindfair.protocol.errors import ScoringError


def decompress(data: bytes, size: int) -> memoryview:
    """The content of one zstd frame of exactly `size` bytes. Raises `ScoringError` if it is not one."""
    # Not zeroed, unlike the buffers of ctypes.
    target = np.empty(size, dtype=np.uint8)
    if int(_library().ZSTD_decompress(target.ctypes.data, size, data, len(data))) != size:
        raise ScoringError("a saved SEAL object cannot be read back", expected=f"{size} bytes of zstd")
    return target.data


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
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
    return library
