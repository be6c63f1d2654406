"""The parts of a selection that are ordered one after the other: the whole, or a bought sample and then the rest
(PROTOCOL 5.6); and what they cost once the fee of their evaluation is credited (PROTOCOL 4.7).

Not here: which records are drawn (`draw`), how many are opened free (`free_units`), what is checked of them
(`audit`), and an order itself (`order`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Address, Digest, RecordIndex, Wei


class PartName(StrEnum):
    """The purpose of an order: a part of a selection, or an evaluation that is not free."""

    WHOLE = "whole"
    """All of it, audited by openings that cost nothing."""

    SAMPLE = "sample"
    """The drawn records, where the listing opens fewer free of charge than the buyer audits."""

    REST = "rest"
    """All but the sample, once that was checked."""

    EVALUATION = "evaluation"
    """The reply to a request, against a fee (PROTOCOL 4.7)."""


PARTS_OF_SELECTION = (PartName.WHOLE, PartName.SAMPLE, PartName.REST)
"""The parts that an agreement and a delivery may name."""


@dataclass(frozen=True, slots=True)
class Part:
    """The purpose of one order."""

    name: PartName

    evaluation: Digest
    """The evaluation that the records were chosen by."""

    token: Address
    """The token that is paid in."""

    price: Wei
    """The price of this part."""

    records: tuple[RecordIndex, ...]
    """Numbers in the listing, ascending."""


def credited_price(price: Wei, fee: Wei) -> Wei:
    """Return what a selection of this price costs after a fee was paid for its evaluation: less by the fee, from 0.

    >>> credited_price(Wei(1000), Wei(300)), credited_price(Wei(1000), Wei(1001))
    (700, 0)
    """
    return Wei(max(0, price - fee))


def sample_price(price: Wei, drawn: int, selected: int) -> Wei:
    """The price of `drawn` of `selected` records if all cost `price`: in proportion, rounded up to the unit.

    Raises `InvalidOption` unless `1 <= drawn <= selected`.
    """
    if not 1 <= drawn <= selected:
        raise InvalidOption("A sample is a part of its selection", expected=f"1 ... {selected}", found=drawn)
    return Wei(-(-price * drawn // selected))


def divide(whole: Part, drawn: Sequence[RecordIndex]) -> tuple[Part, ...]:
    """The sample and the rest of a selection, in the order in which they are bought; no rest where all are drawn.

    `drawn` are members of the selection, ascending. The prices add up to that of the whole. Raises `InvalidOption` for
    an empty sample.
    """
    price = sample_price(whole.price, len(drawn), len(whole.records))
    sample = replace(whole, name=PartName.SAMPLE, price=price, records=tuple(drawn))
    in_sample = frozenset(drawn)
    left = tuple(record for record in whole.records if record not in in_sample)
    if not left:
        return (sample,)
    return sample, replace(whole, name=PartName.REST, price=Wei(whole.price - price), records=left)
