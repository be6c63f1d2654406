"""An honest buyer is answered while strangers flood the service with requests of every kind."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from served import Person, is_alive, serving

pytestmark = pytest.mark.deep

SECONDS = 12.0
SOURCES = [f"127.0.2.{number}" for number in range(1, 9)]
FLOODING = Path(__file__).parent / "support" / "flooding.py"


def test_an_honest_buyer_is_answered_under_a_flood(tmp_path: Path) -> None:
    buyer = Person()
    with serving(tmp_path) as served:
        flood = subprocess.Popen(
            [sys.executable, FLOODING, str(served.port), str(SECONDS), *SOURCES], stdout=subprocess.PIPE, text=True
        )
        began = time.monotonic()
        time.sleep(1)
        client, took = served.client(buyer), []
        client.hold("the honest buyer")
        answered = 0
        while time.monotonic() - began < SECONDS - 3:
            started = time.monotonic()
            client.send(served.seller.address, buyer.inquiry(answered))
            for handle, _ in list(served.inbox.pending()):
                served.inbox.done(handle)
                served.inbox.send(buyer.address, b"B" + str(answered).encode() * 5000)
            [(handle, _)] = client.pending()
            assert client.receive(handle).startswith(b"B")
            client.done(handle)
            answered += 1
            took.append(time.monotonic() - started)
        hostile = int(flood.communicate(timeout=60)[0])
        assert is_alive(served)
    rate = hostile / SECONDS
    print(f"{rate:,.0f} hostile requests a second; {answered} honest round trips, {max(took):.2f} s at most")
    # Fewer only where the machine is busy with something else.
    assert rate > 500
    assert answered >= 5 and max(took) < 5
