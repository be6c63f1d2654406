"""The buyer's long commands: until there are scores to show, and on to the end of a trade."""

import sys
from pathlib import Path

import typer

from blindfair.agents.buyer.audit_size import AuditSize
from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.buyer.valuer import Choice
from blindfair.agents.store.journal import read_journal
from blindfair.agents.store.purchase_steps import CONFIRMED
from blindfair.api.amounts import Money
from blindfair.api.endings import raise_failure
from blindfair.cli.buyer.advice import note_advice
from blindfair.cli.buyer.distrust import remember_failure
from blindfair.cli.buyer.evaluations import remember_evaluation
from blindfair.cli.buyer.export import default_export, export_bought
from blindfair.cli.buyer.opened import opened_purchase
from blindfair.cli.buyer.report import evaluation_document, show_costs, show_evaluation, tell_outcome
from blindfair.cli.buyer.settings import BuyerSettings
from blindfair.cli.output import Output
from blindfair.cli.party.again import again
from blindfair.cli.party.screen import PartyScreen
from blindfair.cli.party.turns import Turns
from blindfair.cli.readings import show_readings, tables_document
from blindfair.influence.arrays import Floats
from blindfair.influence.reading import ColumnReading
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import CommittedGarbage, FaultProven, InvalidOption, OfferTooSmall
from blindfair.protocol.parts import credited_price
from blindfair.protocol.quantities import Wei
from blindfair.protocol.schema import ColumnKind
from blindfair.protocol.words import counted


def was_confirmed(directory: Path) -> bool:
    """Whether its owner has agreed to the purchase. Raises as `read_journal`."""
    journal = read_journal(directory / "journal.sqlite")
    if journal is None:
        return False
    try:
        return journal.intent(CONFIRMED) is not None
    finally:
        journal.close()


def show_scores(
    directory: Path,
    settings: BuyerSettings,
    password_file: Path | None,
    poll: float,
    output: Output,
    *,
    pays_fee: bool = False,
) -> None:
    """Ask, pay the fee if there is one and it was agreed to, wait for the answer, and show what it says.

    Raises what the evaluation raises.
    """
    with (
        PartyScreen() as screen,
        opened_purchase(directory, settings, password_file, screen, pays_fee=pays_fee) as purchase,
    ):
        own = purchase.valuer.readings
        for name, readings in own.items():
            show_readings(screen.lines, readings, "" if len(own) == 1 else name)
        if any(_is_number(each) for readings in own.values() for each in readings):
            screen.lines.item(
                "",
                "columns that the listing marks as codes are read as categories",
                style="dim",
            )
        try:
            evaluated, choice = Turns(screen, poll).until(purchase.evaluated)
        except (CommittedGarbage, FaultProven) as caught:
            remember_failure(settings.keystore, purchase.buyer.listing, Outcome.stopped(caught), screen.notices)
            raise
        remember_evaluation(settings.keystore, directory, evaluated, screen.notices)
        scores = purchase.valuer.real_scores(evaluated.scores[0], evaluated.listing.manifest)
        screen.still()
        prices = settings.options.purchase.prices
        tell_advice(
            purchase.buyer, evaluated, choice, scores, prices, password_file, output, tables_document(own),
            shows_fine_tuned=settings.options.shows_fine_tuned,
        )  # fmt: skip


def _is_number(reading: ColumnReading) -> bool:
    return reading.kind is ColumnKind.NUMBER and not reading.is_label


def tell_advice(
    buyer: Buyer,
    evaluated: Evaluated,
    choice: Choice,
    scores: Floats,
    prices: Money,
    password_file: Path | None,
    output: Output,
    readings: Document | None = None,
    *,
    shows_fine_tuned: bool = False,
) -> None:
    """What the scores advise, both ways, and what to type next where that will be bought; `readings` tell in the
    document how the buyer's tables were read, and `shows_fine_tuned` that the seller saw its changed layers."""
    refused = _refused(buyer, evaluated, choice)
    note_advice(buyer, evaluated, choice, scores, refused, prices)
    show_evaluation(output.lines, evaluated, choice, scores, refused, prices)
    if choice.records and refused is None:
        doubts = counted(len(choice.reasons), "doubt")
        despite = f"to buy in spite of the {doubts} above: " if choice.reasons else ""
        output.lines.item("next", despite + again("buyer buy", buyer.directory, password_file))
    output.document(
        {
            **evaluation_document(evaluated, choice, scores, refused, shows_fine_tuned=shows_fine_tuned),
            "tables": readings or {},
        }
    )


def _refused(buyer: Buyer, evaluated: Evaluated, choice: Choice) -> OfferTooSmall | None:
    """Why the buyer will not buy what it chose, if it is too little to be audited."""
    if not choice.records:
        return None
    try:
        AuditSize.of(evaluated).rows(buyer.policy, choice.records)
    except OfferTooSmall as error:
        return error
    return None


def complete(
    directory: Path,
    settings: BuyerSettings,
    password_file: Path | None,
    poll: float,
    output: Output,
    *,
    export: Path | None,
    confirmed: bool,
) -> None:
    """Take the purchase to its end, asking its owner first unless `confirmed` or agreed to before.

    Raises what ended it where an error did, FaultProven or NoAnswer for an order that was refunded, and what the agent
    raises.
    """
    with PartyScreen() as screen, opened_purchase(directory, settings, password_file, screen) as purchase:
        buyer, turns = purchase.buyer, Turns(screen, poll)
        prices = settings.options.purchase.prices
        if buyer.outcome is None:
            evaluated, choice = turns.until(purchase.evaluated)
            remember_evaluation(settings.keystore, directory, evaluated, screen.notices)
            price = credited_price(choice.price, evaluated.fee)
            if choice.records and not _agreed(buyer, choice, price, prices, screen, confirmed):
                output.lines.item("", "nothing was bought; the same command asks again")
                output.document({"final": None, "reason": "not agreed to"})
                return
        outcome = turns.until(purchase.ended)
        remember_failure(settings.keystore, buyer.listing, outcome, screen.notices)
        screen.still()
        if buyer.bought():
            target = export or default_export(directory, buyer.review().listing.manifest)
            output.lines.item("records", f"{export_bought(buyer, target, output.lines):,} in {target}")
        refunded_by_clock = any(step.startswith("refund") for step in buyer.receipts())
    tell_outcome(directory, settings, output, error_follows=True)
    raise_failure(outcome, refunded_by_clock=refunded_by_clock)


def _agreed(buyer: Buyer, choice: Choice, price: Wei, prices: Money, screen: PartyScreen, confirmed: bool) -> bool:
    """Whether to pay: agreed to before, now by option, or now by the owner's answer. Raises InsufficientFunds."""
    if buyer.journal.intent(CONFIRMED) is not None:
        return True
    buyer.wallet.check_means(buyer.policy.token, price, buyer.policy.gas_reserve, "the price")
    screen.still()
    show_costs(screen.lines if confirmed else screen.notices, buyer, choice, price, prices)
    if not confirmed:
        if not sys.stdin.isatty():
            raise InvalidOption(
                "Nobody can be asked whether to pay",
                expected="--yes",
                found="neither that nor a terminal",
                hint="look at the price above, then add --yes",
            )
        if not typer.confirm("Pay?", err=True):
            return False
    buyer.journal.note(CONFIRMED)
    return True
