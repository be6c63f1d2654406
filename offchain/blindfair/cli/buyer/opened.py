"""The buyer's agent, opened from its directory, with what its owner needs to read the answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.buyer.valuer import Choice
from blindfair.agents.context import Event
from blindfair.agents.waiting import Waiting
from blindfair.blind.plan import plan
from blindfair.cli.amounts import Money
from blindfair.cli.buyer.estimate import show_estimate
from blindfair.cli.buyer.fee import agreed_fee, explained
from blindfair.cli.buyer.listing_valuer import ListingValuer
from blindfair.cli.buyer.options import PurchaseOptions
from blindfair.cli.buyer.own_records import TableOptions
from blindfair.cli.defaults import QUERIES
from blindfair.cli.party.access import open_context
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.settings import SETTINGS, Settings
from blindfair.cli.party.turns import advance
from blindfair.influence.threads import one_thread
from blindfair.pricing.learners import LEARNERS
from blindfair.protocol.addresses import read_address
from blindfair.protocol.errors import JournalDamaged, MalformedFile, Refused
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.units import Units


@dataclass(frozen=True, slots=True)
class OpenedBuyer:
    """One purchase, as far as it is."""

    buyer: Buyer
    valuer: ListingValuer
    prices: Money

    def evaluated(self) -> tuple[Evaluated, Choice]:
        """The scores and what they advise. Raises Waiting, and what the evaluation raises."""
        try:
            evaluated = self.buyer.review()
        except Refused as refused:
            raise explained(refused, self.buyer, self.prices) from refused
        return evaluated, self.buyer.choice(evaluated)

    def ended(self) -> Outcome:
        """How the trade ended. Raises Waiting while it goes on, and what the agent raises."""
        advance(self.buyer, lambda: self.buyer.outcome is not None)
        if self.buyer.outcome is None:
            raise Waiting("the trade goes on")
        return self.buyer.outcome


@contextmanager
def opened_purchase(
    directory: Path, settings: Settings, password_file: Path | None, screen: PartyScreen, *, pays_fee: bool = False
) -> Iterator[OpenedBuyer]:
    """The agent of a directory that was begun; closed at the end. With `pays_fee` the listing's fee is agreed to.

    Raises what `open_context`, `Agent` and the tables' reading raise.
    """
    options, stored = PurchaseOptions.from_document(settings.options), settings.options.get("tables")
    tables = TableOptions.from_document(stored if isinstance(stored, dict) else {})
    listing, seller = options.listing_id, settings.options.get("seller")
    if listing is None or not isinstance(seller, str):
        raise JournalDamaged("The settings lack the listing that is bought from", found=directory)
    seller = read_address(seller, f"The seller in {directory / SETTINGS}", MalformedFile, "restore it from a backup")
    own = tables.read({name: directory / name for name in settings.tables})

    def watch(event: Event) -> None:
        # How it ended is the command's result, and is told once.
        if event.step != "outcome":
            screen.event(event)

    context = open_context(settings, password_file, watch)
    learner = LEARNERS[options.model]()

    def tell_estimate(manifest: Manifest) -> None:
        units = Units.named(options.disclosure, manifest.record_count)
        width = learner.dimension(valuer.schema(manifest), len(own.train) + len(own.validation))
        queries = QUERIES if units.size == 1 else 1
        chosen = plan(units.count, width, queries, options.bytes_per_second)
        show_estimate(screen.lines, units, width, chosen)

    def warn(text: str) -> None:
        # A person sees it before the question whether to pay, in quiet too.
        screen.notices.item("but", text, style="yellow")

    valuer = ListingValuer(own, tables, options, tell_estimate, warn)
    with one_thread():
        buyer = Buyer(
            directory,
            context,
            valuer,
            options.policy(),
            seller=seller,
            listing=listing,
            fee_limit=lambda cost: agreed_fee(cost, options, screen, confirmed=pays_fee),
        )
        try:
            yield OpenedBuyer(buyer, valuer, options.prices)
        finally:
            buyer.close()
