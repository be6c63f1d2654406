"""What a seller lists: a table with terms, as its owner states them, and the stock that an agent makes of them."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from blindfair.agents.ledger import CLIPPED_SHARE_BITS
from blindfair.agents.policy import AUDIT_ROWS, SellerPolicy
from blindfair.agents.stock import Stock
from blindfair.cli.addresses import parse_address
from blindfair.cli.amounts import Money
from blindfair.cli.usual import PRECISION_BITS, QUERIES, check_disclosure
from blindfair.influence.table import Table, read_table
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import JournalDamaged
from blindfair.protocol.manifest import Terms
from blindfair.protocol.quantities import Seconds, Wei
from blindfair.protocol.records import RecordEncoding, encode_row
from blindfair.protocol.rows import EXPONENT_BITS_LIMIT

RECORDS = "records.csv"
"""The copy of the table in the seller's directory."""

RECORD_BITS = 100


@dataclass(frozen=True, slots=True)
class ListingOptions:
    """As a person gives them: amounts in `money` (a `Money` as a document) as text, shares as numbers. `leave_out` are
    columns not to list, `disclosures` the policies that are offered, `buyers` the accounts that are answered, all if
    there are none; `pay_to` is an address; `without_copies` lists the first of equal records alone."""

    label: str
    leave_out: list[str]
    name: str
    description: str
    licence: str
    consent: str
    money: Document
    price_per_record: str
    evaluations: int
    disclosures: list[str]
    opened_share: float
    opened_records: int | None
    buyers: list[str]
    bond_share: float
    reveal_window: int
    dispute_window: int
    chunk_size: int
    most_bonds: str
    pay_to: str | None
    without_copies: bool

    def to_document(self) -> Document:
        """For the settings."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Document) -> "ListingOptions":
        """From the settings. Raises JournalDamaged."""
        try:
            return cls(**document)  # type: ignore[arg-type]
        except TypeError as error:
            raise JournalDamaged("The settings lack an option of a listing", found=str(error)) from error

    def check(self, path: Path) -> None:
        """Read the table at `path` and make everything of it once: what is wrong is told before anything is done.

        Raises what `table`, `policy` and `stock` raise.
        """
        self.policy()
        self.stock(self.table(path))

    def table(self, path: Path) -> Table:
        """Read the table. Raises what `read_table` raises."""
        return read_table(path, self.label, leave_out=self.leave_out)

    @property
    def prices(self) -> Money:
        """What the prices are in. Raises JournalDamaged."""
        return Money.from_document(self.money)

    def policy(self) -> SellerPolicy:
        """What the agent decides by. Raises InvalidOption."""
        return SellerPolicy(
            bond_share=Fraction(self.bond_share).limit_denominator(10**6),
            reveal_window=Seconds(self.reveal_window),
            dispute_window=Seconds(self.dispute_window),
            buyers=frozenset(parse_address(buyer, "--buyer") for buyer in self.buyers) if self.buyers else None,
            pay_to=None if self.pay_to is None else parse_address(self.pay_to, "--pay-to"),
            most_bonds=self.prices.parse(self.most_bonds, "--most-bonds"),
        )

    def openable(self, records: int) -> int:
        """Records that all audits together may see, of so many: of groups those of a usual audit at least."""
        if self.opened_records is not None:
            return self.opened_records
        largest = max(check_disclosure(name).size or 1 for name in self.disclosures)
        # What is no share is refused by the terms.
        share = self.opened_share if 0 <= self.opened_share <= 1 else 0.0
        return max(AUDIT_ROWS, records // 10, min(AUDIT_ROWS * largest, int(share * records)))

    def stock(self, table: Table) -> Stock:
        """What the agent lists. Raises InvalidOption, InvalidListing."""
        records = tuple(encode_row(row) for row in table.rows)
        if self.without_copies:
            records = tuple(dict.fromkeys(records))
        most_scores = max(check_disclosure(name).groups(len(records)) for name in self.disclosures)
        bits = (QUERIES * PRECISION_BITS + EXPONENT_BITS_LIMIT) * most_scores + CLIPPED_SHARE_BITS
        return Stock(
            name=self.name,
            description=self.description,
            licence=self.licence,
            consent=self.consent,
            encoding=RecordEncoding.CBOR_ROW,
            schema=table.schema(),
            records=records,
            terms=Terms(
                tokens=(self.prices.token,),
                reserve_price=self.prices.parse(self.price_per_record, "--price-per-record"),
                record_bits=RECORD_BITS,
                bits_per_record=QUERIES * PRECISION_BITS + EXPONENT_BITS_LIMIT,
                free_bits=self.evaluations * bits + self.openable(len(records)) * RECORD_BITS,
                evaluation_fee=Wei(0),
                disclosed_bits=self.evaluations * bits,
                opened_records=self.openable(len(records)),
                opened_share=self.opened_share,
                disclosures=tuple(self.disclosures),
            ),
            chunk_size=self.chunk_size,
        )
