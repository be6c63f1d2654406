"""Named tensors of a counterparty, read from safetensors: a format that cannot hold code (PROTOCOL 4.1)."""

from collections.abc import Mapping

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from blindfair.influence.arrays import Floats
from blindfair.protocol.errors import UnusableModel

_OVERHEAD = 4096
"""Bytes that safetensors may need besides the numbers."""


def read_tensors(
    data: bytes, what: str, *, max_bytes: int, overhead: int = _OVERHEAD
) -> Mapping[str, NDArray[np.generic]]:
    """The tensors of `what` (a plural), by name; `max_bytes` is what their numbers may take.

    `overhead` is what their names and shapes may take, where they are many. Raises UnusableModel.
    """
    # Checked before it is parsed.
    limit = max_bytes + overhead
    if len(data) > limit:
        raise UnusableModel(f"The {what} are too long", expected=f"at most {limit} bytes", found=len(data))
    try:
        return safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UnusableModel(f"The {what} are not safetensors", found=type(error).__name__) from error


def read_weights(data: bytes, length: int) -> Floats:
    """The parameters of a scoring model, the only tensor `weights`: `length` float64, copied. Raises UnusableModel."""
    tensors = read_tensors(data, "weights", max_bytes=8 * length)
    found = tensors.get("weights")
    if found is None or len(tensors) != 1:
        raise UnusableModel("The weights have other tensors than expected", expected="weights", found=len(tensors))
    if found.dtype != np.float64 or found.shape != (length,):
        raise UnusableModel(
            "The weights have another form than the model",
            expected=f"float64 {(length,)}",
            found=f"{found.dtype} {found.shape}",
        )
    return found.astype(np.float64)
