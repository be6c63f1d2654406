"""What the buyer agent asks of its owner's side: a question to send, and a choice to make of the scores.

The agent moves messages and money and knows no model; a valuer knows models and moves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from blindfair.pricing.gain_forecast import GainForecast
from blindfair.pricing.texts.delivered import DeliveredRepetition
from blindfair.protocol.documents import Document
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import RecordIndex, Wei
from blindfair.protocol.records import Row
from blindfair.protocol.terms import PER_RECORD
from blindfair.protocol.words import counted


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks (PROTOCOL 4.1), the queries still in the clear.

    `queries` is `n_queries x k` int64, and `bits` what each asks for of a record, 1 ... 32: at 32 scores are exact and
    `2047 * ||q||_1 < t/2`, below that they come in noise and wrap around modulo `t` (PROTOCOL 4.6). `row_scale`
    multiplies projected gradients before they are rounded, with exponents of `exponent_bits` (0: none), or their sums
    where `disclosure` asks for groups; `notes` are told to the buyer's own people, and everything else is sent as it
    is.
    """

    model_name: str
    model_config: Document
    weights: bytes
    fidelity: float | None
    projection: Document
    basis: bytes
    row_scale: float
    exponent_bits: int
    queries: NDArray[np.int64]
    bits: tuple[int, ...]
    pricing: Document
    notes: tuple[str, ...]
    disclosure: str = PER_RECORD
    base: bytes = b""
    """The base model, where it travels."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The selection, its price, and what the buyer thinks of it; no records means that nothing is worth buying.

    `reasons` are sentences for people; `numbers` what they rest on.
    """

    records: tuple[RecordIndex, ...]
    price: Wei
    reasons: tuple[str, ...]
    numbers: dict[str, float]

    def __repr__(self) -> str:
        """Return what is advised in a line; the records' numbers are in `records`, what speaks against it in `reasons`.

        >>> Choice((RecordIndex(3), RecordIndex(8)), Wei(2000), ("Random is as good",), {"clean_share": 0.97})
        Choice(2 records for 2,000 of the smallest unit, trust 97%, 1 doubt: see .reasons)
        """
        trust = self.numbers.get("clean_share")
        parts = [
            f"{counted(len(self.records), 'record')} for {self.price:,} of the smallest unit",
            *([] if trust is None else [f"trust {trust:.0%}"]),
            f"{counted(len(self.reasons), 'doubt')}: see .reasons" if self.reasons else "no doubts",
        ]
        return f"Choice({', '.join(parts)})"

    @property
    def forecast(self) -> GainForecast | None:
        """What the selection is forecast to do to the buyer's model; None where the valuer made no forecast."""
        return GainForecast.from_numbers(self.numbers)


class Valuer(Protocol):
    """The buyer's models and money sense."""

    def question(self, manifest: Manifest) -> Question:
        """What to ask of this listing. Asked once for each trade."""
        ...

    def choose(self, scores: NDArray[np.int64], manifest: Manifest, budget: Wei) -> Choice:
        """What to buy, given `n_queries x n` integer scores as they were decrypted, with their noise.

        Positive = helpful. They are of the records or of the groups that the question asked for; groups are bought
        whole. Asked once for each trade."""
        ...

    def check_opened(
        self, units: Sequence[int], records: Sequence[Row], scores: NDArray[np.int64], manifest: Manifest
    ) -> tuple[str, ...]:
        """Whether `records`, all those of these units of the choice, are what their scores were taken to say; `scores`
        are those that the choice was made by. Returns warnings for the buyer's own people, told before more is paid.

        Raises AuditError where they are not: no more of it is paid then."""
        ...

    def check_delivered(
        self, numbers: Sequence[RecordIndex], records: Sequence[bytes], manifest: Manifest
    ) -> DeliveredRepetition | None:
        """Return which of all bought records are near-duplicates, or None where nothing of the kind is compared.

        `records` are the canonical bytes of `numbers`, ascending; every score of theirs holds."""
        ...


@runtime_checkable
class ChecksListing(Protocol):
    """A valuer that can tell at once whether a listing fits the buyer's own records and model."""

    def check_listing(self, manifest: Manifest) -> None:
        """Raises what ends the trade before any work where the listing cannot be asked."""
        ...


@runtime_checkable
class ChecksAsked(Protocol):
    """A valuer that can tell whether a request that was made before is about its model."""

    def check_asked(self, request: Request, manifest: Manifest) -> None:
        """Raises InvalidOption where the request asks at another model: its scores cannot be read by this one."""
        ...
