"""A seller's table with its terms, made ready for an agent: what `blindfair seller list` makes of its options."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from blindfair.agents.evaluation.rows import NO_BASE_MODELS, BaseModels
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.api.amounts import IN_ETHER, Money
from blindfair.api.copies import CopiesLeftOut
from blindfair.api.defaults import (
    BITS,
    DISCLOSED_SHARE,
    DISCLOSURE,
    FILE_COLUMN,
    FREE_SHARE,
    MAX_MEMORY_GIB,
    MAX_WINDOWS,
    WINDOW,
)
from blindfair.api.left_out import copies_left_out
from blindfair.api.listing_options import Listed, ListingOptions
from blindfair.api.lists import check_lists, check_source
from blindfair.api.stream_options import streamed
from blindfair.api.text_options import text_options
from blindfair.influence.frames import Frame
from blindfair.influence.images.images import ImageSource, holds_images
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.words import counted


@dataclass(frozen=True, slots=True)
class PreparedListing:
    """A table, texts or images that were read and measured, what an agent lists of them, and what the agent decides by.

    `base_models` are those that buyers may score texts with.
    """

    table: Listed
    spec: ListingSpec
    policy: SellerPolicy
    base_models: BaseModels = field(default_factory=lambda: NO_BASE_MODELS)
    left_out: CopiesLeftOut = field(default_factory=CopiesLeftOut)

    def __repr__(self) -> str:
        count = self.copies_left_out
        more = f", {counted(count, 'record')} left out: see .notes" if count else ""
        return f"PreparedListing({self.spec!r}{more})"

    @property
    def copies_left_out(self) -> int:
        """How many records were read that `without_copies` leaves out."""
        return self.left_out.count

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what is left out, and about labels that vanish with it."""
        return self.left_out.notes


def make_listing(
    records: Path | str | Frame | ImageSource,
    *,
    label: str | None = None,
    price_per_record: str,
    licence: str,
    consent: str,
    name: str = "records",
    description: str = "",
    money: Money = IN_ETHER,
    exclude: Sequence[str] = (),
    never_score: Sequence[str] = (),
    score: Sequence[str] = (),
    categorical: Sequence[str] = (),
    text: Sequence[str] = (),
    label_kind: str | None = None,
    files: Path | str | None = None,
    file_column: str = FILE_COLUMN,
    stream_to: Path | str | None = None,
    text_column: str | None = None,
    base_models: Sequence[Path | str] = (),
    any_base_model: bool = False,
    window: int = WINDOW,
    max_windows: int = MAX_WINDOWS,
    without_copies: bool = False,
    bits: int = BITS,
    free_share: float = float(FREE_SHARE),
    evaluation_fee: str | None = None,
    disclosed_share: float = float(DISCLOSED_SHARE),
    accept_disclosed_share: float | None = None,
    disclosures: Sequence[str] = (DISCLOSURE,),
    opened_share: float = 0.0,
    opened_records: int | None = None,
    buyers: Sequence[str] = (),
    own_models: bool = False,
    bond_share: float = 0.1,
    reveal_window: int = 3600,
    dispute_window: int = 86400,
    chunk_size: int = 1024,
    max_bonds: str = "1",
    max_memory: float = MAX_MEMORY_GIB,
    pay_to: str | None = None,
) -> PreparedListing:
    """Read a table and make a listing of it. Nothing is published yet.

    `records` is a file, a pandas data frame or a pyarrow table; `label` its column to predict: classes, a number or a
    count, as `label_kind` says. Amounts are texts in `money`, like "0.001" ether. Windows are seconds, shares 0 to 1.
    Every argument is the option of the same name of `blindfair seller list`, and `--help` there says what it does.

    With `text_column` the records are texts, in a file, a frame or a folder of `.txt` files. `base_models` are folders
    of the models that buyers may score with, and `window` and `max_windows` say how long a part of a text they read, in
    tokens, and how many parts; `label` may be left out. With `any_base_model` buyers may send base models of their own.

    Images are a pair of arrays `(images, labels)`, an npy file or a folder of such files; `label` is "label" if it is
    left out (docs/how-to/sell-images.md).

    With `files` each row is sold with a file of that folder, which the table's `file_column` names
    (docs/how-to/sell-files.md).

    With `stream_to`, the directory that `open_seller` is then given, a table may be larger than the memory: it is read
    record by record, measured by a sample, and its records are written there, with those of `files`. Called again it
    goes on where it was interrupted (docs/how-to/large-corpora.md).

    With `without_copies`, `notes` of the listing says how many records are left out, and which texts or images are
    there under two labels.

    Raises what `read_table` and `read_images` raise, InvalidOption for arguments out of range, InvalidListing for
    records that cannot be listed (copies, too little in a record).

    >>> import tempfile
    >>> rows = "".join(f"{n * 37 % 101}.5,{n * 53 % 97}.25,{n * 29 % 89}.125,{'yn'[n % 2]}\\n" for n in range(40))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mine.csv").write_text("a,b,c,sick\\n" + rows)
    ...     listing = make_listing(
    ...         Path(folder, "mine.csv"), label="sick", price_per_record="0.001", licence="research", consent="given"
    ...     )
    >>> len(listing.spec.records), listing.spec.terms.bits_per_record
    (40, 4)
    """
    check_source("records", records)
    check_lists(
        {
            "exclude": exclude,
            "never_score": never_score,
            "score": score,
            "categorical": categorical,
            "text": text,
            "base_models": base_models,
            "disclosures": disclosures,
            "buyers": buyers,
        }
    )
    options = ListingOptions(
        label=label,
        exclude=list(exclude),
        name=name,
        description=description,
        licence=licence,
        consent=consent,
        prices=money,
        price_per_record=price_per_record,
        bits=bits,
        free_share=free_share,
        evaluation_fee=evaluation_fee,
        disclosed_share=disclosed_share,
        accept_disclosed_share=accept_disclosed_share,
        never_score=list(never_score),
        score=list(score),
        categorical=list(categorical),
        disclosures=list(disclosures),
        opened_share=opened_share,
        opened_records=opened_records,
        buyers=list(buyers),
        bond_share=bond_share,
        reveal_window=reveal_window,
        dispute_window=dispute_window,
        chunk_size=chunk_size,
        max_bonds=max_bonds,
        max_memory=max_memory,
        pay_to=pay_to,
        without_copies=without_copies,
        own_models=own_models,
        text=list(text),
        label_kind=label_kind,
        texts=text_options(text_column, base_models, window, max_windows, text, any_base_model=any_base_model),
        images=text_column is None and holds_images(records),
        files=None if files is None else str(Path(files).resolve()),
        file_column=file_column,
        stream=stream_to is not None,
    )
    if not isinstance(records, tuple):
        # Of a pair of arrays, `table` says that options of texts are not for images.
        options.check()
    if stream_to is None:
        return prepared(options, options.table(records))
    label_name = options.check_stream()
    table = streamed(
        _streamed_file(records),
        Path(stream_to),
        label_name,
        chunk_size,
        exclude=options.exclude,
        text=options.text,
        files=options.files_beside(),
    )
    return prepared(options, table)


def _streamed_file(records: Path | str | Frame | ImageSource) -> Path:
    if isinstance(records, Path | str):
        return Path(records)
    raise InvalidOption(
        "`stream_to` is for a file",
        expected="the path of a CSV, JSON Lines or Parquet file",
        found=type(records).__name__,
        hint="write the table to a file, or leave `stream_to` out",
    )


def prepared(options: ListingOptions, table: Listed) -> PreparedListing:
    """Make a listing of a table, of texts or of images that were read.

    Raises what `ListingOptions.policy`, `listing_spec` and `bases` raise.
    """
    bases = options.bases()
    spec, policy = options.listing_spec(table, bases), options.policy()
    if options.texts is not None:
        products = max(policy.max_products, options.texts.products(bases, len(spec.records)))
        policy = replace(policy, max_products=products)
    return PreparedListing(table, spec, policy, bases, copies_left_out(options, table, len(spec.records)))
