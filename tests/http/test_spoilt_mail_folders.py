"""What other users of a shared mail folder put beside the mailboxes stops no service."""

import json
from pathlib import Path

from served import Person, Served


def test_a_folder_in_place_of_the_queue_stops_no_mailbox(served: Served) -> None:
    """The queue is for people to read, and nothing else depends on it. Each answer that left a file open would bring
    the service nearer to its end."""
    buyer = Person()
    queue = served.mail / f".queue-{served.seller.address}"
    queue.mkdir()
    served.inbox.send(buyer.address, b"B for the buyer")
    own = {"Authorization": f"Bearer {served.token(buyer)}"}
    for _ in range(3):
        answer = served.ask("GET", "/v1/mailbox", own)
        assert answer.status == 200 and len(json.loads(answer.body)["messages"]) == 1
    assert served.inbox.queue_place(served.seller.address) is None
    before = len([*Path("/dev/fd").iterdir()])
    for _ in range(20):
        served.inbox.queue_place(served.seller.address)
    # Fewer where the process lets go of what other tests have left.
    assert len([*Path("/dev/fd").iterdir()]) <= before
    queue.rmdir()
