"""Information in a listing's terms, for people: bits told beside bits held, and their price."""

import math
from fractions import Fraction

from blindfair.api.defaults import FREE_BITS, FREE_SHARE
from blindfair.influence.written import unread_columns
from blindfair.protocol.disclosure_policy import DisclosurePolicy
from blindfair.protocol.documents import Document
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import Wei
from blindfair.protocol.words import counted

_FEE_DIGITS = 3


def free_bits_of(held: int, records: int, share: Fraction = FREE_SHARE) -> int:
    """Return the bits, in the whole listing, that strangers together get free of charge.

    `held` are the bits that a record holds; of them at most `FREE_BITS` are free.
    """
    return int(min(share * held, Fraction(FREE_BITS)) * records)


def min_fee(bits: int, held: int, whole_price: Wei) -> Wei:
    """Return the least fee of an evaluation of `bits` a record: as large a share of the listing's price as it tells of
    what a record holds, rounded up."""
    return Wei(-(-min(bits, held) * whole_price // held))


def default_fee(bits: int, held: int, whole_price: Wei) -> Wei:
    """Return the least fee, rounded up to three digits: an amount that a person can read."""
    least = min_fee(bits, held, whole_price)
    unit = 10 ** max(0, len(str(least)) - _FEE_DIGITS)
    return Wei(-(-least // unit) * unit)


def information_text(manifest: Manifest) -> str:
    """Return what a record holds, and how much of it one evaluation, all strangers and all evaluations may learn."""
    terms, n = manifest.terms, manifest.record_count
    free, every = terms.free_bits / n, terms.disclosed_bits / n
    size = _smallest_group(manifest)
    held = terms.record_bits
    told = f"{bits_share(terms.bits_per_record, held * size)}{_of_groups(size, n)}"
    return (
        f"this listing holds about {held} bits a record; one evaluation tells at most {told}; strangers together at "
        f"most {bits_share(free, held)} free of charge; all evaluations together {bits_share(every, held)}"
    )


def information_document(manifest: Manifest) -> Document:
    """Return the same as a document. Bits are of the whole listing, unless the name says of a record."""
    terms = manifest.terms
    return {
        "disclosed_bits": terms.disclosed_bits,
        "evaluation_bits_per_record": terms.bits_per_record,
        "evaluation_fee_wei": str(terms.evaluation_fee),
        "first_evaluation_is_free": evaluation_bits(manifest) <= terms.free_bits or not terms.evaluation_fee,
        "free_bits": terms.free_bits,
        "own_models": terms.own_models,
        "record_bits": terms.record_bits,
        "unscored_columns": list(unread_columns(manifest.schema)),
    }


def max_bits_text(bits: float) -> str:
    """Return bits of a record rounded up to a tenth, as a bound must be. A budget is whole bits of all records, so 3.4
    bits a record come out as 3.3992 of each.

    >>> max_bits_text(3.3992), max_bits_text(4.0), max_bits_text(5.45)
    ('3.4', '4', '5.5')
    """
    # Less than the last digit of a quotient.
    return f"{math.ceil(bits * 10 - 1e-9) / 10:g}"


def evaluation_fee(manifest: Manifest) -> Wei:
    """Return what one evaluation costs by the finest disclosure policy that is offered."""
    return manifest.terms.fee(evaluation_bits(manifest), manifest.record_count)


def evaluation_bits(manifest: Manifest) -> int:
    """Bits of one evaluation, in the whole listing, by the finest disclosure policy that is offered."""
    terms = manifest.terms
    scores = max(DisclosurePolicy.named(name).groups(manifest.record_count) for name in terms.disclosures)
    return terms.bits_per_record * scores


def smallest_free_group(manifest: Manifest) -> int | None:
    """Return the fewest records a group must have for one evaluation to be free of charge; None where none is."""
    terms, n = manifest.terms, manifest.record_count
    affordable = terms.free_bits // terms.bits_per_record
    if affordable < 1:
        return None
    sizes = range(max(2, -(-n // affordable)), n + 1)
    return next((size for size in sizes if n % size != 1), None)


def _smallest_group(manifest: Manifest) -> int:
    """Records that are scored together by the finest disclosure policy that is offered."""
    return min(DisclosurePolicy.named(name).group_size(manifest.record_count) for name in manifest.terms.disclosures)


def told_text(manifest: Manifest) -> str:
    """Return how many bits one evaluation tells at most, and of what."""
    size = _smallest_group(manifest)
    return f"{counted(manifest.terms.bits_per_record, 'bit')}{_of_groups(size, manifest.record_count) or ' a record'}"


def _of_groups(size: int, records: int) -> str:
    """Return the scored groups in words; empty where each record is scored alone."""
    if size == 1:
        return ""
    return f" of all {records:,} records together" if size >= records else f" of a group of {size:,} records"


def bits_share(bits: float, held: int) -> str:
    """Return bits, as `max_bits_text` gives them, and how much of a record that is."""
    share = bits / held
    part = "under 0.1%" if 0 < share < 0.001 else f"{share:.1%}" if 0 < share < 0.01 else f"{share:.0%}"
    return f"{max_bits_text(bits)} ({part})".replace("%", " %")
