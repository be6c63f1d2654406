"""What a seller's commands print, and the same as documents. From journal and chain; no secret is looked at."""

from dataclasses import dataclass
from pathlib import Path

from blindfair.agents.books import OfferEntry, SellerBooks, seller_books
from blindfair.agents.ledger import CLIPPED_SHARE_BITS
from blindfair.chain.deployment import open_exchange
from blindfair.chain.exchange import OrderView
from blindfair.cli.amounts import IN_ETHER, Money, show_ether
from blindfair.cli.keystore import address_of
from blindfair.cli.lines import Lines
from blindfair.cli.output import Output
from blindfair.cli.party.again import again
from blindfair.cli.party.settings import Settings
from blindfair.cli.seller.listing import ListingOptions
from blindfair.protocol.documents import Document
from blindfair.protocol.fields import hex_text
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import Address, Wei


def listing_document(manifest: Manifest) -> Document:
    """What was committed."""
    return {
        "chain_id": manifest.chain_id,
        "chunks": manifest.chunk_count,
        "contract": manifest.contract,
        "listing": hex_text(manifest.listing),
        "listing_root": hex_text(manifest.listing_root),
        "manifest_hash": hex_text(manifest.digest()),
        "name": manifest.name,
        "records": manifest.record_count,
        "reserve_price_wei": str(manifest.terms.reserve_price),
        "seller": manifest.seller,
        "token": manifest.terms.tokens[0],
    }


def show_listing(lines: Lines, manifest: Manifest, prices: Money, directory: Path, password_file: Path | None) -> None:
    """The same for people, and what to type next."""
    lines.item("listing", hex_text(manifest.listing))
    lines.item(
        "records",
        f"{manifest.record_count:,} of {manifest.name}, at least {prices.show(manifest.terms.reserve_price)} each",
    )
    if prices != IN_ETHER:
        lines.item("token", f"{prices.unit}, at {prices.token}")
    lines.item("seller", f"{manifest.seller} on chain {manifest.chain_id}, contract {manifest.contract}")
    lines.item("next", again("seller serve", directory, password_file))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a seller stands: what account and contract hold now, in ether and in the listing's money, and its books;
    each offer with its order's state."""

    seller: Address
    ether: Wei
    balance: Wei
    free_balance: Wei
    books: SellerBooks | None
    options: ListingOptions
    orders: tuple[tuple[OfferEntry, OrderView], ...]


def read_standing(directory: Path, settings: Settings) -> Standing:
    """Look at journal and chain. Raises NodeFailure, WrongContract, JournalVersion, JournalDamaged, FileMissing."""
    exchange = open_exchange(settings.rpc, settings.deployment)
    books, seller = seller_books(directory), address_of(settings.keystore)
    options = ListingOptions.from_document(settings.options)
    token = options.prices.token
    offers = () if books is None else books.offers
    return Standing(
        seller=seller,
        ether=exchange.balance(seller),
        balance=exchange.balance(seller, token),
        free_balance=exchange.free_balance(seller, token),
        books=books,
        options=options,
        orders=tuple((entry, exchange.order(entry.offer.struct_hash())) for entry in offers),
    )


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
    books = standing.books
    if books is None:
        return document
    return {
        **document,
        "committed": "commit" in books.common.gas,
        "gas": dict(books.common.gas),
        "listing": _listing(books),
        "orders": [_order(entry, view) for entry, view in standing.orders],
        "refused_messages": books.common.refused,
        "sent_bytes": dict(books.common.sent),
        "used": {
            "disclosed_bits": books.disclosed_bits,
            "evaluations": books.evaluations,
            "evaluations_allowed": standing.options.evaluations,
            "opened_records": books.opened_records,
        },
    }


def _listing(books: SellerBooks) -> str | None:
    return None if books.common.trade is None else "0x" + books.common.trade.removeprefix("listing ")


def _order(entry: OfferEntry, view: OrderView) -> Document:
    offer = entry.offer
    return {
        "bond_wei": str(offer.bond),
        "buyer": offer.buyer,
        "chunks": offer.chunk_count,
        "deadline": view.deadline or offer.expiry,
        "ending": entry.ending,
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
    books, options = standing.books, standing.options
    if books is None:
        lines.item("listing", "nothing was committed yet")
        return
    lines.item("listing", f"{_listing(books)}{'' if 'commit' in books.common.gas else ', not yet committed'}")
    lines.item(
        "used",
        f"{books.evaluations} of {options.evaluations} evaluations, {books.disclosed_bits:,} bits "
        f"({CLIPPED_SHARE_BITS} of each evaluation for its share of clipped entries), "
        f"{books.opened_records} opened records",
    )
    for entry, view in standing.orders:
        offer = entry.offer
        lines.item(
            "order",
            f"{entry.ending or view.state.name.capitalize()}: {offer.chunk_count:,} chunks for "
            f"{prices.show(offer.price)} to {offer.buyer}, bond {prices.digits(offer.bond)}",
        )
    if not standing.orders:
        lines.item("orders", "none yet")


def tell_standing(directory: Path, settings: Settings, output: Output, **more: bool) -> None:
    """Look, and tell both ways; `more` goes into the document. Raises what `read_standing` raises."""
    standing = read_standing(directory, settings)
    show_standing(output.lines, standing)
    output.document({**standing_document(standing), **more})
