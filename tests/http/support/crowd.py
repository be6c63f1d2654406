"""A crowd of buyers as a program: `crowd.py PLAN`; prints what each of them saw, in JSON.

PLAN has the service, its chain and contract, the seller, and for each buyer a key and the files of its requests. Each
buyer is a thread with the HTTP transport of an agent: it sends its requests, looks at its mailbox, and takes answers.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from blindfair.http.client import HttpTransport
from blindfair.protocol.errors import StateError
from blindfair.protocol.quantities import Address, Digest, Signature
from blindfair.protocol.signing import Domain, address_of, sign_message

POLL = 2.0


def visit(plan: dict[str, Any], number: int, seen: list[Any]) -> None:
    """One buyer, until all its requests are answered."""
    key = bytes.fromhex(plan["buyers"][number]["key"])
    domain = Domain(plan["chain_id"], Address(plan["contract"]))

    def sign(kind: Digest, body: Digest) -> Signature:
        return sign_message(domain, kind, body, key)

    transport = HttpTransport(plan["url"], address_of(key), sign, domain)
    found: dict[str, list[Any]] = {"sent": [], "answered": [], "sizes": [], "places": [], "troubles": []}
    seen[number] = found
    for path in plan["buyers"][number]["requests"]:
        message = Path(path).read_bytes()
        while True:
            try:
                transport.send(Address(plan["seller"]), message)
                break
            except StateError:
                found["troubles"].append(time.time())
                time.sleep(1)
        found["sent"].append(time.time())
        del message
    ends = time.time() + plan["seconds"]
    while len(found["answered"]) < len(found["sent"]) and time.time() < ends:
        try:
            for handle, size in list(transport.pending()):
                if transport.receive(handle):
                    found["answered"].append(time.time())
                    found["sizes"].append(size)
                    transport.done(handle)
            place = transport.queue_place(Address(plan["seller"]))
            if place is not None:
                found["places"].append([place.place, place.seconds, time.time()])
        except StateError:
            found["troubles"].append(time.time())
        time.sleep(POLL)
    transport.release()


def main() -> None:
    """All of them at once."""
    plan = json.loads(Path(sys.argv[1]).read_bytes())
    seen: list[Any] = [None] * len(plan["buyers"])
    threads = [threading.Thread(target=visit, args=(plan, number, seen)) for number in range(len(seen))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
