"""What a purchase is forecast to gain, as numbers with their unit. Not here: how it is forecast (`forecast`)."""

from collections.abc import Mapping
from dataclasses import dataclass

from blindfair.influence.label import LabelKind

NATS, HALF_SQUARES, COUNT_NATS = UNITS = (
    "nats",
    "squared error / 2, label in standard deviations",
    "nats of the count in the label's unit",
)
"""Units of a loss: of classes, numbers and counts (`influence.linear_fits`)."""

LOSS_UNITS: Mapping[LabelKind, str] = dict(zip(LabelKind, UNITS, strict=True))
"""The unit of a loss, and of a score, by the kind of the label."""

_ENDS = ("", "_low", "_high")


@dataclass(frozen=True, slots=True)
class GainInterval:
    """What is gained, positive = better: the mean over worlds, and a 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GainForecast:
    """What buying `records` records takes off the mean loss of a validation record, and adds to the AUC.

    `validation` is the number of validation records that it is judged on. `unit` is that of the loss. Labels that are
    not of two classes have no AUC.
    """

    records: int
    validation: int
    loss: GainInterval
    auc: GainInterval | None
    unit: str = NATS

    def numbers(self) -> dict[str, float]:
        """The forecast as numbers with names of their own."""
        found = dict[str, float]({"forecast_records": self.records, "forecast_validation": self.validation})
        for name, gain in (("loss", self.loss), ("auc", self.auc)):
            if gain is not None:
                ends = gain.mean, gain.low, gain.high
                found |= dict(zip((f"forecast_{name}{end}" for end in _ENDS), ends, strict=True))
        return {**found, "forecast_unit": UNITS.index(self.unit)}

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, float]) -> "GainForecast | None":
        """The forecast that `numbers` holds, or None."""
        if "forecast_records" not in numbers:
            return None
        loss, auc = (_interval(numbers, name) for name in ("loss", "auc"))
        if loss is None:
            return None
        # Choices that were stored before there were other units have none.
        unit = UNITS[int(numbers.get("forecast_unit", 0))]
        return cls(int(numbers["forecast_records"]), int(numbers["forecast_validation"]), loss, auc, unit)


def _interval(numbers: Mapping[str, float], name: str) -> GainInterval | None:
    if f"forecast_{name}" not in numbers:
        return None
    return GainInterval(*(numbers[f"forecast_{name}{end}"] for end in _ENDS))
