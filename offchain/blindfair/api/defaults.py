"""Defaults of sellers and buyers, in the commands, the demo and the API."""

from collections.abc import Sequence
from fractions import Fraction

from blindfair.protocol.disclosure_policy import PER_RECORD, DisclosurePolicy
from blindfair.protocol.errors import InvalidListing, InvalidOption

QUERIES = 2
"""Queries of a default request: what a record is worth, and its class."""

SCORE_BITS = 3
"""Bits of a record's score that a buyer asks for (docs/explanation/valuation.md)."""

BITS = SCORE_BITS + 1
"""Bits that one evaluation tells of a record: of its score, and one of its class."""

UNNAMED_BITS, NAMED_BITS = 8, 64
"""Bits that one evaluation may tell of a record at most, where anybody is answered and where named buyers alone are."""

FREE_SHARE = Fraction(1, 20)
"""Part of what a record holds that all unnamed buyers together get free of charge."""

FREE_BITS = 32
"""Bits of a record that all unnamed buyers together get free of charge at most, however much it holds."""

DISCLOSED_SHARE = Fraction(3, 10)
"""Part of what the records hold that all evaluations together tell. A seller repeats a larger figure to mean it."""

EXACT_BITS = 32
"""Bits at which a score is exact."""

BANDWIDTH_MBIT = 100.0
"""Mbit/s between buyer and seller."""

DISCLOSURE = PER_RECORD.name
"""The default disclosure policy: each record is scored."""

MODELS = ("logistic", "mlp", "cnn")
"""Models that a buyer may learn by: the names of `LEARNERS` in the pricing package, which is slow to load."""

TABLE_MODELS = ("logistic", "mlp")
"""Models that learn tables."""

MIN_MEMORY_GIB = 0.001
"""The least that a seller may limit a request to, in GiB. Scoring one record by two entries takes 8 MiB already."""

MAX_MEMORY_GIB = 4.0
"""Memory that one request may take of a seller's machine, in GiB: that of the default `SellerPolicy`."""

WINDOW = 128
"""Tokens of a text that a model reads at once."""

MAX_WINDOWS = 4
"""Windows of a text that are scored."""


def check_disclosure(name: str, option: str = "disclosure") -> DisclosurePolicy:
    """Return the disclosure policy of this name. Raises InvalidOption, by the name of `option`."""
    try:
        return DisclosurePolicy.named(name)
    except InvalidListing as error:
        raise InvalidOption(
            f"`{option}` names no disclosure policy", expected=error.expected, found=repr(name[:40])
        ) from error


def check_score_bits(bits: int) -> None:
    """Check that a query may ask for so many bits. Raises InvalidOption."""
    if not 1 <= bits <= EXACT_BITS:
        raise InvalidOption(
            "`score_bits` is out of range",
            expected=f"1 ... {EXACT_BITS}",
            found=bits,
            hint=f"{SCORE_BITS} keep nearly all of what exact scores are worth (docs/explanation/valuation.md)",
        )


def check_model(model: str, models: Sequence[str] = MODELS) -> None:
    """Check that the name is one of `models`. Raises InvalidOption."""
    if model not in models:
        raise InvalidOption(
            "`model` names no model",
            expected=" or ".join(models),
            found=repr(model[:40]),
            hint="logistic is quicker and discloses less; mlp learns non-linear boundaries, and cnn images",
        )


FILE_COLUMN = "file"
"""The column of a table that has the names of the files that are sold with it."""
