"""`seller serve --http`: the service beside the agent, its pages, and what its owner is told of it."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from blindfair.agents.seller.budget_ledger import spent_budget, spent_free_bits
from blindfair.agents.seller.listing import answer_cost
from blindfair.api.parties import SellerParty
from blindfair.cli.options import Serving
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.seller.announcing import announceable
from blindfair.cli.seller.settings import SellerSettings
from blindfair.http.limits import ServiceLimits
from blindfair.http.service import HttpService, ServiceOptions
from blindfair.http.wire import session_proof
from blindfair.pages.catalogue import Catalogue
from blindfair.pages.listing_view import BudgetUse, OfferedListing
from blindfair.protocol.errors import BlindfairError, InvalidOption
from blindfair.protocol.fields import hex_text
from blindfair.protocol.signing import Domain, address_of, recover_message_signer, sign_message

READ_AGAIN = "SIGHUP makes the program read its certificate again, but not its options and settings"

PAGES = "pages"
"""The folder in a seller's directory with the pages that its service shows."""

_CHECKS = 20
_PAGE_SECONDS = 10.0
"""Seconds between two looks at what is left of the budgets, which the pages show."""

_ABOUT_HTTP = ("public_url", "tls_cert", "tls_key", "proxy", "announce", "limit")


def check_serving(serving: Serving) -> None:
    """Check the options before anything is opened. Raises InvalidOption."""
    given = [name for name in _ABOUT_HTTP if getattr(serving, name) not in (None, False, [])]
    if serving.http is None:
        if given:
            raise InvalidOption(
                f"`{given[0]}` is about the HTTP service",
                expected="--http HOST:PORT beside it",
                found="no --http",
                hint="add --http, such as --http 0.0.0.0:8440",
            )
        return
    options = _options(serving, ServiceLimits().changed(serving.limit or ()))
    _, port = options.place()
    options.check_tls()
    url = options.url(port)
    if serving.announce:
        announceable(url, "public_url")


def _options(serving: Serving, limits: ServiceLimits) -> ServiceOptions:
    return ServiceOptions(
        serving.http or "", serving.public_url, serving.tls_cert, serving.tls_key, serving.proxy, limits
    )


@dataclass(slots=True)
class ServedPages:
    """The pages of a service, written again while it serves."""

    service: HttpService
    party: SellerParty
    settings: SellerSettings
    screen: PartyScreen
    catalogue: Catalogue
    not_before: float = 0.0

    def turn(self) -> None:
        """Write what has changed. Trouble with a page is shown, and holds up no order."""
        if time.monotonic() < self.not_before:
            return
        self.not_before = time.monotonic() + _PAGE_SECONDS
        try:
            self.catalogue.write([_offered(self.party, self.settings)])
        except BlindfairError as error:
            self.screen.trouble(error)


def _offered(party: SellerParty, settings: SellerSettings) -> OfferedListing:
    """The listing, with what was used of its budgets so far."""
    journal, manifest, options = party.agent.journal, party.agent.manifest, settings.options
    _, disclosed, opened = spent_budget(journal)
    used = BudgetUse(disclosed, spent_free_bits(journal) + opened * manifest.terms.record_bits, opened)
    return OfferedListing(manifest, options.prices, is_named_only=bool(options.buyers), used=used)


@contextlib.contextmanager
def served_over_http(
    serving: Serving, settings: SellerSettings, party: SellerParty, screen: PartyScreen
) -> Iterator[ServedPages | None]:
    """Answer over HTTP in the block, where that is asked for, with the pages that are given. Raises what `HttpService`
    raises."""
    if serving.http is None:
        yield None
        return
    if settings.at is not None:
        raise InvalidOption(
            "`http` serves a mail folder",
            expected="a seller whose mail is a folder",
            found=settings.at,
            hint="leave --http out, or move the mail to a folder with --mail DIR",
        )
    policy = settings.options.policy()
    limits = ServiceLimits().for_messages(policy.max_sealed_message).changed(serving.limit or ())
    options = _options(serving, limits)
    agent = party.agent
    domain = Domain(agent.exchange.chain_id, agent.exchange.address)
    with HttpService(
        options,
        mail=settings.mail,
        seller=party.address,
        domain=domain,
        listings={hex_text(party.listing): agent.manifest},
        pages=agent.directory / PAGES,
        on_trouble=lambda text: screen.notices.item("trouble", text, style="dim"),
    ) as service:
        pages = ServedPages(service, party, settings, screen, Catalogue(agent.directory / PAGES, service.url))
        pages.turn()
        if screen.telemetry is not None:
            screen.telemetry.show_service(lambda: service.counts)
        screen.lines.item("http", f"buyers use --at {service.url}, and read it in a browser")
        screen.lines.item(
            "", f"a stranger's request costs at most {limits.stranger_cost()}; a check takes {_check_ms(domain):.1f} ms"
        )
        screen.lines.item("", f"the answer to an inquiry takes {answer_cost(agent.manifest, policy)}")
        if options.is_open_to_listeners:
            screen.notices.item(
                "but",
                "without TLS others on the way see who asks, and can take away messages; they cannot read or forge one",
                style="yellow",
            )
        yield pages


def read_again(service: HttpService | None, screen: PartyScreen) -> None:
    """Do what SIGHUP asks for, and say what it does not do."""
    if service is None:
        screen.notices.item("reload", f"nothing is read again without --http: {READ_AGAIN}")
        return
    try:
        service.reload()
    except InvalidOption as error:
        screen.notices.item("reload", f"the service goes on as it was: {error}", style="yellow")
    else:
        screen.notices.item("reload", f"the HTTP service starts again with the certificate as it is now; {READ_AGAIN}")


def _check_ms(domain: Domain) -> float:
    """Milliseconds that the check of a signature takes here."""
    key = bytes(31) + b"\1"
    kind, body = session_proof("https://example.org", address_of(key), "00" * 32, 0)
    signature = sign_message(domain, kind, body, key)
    recover_message_signer(domain, kind, body, signature)
    began = time.perf_counter()
    for _ in range(_CHECKS):
        recover_message_signer(domain, kind, body, signature)
    return (time.perf_counter() - began) / _CHECKS * 1000
