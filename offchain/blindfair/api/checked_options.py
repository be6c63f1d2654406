"""Options of a listing that are checked by themselves: bits, shares, kinds of labels; and names as errors show them."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from blindfair.api.defaults import MAX_MEMORY_GIB, MIN_MEMORY_GIB, NAMED_BITS, UNNAMED_BITS
from blindfair.influence.label import LabelKind
from blindfair.protocol.errors import InvalidOption


def checked_share(option: str, share: float, *, most: int | None = 1) -> Fraction:
    """The share that a person gave, exactly. Raises InvalidOption, by the name of `option`, out of 0 ... `most`."""
    if not (math.isfinite(share) and share >= 0 and (most is None or share <= most)):
        raise InvalidOption(
            f"`{option}` is not a share", expected="0 ... 1" if most else ">= 0", found=share, hint="0.05 is 5 %"
        )
    return Fraction(share).limit_denominator(10**6)


def checked_bits(bits: int, *, is_named: bool) -> int:
    """The bits that one evaluation tells of a record; `is_named` where named buyers alone are answered. Raises
    InvalidOption."""
    most = NAMED_BITS if is_named else UNNAMED_BITS
    if not 1 <= bits <= most:
        raise InvalidOption(
            "`bits` is out of range",
            expected=f"1 ... {most} bits a record",
            found=bits,
            hint=f"up to {UNNAMED_BITS} where anybody is answered, up to {NAMED_BITS} with `buyers`",
        )
    return bits


def checked_memory(gib: float) -> int:
    """The bytes that one request may take at once, of GiB that a person gave. Raises InvalidOption."""
    # NaN is in no range.
    if not MIN_MEMORY_GIB <= gib <= 2**20:
        raise InvalidOption(
            "`max_memory` is out of range",
            expected=f"{MIN_MEMORY_GIB} ... {2**20} GiB; with less no buyer could be answered",
            found=gib,
            hint=f"{MAX_MEMORY_GIB} if the option is left out",
        )
    return int(gib * 2**30)


def label_kind_of(name: str | None) -> LabelKind | None:
    """The kind of label that a person named, if any. Raises InvalidOption."""
    if name is None:
        return None
    kinds = {kind.value: kind for kind in LabelKind}
    if name not in kinds:
        raise InvalidOption("`label_kind` names no kind of label", expected=" or ".join(kinds), found=repr(name[:40]))
    return kinds[name]


def some_names(names: Sequence[str]) -> str:
    """The first of some names."""
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")


NOT_TEXTS = "`text` keeps a table's codes as they are written; texts that a model reads are named by `text_column`"
"""For who gave the one and may have meant the other."""


def needed_label(label: str | None, text: Sequence[str] = ()) -> str:
    """The label of a table with these columns of codes. Raises InvalidOption for none."""
    if label is None:
        raise InvalidOption(
            "A table needs a `label`",
            expected="`label`, the column to predict",
            found="none",
            hint=f"name it. {NOT_TEXTS}" if text else "texts need none: `text_column` names their column",
        )
    return label


def check_no_table(what: str, given: Mapping[str, object]) -> None:
    """Check that none of these options of tables is given for `what` is none. Raises InvalidOption."""
    for option, value in given.items():
        if value:
            raise InvalidOption(
                f"`{'text_column' if option == 'texts' else option}` is for tables, and these are {what}",
                expected=f"none: models read the {what} and the label alone",
                found=str(value)[:80],
                hint=f"leave the option out: {NOT_TEXTS}" if option == "text" else "leave the option out",
            )
