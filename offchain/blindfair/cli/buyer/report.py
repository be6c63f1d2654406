"""Output of the buyer's commands, as text and as documents."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from blindfair.agents.buyer.audit_size import AuditSize
from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.evaluation_cost import EvaluationCost
from blindfair.agents.buyer.selecting import NOT_AUDITED
from blindfair.agents.buyer.valuer import Choice
from blindfair.agents.evaluation.preprocessing import holds_texts, listed_schema
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.journal_summary import BuyerSummary, buyer_summary
from blindfair.api.amounts import IN_ETHER, Money, show_ether
from blindfair.api.information import evaluation_fee, information_document, information_text, told_text
from blindfair.api.listing_text import columns_document, columns_text, label_text, reading_text
from blindfair.chain.costs import ACCEPT, ACCEPT_TOKEN, RELEASE, dispute_gas, gas_price
from blindfair.chain.deployment import open_exchange
from blindfair.cli.buyer.announced import (
    AnnouncedFindings,
    announced_document,
    show_left_out,
    show_one_announced,
)
from blindfair.cli.buyer.fee import bits_text, cost_document, paid_text
from blindfair.cli.buyer.find import ChainListing
from blindfair.cli.buyer.forecast_text import forecast_basis, forecast_document, forecast_text
from blindfair.cli.buyer.settings import BuyerSettings
from blindfair.cli.flags import with_flags
from blindfair.cli.lines import Lines
from blindfair.cli.output import Output
from blindfair.cli.party.again import again
from blindfair.influence.arrays import Floats
from blindfair.influence.written import unread_columns
from blindfair.pricing.gain_forecast import LOSS_UNITS, NATS
from blindfair.pricing.worth import interval_text
from blindfair.protocol.documents import Document, JsonValue
from blindfair.protocol.errors import NodeFailure, OfferTooSmall, WrongContract
from blindfair.protocol.fields import hex_text
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.parts import credited_price
from blindfair.protocol.quantities import Address, Gas, ListingId, Wei
from blindfair.protocol.units import Units
from blindfair.protocol.words import counted

TEXT_UNIT = "cosines of row and query times the query's size"
"""The unit of scores of texts: their rows are of length 1."""

_NOTHING_ANNOUNCED = AnnouncedFindings()


def found_document(
    events: Sequence[ChainListing],
    manifests: Mapping[ListingId, Manifest],
    announced: AnnouncedFindings | None = None,
) -> Document:
    """Listings, oldest first. `manifest` is null where the seller did not answer, `block` where the node keeps no logs
    as old as that, `announced` where its seller announced no service, as far as `announcements_known` says so."""
    found = announced or _NOTHING_ANNOUNCED
    return {
        "announced_by_strangers": found.strangers,
        "announcements_known": announced is not None and announced.is_known,
        "listings": [
            {
                "announced": announced_document(found, event.listing),
                "block": event.block_number,
                "listing": hex_text(event.listing),
                "manifest": None if event.listing not in manifests else _manifest(manifests[event.listing]),
                "seller": event.seller,
            }
            for event in events
        ],
    }


def _manifest(manifest: Manifest) -> Document:
    """What a buyer chooses by; not the chunks."""
    return {
        **columns_document(manifest),
        "columns": [column.name for column in manifest.schema.columns],
        "consent": manifest.consent,
        "description": manifest.description,
        "information": information_document(manifest),
        "label": manifest.schema.label,
        "licence": manifest.licence,
        "name": manifest.name,
        "records": manifest.record_count,
        "terms": manifest.terms.to_document(),
    }


def show_found(
    lines: Lines,
    events: Sequence[ChainListing],
    manifests: Mapping[ListingId, Manifest],
    monies: Mapping[Address, Money],
    announced: AnnouncedFindings = _NOTHING_ANNOUNCED,
) -> None:
    """The same for people; `monies` are the tokens that are known."""
    if not events:
        lines.item("find", "nothing is listed on this chain")
    for event in events:
        block = "" if event.block_number is None else f", block {event.block_number:,}"
        lines.item("listing", f"{hex_text(event.listing)} of {event.seller}{block}")
        show_one_announced(lines, announced, event.listing)
        manifest = manifests.get(event.listing)
        if manifest is None:
            lines.item("", "its seller has not said what it is", style="dim")
            continue
        lines.item("", f"{manifest.name}: {manifest.record_count:,} records; label {label_text(manifest)}")
        lines.item("", f"columns: {columns_text(manifest)}", style="dim")
        if reading := reading_text(manifest):
            lines.item("", reading, style="dim")
        lines.item(
            "",
            f"at least {_amount(manifest, manifest.terms.reserve_price, monies)} a record, "
            f"disclosure {' or '.join(manifest.terms.disclosures)}",
        )
        lines.item("", information_text(manifest))
        lines.item("", f"an evaluation that is not free costs {_fee(manifest, monies)}")
        if unread := unread_columns(manifest.schema):
            lines.item("", f"no model reads: {', '.join(unread)}", style="dim")
        lines.item("", f"licence: {manifest.licence}; consent: {manifest.consent}", style="dim")
    show_left_out(lines, announced)


def show_not_believed(lines: Lines, left_out: Mapping[ListingId, str]) -> None:
    """Say which listings of a service are not shown, and why."""
    for number, reason in left_out.items():
        lines.item("left out", f"{hex_text(number)}: {reason}", style="yellow")


def left_out_document(left_out: Mapping[ListingId, str]) -> list[JsonValue]:
    """The same for programs."""
    return [{"listing": hex_text(number), "reason": reason} for number, reason in left_out.items()]


def _amount(manifest: Manifest, amount: Wei, monies: Mapping[Address, Money]) -> str:
    token = manifest.terms.tokens[0]
    if token not in monies:
        return f"{amount} units of {token}"
    money = monies[token]
    return money.show(amount) + ("" if money == IN_ETHER else f" (token {token})")


def _fee(manifest: Manifest, monies: Mapping[Address, Money]) -> str:
    fee = evaluation_fee(manifest)
    return "nothing" if not fee else f"{_amount(manifest, fee, monies)} for {told_text(manifest)}"


def scored(units: Units) -> str:
    """Return the scored units in words."""
    if units.size == 1:
        return f"{units.records:,} records"
    return (
        f"all {units.records:,} records together"
        if units.count == 1
        else (f"{units.count:,} groups of {units.size:,} records")
    )


def evaluation_document(
    evaluated: Evaluated, choice: Choice, scores: Floats, refused: OfferTooSmall | None, *, shows_fine_tuned: bool
) -> Document:
    """Scores in the unit of the label's loss, of texts in `TEXT_UNIT`, positive = helpful; what they advise, and on
    what that rests. `refused` says why that will not be bought, if it will not, and `shows_fine_tuned` whether the
    seller saw changed layers."""
    low, median, high = (float(value) for value in np.percentile(scores, [0, 50, 100]))
    return {
        "can_be_audited": refused is None and not evaluated.units.is_total,
        "disclosure": evaluated.request.disclosure,
        "evaluation": hex_text(evaluated.evaluation),
        "listing": hex_text(evaluated.listing.manifest.listing),
        "records": evaluated.listing.manifest.record_count,
        "scores": {"lowest": low, "median": median, "highest": high, "positive": float((scores > 0).mean())},
        "information": cost_document(evaluated),
        "selected": len(choice.records),
        "sent_base_bytes": len(evaluated.request.base),
        "shows_adapter": _shows_adapter(evaluated),
        "shows_fine_tuned": shows_fine_tuned,
        "price_wei": str(choice.price),
        "forecast": forecast_document(choice.forecast),
        "trust": {name: number for name, number in choice.numbers.items() if not name.startswith("forecast_")},
        "warnings": [with_flags(text) for text in (*choice.reasons, *([] if refused is None else [str(refused)]))],
    }


def _shows_adapter(evaluated: Evaluated) -> bool:
    """Whether the seller saw the buyer's fine-tuned model, as a LoRA."""
    model = evaluated.request.model_config.get("model")
    difference = model.get("difference") if isinstance(model, dict) else None
    return isinstance(difference, dict) and difference.get("kind") == "lora"


def show_evaluation(
    lines: Lines,
    evaluated: Evaluated,
    choice: Choice,
    scores: Floats,
    refused: OfferTooSmall | None,
    prices: Money,
) -> None:
    """The same for people."""
    manifest = evaluated.listing.manifest
    low, median, high = np.percentile(scores, [0, 50, 100])
    numbers = choice.numbers
    lines.item(
        "scores",
        f"of {scored(evaluated.units)}, positive = helpful, in {_score_unit(manifest)}: {low:+.3f} to "
        f"{high:+.3f}, median {median:+.3f}, {float((scores > 0).mean()):.0%} positive",
    )
    cost = EvaluationCost.of(manifest, evaluated.request)
    lines.item("told", f"{bits_text(cost)}; {paid_text(evaluated, prices)}")
    lines.item(
        "trust",
        f"{numbers['clean_share']:.0%} of the offer looks as good as your own records, "
        f"{interval_text(numbers['clean_share_low'], numbers['clean_share_high'])}",
    )
    # Also read after the purchase, by `buyer show`: it tells a price, not what is still owed.
    left = (
        f"; with the fee credited, {prices.show(credited_price(choice.price, evaluated.fee))}" if evaluated.fee else ""
    )
    lines.item("price", f"{len(choice.records):,} records for {prices.show(choice.price)}{left}")
    if choice.records:
        lines.item(
            "worth",
            f"{_expected_text(numbers)} of these are expected to be good: {numbers['good_net']:,.0f} more good "
            "than bad ones",
        )
    if choice.forecast is not None:
        lines.item("forecast", forecast_text(choice.forecast))
        lines.item("", forecast_basis(choice.forecast), style="dim")
    if evaluated.units.is_total:
        lines.item("audit", NOT_AUDITED, style="yellow")
    for reason in choice.reasons:
        lines.item("but", with_flags(reason), style="yellow")
    if refused is not None:
        lines.item("but", f"this will not be bought. {with_flags(str(refused))}", style="yellow")


def _expected_text(numbers: Mapping[str, float]) -> str:
    """The expected share of good records. Scores never show that it is all: then what the whole offer surely has."""
    expected = numbers["clean_expected"]
    return f"{expected:.0%}" if round(100 * expected) < 100 else interval_text(numbers["clean_share_low"], 1.0)


def _score_unit(manifest: Manifest) -> str:
    if holds_texts(manifest):
        return TEXT_UNIT
    if manifest.preprocessing is None:
        return NATS
    return LOSS_UNITS[listed_schema(manifest).label_kind]


def show_costs(lines: Lines, buyer: Buyer, choice: Choice, price: Wei, prices: Money) -> None:
    """Show what paying takes before it is done; both orders where a sample is bought first. Raises NodeFailure."""
    exchange = buyer.exchange
    evaluated = buyer.review()
    chunk_size = evaluated.listing.manifest.chunk_size
    size = AuditSize.of(evaluated)
    sample = size.sample(buyer.policy, choice.records)
    orders = 2 if 0 < sample < len(choice.records) else 1
    each = (ACCEPT if prices == IN_ETHER else ACCEPT_TOKEN) + (0 if buyer.policy.releases_by_message else RELEASE)
    gas = Gas(orders * each)
    has = f"{show_ether(exchange.balance(buyer.address))} ether"
    if prices != IN_ETHER:
        has += f" and {prices.show(exchange.balance(buyer.address, prices.token))}"
    cost = show_ether(gas * gas_price(exchange.web3))
    lines.item(
        "pays",
        f"{prices.show(price)}, locked until the records are verified, and about {gas:,} gas, {cost} ether now"
        f"{', for two orders' if orders == 2 else ''}; a dispute would take {dispute_gas(chunk_size):,} gas; the "
        f"account has {has}",
    )
    if sample:
        lines.item(
            "sample",
            f"{counted(sample, 'record')} of {len(choice.records):,} are bought first and audited; the rest is bought "
            "once they are good",
        )
    elif evaluated.listing.manifest.terms.opened_records and not evaluated.units.is_total:
        lines.item("audit", free_audit_text(size, buyer.policy, choice))


def tell_outcome(
    directory: Path, settings: BuyerSettings, output: Output, *, error_follows: bool = False, **more: bool
) -> None:
    """Where a purchase stands, from its journal, and what the contract keeps for its buyer, both ways; `more` goes into
    the document. With `error_follows` people are told why there was no order by the error that the command ends with.
    Raises JournalVersion, JournalDamaged."""
    summary = buyer_summary(directory)
    prices = settings.options.purchase.prices
    account = None if summary is None else summary.common.account
    free = None if account is None else _free_balance(settings, account, prices.token)
    outcome, stage = (None, None) if summary is None else (summary.outcome, summary.stage)
    if outcome is not None:
        told_by_error = error_follows and outcome.final is Ending.NO_ORDER and outcome.error is not None
        fee = Wei(0) if summary is None else summary.fee
        paid = f"{prices.show(fee)} were paid for the evaluation, nothing else" if fee else "nothing was paid"
        reason = f"{paid}; the error says why" if told_by_error else with_flags(outcome.reason)
        output.lines.item("ended", f"{outcome.final}: {reason}")
    else:
        _show_stage(output.lines, directory, summary, prices)
    if summary is not None and summary.near_duplicates is not None:
        show_near_duplicates(output.lines, summary.near_duplicates)
    if account is not None and free is None:
        output.lines.item("escrow", "the node does not tell what is left in the contract", style="dim")
    if free:
        output.lines.item(
            "escrow",
            f"{prices.show(free)} of free balance, which could not be paid out: blindfair buyer withdraw --directory "
            f"{shlex.quote(str(directory))} --to ADDRESS",
            style="yellow",
        )
    document: Document = {
        "error": None if outcome is None else outcome.error,
        "final": None if outcome is None else outcome.final,
        "free_balance_wei": None if free is None else str(free),
        "reason": None if outcome is None else with_flags(outcome.reason),
        "stage": stage,
        "token": prices.token,
    }
    if summary is not None:
        document |= {
            "fee_wei": str(summary.fee),
            "gas": dict(summary.common.gas),
            "near_duplicates": summary.near_duplicates,
            "refused_messages": summary.common.refused,
            "sent_bytes": dict(summary.common.sent),
        }
    output.document({**document, **more})


def show_near_duplicates(lines: Lines, found: Document) -> None:
    """What of the delivered texts repeats others, or how many were compared where nothing does."""
    compared, warnings = found.get("compared"), found.get("warnings")
    if not isinstance(warnings, list) or not warnings:
        lines.item(
            "copies", f"{compared:,} delivered texts compared: no near-duplicates but those that the listing names"
        )
    else:
        for text in warnings:
            lines.item("copies", str(text), style="yellow")


def _show_stage(lines: Lines, directory: Path, summary: BuyerSummary | None, prices: Money) -> None:
    """How far a purchase is that has not ended, what was paid for its evaluation, and what to type next."""
    is_only_scored = summary is not None and summary.is_scored and not summary.is_confirmed
    if summary is None or summary.stage is None:
        done = "nothing was asked yet"
    else:
        done = "scored; nothing is bought yet" if is_only_scored else f"the last step is {summary.stage_text}"
    lines.item("stage", done)
    if summary is not None and summary.fee:
        lines.item("fee", f"{prices.show(summary.fee)} were paid for the evaluation; a purchase is credited with them")
    lines.item("next", again("buyer buy" if is_only_scored else "buyer resume", directory, None))
    lines.item("", "add --password-file FILE as before, or it asks for the password")


def free_audit_text(size: AuditSize, policy: BuyerPolicy, choice: Choice) -> str:
    """Return what is audited free, and what happens where other buyers have used the free openings up."""
    opened = size.rows(policy, choice.records)
    bought = size.rows_instead(policy, choice.records)
    instead = (
        f"{counted(bought, size.units.name)} are bought first as the audited sample"
        if bought
        else "nothing is bought: --sample-share allows no sample of this selection"
    )
    return (
        f"the seller opens {counted(opened, size.units.name)} free; where other buyers have used up the listing's free "
        f"openings, {instead}"
    )


def _free_balance(settings: BuyerSettings, buyer: Address, token: Address) -> Wei | None:
    """Return the contract's balance of an account; None where no node answers."""
    try:
        return open_exchange(settings.rpc, settings.deployment).free_balance(buyer, token)
    except (NodeFailure, WrongContract):
        return None
