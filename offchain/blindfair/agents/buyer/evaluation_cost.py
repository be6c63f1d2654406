"""What an evaluation tells and costs, as the buyer knows it before it asks (PROTOCOL 2, 4.7)."""

from dataclasses import dataclass

from blindfair.agents.buyer.valuer import Question
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import Wei
from blindfair.protocol.units import Units


@dataclass(frozen=True, slots=True)
class EvaluationCost:
    """Bits beside what a record holds, and the fee if the listing has no free bits left."""

    bits: int
    """The most that the evaluation tells of a record, or of a group of records: all queries and the exponent."""

    record_bits: int
    """Bits that a record of the listing holds, as its seller measured."""

    unit: str
    """What is scored: `record` or `group`."""

    fee: Wei
    """In the token's smallest unit."""

    may_be_free: bool = True
    """Whether the listing's free bits are enough for it, as long as nobody else has used them."""

    @classmethod
    def of(cls, manifest: Manifest, question: Question | Request) -> "EvaluationCost":
        """Return what a question would cost, or what a request does. Raises InvalidListing for another disclosure."""
        units = Units.named(question.disclosure, manifest.record_count)
        told = units.score_bits(question.bits, question.exponent_bits)
        fee = manifest.terms.fee(told, manifest.record_count)
        return cls(
            bits=sum(question.bits) + question.exponent_bits,
            record_bits=manifest.terms.record_bits,
            unit=units.name,
            fee=fee,
            may_be_free=not fee or told <= manifest.terms.free_bits,
        )
