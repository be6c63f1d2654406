"""Do jobs on all cores: one process a core, each with a pipe to it. Keys travel in the pipe, and in no argument."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from typing import Any, Self

from blindfair.bulk.jobs import Job, do_job
from blindfair.protocol import errors
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import BlindfairError, StateError

_AHEAD = 4
"""Jobs a process that are prepared before the first result is taken."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


class Workers:
    """Processes that do jobs; with one, jobs are done in this process. Processes begin with the first jobs."""

    def __init__(self, count: int | None = None) -> None:
        """`count` is how many processes; as many as there are cores if it is not given."""
        self.count = cores() if count is None else count
        self._processes: list[subprocess.Popen[str]] = []
        self._free: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()

    def results(self, jobs: Iterable[Job]) -> Iterator[dict[str, Any]]:
        """Do the jobs; the results in the jobs' order.

        Raises the first error that a job raised, and StateError where a process died or the disk does not work.
        """
        if self.count == 1:
            for job in jobs:
                yield _done(job)
            return
        self._begin()
        waiting = iter(jobs)
        with ThreadPoolExecutor(self.count) as threads:
            ahead: list[Future[dict[str, Any]]] = [
                threads.submit(self._do, job) for job in islice(waiting, _AHEAD * self.count)
            ]
            try:
                while ahead:
                    result = ahead.pop(0).result()
                    ahead += [threads.submit(self._do, job) for job in islice(waiting, 1)]
                    yield result
            finally:
                for future in ahead:
                    future.cancel()

    def _begin(self) -> None:
        while len(self._processes) < self.count:
            process = subprocess.Popen(
                [sys.executable, "-m", "blindfair.bulk.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # Ctrl-C is for this process, which then closes the pipes.
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
            self._processes.append(process)
            self._free.put(process)

    def _do(self, job: Job) -> dict[str, Any]:
        process = self._free.get()
        try:
            line = _asked(process, json.dumps(job))
        finally:
            self._free.put(process)
        if not line:
            raise StateError(
                "A process that works on segments has ended",
                found=f"exit code {process.poll()}",
                hint="look at the free memory; then repeat the command: it goes on",
            )
        result: dict[str, Any] = json_value(line)
        if "error" in result:
            raise _error(result)
        return result

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            if process.stdin is not None:
                # What was not read by a process that has ended is lost with it.
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._processes.clear()
        self._free = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _done(job: Job) -> dict[str, Any]:
    try:
        return do_job(job)
    except OSError as error:
        raise StateError(
            "A segment cannot be read or written", found=error.strerror, hint="look at the disk"
        ) from error


def _asked(process: subprocess.Popen[str], line: str) -> str:
    """The line that a process answers; nothing where it has ended."""
    if process.stdin is None or process.stdout is None:
        return ""
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline()
    except OSError:
        return ""


def _error(result: dict[str, Any]) -> BlindfairError:
    named = getattr(errors, result["error"], None)
    if named is None:
        return StateError("A segment cannot be read or written", found=result["what"], hint="look at the disk")
    kind: type[BlindfairError] = named
    given = {name: result[name] or None for name in ("expected", "found")}
    return kind(result["what"], hint=result["hint"], **given)
