"""What a person may set of the demo, checked before anything is done."""

from dataclasses import dataclass
from pathlib import Path

from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Wei

ETHER_UNIT = 10**18
PRICE_PER_RECORD = Wei(ETHER_UNIT // 1000)
"""The demo's uniform price of a record: 0.001 ether."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Raises InvalidOption for values out of range. Without `records` it is the clinical trial of the package."""

    records: Path | None = None
    label: str | None = None
    budget: Wei = Wei(ETHER_UNIT // 2)
    seed: int = 0
    flipped: float = 0.3
    duplicates: float = 0.05
    good_record_value: Wei | None = None

    def __post_init__(self) -> None:
        if (self.records is None) != (self.label is None):
            raise InvalidOption("--records and --label go together", expected="both or none")
        if not 0 < self.budget <= 9 * ETHER_UNIT:
            raise InvalidOption(
                "The budget is out of range", expected="over 0, up to 9 ether", found=f"{self.budget} wei"
            )
        if not 0 <= self.seed < 2**32:
            raise InvalidOption("The seed is out of range", expected="0 ... 4294967295", found=self.seed)
