"""Where large results are written: into new memory, or into memory that is used again for the next."""

from collections.abc import Callable
from typing import TypeAlias

Space: TypeAlias = Callable[[int], memoryview]
"""Gives so many bytes to be written."""


def new_space(size: int) -> memoryview:
    """New memory, all zeros. Raises `ValueError` for a negative size."""
    return memoryview(bytearray(size))
