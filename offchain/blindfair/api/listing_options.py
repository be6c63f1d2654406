"""The options of a listing: a table with terms, as its owner states them, and the spec that an agent makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

from blindfair.agents.evaluation.rows import NO_BASE_MODELS, BaseModels
from blindfair.agents.policy import AUDIT_ROWS, SellerPolicy
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.api.addresses import parse_address
from blindfair.api.amounts import Money
from blindfair.api.checked_options import (
    check_no_table,
    checked_bits,
    checked_memory,
    checked_share,
    label_kind_of,
    needed_label,
    some_names,
)
from blindfair.api.defaults import DISCLOSED_SHARE, FILE_COLUMN, MAX_MEMORY_GIB, check_disclosure
from blindfair.api.file_options import DATA, listed_files
from blindfair.api.image_options import image_preprocessing, listed_images, measured_image_bits
from blindfair.api.information import default_fee, free_bits_of, min_fee
from blindfair.api.stored import from_stored, to_stored
from blindfair.api.stream_options import RECORDS, StreamedTable, check_streamed, file_column, in_memory, kept_stream
from blindfair.api.text_options import TextOptions, listed_preprocessing, listed_texts, measured_text_bits
from blindfair.influence.corpus.corpus import Corpus
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.file_stream import FilesBeside
from blindfair.influence.files import CONTENT_COLUMN, Files, files_schema
from blindfair.influence.frames import Frame
from blindfair.influence.images.images import LABEL_COLUMN, Images, ImageSource, read_images
from blindfair.influence.table import Table, read_table
from blindfair.pricing.information import check_record_bits, measure_rows
from blindfair.protocol.chunks import check_chunk_size
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.manifest import Terms
from blindfair.protocol.quantities import Seconds, Wei
from blindfair.protocol.records import RecordEncoding, encode_rows
from blindfair.protocol.schema import Schema

Listed: TypeAlias = Table | Corpus | Images | Files | StreamedTable
"""What can be listed."""


@dataclass(frozen=True, slots=True)
class ListingOptions:
    """The options as a person gives them: amounts in `prices` as text, shares as numbers. `exclude` are
    columns not to list, `disclosures` the policies that are offered, `buyers` the accounts that are answered, all if
    there are none; `pay_to` is an address; `without_copies` lists the first of equal records alone; `own_models`
    lets unnamed buyers bring models, projections and scales of their own, as named ones always may.

    `bits` are the most that one evaluation tells of a record. Shares are of what a record holds: `free_share` what all
    strangers together get free of charge, `disclosed_share` what all evaluations together tell. `never_score` are
    columns that no model reads; `score` are columns that models read although they look like identifiers. `categorical`
    are columns whose numbers are codes, and the cells of `text` are read as they are written. `record_bits` is what a
    record holds, once it was measured: another version of the compressor may measure otherwise.
    `record_count` is how many records are listed, once the table was read. `label_kind` says how the label is read
    (`influence.label`); without it the label's values decide. `images` says that the records are images. `files` is
    the folder of the files that the table's `file_column` names, which are sold with their rows. `stream` says that the
    table is read record by record; `table` takes its survey. `max_memory` is what one request may take, in GiB."""

    ROLE: ClassVar[str] = "seller"

    label: str | None
    exclude: list[str]
    name: str
    description: str
    licence: str
    consent: str
    prices: Money
    price_per_record: str
    bits: int
    free_share: float
    evaluation_fee: str | None
    disclosed_share: float
    accept_disclosed_share: float | None
    never_score: list[str]
    score: list[str]
    categorical: list[str]
    disclosures: list[str]
    opened_share: float
    opened_records: int | None
    buyers: list[str]
    bond_share: float
    reveal_window: int
    dispute_window: int
    chunk_size: int
    max_bonds: str
    pay_to: str | None
    without_copies: bool
    own_models: bool = False
    record_bits: int | None = None
    record_count: int | None = None
    text: list[str] = field(default_factory=list)
    texts: TextOptions | None = None
    label_kind: str | None = None
    images: bool = False
    files: str | None = None
    file_column: str = FILE_COLUMN
    stream: bool = False
    max_memory: float = MAX_MEMORY_GIB

    def to_document(self) -> Document:
        """Return the options for the settings."""
        return to_stored(self)

    @classmethod
    def from_document(cls, document: Document) -> "ListingOptions":
        """Read the options from the settings. Raises JournalDamaged."""
        return from_stored(cls, document)

    def bases(self) -> BaseModels:
        """The base models that buyers may score texts with; none for tables. Raises as `TextOptions.bases`."""
        return NO_BASE_MODELS if self.texts is None else self.texts.bases()

    @property
    def _takes_models(self) -> bool:
        return self.own_models or bool(self.buyers)

    def check(self) -> None:
        """Check what needs no records. Raises InvalidOption, FileMissing for a base model, and what `policy` raises."""
        self.policy()
        checked_bits(self.bits, is_named=bool(self.buyers))
        check_chunk_size(self.chunk_size)
        if self.stream:
            self.check_stream()
        elif self.texts is not None:
            self._check_no_table("texts")
            self.texts.check(takes_models=self._takes_models)

    def checked(self, path: Path) -> "ListingOptions":
        """Read the table at `path` and make everything of it once: what is wrong is told before anything is done.

        The options come back with what a record was measured to hold. Raises what `table`, `policy` and `listing_spec`
        raise.
        """
        return self.measured(self.table(path))

    def measured(self, table: Listed) -> "ListingOptions":
        """Make everything of a table that was read, as `checked` does. Raises what `policy` and `listing_spec`
        raise."""
        self.policy()
        measured = replace(self, record_bits=self.measure(table))
        return replace(measured, record_count=len(measured.listing_spec(table).records))

    def table(self, records: Path | str | Frame | ImageSource) -> Listed:
        """Read the table, the texts or the images. Raises what `read_table`, `read_corpus` and `read_images` raise."""
        if self.stream:
            self.check_stream()
            return kept_stream(Path(str(records)))
        if self.images or isinstance(records, tuple):
            self._check_no_table("images", "exclude", "texts")
            return read_images(records, LABEL_COLUMN if self.label is None else self.label)
        if self.texts is not None:
            self._check_no_table("texts")
            return self.texts.read(records, self.label, self.exclude)
        table = read_table(records, needed_label(self.label, self.text), exclude=self.exclude, text=self.text)
        if self.files is None:
            return table
        is_kept = isinstance(records, Path) and records.name == RECORDS
        beside = records.parent / DATA if is_kept and isinstance(records, Path) else None
        return listed_files(
            table, Path(self.files), self.file_column, beside=beside, without_copies=self.without_copies
        )

    def check_stream(self) -> str:
        """The label of a table that is read as a stream. Raises InvalidOption and InvalidListing."""
        check_chunk_size(self.chunk_size)
        check_streamed(texts=self.texts, images=self.images, without_copies=self.without_copies)
        return needed_label(self.label, self.text)

    def files_beside(self) -> FilesBeside | None:
        """The files that are sold with the rows of a table; None where there are none."""
        return None if self.files is None else FilesBeside(Path(self.files), self.file_column)

    def _check_no_table(self, what: str, *more: str) -> None:
        """Raises InvalidOption for an option that says how the columns of a table are read."""
        names = ("never_score", "score", "categorical", "text", "label_kind", *more)
        check_no_table(what, {name: getattr(self, name) for name in names})

    def policy(self) -> SellerPolicy:
        """Return the agent's policy. Raises InvalidOption."""
        return SellerPolicy(
            bond_share=Fraction(self.bond_share).limit_denominator(10**6),
            reveal_window=Seconds(self.reveal_window),
            dispute_window=Seconds(self.dispute_window),
            buyers=frozenset(parse_address(buyer, "buyers") for buyer in self.buyers) if self.buyers else None,
            pay_to=None if self.pay_to is None else parse_address(self.pay_to, "pay_to"),
            max_bonds=self.prices.parse(self.max_bonds, "max_bonds"),
            max_memory=checked_memory(self.max_memory),
            max_sealed_message=(self.texts or SellerPolicy()).max_sealed_message,
        )

    def openable(self, records: int) -> int:
        """Records that all audits together may see free, of so many: of groups those of a default audit at least."""
        if self.opened_records is not None:
            return self.opened_records
        if self.opened_share == 0:
            return 0
        largest = max(check_disclosure(name, "disclosures").size or 1 for name in self.disclosures)
        # What is no share is refused by the terms.
        share = self.opened_share if 0 <= self.opened_share <= 1 else 0.0
        return max(AUDIT_ROWS, records // 10, min(AUDIT_ROWS * largest, int(share * records)))

    def unscored(self, table: Table) -> tuple[str, ...]:
        """The columns that no model may read, in the table's order: those named, and those that look like identifiers.

        Raises InvalidOption for names that are no columns, for the label, and where no column would be left.
        """
        named = {"never_score": self.never_score, "score": self.score, "categorical": self.categorical}
        for option, names in named.items():
            unknown = sorted(set(names) - set(table.columns))
            if unknown:
                raise InvalidOption(
                    f"`{option}` names a column that is not listed",
                    expected=some_names(table.columns),
                    found=some_names(unknown),
                    hint="the first line of the file has the names; a column of `exclude` is not listed",
                )
        both = sorted(set(self.never_score) & {*self.score, table.label})
        if both:
            raise InvalidOption(
                "`never_score` names a column that models must read",
                expected="neither the label nor a column of `score`",
                found=some_names(both),
            )
        kept = {*self.never_score, *(set(table.identifiers()) - set(self.score))}
        if self.files is not None:
            kept.add(self.file_column)
        if kept >= {*table.columns} - {table.label}:
            raise InvalidOption(
                "No column besides the label is left for models to read",
                expected="at least one",
                found=f"kept from models: {some_names(sorted(kept))}",
                hint="`score=COLUMN` lets models read a column that looks like an identifier",
            )
        return tuple(name for name in table.columns if name in kept)

    def preprocessing(self, table: Table) -> FeatureSchema:
        """Return how scoring models prepare the columns that they may read, for the manifest.

        Raises InvalidOption for an unknown kind of label, and what `unscored` and `FeatureSchema.infer` raise.
        """
        # Records that differ in their texts alone are different records, and both are listed.
        rows = [row[: len(table.columns)] for row in dict.fromkeys(table.listed_rows())]
        schema = FeatureSchema.infer(
            rows,
            table.columns,
            table.label,
            categorical=self.categorical,
            excluded=self.unscored(table),
            label_kind=label_kind_of(self.label_kind),
        )
        return replace(schema, columns=table.listed_columns)

    def measure(self, table: Listed) -> int:
        """Return how many bits a record holds in the columns that models may read; copies are measured once.

        Raises InvalidListing where that is too little, and what `unscored` raises.
        """
        if isinstance(table, Images):
            return measured_image_bits(table)
        if isinstance(table, Corpus):
            return measured_text_bits(table)
        rows = in_memory(table)
        held = measure_rows(list(dict.fromkeys(rows.scored_rows(self.unscored(rows))))).bits
        check_record_bits(held)
        return held

    def count(self, table: Listed) -> int:
        """Return how many records of a table are listed."""
        return len(self._listed_records(table))

    def _listed_records(self, table: Listed) -> Sequence[bytes]:
        if isinstance(table, Files | StreamedTable):
            return table.records(self.chunk_size)
        if isinstance(table, Images):
            return listed_images(table, self.chunk_size, without_copies=self.without_copies)
        if isinstance(table, Corpus):
            return listed_texts(table, self.chunk_size, without_copies=self.without_copies)
        records = encode_rows(table.listed_rows())
        return tuple(dict.fromkeys(records)) if self.without_copies else records

    def listing_spec(self, table: Listed, bases: BaseModels | None = None) -> ListingSpec:
        """Return what the agent lists. Raises InvalidOption, InvalidListing, UnusableModel where no column varies."""
        records = self._listed_records(table)
        held = self.measure(table) if self.record_bits is None else self.record_bits
        bits = checked_bits(self.bits, is_named=bool(self.buyers))
        disclosed = self._disclosed_bits(held, len(records))
        reserve = self.prices.parse(self.price_per_record, "price_per_record")
        return ListingSpec(
            name=self.name,
            description=self.description,
            licence=self.licence,
            consent=self.consent,
            encoding=RecordEncoding.CBOR_ROW if isinstance(table, Table) else table.encoding,
            schema=self._schema(table),
            preprocessing=self._preprocessing(table, bases),
            records=records,
            terms=Terms(
                tokens=(self.prices.token,),
                reserve_price=reserve,
                record_bits=held,
                bits_per_record=bits,
                free_bits=min(disclosed, self._free_bits(held, len(records))),
                evaluation_fee=self._fee(held, Wei(reserve * len(records))),
                disclosed_bits=disclosed,
                opened_records=self.openable(len(records)),
                opened_share=self.opened_share,
                disclosures=tuple(self.disclosures),
                # Where named buyers alone are answered, the manifest tells them that theirs are taken.
                own_models=self._takes_models,
            ),
            chunk_size=self.chunk_size,
            source=table.source() if isinstance(table, Files | StreamedTable) else None,
            # They were counted when they were first read, and compared then.
            are_distinct=isinstance(table, StreamedTable)
            or (isinstance(table, Files) and self.record_count is not None),
        )

    def _schema(self, table: Listed) -> Schema:
        if isinstance(table, Images | Corpus):
            return table.schema()
        rows, column = in_memory(table), file_column(table)
        unscored = self.unscored(rows)
        return rows.listed_schema(unscored) if column is None else files_schema(rows, column, unscored)

    def _preprocessing(self, table: Listed, bases: BaseModels | None) -> Document:
        if isinstance(table, Images):
            return image_preprocessing(table, own_models=self._takes_models).to_document()
        if isinstance(table, Corpus):
            return listed_preprocessing(self.texts, table, bases, takes_models=self._takes_models)
        schema = self.preprocessing(in_memory(table))
        if file_column(table) is not None:
            schema = replace(schema, columns=(CONTENT_COLUMN, *schema.columns))
        return schema.to_document()

    def _free_bits(self, held: int, records: int) -> int:
        """Listing-wide. Nothing where no stranger is answered."""
        share = checked_share("free_share", self.free_share)
        return 0 if self.buyers else free_bits_of(held, records, share)

    def _fee(self, held: int, whole_price: Wei) -> Wei:
        """The least that is allowed, rounded up to a few digits, if no fee is named: as large a share of the listing's
        price as one evaluation tells of what it holds."""
        least = min_fee(self.bits, held, whole_price)
        if self.buyers:
            if self.evaluation_fee is not None:
                raise InvalidOption(
                    "`evaluation_fee` is for unnamed buyers, and this listing answers named ones alone",
                    expected="`evaluation_fee` or `buyers`",
                    found="both",
                )
            return Wei(0)
        if self.evaluation_fee is None and not least:
            raise InvalidOption(
                "Records without a price leave every evaluation free of charge, whatever `free_share` says",
                expected="`price_per_record` above 0, or `evaluation_fee`",
                found="neither",
                hint="name an `evaluation_fee`, or your `buyers`",
            )
        if self.evaluation_fee is None:
            return default_fee(self.bits, held, whole_price)
        fee = self.prices.parse(self.evaluation_fee, "evaluation_fee")
        if fee < least:
            raise InvalidOption(
                "`evaluation_fee` is smaller than the share of the listing that an evaluation tells",
                expected=f"at least {self.prices.show(least)}: {self.bits} of {held} bits, and "
                f"{self.prices.show(whole_price)} for the whole listing",
                found=self.prices.show(fee),
                hint="leave the option out to ask the least, or let an evaluation tell fewer `bits`",
            )
        return fee

    def _disclosed_bits(self, held: int, records: int) -> int:
        """Listing-wide."""
        share = checked_share("disclosed_share", self.disclosed_share, most=None)
        if share > DISCLOSED_SHARE and self.accept_disclosed_share != self.disclosed_share:
            raise InvalidOption(
                f"`disclosed_share` gives away more than {float(DISCLOSED_SHARE):.0%} of what the records hold",
                expected=f"at most {float(DISCLOSED_SHARE)}, or the same figure once more",
                found=self.disclosed_share,
                hint=f"`accept_disclosed_share={self.disclosed_share}` if you mean it",
            )
        disclosed = int(share * held * records)
        scores = max(check_disclosure(name, "disclosures").groups(records) for name in self.disclosures)
        one = self.bits * scores
        if one > disclosed:
            raise InvalidOption(
                "One evaluation would tell more than all together may",
                expected=f"at most {disclosed:,} bits, {self.disclosed_share:.0%} of {records:,} records of {held}",
                found=f"{one:,} bits",
                hint="fewer `bits`, scores of groups (`disclosures=['per-group-10']`), or a larger `disclosed_share`",
            )
        return disclosed
