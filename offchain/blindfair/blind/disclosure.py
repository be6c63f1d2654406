"""What an evaluation tells the buyer at most, in bits, from the parameters (PROTOCOL 0, SCORING requirement 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from blindfair.blind.parameters import ParameterSet
from blindfair.protocol.disclosure_policy import PER_RECORD, DisclosurePolicy
from blindfair.protocol.quantities import Bits


@dataclass(frozen=True, slots=True)
class Disclosure:
    """An upper bound against any query, honest or not: on average over a block, for records and queries together.

    Where records are scored in groups (PROTOCOL 4.5), a group takes a record's place in all of this: what its score
    tells may be about any of its records, and about one alone if the buyer's model makes the rows of the others zero.
    """

    bits_per_record: Bits
    """`b = log2(Q / (2B + 1))`, for each query; for each group where records are scored in groups."""

    records: int
    """`n`."""

    scores: int
    """How many there are for each query: `n`, or one a group."""

    queries: int
    """`m`."""

    exponent_bits: int
    """Bits of the power of two by which a record's row was divided, disclosed beside its scores."""

    total_bits: Bits
    """`b m + exponent_bits` for each of the scores, for the listing."""

    hiding_bits: Bits
    """`log2(B / E)`: by how much the noise of the sum, which depends on the rows, is drowned."""

    hiding_bits_total: Bits
    """`hiding_bits - log2(n m)`: the same for all scores of the evaluation together, by the union bound. Whatever is
    made of an honest query's reply differs by at most 2^-hiding_bits_total in probability from what can be made of the
    scores."""

    exact: bool
    """Whether scores are the integer product; else they are rounded to `bits_per_record`."""

    @classmethod
    def of(
        cls,
        parameters: ParameterSet,
        *,
        records: int,
        queries: int,
        precision_bits: int | None = None,
        exponent_bits: int = 0,
        policy: DisclosurePolicy = PER_RECORD,
    ) -> Disclosure:
        """What one evaluation of `queries` queries over `records` records discloses at the seller's precision.

        Raises `UnknownParameters` for a precision outside 1 ... 32.
        """
        bits, hiding = parameters.bits_per_record(precision_bits), parameters.hiding_bits(precision_bits)
        scores = policy.groups(records)
        return cls(
            bits_per_record=bits,
            records=records,
            scores=scores,
            queries=queries,
            exponent_bits=exponent_bits,
            total_bits=Bits((bits * queries + exponent_bits) * scores),
            hiding_bits=hiding,
            hiding_bits_total=Bits(hiding - math.log2(scores * queries)),
            exact=parameters.is_exact(precision_bits),
        )
