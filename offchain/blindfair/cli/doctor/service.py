"""What `blindfair doctor` asks a seller's HTTP service or a store of messages: whether it is one, and how long it
takes."""

import time
from collections.abc import Iterator

from blindfair.agents.messaging.mail_store import MailStore
from blindfair.chain.deployment import Deployment
from blindfair.cli.doctor.finding import Finding
from blindfair.http.catalogue import check_service
from blindfair.protocol.signing import Domain


def look_at_service(at: str, deployment: Deployment | None) -> Iterator[Finding]:
    """Look at a service. Raises what `check_service` raises."""
    began = time.monotonic()
    info = check_service(at, None if deployment is None else Domain(deployment.chain_id, deployment.address))
    took = round((time.monotonic() - began) * 1000)
    told = f"{info.url} of {info.seller}, for {info.domain.contract} on chain {info.domain.chain_id}, in {took:,} ms"
    yield Finding("service", True, told)


def look_at_store(url: str) -> Iterator[Finding]:
    """Look at a store of messages; nothing is written. Raises what `MailStore` raises."""
    began = time.monotonic()
    store = MailStore(url)
    store.check()
    yield Finding("mail", True, f"{store.url} is there, and answers in {round((time.monotonic() - began) * 1000):,} ms")
