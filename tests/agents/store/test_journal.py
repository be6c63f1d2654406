"""The journal: steps run once, across any end of the process; damaged and foreign journals are refused."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from blindfair.agents.store.journal import VERSION, Journal
from blindfair.agents.store.steps import Step, StepKind
from blindfair.protocol.errors import InsecureStore, JournalDamaged, JournalVersion, StateError


def test_a_step_runs_once_and_keeps_its_value(tmp_path: Path) -> None:
    values = iter([b"first", b"second"])
    journal = Journal(tmp_path / "j" / "journal.sqlite")
    assert journal.once(Step("step"), lambda: next(values)) == b"first"
    journal.close()
    again = Journal(tmp_path / "j" / "journal.sqlite")
    assert again.once(Step("step"), lambda: next(values)) == b"first"


def test_a_step_that_failed_is_not_done_but_its_intent_stands(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j" / "journal.sqlite")

    def fail() -> bytes:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        journal.once(Step("pay"), fail, intent="pay 3 wei")
    assert journal.get(Step("pay")) is None
    assert journal.intent(Step("pay")) == "pay 3 wei"
    assert journal.once(Step("pay"), lambda: b"paid") == b"paid"


def test_the_intent_is_on_the_disk_before_the_step_runs(tmp_path: Path) -> None:
    path = tmp_path / "j" / "journal.sqlite"
    program = (
        "import os, sys; from pathlib import Path; from blindfair.agents.store.journal import Journal;"
        "Journal(Path(sys.argv[1])).once('pay', lambda: os.kill(os.getpid(), 9), intent='pay 3 wei')"
    )
    process = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert process.returncode == -9
    journal = Journal(path)
    assert (journal.intent(Step("pay")), journal.get(Step("pay"))) == ("pay 3 wei", None)


def test_a_note_is_new_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j" / "journal.sqlite")
    assert [journal.note(Step("x"), "1"), journal.note(Step("x"), "2")] == [True, False]
    assert journal.intent(Step("x")) == "1"


def test_done_steps_come_in_their_order_without_their_prefix(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j" / "journal.sqlite")
    for name in ("m:b", "m:a", "n:c", "m_x"):
        journal.once(Step(name), name.encode, intent=name.upper())
    assert list(journal.done(StepKind[str]("m"))) == [("b", "M:B"), ("a", "M:A")]


def test_a_journal_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j" / "journal.sqlite"
    Journal(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(JournalVersion) as caught:
        Journal(path)
    assert (caught.value.expected, caught.value.found) == (VERSION, VERSION + 1)


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    tmp_path.chmod(0o700)
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE other (x)")
    path.chmod(0o600)
    with pytest.raises(JournalVersion):
        Journal(path)


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to look at" * 99, b"SQLite format 3\x00" * 300]
)
def test_a_damaged_journal_is_refused_and_left_as_it_was(tmp_path: Path, content: bytes) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(JournalDamaged):
        Journal(path)
    assert path.read_bytes() == content


def test_a_journal_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "j" / "journal.sqlite"
    Journal(path).close()
    path.chmod(0o644)
    with pytest.raises(InsecureStore) as caught:
        Journal(path)
    assert "chmod 600" in caught.value.hint


def test_a_full_disk_is_an_error_with_a_name_and_loses_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j" / "journal.sqlite")
    journal.once(Step("before"), lambda: b"kept")
    journal._db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StateError) as caught:
        journal.once(Step("large"), lambda: bytes(10**6))
    assert "full" in str(caught.value)
    assert (journal.get(Step("before")), journal.get(Step("large"))) == (b"kept", None)


def test_a_journal_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "j" / "journal.sqlite"
    journal = Journal(path)
    journal.once(Step("x"), lambda: b"y")
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0
    journal.close()
