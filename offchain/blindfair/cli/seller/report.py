"""Output of the seller's commands, as text and as documents. From journal and chain; no secret is looked at."""

from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.buyer.free_openings import whole_audits
from blindfair.agents.evaluation.preprocessing import listed_schema, listed_texts
from blindfair.agents.policy import AUDIT_ROWS
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.journal_summary import OfferEntry, SellerSummary, seller_summary
from blindfair.api.amounts import IN_ETHER, show_ether
from blindfair.api.information import (
    evaluation_bits,
    evaluation_fee,
    information_document,
    information_text,
    smallest_free_group,
    told_text,
)
from blindfair.api.keystore import address_of
from blindfair.api.listing_options import ListingOptions
from blindfair.api.stream_options import RECORDS
from blindfair.chain.deployment import open_exchange
from blindfair.chain.exchange import OrderView
from blindfair.cli.lines import Lines
from blindfair.cli.options import Begun
from blindfair.cli.output import Output
from blindfair.cli.party.again import again
from blindfair.cli.seller.settings import SellerSettings
from blindfair.influence.corpus.text_preprocessing import is_text_preprocessing
from blindfair.influence.features import NumberFeature
from blindfair.influence.label import LabelKind
from blindfair.influence.robust import RARE
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import MalformedFile
from blindfair.protocol.fields import hex_text
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.noise import COMMITTED_BITS
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Address, Wei
from blindfair.protocol.schema import ColumnKind
from blindfair.protocol.words import counted


def listing_document(manifest: Manifest) -> Document:
    """Return what was committed, as a document."""
    return {
        "chain_id": manifest.chain_id,
        "chunks": manifest.chunk_count,
        "contract": manifest.contract,
        "information": information_document(manifest),
        "listing": hex_text(manifest.listing),
        "listing_root": hex_text(manifest.listing_root),
        "manifest_hash": hex_text(manifest.digest()),
        "name": manifest.name,
        "records": manifest.record_count,
        "reserve_price_wei": str(manifest.terms.reserve_price),
        "seller": manifest.seller,
        "token": manifest.terms.tokens[0],
    }


_DELIVERED = "buyers get the values with the records all the same"


def show_listing(lines: Lines, manifest: Manifest, options: ListingOptions, begun: Begun) -> None:
    """The same for people, and what to type next."""
    prices = options.prices
    lines.item("listing", hex_text(manifest.listing))
    lines.item(
        "records",
        f"{manifest.record_count:,} of {manifest.name}, at least {prices.show(manifest.terms.reserve_price)} each",
    )
    if prices != IN_ETHER:
        lines.item("token", f"{prices.unit}, at {prices.token}")
    lines.item("seller", f"{manifest.seller} on chain {manifest.chain_id}, contract {manifest.contract}")
    _show_information(lines, manifest, options)
    # Without a folder or store that is shared, buyers reach the seller by its URL alone.
    way = " --http 127.0.0.1:8440" if begun.mail is None else ""
    lines.item("next", again("seller serve", begun.directory, begun.password_file) + way)


def _show_information(lines: Lines, manifest: Manifest, options: ListingOptions) -> None:
    """What buyers may learn, what it costs, and where a default does not do what its owner may expect."""
    terms, prices = manifest.terms, options.prices
    lines.item("tells", information_text(manifest))
    lines.item(
        "",
        f"a buyer that asks dishonestly learns up to {COMMITTED_BITS} bits more from each score of a record that it "
        "has bought, about any records; no budget counts these",
    )
    lines.item("public", preprocessing_text(manifest))
    if terms.bits_per_record == 1 and "per-record" in terms.disclosures:
        lines.item(
            "but",
            "1 bit a record is too little for blindfair's own buyers, who ask 1 for the score and 1 for the class",
            style="yellow",
        )
    if options.buyers:
        lines.item("fee", "none: only the buyers that you named are answered")
    else:
        lines.item(
            "fee",
            f"{prices.show(evaluation_fee(manifest))} for an evaluation of {told_text(manifest)} that is not free; "
            "fewer bits cost in proportion",
        )
        _show_bond_of_the_fee(lines, manifest, options)
        if (needed := evaluation_bits(manifest)) > terms.free_bits:
            size = smallest_free_group(manifest)
            groups = "" if size is None else f"score groups instead (--disclosure per-group-{size} or larger), "
            lines.item(
                "but",
                f"One evaluation tells {needed:,} bits; only {terms.free_bits:,} are free. So every evaluation costs "
                f"the fee. You can {groups}let strangers pay the fee, or name your buyers (--buyer)",
                style="yellow",
            )
        if terms.opened_share > 0:
            lines.item("audits", _audits_text(manifest, charges=True))
            lines.item(
                "but",
                f"records that audits see free of charge count in full: {terms.free_bits // terms.record_bits:,} at "
                "the most, and fewer after each free evaluation",
                style="yellow",
            )
    if options.buyers and terms.opened_share > 0:
        lines.item("audits", _audits_text(manifest, charges=False))
    if terms.own_models and not options.buyers:
        lines.item(
            "but",
            "buyers may bring scoring models, projections and row scales of their own (--own-models): one can aim all "
            "bits of an evaluation at few chosen people, and read their records whole",
            style="yellow",
        )
    identifiers = [
        column.name
        for column in manifest.schema.columns
        if not column.scored
        and column.kind not in (ColumnKind.TEXT, ColumnKind.FILE)
        and column.name not in options.never_score
    ]
    if any(column.kind is ColumnKind.FILE for column in manifest.schema.columns):
        lines.item("kept", "no model reads a file or its name; buyers get both with the records")
    if options.never_score:
        never = ", ".join(options.never_score)
        lines.item("kept", f"no model reads {never}; {_DELIVERED}; --exclude COLUMN leaves a column out")
    if identifiers:
        why = (
            "models of texts read the text and the label alone"
            if is_text_preprocessing(manifest.preprocessing)
            else "all values differ, as in an identifier; --score COLUMN lets models read one"
        )
        lines.item(
            "kept",
            f"no model reads {', '.join(identifiers)}: {why}; {_DELIVERED}. To leave a column out, do not serve this "
            "listing: list again in another directory with --exclude COLUMN",
            style="yellow",
        )


def _show_bond_of_the_fee(lines: Lines, manifest: Manifest, options: ListingOptions) -> None:
    """Where the seller could not lock the bond for its own fee, and would refuse whoever asks."""
    policy, prices = options.policy(), options.prices
    bond = policy.bond(evaluation_fee(manifest))
    if bond > policy.max_bonds:
        lines.item(
            "but",
            f"buyers who ask for that are refused: its bond would be {prices.show(bond)}, and --max-bonds allows "
            f"{prices.show(policy.max_bonds)}. Serve with a larger --max-bonds, or list in another directory with "
            "fewer --bits",
            style="yellow",
        )


def _audits_text(manifest: Manifest, *, charges: bool) -> str:
    """How many audits the free openings are enough for, and what later buyers do."""
    audits = whole_audits(manifest, AUDIT_ROWS, charges=charges)
    enough = f"enough for {counted(audits, 'audit')} of {AUDIT_ROWS} each" if audits else "fewer than one default audit"
    return (
        f"free openings: {counted(manifest.terms.opened_records, 'record')} in all, {enough}; once they are used up, "
        "buyers buy the audited sample"
    )


def preprocessing_text(manifest: Manifest) -> str:
    """What the manifest tells everybody of the listed records. Raises UnusableModel where it has no preprocessing."""
    if is_text_preprocessing(manifest.preprocessing):
        texts = listed_texts(manifest)
        predicted = "the texts themselves" if texts.label is None else f"{texts.label}, of {len(texts.classes)} classes"
        return (
            f"the manifest tells everybody how texts are read: {texts.max_windows} windows of {texts.window} tokens at "
            f"most; models predict {predicted}, and build on {counted(len(texts.base_models), 'base model')}"
            + (" or any that a buyer sends" if texts.any_base_model else "")
        )
    schema = listed_schema(manifest)
    if schema.image is not None:
        return (
            f"the manifest tells everybody the classes of {schema.label}, that images are {schema.image.form}, and one "
            f"rounded centre and scale of all shades, which no {RARE - 1} images decide"
        )
    numbers = sum(isinstance(feature, NumberFeature) for feature in schema.features)
    categories = [feature.column for feature in schema.features if not isinstance(feature, NumberFeature)]
    categories_told = (
        f"and frequent values of {len(categories)} ({', '.join(categories)})" if categories else "no frequent values"
    )
    told = {
        LabelKind.CLASSES: "classes",
        LabelKind.NUMBER: "rounded centre and scale",
        LabelKind.COUNT: "rounded mean",
    }[schema.label_kind]
    return (
        f"the manifest tells everybody the {told} of {schema.label}, the rounded centre and scale of {numbers} "
        f"columns, {categories_told}; no value that fewer than {RARE} records have"
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a seller stands: what account and contract hold now, in ether and in the listing's money, and its summary;
    each offer with its order's state."""

    seller: Address
    ether: Wei
    balance: Wei
    free_balance: Wei
    summary: SellerSummary | None
    options: ListingOptions
    orders: tuple[tuple[OfferEntry, OrderView], ...]
    openable: int
    """Records that all audits together may see free."""


def read_standing(directory: Path, settings: SellerSettings) -> Standing:
    """Look at journal, table and chain. Raises what `read_table` raises, NodeFailure, WrongContract,
    JournalVersion, JournalDamaged, FileMissing."""
    exchange = open_exchange(settings.rpc, settings.deployment)
    summary = seller_summary(directory)
    seller = _account(summary, settings)
    options = settings.options
    token = options.prices.token
    offers = () if summary is None else summary.offers
    return Standing(
        seller=seller,
        ether=exchange.balance(seller),
        balance=exchange.balance(seller, token),
        free_balance=exchange.free_balance(seller, token),
        summary=summary,
        options=options,
        orders=tuple((entry, exchange.order(entry.offer.struct_hash())) for entry in offers),
        openable=_openable(directory, options),
    )


def _account(summary: SellerSummary | None, settings: SellerSettings) -> Address:
    """The seller's address, from the keystore or else the journal. Raises FileMissing, MalformedFile."""
    named = address_of(settings.keystore)
    known = named if named is not None or summary is None else summary.common.account
    if known is None:
        raise MalformedFile(
            f"{settings.keystore} names no address, and nothing was listed yet",
            expected="a keystore with an address",
            found="none",
            hint="run blindfair seller serve once, which asks for the password",
        )
    return known


def _openable(directory: Path, options: ListingOptions) -> int:
    """Records that all audits may see free: by option, or else by the number of records listed."""
    if options.opened_share == 0 or options.opened_records is not None:
        return options.openable(0) if options.opened_share else 0
    # Directories that an earlier version began do not hold the number.
    known = options.record_count
    return options.openable(options.count(options.table(directory / RECORDS)) if known is None else known)


def standing_document(standing: Standing) -> Document:
    """The standing as a document; `listing` is null until the agent has run once."""
    document: Document = {
        "balance_wei": str(standing.ether),
        "free_balance_wei": str(standing.free_balance),
        "listing": None,
        "seller": standing.seller,
        "token": standing.options.prices.token,
        "token_balance": str(standing.balance),
    }
    summary = standing.summary
    if summary is None:
        return document
    return {
        **document,
        "committed": "commit" in summary.common.gas,
        "gas": dict(summary.common.gas),
        "listing": _listing(summary),
        "orders": [_order(entry, view) for entry, view in standing.orders],
        "refused_messages": summary.common.refused,
        "sent_bytes": dict(summary.common.sent),
        "fees_wei": str(_fees(summary)),
        "used": {
            "disclosed_bits": summary.disclosed_bits,
            "evaluations": summary.evaluations,
            "free_bits": summary.free_bits,
            "openable_records": standing.openable,
            "opened_records": summary.opened_records,
        },
    }


def _fees(summary: SellerSummary) -> Wei:
    """Return what evaluations have brought so far."""
    return Wei(sum(entry.offer.price for entry in summary.offers if entry.is_fee and entry.ending is Ending.RELEASED))


def _listing(summary: SellerSummary) -> str | None:
    return None if summary.common.trade is None else "0x" + summary.common.trade.removeprefix("listing ")


def _order(entry: OfferEntry, view: OrderView) -> Document:
    offer = entry.offer
    return {
        "bond_wei": str(offer.bond),
        "buyer": offer.buyer,
        "chunks": offer.chunk_count,
        "deadline": view.deadline or offer.expiry,
        "ending": entry.ending,
        "for": "evaluation" if entry.is_fee else "records",
        "order": hex_text(offer.struct_hash()),
        "price_wei": str(offer.price),
        "state": view.state.name.capitalize(),
    }


def show_standing(lines: Lines, standing: Standing) -> None:
    """The same for people."""
    prices = standing.options.prices
    tokens = "" if prices == IN_ETHER else f", {prices.show(standing.balance)}"
    lines.item("account", f"{standing.seller}: {show_ether(standing.ether)} ether{tokens}")
    lines.item("escrow", f"{prices.show(standing.free_balance)} of free balance")
    summary = standing.summary
    if summary is None:
        lines.item("listing", "nothing was committed yet")
        return
    lines.item("listing", f"{_listing(summary)}{'' if 'commit' in summary.common.gas else ', not yet committed'}")
    lines.item(
        "used",
        f"{counted(summary.evaluations, 'evaluation')}, {counted(summary.disclosed_bits, 'bit')}, "
        f"{summary.free_bits:,} of "
        f"them free of charge; {_opened_text(standing)}",
    )
    if any(entry.is_fee for entry in summary.offers):
        lines.item("fees", f"{prices.show(_fees(summary))} earned with evaluations")
    for entry, view in standing.orders:
        offer = entry.offer
        lines.item(
            "order",
            f"{_state_text(entry, view)}: "
            f"{'an evaluation' if entry.is_fee else f'{offer.chunk_count:,} chunks'} for "
            f"{prices.show(offer.price)} to {offer.buyer}, bond {prices.digits(offer.bond)}",
        )
    if not standing.orders:
        lines.item("orders", "none yet")


def _state_text(entry: OfferEntry, view: OrderView) -> str:
    if entry.ending is None and view.state is OrderState.NONE:
        return "Offered, not accepted yet"
    return entry.ending or view.state.name.capitalize()


def _opened_text(standing: Standing) -> str:
    """How many records audits have seen free, of how many they may."""
    opened = 0 if standing.summary is None else standing.summary.opened_records
    most = standing.openable
    if not most:
        return "audits open nothing free: buyers buy the audited sample"
    left = "" if opened < most else "; these are used up, and buyers buy the audited sample"
    return f"{opened:,} of {counted(most, 'record')} opened free{left}"


def tell_standing(directory: Path, settings: SellerSettings, output: Output, **more: bool) -> None:
    """Look, and tell both ways; `more` goes into the document. Raises what `read_standing` raises."""
    standing = read_standing(directory, settings)
    show_standing(output.lines, standing)
    output.document({**standing_document(standing), **more})
