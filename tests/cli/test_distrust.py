"""A listing whose seller was caught is not evaluated again by the same account, in any directory (PROTOCOL 5.3)."""

from pathlib import Path

import pytest
from rich.console import Console

from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.settlement.ending import Ending
from blindfair.cli.buyer.distrust import FILE, check_trusted, remember_failure
from blindfair.cli.lines import Lines
from blindfair.protocol.errors import InvalidOption, MalformedFile
from blindfair.protocol.quantities import ListingId

NOTICES = Lines(Console())
BAD, OTHER = ListingId(b"\x0b" * 32), ListingId(b"\x0c" * 32)


@pytest.mark.parametrize(
    "error", ["NoOpenings", "RowsDisagree", "ScoresDisagree", "DuplicatesOpened", "CommittedGarbage", "FaultProven"]
)
def test_a_failed_audit_is_remembered_beside_the_keystore(error: str, tmp_path: Path) -> None:
    keystore = tmp_path / "keystore.json"
    remember_failure(keystore, BAD, Outcome(Ending.NO_ORDER, "the score of record 7", error), NOTICES)
    with pytest.raises(InvalidOption, match="record 7"):
        check_trusted(keystore, BAD)
    check_trusted(keystore, OTHER)
    check_trusted(tmp_path / "another" / "keystore.json", BAD)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_a_second_failure_keeps_the_first(tmp_path: Path) -> None:
    keystore = tmp_path / "keystore.json"
    for listing, reason in ((BAD, "first"), (OTHER, "second"), (BAD, "third")):
        remember_failure(keystore, listing, Outcome(Ending.NO_ORDER, reason, "NoOpenings"), NOTICES)
    for listing, reason in ((BAD, "first"), (OTHER, "second")):
        with pytest.raises(InvalidOption, match=reason):
            check_trusted(keystore, listing)


@pytest.mark.parametrize("error", [None, "Refused", "BudgetExhausted", "Expired", "nonsense", "annotations"])
def test_what_is_no_failed_audit_is_not(error: str | None, tmp_path: Path) -> None:
    remember_failure(tmp_path / "keystore.json", BAD, Outcome(Ending.NO_ORDER, "no", error), NOTICES)
    check_trusted(tmp_path / "keystore.json", BAD)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("content", ["", "[]", "{", "7"])
def test_a_damaged_memory_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(MalformedFile):
        check_trusted(tmp_path / "keystore.json", BAD)
