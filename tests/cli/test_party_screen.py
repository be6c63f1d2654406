"""What a person sees of a party: progress moves in one line of a terminal, and is a line now and then in a log."""

import io
from typing import Any

import pytest
from rich.console import Console

from blindfair.agents.context import Event
from blindfair.agents.seller.progress import PROGRESS
from blindfair.blind.cost_model import CostModel
from blindfair.blind.estimate import estimate
from blindfair.blind.plan import plan, transfer_seconds
from blindfair.blind.reference_costs import REFERENCE
from blindfair.cli.buyer.estimate import show_estimate
from blindfair.cli.lines import Lines
from blindfair.cli.party.screen import PROGRESS_SECONDS, PartyScreen
from blindfair.protocol.quantities import BytesPerSecond
from blindfair.protocol.units import Units


def twice_as_slow(model: CostModel) -> CostModel:
    document: Any = model.to_document()
    for seconds in document["operations"].values():
        for name, value in seconds.items():
            seconds[name] = 2 * value
    return CostModel.from_document(document)


def progress(number: int) -> Event:
    return Event("seller", PROGRESS, f"scores: {number} of 9 blocks")


def test_in_a_log_progress_is_told_now_and_then_and_all_else_always(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    screen = PartyScreen(lambda: now[0])
    for number, moment in enumerate((0.0, 1.0, PROGRESS_SECONDS - 1, PROGRESS_SECONDS, PROGRESS_SECONDS + 1), 1):
        now[0] = moment
        screen.event(progress(number))
        screen.event(Event("seller", "reply", f"sends reply {number}"))
    told = capsys.readouterr().err
    assert [number for number in range(1, 6) if f"scores: {number} of" in told] == [1, 4]
    assert all(f"sends reply {number}" in told for number in range(1, 6))


def test_on_a_terminal_progress_leaves_no_lines_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=80, no_color=True)
    monkeypatch.setattr("blindfair.cli.party.screen.Console", lambda **_: console)
    with PartyScreen() as screen:
        for number in range(1, 9):
            screen.event(progress(number))
        screen.event(Event("seller", "reply", "sends the reply"))
    assert "scores: 8 of 9 blocks" in shown.getvalue()
    assert "\n  seller  scores" not in shown.getvalue()
    assert "seller  sends the reply" in shown.getvalue()


@pytest.mark.parametrize(("records", "disk"), [(1000, "no disk"), (100_000, "B of disk")])
def test_before_it_asks_a_buyer_reads_time_bytes_space_and_reason(records: int, disk: str) -> None:
    shown = io.StringIO()
    units, line = Units.named("per-record", records), BytesPerSecond(125_000)
    chosen = plan(records, 16, 2, line)
    doubled = twice_as_slow(REFERENCE)
    show_estimate(Lines(Console(file=shown, width=100)), units, 16, line, doubled)
    text = " ".join(shown.getvalue().split())
    assert f"for {records:,} records, 16 entries a row" in text
    assert f"{chosen.estimate.upload_bytes:,} B to the seller, {chosen.estimate.download_bytes:,} B back" in text
    assert f"{chosen.estimate.memory_bytes:,} B of memory and" in text
    assert disk in text
    assert f"{chosen.parameters.name}: " in text
    assert "at 1 Mbit/s, against" in text
    slow = estimate(chosen.parameters, records, 16, 2, doubled)
    assert slow.seconds > 1.9 * chosen.estimate.seconds
    total = slow.seconds + transfer_seconds(slow, line)
    assert f"about {total:.1f} s in all" in text, "times are this machine's, the choice is the reference's"
