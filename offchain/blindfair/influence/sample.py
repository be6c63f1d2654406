"""Records of a stream of any length that stand for all of it, in bounded memory, and those that a schema must not miss.

Not here: what is made of them (`table_survey`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from blindfair.influence.columns import is_missing
from blindfair.influence.label import CLASSES_LIMIT
from blindfair.influence.robust import RARE
from blindfair.influence.table import label_missing

SAMPLE_RECORDS = 20_000
"""Records of a sample at most: a rounded centre of so many is that of all."""

SAMPLE_BYTES = 8 * 2**20
"""Characters of a sample at most: what measures it takes ten times as much memory."""


@dataclass(frozen=True, slots=True)
class SampledRow:
    """A record of the file: its number, its line, and its cells as they are written."""

    number: int
    line: int
    texts: tuple[str, ...]


@dataclass(slots=True)
class Sample:
    """The records with the least digests, as many as there is space for: each record has the same chance."""

    below: bytes = b"\xff" * 33
    """Digests from here on are not taken."""

    _taken: list[tuple[bytes, SampledRow]] = field(default_factory=list)
    _size: int = 0

    def offer(self, digest: bytes, row: SampledRow) -> None:
        """Take a record whose digest is less than `below`."""
        self._taken.append((digest, row))
        self._size += sum(map(len, row.texts))
        if len(self._taken) > SAMPLE_RECORDS or self._size > SAMPLE_BYTES:
            self._taken.sort(key=lambda each: each[0])
            # One at least, however large the records are.
            self._taken = self._taken[: max(1, 3 * len(self._taken) // 4)]
            self.below = self._taken[-1][0]
            self._size = sum(len(text) for _, each in self._taken for text in each.texts)

    def rows(self) -> list[SampledRow]:
        """The records of the sample."""
        return [row for _, row in self._taken]


class LabelSurvey:
    """The labels of all records, and records of every class, which a sample may miss."""

    def __init__(self, label: str, *, as_text: bool) -> None:
        self._label = label
        self._as_text = as_text
        self._are_numbers = True
        self._of_label: dict[str, list[SampledRow]] = {}
        self._lowest: tuple[float, SampledRow] | None = None
        self._fraction: SampledRow | None = None

    def add(self, texts: Sequence[str], lines: Sequence[int], row_at: Callable[[int], SampledRow]) -> None:
        """Look at the labels of more records, of which `row_at` gives one. Raises LabelMissing."""
        for text in set(texts):
            if text == "" if self._as_text else is_missing(text):
                raise label_missing(self._label, text, lines[texts.index(text)])
        self._keep_classes(texts, row_at)
        if self._are_numbers and not self._as_text:
            self._keep_numbers(texts, row_at)

    def _keep_classes(self, texts: Sequence[str], row_at: Callable[[int], SampledRow]) -> None:
        wanted = {text for text in set(texts) if len(self._of_label.get(text, ())) < RARE}
        if not wanted or len(self._of_label) > CLASSES_LIMIT:
            return
        for place, text in enumerate(texts):
            if text in wanted and (text in self._of_label or len(self._of_label) <= CLASSES_LIMIT):
                rows = self._of_label.setdefault(text, [])
                if len(rows) < RARE:
                    rows.append(row_at(place))

    def _keep_numbers(self, texts: Sequence[str], row_at: Callable[[int], SampledRow]) -> None:
        try:
            numbers = list(map(float, texts))
        except ValueError:
            self._are_numbers = False
            return
        least = min(numbers)
        if self._lowest is None or least < self._lowest[0]:
            self._lowest = least, row_at(numbers.index(least))
        if self._fraction is None:
            place = next((place for place, number in enumerate(numbers) if not number.is_integer()), None)
            self._fraction = None if place is None else row_at(place)

    def rows(self) -> list[SampledRow]:
        """Records of each class, as many as the manifest may name one for; of a number or a count, the least and one
        that is not whole."""
        each = RARE if len(self._of_label) <= CLASSES_LIMIT else 1
        found = [row for rows in self._of_label.values() for row in rows[:each]]
        extremes = () if self._lowest is None or not self._are_numbers else (self._lowest[1],)
        return [*found, *extremes, *(() if self._fraction is None or not self._are_numbers else (self._fraction,))]
