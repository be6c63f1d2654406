"""Ray: a connection to a cluster, and tasks that outlive their workers. What the tasks do is in `scale_out.py`."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from blindfair.protocol.errors import BlindfairError, MissingPackage, WorkersLost

Result = TypeVar("Result")

_ATTEMPTS = 10
"""How often Ray gives a task to another worker when one dies of it."""

_PATIENCE = 10.0
"""Seconds for a cluster to answer; Ray itself asks for minutes."""


@contextlib.contextmanager
def workers(address: str) -> Iterator[None]:
    """A connection to a Ray cluster: `local` for one of this machine's own, `auto`, `host:port` or `ray://host:port`.

    Raises MissingPackage where Ray is not installed, WorkersLost where the cluster does not answer.
    """
    ray = _ray()
    # Ray tells its makers how it is used, unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level="warning")
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise WorkersLost(
            "the Ray cluster does not answer",
            found=type(error).__name__,
            hint="start it: ray start --head --disable-usage-stats",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def by_workers(function: Callable[..., Result], tasks: Sequence[tuple[Any, ...]]) -> Iterator[Result]:
    """Call a function on each tuple of arguments, by one core of some worker each; yield results as they come in.

    Where a worker dies, its task goes to another. An error of a task ends all; raises it if it is Blindfair's, and
    WorkersLost where workers died of a task again and again.
    """
    ray = _ray()
    # Spread: otherwise the first machine is given all that it finishes before the others' processes have started.
    remote = ray.remote(num_cpus=1, max_retries=_ATTEMPTS, scheduling_strategy="SPREAD")(function)
    waiting = [remote.remote(*arguments) for arguments in tasks]
    try:
        while waiting:
            (first, *_), waiting = ray.wait(waiting)
            yield _result(ray, first)
    finally:
        for task in waiting:
            ray.cancel(task)


def _knock(address: str) -> None:
    """Raises OSError where nobody listens at `host:port`."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), _PATIENCE).close()


def _result(ray: Any, task: Any) -> Any:
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, BlindfairError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise WorkersLost(
            "workers died of a task again and again",
            found=type(error).__name__,
            hint="look at their memory; what is finished is kept",
        ) from error


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingPackage("Ray is not installed", hint="pip install 'blindfair[ray]'") from error
    return ray
