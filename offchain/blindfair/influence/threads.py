"""Keeping many small computations on one thread.

On a busy machine the threads of each wait for one another: hundreds of fits of a millisecond then take minutes. The
setting is torch's and counts for the whole process.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread within the block; what it used before is restored."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
