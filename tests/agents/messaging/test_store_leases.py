"""One program of an account at a time reads a mailbox in a store, whatever strangers write beside it."""

import time
from pathlib import Path

import pytest
from stores import ANN, Store

from blindfair.agents.messaging import store_lease
from blindfair.protocol.errors import StoreInUse

pytestmark = pytest.mark.deep

pytest.importorskip("s3fs")
pytest.importorskip("moto")


def test_a_second_program_of_an_account_is_refused_and_the_first_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = store.transport(ANN, tmp_path / "first"), store.transport(ANN, tmp_path / "second")
    first.hold("seller in /first, process 1")
    second.hold("seller in /second, process 2")
    list(first.pending())
    with pytest.raises(StoreInUse, match="seller in /first, process 1"):
        list(second.pending())
    # The first one is not disturbed, and when it is killed and comes back, it needs not wait.
    list(first.pending())
    again = store.transport(ANN, tmp_path / "first")
    again.hold("seller in /first, process 3")
    list(again.pending())
    # One that died is waited for, by the store's clock.
    with pytest.raises(StoreInUse):
        list(second.pending())
    monkeypatch.setattr(store_lease, "LEASE_SECONDS", 1.0)
    time.sleep(2.1)
    list(second.pending())
    second.release()
    assert [name for name in store.names(ANN) if "first" not in name] == store.names(ANN)[:1]


def test_a_stranger_that_writes_into_the_store_keeps_nobody_out(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with names of its own, nor with those that the account's programs wrote before, again and again."""
    died = store.transport(ANN, tmp_path / "died")
    died.hold("seller in /died, process 1")
    list(died.pending())
    (name,) = [name for name in store.names(ANN) if name.startswith(".lease-")]
    signed = store.files.cat_file(f"{store.root}/{ANN}/{name}")
    own = store.transport(ANN, tmp_path / "own")
    own.hold("seller in /own, process 2")
    with pytest.raises(StoreInUse, match="/died, process 1"):
        list(own.pending())

    def spoil() -> None:
        for number, data in enumerate((b"", b"[" * 4000, b"{}", signed, signed.replace(b"/died", b"/evil"))):
            store.put(ANN, f".lease-{number:032}", data)

    monkeypatch.setattr(store_lease, "LEASE_SECONDS", 1.5)
    began = time.monotonic()
    while True:
        # Always new, as the store sees it.
        store.put(ANN, name, signed)
        spoil()
        try:
            list(own.pending())
            break
        except StoreInUse:
            assert time.monotonic() - began < 60.0, "the words of a program that died keep the next one out"
            time.sleep(0.3)
    own.release()
    store.files.rm_file(f"{store.root}/{ANN}/{name}")
    third = store.transport(ANN, tmp_path / "third")
    third.hold("seller in /third, process 3")
    spoil()
    list(third.pending())


@pytest.mark.deep
def test_words_of_last_year_keep_nobody_out(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    with monkeypatch.context() as past:
        past.setattr(time, "time", lambda: now - 365 * 86400)
        died = store.transport(ANN, tmp_path / "died")
        died.hold("seller of last year")
        list(died.pending())
    (name,) = store.names(ANN)
    store.put(ANN, name, store.files.cat_file(f"{store.root}/{ANN}/{name}"))
    own = store.transport(ANN, tmp_path / "own")
    own.hold("seller of today")
    list(own.pending())
