"""Turns in real time: waits are told once, a failing node is retried for a while, other errors are passed on at
once."""

import math
from collections.abc import Callable, Iterable

import pytest

from blindfair.agents.waiting import Waiting
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.turns import Turns
from blindfair.protocol.errors import BlindfairError, InsufficientFunds, NodeFailure


def attempts(*results: object) -> Callable[[], object]:
    """An attempt that goes differently each time."""
    left: Iterable[object] = iter(results)

    def attempt() -> object:
        result = next(left)  # type: ignore[call-overload]
        if isinstance(result, Exception):
            raise result
        return result

    return attempt


def test_waits_end_with_what_was_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    wait = Waiting("the [red]seller[/] sleeps")
    with PartyScreen() as screen:
        assert Turns(screen, 0.0).until(attempts(wait, wait, Waiting("a block"), 7)) == 7
    told = capsys.readouterr().err
    assert told.count("the [red]seller[/] sleeps") == told.count("a block") == 1


def test_a_failing_node_is_retried_and_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    down = NodeFailure("no node")
    with PartyScreen() as screen:
        assert Turns(screen, 0.0).until(attempts(down, down, Waiting("a block"), down, 7)) == 7
    assert capsys.readouterr().err.count("NodeFailure: no node") == 2


def test_patience_with_a_node_ends() -> None:
    with PartyScreen() as screen, pytest.raises(NodeFailure):
        Turns(screen, 0.01, patience=0.0).until(attempts(NodeFailure("no node"), NodeFailure("no node"), 7))


def test_other_errors_pass_at_once_unless_they_are_to_be_retried() -> None:
    poor = InsufficientFunds("no money")
    with PartyScreen() as screen:
        with pytest.raises(InsufficientFunds):
            Turns(screen, 0.0).until(attempts(poor, 7))
        assert Turns(screen, 0.0, patience=math.inf, retried=BlindfairError).until(attempts(poor, poor, 7)) == 7
