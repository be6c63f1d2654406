"""Keeping many small computations on one thread, and dividing great ones among all cores.

On a busy machine the threads of each wait for one another: hundreds of fits of a millisecond then take minutes. Torch's
setting counts for the whole process. Batches of gradient rows are worth a thread each, and each keeps torch to one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread within the block; what it used before is restored."""
    # Imported here: it takes seconds, and most commands compute no rows.
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


MOST_THREADS = 8
"""Batches that are worked on at once, at most: each takes its memory."""

_BATCHES: ContextVar[int] = ContextVar("batches at once", default=1)


def batches_at_once() -> int:
    """How many batches of gradient rows are worked on at once: 1 outside of `on_cores`."""
    return _BATCHES.get()


@contextmanager
def on_cores(count: int | None = None) -> Iterator[None]:
    """Work on so many batches of gradient rows at once within the block, as many as this process has cores if None.

    The rows of a batch do not depend on it.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    token = _BATCHES.set(max(1, min(MOST_THREADS, allowed if count is None else count)))
    try:
        yield
    finally:
        _BATCHES.reset(token)
