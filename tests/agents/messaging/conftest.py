"""One S3 server for all tests of messages, and a store of each kind."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from stores import Store

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that has the bucket `buckets.BUCKET`."""
    from buckets import s3_server

    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture(params=["memory", "local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    from buckets import BUCKET, environment, files

    number = next(NUMBERS)
    match request.param:
        case "memory":
            yield Store(f"memory://mail-{number}", f"/mail-{number}", files("memory"))
        case "local":
            (tmp_path / "store").mkdir()
            yield Store(f"local://{tmp_path}/store", f"{tmp_path}/store", files("local"))
        case _:
            with environment(request.getfixturevalue("port")):
                yield Store(f"s3://{BUCKET}/mail-{number}", f"{BUCKET}/mail-{number}", files("s3"))
