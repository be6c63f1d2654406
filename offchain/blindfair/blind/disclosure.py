"""The most that an evaluation tells the buyer, in bits, from the parameters (PROTOCOL 0, SCORING requirement 4)."""

import math
from collections.abc import Sequence
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
    """What all queries together tell of a record, and its exponent: `sum of b + exponent_bits`, with `b = log2(Q / 2B)`
    of each query; of a group where records are scored in groups."""

    records: int
    """`n`."""

    scores: int
    """How many there are for each query: `n`, or one a group."""

    bits: tuple[Bits, ...]
    """`b` of each query."""

    exponent_bits: int
    """Bits of the power of two by which a record's row was divided, disclosed beside its scores."""

    total_bits: Bits
    """`bits_per_record` for each of the scores, for the listing."""

    flooding_bits: Bits
    """`log2(B / E)` of the query with the narrowest noise: by how much the noise of the sum, which depends on the rows,
    is drowned."""

    flooding_bits_total: Bits
    """`flooding_bits - log2(n m)`: the same for all scores of the evaluation together, by the union bound. Whatever is
    made of an honest query's reply differs by at most 2^-flooding_bits_total in probability from what can be made of
    the scores."""

    @property
    def queries(self) -> int:
        """`m`."""
        return len(self.bits)

    @classmethod
    def of(
        cls,
        parameters: ParameterSet,
        *,
        records: int,
        bits: Sequence[int],
        exponent_bits: int = 0,
        policy: DisclosurePolicy = PER_RECORD,
    ) -> "Disclosure":
        """What one evaluation over `records` records discloses, whose queries ask for so many `bits` each.

        Raises `UnknownParameters` for bits outside 1 ... 32.

        >>> from blindfair.blind.parameters import DEFAULT
        >>> round(Disclosure.of(DEFAULT, records=1000, bits=(3, 1)).total_bits)
        4000
        """
        each = tuple(parameters.bits_per_score(asked) for asked in bits)
        flooding = min(parameters.flooding_bits(asked) for asked in bits)
        scores, per_record = policy.groups(records), Bits(math.fsum(each) + exponent_bits)
        return cls(
            bits_per_record=per_record,
            records=records,
            scores=scores,
            bits=each,
            exponent_bits=exponent_bits,
            total_bits=Bits(per_record * scores),
            flooding_bits=flooding,
            flooding_bits_total=Bits(flooding - math.log2(scores * len(bits))),
        )
