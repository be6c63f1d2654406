"""What a listing's page says, in plain words, from its manifest and from what is left of its budgets.

Budgets are shown in tenths, rounded down: the exact number would tell one buyer what others have asked (PROTOCOL 2).
"""

import shlex
from dataclasses import dataclass

from blindfair.agents.evaluation.preprocessing import listed_texts
from blindfair.api.amounts import IN_ETHER, Money
from blindfair.api.information import (
    bits_share,
    evaluation_bits,
    evaluation_fee,
    smallest_free_group,
    told_text,
)
from blindfair.api.listing_text import columns_with_kinds, label_text, reading_text
from blindfair.influence.corpus.text_preprocessing import is_text_preprocessing
from blindfair.protocol.fields import hex_text
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.records import RecordEncoding
from blindfair.protocol.words import counted

TENTHS = 10


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What was used of a listing's budgets: bits in the whole listing, and records."""

    disclosed_bits: int
    free_bits: int
    """Bits that unnamed buyers had free of charge, records opened for their audits among them."""

    opened_records: int


UNUSED = BudgetUse(0, 0, 0)


@dataclass(frozen=True, slots=True)
class OfferedListing:
    """A listing as its seller offers it. `is_named_only` says that accounts are answered that the seller has named."""

    manifest: Manifest
    prices: Money
    is_named_only: bool = False
    used: BudgetUse = UNUSED

    @property
    def number(self) -> str:
        """The listing's number."""
        return hex_text(self.manifest.listing)


@dataclass(frozen=True, slots=True)
class ColumnView:
    """One column: what it holds, and what it is for."""

    name: str
    kind: str
    use: str


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a budget: `tenths` of it, rounded down, and the same in words."""

    name: str
    tenths: int
    text: str


@dataclass(frozen=True, slots=True)
class ListingView:
    """A listing's page."""

    number: str
    name: str
    description: str
    licence: str
    consent: str
    records: str
    label: str
    price: str
    whole_price: str
    size: str
    fee: str
    reading: str | None
    facts: tuple[tuple[str, str], ...]
    columns: tuple[ColumnView, ...]
    learned: tuple[str, ...]
    left: tuple[Left, ...]
    commands: tuple[tuple[str, str], ...]


def view_listing(offered: OfferedListing, url: str) -> ListingView:
    """Say what a listing is; buyers reach the service at `url`."""
    manifest, prices = offered.manifest, offered.prices
    terms, label = manifest.terms, manifest.schema.label
    return ListingView(
        number=offered.number,
        name=manifest.name,
        description=manifest.description,
        licence=manifest.licence,
        consent=manifest.consent,
        records=f"{manifest.record_count:,}",
        label="nothing: the records are texts without a label" if label is None else label_text(manifest),
        price=f"at least {prices.show(terms.reserve_price)} a record",
        whole_price=prices.show(terms.reserve_price * manifest.record_count),
        size=_size(manifest),
        fee=_fee(offered),
        reading=reading_text(manifest),
        facts=(
            ("Listing", offered.number),
            ("Seller", manifest.seller),
            ("Contract", manifest.contract),
            ("Chain", str(manifest.chain_id)),
            *(() if prices == IN_ETHER else (("Token", prices.token),)),
        ),
        columns=tuple(
            ColumnView(column.name, kind, _use(column.name == label, column.scored))
            for column, kind in columns_with_kinds(manifest)
        ),
        learned=tuple(_learned(offered)),
        left=tuple(_left(offered)),
        commands=_commands(offered, url),
    )


def _size(manifest: Manifest) -> str:
    most = manifest.chunk_count * manifest.chunk_size
    unit, name = next((each for each in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")) if most >= each[0]), (1, "bytes"))
    return f"at most {most / unit:.3g} {name}, in {counted(manifest.chunk_count, 'chunk')}"


def _use(is_label: bool, is_scored: bool) -> str:
    if is_label:
        return "to be predicted"
    return "models read it" if is_scored else "no model reads it; buyers get it with the records"


def _fee(offered: OfferedListing) -> str:
    fee = evaluation_fee(offered.manifest)
    if offered.is_named_only:
        return "free of charge, for the buyers that the seller has named"
    return "free of charge" if not fee else f"{offered.prices.show(fee)} for {told_text(offered.manifest)}"


def _learned(offered: OfferedListing) -> list[str]:
    """What anybody learns before paying for records, sentence by sentence."""
    manifest = offered.manifest
    terms, n = manifest.terms, manifest.record_count
    held = terms.record_bits
    told = [
        f"A record holds about {counted(held, 'bit')}, as the seller measured.",
        f"One evaluation tells at most {told_text(manifest)}.",
        f"All evaluations together tell at most {bits_share(terms.disclosed_bits / n, held)} of a record.",
    ]
    if offered.is_named_only:
        told.append("The seller answers the buyers that it has named, and nobody else.")
    else:
        free = bits_share(terms.free_bits / n, held)
        told.append(f"Buyers that the seller did not name together learn at most {free} of a record free of charge.")
        if evaluation_bits(manifest) > terms.free_bits:
            group = smallest_free_group(manifest)
            fewer = "" if group is None else f" Scores of groups of {group:,} records are."
            told.append(f"A score for each record tells more than that, so it is never free.{fewer}")
    if evaluation_fee(manifest) and not offered.is_named_only:
        told.append("A fee that was paid is credited when you buy.")
    told.append(
        f"Audits open up to {counted(terms.opened_records, 'record')} free of charge, for all buyers together."
        if terms.opened_share and terms.opened_records
        else "Audits open nothing free of charge: the audited sample is bought first."
    )
    if terms.own_models and not offered.is_named_only:
        told.append(
            "Buyers may bring scoring models of their own, and can aim all bits of an evaluation at few records."
        )
    return told


def _left(offered: OfferedListing) -> list[Left]:
    """What is left of the budgets, in tenths and in words."""
    manifest, used = offered.manifest, offered.used
    terms, needed = manifest.terms, evaluation_bits(manifest)
    left = [_share_left("All evaluations", terms.disclosed_bits, used.disclosed_bits, needed)]
    if not offered.is_named_only and terms.free_bits:
        least = min(needed, terms.bits_per_record)
        left.append(_share_left("Free of charge", terms.free_bits, used.free_bits, least))
    if terms.opened_share and terms.opened_records:
        left.append(_share_left("Records opened for audits", terms.opened_records, used.opened_records, 1))
    return left


def _share_left(name: str, budget: int, used: int, needed: int) -> Left:
    """`needed` is the least that can still be used."""
    rest = budget - used
    if rest < needed:
        return Left(name, 0, "used up")
    tenths = TENTHS * rest // budget
    if tenths == TENTHS:
        return Left(name, tenths, "all of it left")
    return Left(name, tenths, f"at least {tenths * 10} % left" if tenths else "less than 10 % left")


def _commands(offered: OfferedListing, url: str) -> tuple[tuple[str, str], ...]:
    """What a buyer types, with what each command is for. Words in capitals are the buyer's own."""
    manifest = offered.manifest
    there = [("--at", url), ("--rpc", "NODE"), ("--deployment", f"deployments/{manifest.chain_id}.json")]
    listing, here = ("--listing", offered.number), ("--directory", "my-purchase")
    token = [] if offered.prices == IN_ETHER else [("--token", offered.prices.token)]
    asked = [here, *there, listing, *_own(manifest), *token, ("--budget", "AMOUNT")]
    return (
        ("Compare this page with the chain; it needs no account", _typed("buyer find", *there, listing)),
        (
            "Make an account, and send it some money",
            _typed("account create", ("--keystore", "my-purchase/keystore.json")),
        ),
        ("Have the records scored. You are asked before a fee is paid", _typed("buyer evaluate", *asked)),
        ("Buy what the scores advise. You are asked before you pay", _typed("buyer buy", here)),
    )


def _own(manifest: Manifest) -> list[tuple[str, str]]:
    """The options that name a buyer's own records."""
    label = [] if manifest.schema.label is None else [("--label", manifest.schema.label)]
    if is_text_preprocessing(manifest.preprocessing):
        texts = listed_texts(manifest)
        named = [] if texts.label is None else [("--label", texts.label)]
        return [("--own", "MY-TEXTS.csv"), ("--text-column", "COLUMN"), *named, ("--base-model", "FOLDER")]
    if manifest.encoding is RecordEncoding.ARRAY:
        return [("--own", "MY-IMAGES"), *label]
    return [("--own", "MY-RECORDS.csv"), *label]


def _typed(command: str, *options: tuple[str, str]) -> str:
    """A command for a shell, an option on each line."""
    parts = [
        f"{name}={shlex.quote(value)}" if value.startswith("-") else f"{name} {shlex.quote(value)}"
        for name, value in options
    ]
    return " \\\n    ".join([f"blindfair {command}", *parts])
