"""A compiled kernel that is not this version's is not used: it may take its arrays in another order."""

import shutil
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np
import pytest

from blindfair.blind import kernel
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries

KERNEL = kernel.library()
needs_kernel = pytest.mark.skipif(KERNEL is None, reason="the kernel is not compiled here")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the package looks for its kernel: nothing is there yet."""
    monkeypatch.setattr(kernel, "__file__", str(tmp_path / "kernel.py"))
    kernel.library.cache_clear()
    yield tmp_path / f"_kernel{EXTENSION_SUFFIXES[0]}"
    monkeypatch.undo()
    kernel.library.cache_clear()


@needs_kernel
@pytest.mark.parametrize("newer", [0, 1, 2, -1])
def test_only_a_kernel_of_this_version_is_used(place: Path, newer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package was renewed, or taken back, beside a kernel that an earlier installation compiled."""
    shutil.copy(KERNEL._name, place)  # type: ignore[union-attr]
    monkeypatch.setattr(kernel, "_VERSION", kernel._VERSION + newer)
    assert (kernel.library() is not None) == (newer == 0)
    assert not kernel.has_vectors() or newer == 0


def test_a_kernel_from_before_there_were_versions_is_not_used(place: Path) -> None:
    """A library without the function that says its version, and the scores are right all the same."""
    import _struct

    source = getattr(_struct, "__file__", None)
    if source is None:
        pytest.skip("this Python has no library to put there")
    shutil.copy(source, place)
    assert kernel.library() is None
    rows = np.random.default_rng(1).integers(-2047, 2048, (300, 3)).astype(np.int16)
    queries = np.array([[100, -200, 3]])
    encrypted, secret = encrypt_queries(DEFAULT, queries)
    reply = evaluate(encode_rows(DEFAULT, rows), encrypted.to_bytes())
    np.testing.assert_array_equal(decrypt_reply(DEFAULT, secret, reply, 300, 1), queries @ rows.T.astype(np.int64))
