"""100 buyers ask one seller of 20,000 records at once, over HTTP: in order, fairly, and in bounded memory.

`pytest -s -m deep tests/http/test_many_buyers.py` prints what it took. One encrypted query stands for all: its keys
cost each buyer a second to make, and the seller nothing that depends on whose they are. Everything else is real:
accounts, signatures, sealed messages, uploads, blind evaluation of every request, sealed replies.
"""

import json
import re
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from served import Person
from trade import HandValuer, World, any_listing_spec, table

from blindfair.agents.buyer.question import ask
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.seller import Seller
from blindfair.http.limits import ServiceLimits
from blindfair.http.service import HttpService, ServiceOptions
from blindfair.protocol.messages import sign
from blindfair.protocol.quantities import ETHER, Address, Timestamp, Wei
from blindfair.protocol.records import encode_row
from blindfair.protocol.sealed_message import new_message_seal, seal_message
from blindfair.protocol.sealing import new_sealing_keypair
from blindfair.protocol.signing import Domain

RECORDS, BUYERS, GREEDY = 20_000, 100, 4
CROWD = Path(__file__).parent / "support" / "crowd.py"
FROM_ONE_ADDRESS = ServiceLimits(
    connections_of_address=400, address_rate=1000, address_burst=1000, proof_rate=1000, proof_burst=1000
)
"""All buyers of the test are at one address; at 100 addresses the limits would be those of every service."""


def records() -> list[bytes]:
    """The rows of the real table, again and again with a little noise on each measurement."""
    rows, rng = table(), np.random.default_rng(7)
    found = []
    for number in range(RECORDS):
        row = rows[number % len(rows)]
        noise = rng.normal(1.0, 0.01, len(row) - 1)
        found.append(encode_row((*(float(a * b) for a, b in zip(row[:-1], noise, strict=True)), row[-1])))
    return found


def memory(pid: int | str, line: str) -> int:
    """Bytes of resident memory of a process: VmRSS now, VmHWM at most."""
    found = re.search(rf"{line}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found.group(1)) * 1024


@pytest.mark.deep
def test_a_hundred_buyers_at_once_are_served_in_order_and_in_bounded_memory(tmp_path: Path) -> None:
    world, people = World(tmp_path / "world"), [Person() for _ in range(BUYERS)]
    policy = SellerPolicy(buyers=frozenset(person.address for person in people))
    many = 200 * RECORDS * 10
    spec = any_listing_spec(records(), disclosed_bits=many, free_bits=0, evaluation_fee=Wei(0))
    mail = tmp_path / "mail"
    from blindfair.agents.messaging.transport import FolderTransport

    order: list[Address] = []

    class Noting(Seller):
        def _scores(self, digest: Any, request: Any, rows: Any) -> bytes:
            order.append(request.buyer)
            return super()._scores(digest, request, rows)

    context = replace(world.context(), transport=lambda own, _: FolderTransport(mail, own))
    seller = Noting(tmp_path / "seller", context, spec, policy)
    world.fund(seller.address)
    while not seller.step() or seller.waiting is not None:
        world.chain.mine(1)
        if world.exchange.seller_of(seller.listing) == seller.address:
            break
    domain = Domain(world.exchange.chain_id, world.exchange.address)
    for person in people:
        # As if it had asked for the listing before: an account that the seller has answered.
        (mail / person.address).mkdir(mode=0o700, exist_ok=True)
    plan = written(tmp_path, seller, people, domain, Timestamp(world.exchange.now() + 10**6))
    options = ServiceOptions("127.0.0.1:0", limits=FROM_ONE_ADDRESS)
    before = memory("self", "VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    with HttpService(options, mail=mail, seller=seller.address, domain=domain, listings={}) as service:
        (tmp_path / "plan").write_text(json.dumps({**plan, "url": service.url}))
        crowd = subprocess.Popen([sys.executable, CROWD, tmp_path / "plan"], stdout=subprocess.PIPE, text=True)
        began = time.time()
        while crowd.poll() is None and time.time() < began + 3600:
            if not seller.step():
                time.sleep(0.2)
            if len(order) >= BUYERS + GREEDY - 1 and not seller.step():
                break
        took, served = time.time() - began, memory(service.pid, "VmHWM")
        seen = json.loads(crowd.communicate(timeout=300)[0])
    most = memory("self", "VmHWM")
    waits = [one["answered"][0] - one["sent"][0] for one in seen]
    places = [place for one in seen for place in one["places"]]
    told = [place for place in places if place[1] is not None]
    errors = [
        abs(place[1] - (one["answered"][0] - place[2]))
        for one in seen
        for place in one["places"]
        if place[1] is not None and place[2] < one["answered"][0]
    ]
    size = Path(plan["buyers"][0]["requests"][0]).stat().st_size
    print(
        f"\n{len(order)} evaluations of {RECORDS:,} records for {BUYERS} accounts in {took:,.0f} s "
        f"({took / len(order):.1f} s each); a request has {size:,} bytes, a reply {seen[0]['sizes'][0]:,}\n"
        f"seller {before / 2**20:,.0f} MiB before, {most / 2**20:,.0f} MiB at most; service {served / 2**20:,.0f} MiB\n"
        f"first answer after {min(waits):,.0f} s, median {median(waits):,.0f} s, last {max(waits):,.0f} s; "
        f"farthest place told {max(place[0] for place in places)}, "
        f"told times off by {median(errors):,.0f} s in the median"
    )
    # Everybody was answered, in the order in which they came: by a second of arrival, which uploads at once blur.
    assert seller.refusals() == ()
    assert all(len(one["answered"]) == len(one["sent"]) for one in seen)
    sent = {person.address: one["sent"][0] for person, one in zip(people, seen, strict=True)}
    firsts = list(dict.fromkeys(order))
    latest, late = 0.0, 0.0
    for who in firsts:
        latest = max(latest, sent[who])
        late = max(late, latest - sent[who])
    assert late < 3.0
    # One account with several requests waits for everybody's first before its second.
    greedy = [place for place, who in enumerate(order) if who == people[0].address]
    assert len(greedy) == GREEDY and greedy[1] >= BUYERS - 1
    # Places and times were told; and what the requests take is not in memory.
    assert len({place[0] for place in places}) > BUYERS // 2 and told
    assert most - before < 400 * 2**20 and served < 200 * 2**20
    seller.close()
    world.close()


def written(home: Path, seller: Seller, people: list[Person], domain: Domain, expiry: Timestamp) -> dict[str, Any]:
    """Every buyer's requests as sealed messages in files, and the plan of the crowd."""
    pair, manifest = new_sealing_keypair(), seller.manifest
    question = HandValuer(changes={"bits": (1,)}).question(manifest)
    first, _ = ask(
        question, manifest, buyer=people[0].address, buyer_hpke=pair.public, expiry=expiry, token=ETHER, fee=Wei(0)
    )
    buyers = []
    for number, person in enumerate(people):
        paths = []
        for each in range(GREEDY if number == 0 else 1):
            # Another scoring model each time: an account has one evaluation of each.
            weights = first.weights[:-8] + struct.pack("<d", each / 100)
            request = replace(first, buyer=person.address, nonce=bytes([each]) + person.key[1:], weights=weights)
            data = sign(request, sender=person.address, domain=domain, private_key=person.key).to_bytes()
            seal = new_message_seal(sender=person.address, receiver=seller.address, key=manifest.seller_hpke)
            path = home / f"request-{number}-{each}"
            path.write_bytes(seal_message(data, seal, sender=person.address))
            paths.append(str(path))
        buyers.append({"key": person.key.hex(), "requests": paths})
    return {
        "chain_id": domain.chain_id,
        "contract": domain.contract,
        "seller": seller.address,
        "seconds": 3600,
        "buyers": buyers,
    }
