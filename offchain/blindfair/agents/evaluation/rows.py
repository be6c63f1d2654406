"""Gradient rows as a request asks for them, of records or of groups of records (PROTOCOL 4.5): the seller computes all,
the buyer those it sees (PROTOCOL 4.2, 5.4).

Not here: whether the buyer accepts what the seller computed (`buyer.checks`), and keeping them (`row_store`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from blindfair.influence.arrays import Floats
from blindfair.influence.grouping import group_rows
from blindfair.influence.projection import Projection
from blindfair.influence.quantise import QuantisedRows, quantise_rows
from blindfair.influence.scoring_model import BATCH_NUMBERS, RowModel
from blindfair.influence.threads import on_cores
from blindfair.protocol.errors import CommitmentError, ScoringError, ShapeMismatch
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Digest
from blindfair.protocol.records import Row
from blindfair.protocol.units import Units

if TYPE_CHECKING:
    from blindfair.influence.text import BaseModel

BaseModels = Mapping[Digest, "BaseModel"]
"""The base models that a party holds, by digest: scoring models of texts are built on them."""

NO_BASE_MODELS: BaseModels = MappingProxyType({})

Decode = Callable[[bytes], Row]
"""From a record's canonical bytes to its cells. Raises MalformedRecord."""

_TEXT_MODEL = "text-model"

BATCH_PRODUCTS = 2**40
"""Multiplications of a batch: a minute or so, which is what a kill loses of rows that are kept batch by batch."""

_SAMPLED = 256
"""Texts that are read to estimate how long rows will take."""

LARGEST_ENTRY = 1e100
"""An entry of a row that is larger in size, or no number at all, counts as 0 (PROTOCOL 4.2)."""


class KeptRows(Protocol):
    """Batches of rows that an earlier process has left."""

    def get(self, records: range) -> QuantisedRows | None:
        """The rows of these records, if they are there and whole."""
        ...

    def put(self, records: range, rows: QuantisedRows) -> None:
        """Keep them. Raises CannotWrite."""
        ...


def batch_records(model: RowModel, k: int) -> int:
    """Records whose rows of `k` entries are computed before the next are: `BATCH_NUMBERS` real numbers of them, or
    `BATCH_PRODUCTS` of work, and at least one batch of the model's.

    Whole batches of the model's, so that every row is computed among the same others as in one go, to the same bits.
    """
    at_once = BATCH_NUMBERS // (model.batch * max(k, model.features))
    return model.batch * max(1, min(at_once, BATCH_PRODUCTS // (model.batch * model.products)))


def are_slow(request: Request) -> bool:
    """Whether rows take so long that batches of them are worth keeping: those of texts."""
    return request.model_name == _TEXT_MODEL


def requested_model(request: Request, bases: BaseModels) -> RowModel:
    """The scoring model of a request, on a base model that the party holds or on the one that travels.

    Raises UnusableModel, also where the base that travels is not the one that is named, and MissingPackage.
    """
    if request.model_name != _TEXT_MODEL:
        # Imported here: torch takes seconds, and most commands compute no rows.
        from blindfair.influence.models import load_scoring_model

        return load_scoring_model(request.model_name, request.model_config, request.weights)
    # Imported here: most listings are tables, and the libraries for texts are an extra.
    from blindfair.influence.text import BaseModel, TextScoring

    if request.base and named_base(request) not in bases:
        sent = BaseModel.from_bytes(request.base)
        bases = {sent.digest: sent}
    return TextScoring.from_parts(request.model_config, request.weights, bases)


def named_base(request: Request) -> Digest | None:
    """The digest of the base model that a request names; None where it names none."""
    model = request.model_config.get("model")
    found = model.get("base") if isinstance(model, dict) else None
    try:
        return Digest(bytes.fromhex(found.removeprefix("0x"))) if isinstance(found, str) else None
    except ValueError:
        return None


def row_batches(
    request: Request, records: Sequence[bytes], decode: Decode, bases: BaseModels, kept: KeptRows | None = None
) -> Iterator[QuantisedRows]:
    """One row per unit, of `batch_records` at a time, rounded at the least exponent that clips none of its entries.

    Of records that are scored one by one, batches that `kept` has are taken from there, and others are put there.
    Raises ScoringError and CommitmentError where the model does not fit a record; only at the end, so that the time
    does not tell which. Raises CannotWrite.
    """
    failures: list[ScoringError | CommitmentError] = []
    units = Units.named(request.disclosure, len(records))
    model, projection = _loaded(request, bases)

    def real(batch: range) -> Floats | None:
        try:
            rows = _rows(model, [decode(record) for record in records[batch.start : batch.stop]], projection)
            return _checked(request, rows)
        except (ScoringError, CommitmentError) as error:
            failures.append(error)
            return None

    def rounded(rows: Floats) -> QuantisedRows | None:
        try:
            return quantise_rows(rows, request.row_scale, request.exponent_bits)
        except ScoringError as error:
            failures.append(error)
            return None

    def found(batch: range) -> QuantisedRows | None:
        known = None if kept is None else kept.get(batch)
        if known is not None or (rows := real(batch)) is None:
            return known
        new = rounded(rows)
        if kept is not None and new is not None:
            kept.put(batch, new)
        return new

    batches = _batches(len(records), batch_records(model, projection.k))
    if units.size == 1:
        results = map(found, batches)
    else:
        computed = (rows for batch in batches if (rows := real(batch)) is not None)
        results = map(rounded, group_rows(computed, units.size))
    yield from (rows for rows in results if rows is not None)
    if failures:
        raise failures[0]


def _batches(records: int, size: int) -> Iterator[range]:
    for start in range(0, records, size):
        yield range(start, min(start + size, records))


def estimate_rows(request: Request, records: Sequence[bytes], decode: Decode, bases: BaseModels) -> str:
    """What computing the rows of these records will take, in words, from a trial. Raises UnusableModel, ShapeMismatch.

    Texts differ in length: those of a sample say how many windows a record has.
    """
    model, sample = requested_model(request, bases), list[Row]()
    if request.model_name == _TEXT_MODEL:
        count = min(_SAMPLED, len(records))
        sample = [decode(records[place * len(records) // count]) for place in range(count)]
    with on_cores():
        found = model.estimate(len(records), sample)
    windows = "" if found.windows == 1 else f" of {found.windows:.1f} windows each"
    return f"about {found.seconds} s for {found.records:,} records{windows}"


def real_rows(request: Request, records: Sequence[Row], bases: BaseModels = NO_BASE_MODELS) -> Floats:
    """A few rows before they are rounded: `n_records x k`. Raises UnusableModel, ShapeMismatch."""
    model, projection = _loaded(request, bases)
    return _checked(request, _rows(model, records, projection))


def unit_rows(request: Request, units: Sequence[Sequence[Row]], bases: BaseModels) -> Floats:
    """The rows of units before they are rounded, from the records of each: `n_units x k`.

    Raises UnusableModel, ShapeMismatch.
    """
    if all(len(records) == 1 for records in units):
        return real_rows(request, [records[0] for records in units], bases)
    model, projection = _loaded(request, bases)
    size = batch_records(model, projection.k)

    def batches(records: Sequence[Row]) -> Iterator[Floats]:
        for start in range(0, len(records), size):
            yield _checked(request, _rows(model, records[start : start + size], projection))

    return np.vstack([row for records in units for row in group_rows(batches(records), len(records))])


def _loaded(request: Request, bases: BaseModels) -> tuple[RowModel, Projection]:
    model = requested_model(request, bases)
    return model, Projection.from_parts(request.projection, request.basis)


def _rows(model: RowModel, records: Sequence[Row], projection: Projection) -> Floats:
    """Rows on all cores, where the model's batches are worth one each."""
    with on_cores():
        return model.rows(records, projection)


def _checked(request: Request, rows: Floats) -> Floats:
    if rows.shape[1] != request.dimension:
        raise ShapeMismatch(
            "The model's rows and the query differ in length", expected=request.dimension, found=rows.shape[1]
        )
    # A refusal would tell, without any noise, that some record is where a hostile model overflows.
    return np.where(np.abs(rows) <= LARGEST_ENTRY, rows, 0.0)
