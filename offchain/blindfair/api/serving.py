"""A seller of a program that answers over HTTP as well: the service beside its agent.

Not here: the service itself (`blindfair.http`), and the command (`cli.seller.serving`), which tells its owner more.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.seller import Seller
from blindfair.http.service import HttpService, ServiceOptions
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.fields import hex_text


@contextlib.contextmanager
def serving_over_http(
    agent: Seller, mail: Path | None, http: ServiceOptions | str | None, policy: SellerPolicy
) -> Iterator[str | None]:
    """Answer over HTTP in the block, at the URL that is given, None where `http` is None.

    `http` is HOST:PORT, or options with limits, certificate and public URL. Raises InvalidOption, also where the
    seller's mail is no folder, and what `HttpService` raises.
    """
    if http is None:
        yield None
        return
    if mail is None:
        raise InvalidOption(
            "`http` serves a mail folder",
            expected="a context whose `mail` is a folder",
            found="none",
            hint="pass `mail=FOLDER` to `connect`: nobody else needs to reach it",
        )
    options = ServiceOptions(http) if isinstance(http, str) else http
    with HttpService(
        replace(options, limits=options.limits.for_messages(policy.max_sealed_message)),
        mail=mail,
        seller=agent.address,
        domain=agent.domain,
        listings={hex_text(agent.listing): agent.manifest},
        on_trouble=lambda text: agent.tell("http", text),
    ) as service:
        yield service.url
