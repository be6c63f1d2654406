"""The buyer's agent, opened from its directory, with what its owner needs to read the answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.buyer.valuer import Choice
from blindfair.agents.context import Event
from blindfair.agents.evaluation.preprocessing import listed_texts
from blindfair.api.defaults import QUERIES
from blindfair.api.listing_text_valuer import ListingTextValuer
from blindfair.api.listing_valuer import ListingValuer
from blindfair.api.own_records import OwnRecords, TableOptions
from blindfair.api.own_texts import OwnTexts, own_sources
from blindfair.api.parties import BuyerParty, open_buyer
from blindfair.api.purchase_options import PurchaseOptions
from blindfair.cli.buyer.estimate import show_estimate
from blindfair.cli.buyer.evaluations import check_not_evaluated
from blindfair.cli.buyer.fee import agreed_fee
from blindfair.cli.buyer.settings import BuyerSettings
from blindfair.cli.flags import with_flags
from blindfair.cli.machine_costs import machine_costs
from blindfair.cli.party.access import open_context
from blindfair.cli.party.screen import PartyScreen
from blindfair.influence.text import Difference
from blindfair.pricing.learners import LEARNERS
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import Address
from blindfair.protocol.units import Units


@dataclass(frozen=True, slots=True)
class OpenedBuyer:
    """One purchase, as far as it is."""

    party: BuyerParty
    valuer: ListingValuer | ListingTextValuer

    @property
    def buyer(self) -> Buyer:
        """The agent."""
        return self.party.agent

    def evaluated(self) -> tuple[Evaluated, Choice]:
        """Return the scores and what they advise. Raises Waiting, and what the evaluation raises."""
        return self.party.evaluated()

    def ended(self) -> Outcome:
        """Return how the trade ended. Raises Waiting while it goes on, and what the agent raises."""
        return self.party.ended()


@contextmanager
def opened_purchase(
    directory: Path, settings: BuyerSettings, password_file: Path | None, screen: PartyScreen, *, pays_fee: bool = False
) -> Iterator[OpenedBuyer]:
    """The agent of a directory that was begun; closed at the end. With `pays_fee` the listing's fee is agreed to.

    Raises what `open_context`, `open_buyer` and the tables' reading raise.
    """
    options, tables = settings.options.purchase, settings.options.tables
    listing, seller = settings.options.bought_from

    def watch(event: Event) -> None:
        # How it ended is the command's result, and is told once.
        if event.step != "outcome":
            screen.event(event)

    context = open_context(settings, password_file, watch)
    sources = own_sources(settings.tables, directory)
    valuer: ListingValuer | ListingTextValuer

    def check_new(manifest: Manifest) -> None:
        if context.account is not None:
            account = Address(context.account.address.lower())
            check_not_evaluated(settings.keystore, account, listing, valuer.known_model(manifest))

    if isinstance(tables, OwnTexts):
        base, sent = tables.base(), tables.sent_base()
        fine_tuned = tables.difference(base, directory)

        def before_texts(manifest: Manifest) -> None:
            check_new(manifest)
            travels = sent is not None and base.digest not in listed_texts(manifest).base_models
            tell_shown(screen, fine_tuned, sent.size if sent and travels else 0)

        valuer = ListingTextValuer(
            base,
            tables.read(sources),
            options,
            tables.seed,
            before_texts,
            show_query=tables.show_query,
            fine_tuned=fine_tuned,
            sent_base=sent,
        )
        context = replace(context, base_models=valuer.base_models)
    else:
        valuer = _of_table(tables.read(sources), tables, options, screen, check_new)
    with open_buyer(
        directory,
        context,
        valuer,
        options.policy(),
        seller=seller,
        listing=listing,
        fee_limit=lambda cost: agreed_fee(cost, options, screen, confirmed=pays_fee),
    ) as party:
        yield OpenedBuyer(party, valuer)


def tell_shown(screen: PartyScreen, fine_tuned: Difference | None, base: int) -> None:
    """Say before anything is asked, in quiet too, what the seller will see: how the buyer's fine-tuned model differs
    from the base, and bytes of a base model that travels, 0 for none."""
    if fine_tuned is not None:
        is_adapter = fine_tuned.lora is not None
        what = "the weights of your adapter" if is_adapter else "each layer of your model that differs from the base"
        text = (
            f"the seller will see {what}, {fine_tuned.size:,} numbers: your fine-tuned model. Without "
            f"`{'adapter' if is_adapter else 'fine_tuned'}` it sees nothing of it"
        )
        screen.notices.item("adapter" if is_adapter else "fine-tuned", with_flags(text), style="yellow")
    if base:
        text = f"the seller will see your whole base model, about {base:,} bytes, because it does not hold it"
        screen.notices.item("base model", text, style="yellow")


def _of_table(
    own: OwnRecords,
    tables: TableOptions,
    options: PurchaseOptions,
    screen: PartyScreen,
    check: Callable[[Manifest], None],
) -> ListingValuer:
    learner = LEARNERS[options.model]()

    def before_asking(manifest: Manifest) -> None:
        check(manifest)
        units = Units.named(options.disclosure, manifest.record_count)
        schema = valuer.schema(manifest)
        width = learner.for_label(schema).dimension(schema, len(own.train) + len(own.validation))
        costs = machine_costs(lambda text: screen.lines.item("machine", text))
        # Groups, and labels that are not of two classes, are asked for their score alone.
        queries = QUERIES if units.size == 1 and len(schema.classes) == 2 else 1
        show_estimate(screen.lines, units, width, options.bytes_per_second, costs, queries=queries)

    def warn(text: str) -> None:
        # A person sees it before the question whether to pay, in quiet too.
        screen.notices.item("but", with_flags(text), style="yellow")

    valuer = ListingValuer(own, tables, options, before_asking, warn)
    return valuer
