"""Messages that a counterparty makes up and signs itself: whatever stands in them, the answer is an error with a name,
never a program that stops (PROTOCOL 8)."""

import contextlib
import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sealed_messages import pending, put_in, take_out
from trade import STAGES, World, make_parties

from blindfair.protocol.errors import BlindfairError
from blindfair.protocol.messages import read
from blindfair.protocol.messages.envelope import sign_envelope

pytestmark = pytest.mark.deep

STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 2**53 - 1, 0.5, 1e308, 5e-324, "", "a\nb", "0x", "0x" + "00" * 20, "0x" + "ff" * 32, "9" * 77,
    [], [[]], {}, {"kind": "identity", "k": 1}, [0] * 50, "x" * 600,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from places(item, (*path, key))


def made_up(body: Any, rng: random.Random) -> Any:
    """The body with one or two values replaced, dropped, doubled or slightly changed."""
    body = copy.deepcopy(body)
    for _ in range(rng.randint(1, 2)):
        path = rng.choice(list(places(body)))
        inner = body
        for key in path[:-1]:
            inner = inner[key]
        value, how = inner[path[-1]], rng.random()
        if how < 0.15 and isinstance(inner, dict):
            del inner[path[-1]]
        elif how < 0.25 and isinstance(inner, list):
            inner.insert(path[-1], value)
        elif how < 0.5 and isinstance(value, int | float):
            inner[path[-1]] = value * rng.choice([2, -1, 0.5, 1e9]) + rng.choice([0, 1, -1])
        elif how < 0.6 and isinstance(value, str) and value:
            place = rng.randrange(len(value))
            inner[path[-1]] = value[:place] + rng.choice("0123456789abcdef~") + value[place + 1 :]
        else:
            inner[path[-1]] = copy.deepcopy(rng.choice(STRANGE))
    return body


@pytest.mark.parametrize("stage", ["listed", "requested", "replied", "selected", "opened", "agreed", "delivered"])
def test_nothing_that_is_made_up_stops_an_agent(at: Callable[[str], World], stage: str) -> None:
    parties = make_parties(at(stage))
    agent, other = parties.both if STAGES.index(stage) % 2 == 0 else parties.both[::-1]
    true, _ = read(take_out(parties.world, agent), domain=agent.domain)
    rng, messages = random.Random(stage), set[bytes]()
    while len(messages) < 30:
        # What is no document cannot be signed.
        with contextlib.suppress(BlindfairError):
            envelope = sign_envelope(
                true.type,
                made_up(true.body, rng),
                true.parts,
                sender=other.address,
                domain=agent.domain,
                private_key=other.private_key,
            )
            messages.add(envelope.to_bytes())
    for message in messages - {true.to_bytes()}:
        put_in(parties.world, agent, message)
    agent.step()
    assert parties.deltas() == (0, 0)
    # A buyer takes one answer to a question, and ends with it if it is not the true one.
    assert pending(parties.world, agent) == [] or parties.buyer.outcome is not None
    assert len(agent.refusals()) > 5 or parties.buyer.outcome is not None
