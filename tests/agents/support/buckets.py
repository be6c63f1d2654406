"""A real S3 server in a process of its own, with a bucket; and the environment in which s3fs finds it."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from ports import free_port

HIDDEN = "what-nobody-prints"
"""The key of the account."""
BUCKET = "trade"


@contextmanager
def environment(port: int, secret: str = HIDDEN) -> Iterator[None]:
    """What the owner of a bucket sets; taken back at the end."""
    ours = {
        "AWS_ACCESS_KEY_ID": "an-account",
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def s3_server(home: Path) -> Iterator[int]:
    """The port of a server that has the bucket `BUCKET`."""
    port = free_port()
    with (home / "moto").open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=told, stderr=told
        )
        try:
            with environment(port):
                made(process)
            yield port
        finally:
            process.kill()
            process.wait()


def made(process: "subprocess.Popen[bytes]") -> None:
    """Make the bucket, once the server answers."""
    for _ in range(300):
        with contextlib.suppress(Exception):
            files("s3").mkdir(BUCKET)
            return
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("the server does not answer")


def files(scheme: str) -> "fsspec.AbstractFileSystem":
    """The file system as the owner's own tools see it."""
    return fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True)
