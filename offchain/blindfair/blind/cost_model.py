"""Seconds that each operation of blind scoring takes on a machine: what estimates and plans are computed from.

A cost model is a value. `measure_costs` makes one on this machine, `cost_cache` keeps it, and `REFERENCE` is the one
that is used where none is given. Not here: how often an evaluation does each operation (`estimate`).
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from blindfair.blind.parameters import ParameterSet
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import MalformedFile, UnknownParameters

SLOWEST_OPERATION = 60.0
"""Seconds. The slowest operation takes some tens of milliseconds today; more than this is a damaged figure."""


@dataclass(frozen=True, slots=True)
class OperationSeconds:
    """Seconds of each operation under one parameter set, on one core."""

    encrypt: float
    """Encrypt one coordinate or mask under a secret key, and take its words."""

    load_ciphertext: float
    """Make a ciphertext of its first polynomial and the second's seed."""

    load_words: float
    """Expand the seed of a second polynomial into words."""

    transform: float
    """Bring a ciphertext into NTT form."""

    automorphism: float
    """One automorphism with its key switching, of an expanded query; 0 where queries are not expanded."""

    encode_column: float
    """Encode one column of one block as a plaintext in NTT form."""

    lay_out_column: float
    """Write one column of one block into the words that the kernel reads."""

    words_to_plaintext: float
    """Make a plaintext of one column's words: what scoring without the compiled kernel does for each product."""

    ciphertext_to_words: float
    """Take the words of a ciphertext."""

    product: float
    """Multiply a ciphertext by a plaintext and add it to a sum, in SEAL's arithmetic."""

    kernel_product: float | None
    """The same in the compiled kernel; None on a machine without it."""

    flood: float
    """Flood one ciphertext of scores with noise, switch its modulus, and pack it."""

    decrypt: float
    """Unpack one ciphertext of a reply, check it, decrypt it, and take its scores."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is None and field.name == "kernel_product":
                continue
            if not is_number or not math.isfinite(value) or not 0 <= value <= SLOWEST_OPERATION:
                raise MalformedFile(
                    "A cost model has an impossible time",
                    expected=f"0 to {SLOWEST_OPERATION:g} s for {field.name}",
                    found=repr(value)[:40],
                    hint="measure the machine again",
                )


@dataclass(frozen=True, slots=True)
class CostModel:
    """A machine's `OperationSeconds` for each parameter set.

    >>> from blindfair.blind.parameters import DEFAULT
    >>> from blindfair.blind.reference_costs import REFERENCE
    >>> CostModel.from_document(REFERENCE.to_document()) == REFERENCE
    True
    >>> REFERENCE.of(DEFAULT).encrypt > 0
    True
    """

    machine: str
    """Processor and kernel, as `machine_name` writes them."""

    date: str
    """The day of the measurement, as 2026-11-29."""

    version: str
    """The version of blindfair that was measured."""

    operations: Mapping[str, OperationSeconds]
    """Seconds of each operation, by the name of the parameter set."""

    @property
    def source(self) -> str:
        """Where the figures come from, for a person."""
        return f"measured on {self.machine}, {self.date}"

    def of(self, parameters: ParameterSet) -> OperationSeconds:
        """Return the seconds under a parameter set. Raises UnknownParameters if it was not measured."""
        try:
            return self.operations[parameters.name]
        except KeyError:
            raise UnknownParameters(
                "The cost model lacks a parameter set",
                expected=sorted(self.operations),
                found=parameters.name,
                hint="measure the machine again with this version",
            ) from None

    def to_document(self) -> Document:
        """Return the model as JSON values."""
        return {
            "date": self.date,
            "machine": self.machine,
            "operations": {name: asdict(seconds) for name, seconds in self.operations.items()},
            "version": self.version,
        }

    @classmethod
    def from_document(cls, document: Document) -> "CostModel":
        """Read what `to_document` gave. Raises MalformedFile."""
        try:
            found = dict(document)
            operations = found.pop("operations")
            if not isinstance(operations, dict) or not all(isinstance(text, str) for text in found.values()):
                raise TypeError("a field has another type")
            made = {name: OperationSeconds(**seconds) for name, seconds in operations.items()}  # type: ignore[arg-type]
            return cls(operations=made, **found)  # type: ignore[arg-type]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise MalformedFile(
                "This is not a cost model",
                expected="machine, date, version and operations",
                found=str(error),
                hint="measure the machine again",
            ) from error
