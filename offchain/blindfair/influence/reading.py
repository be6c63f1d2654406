"""How each column of a table was read, for its owner to see: a number, a category or the label, and why.

One cell that is no number makes a column of numbers a category, and a model then learns nothing of the amounts. So a
`ColumnReading` names the first such cell, and says what is unusual about it.

Not here: the reading itself (`columns`), and the comparison of two parties' tables.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from blindfair.influence.columns import is_missing, is_number_text
from blindfair.influence.spelling import option, shown
from blindfair.influence.written import cell_text
from blindfair.protocol.documents import Document
from blindfair.protocol.records import Cell
from blindfair.protocol.schema import ColumnKind

DOUBT_SHARE = 0.9
"""The share of a category's cells that look like numbers, from which on its owner is warned."""

_SHOWN = 24
"""Characters of a cell that are shown."""

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_GROUPED = r"[+-]?[0-9]{1,3}(?:[,' \u00a0\u202f][0-9]{3})+(?:\.[0-9]*)?"
_COMMA = r"[+-]?[0-9]+,[0-9]+"
_CURRENCY = r"(?:[$€£¥₹]|[A-Z]{3}(?= ))"
_MISSING_WORDS = frozenset({
    "n/a", "#n/a", "<na>", "n.a.", "na.", "none", "nil", "missing", "unknown", "-", "--", "---", ".", "*", "\\n",
    "#div/0!", "#value!", "#ref!",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Form:
    """A way to write what this program does not read as a number."""

    pattern: re.Pattern[str]
    called: str
    advice: str
    is_amount: bool = True


_FORMS = (
    _Form(
        re.compile(rf"{_CURRENCY}\s?(?:{_NUMBER}|{_GROUPED})|(?:{_NUMBER}|{_GROUPED})\s?(?:[$€£¥₹]|[A-Z]{{3}})"),
        "an amount with a currency",
        "write the number alone, and the currency into the column's name",
    ),
    _Form(re.compile(rf"(?:{_NUMBER}|{_GROUPED})\s?%"), "a percentage", "write the number without the % sign"),
    _Form(
        re.compile(rf"[<>≤≥]=?\s?(?:{_NUMBER}|{_GROUPED}|{_COMMA})\s?%?"),
        "a number below or above a limit",
        "write the limit alone, and into a column of its own that it is one",
    ),
    _Form(re.compile(_GROUPED), "a number with separated thousands", "write 12345 for 12,345"),
    _Form(re.compile(_COMMA), "a number with a decimal comma", "write a point: 3.5 for 3,5"),
    _Form(
        re.compile(r"[+-]?0[0-9]+(?:\.[0-9]*)?"),
        "a number with a leading zero, as in codes",
        "write 7 for 007 if it is an amount",
        is_amount=False,
    ),
    _Form(
        re.compile(r"[+-]?[0-9]{16,}"),
        "an integer of too many digits for an amount",
        "nothing is to do if these are codes",
        is_amount=False,
    ),
    _Form(
        re.compile(rf"(?:{_NUMBER}|{_GROUPED}) [^\W\d_][^,]{{0,15}}"),
        "a number with a unit",
        "write the number alone, and the unit into the column's name",
    ),
)
_OTHER = _Form(re.compile(""), "no number", "write it as a number, or leave the cell empty", is_amount=False)
_MISSING_WORD = _Form(
    re.compile(""), "a word for a missing value", "write missing values as empty cells", is_amount=False
)
_CODE = re.compile(r"[0-9]+[eE][+-]?[0-9]+")


@dataclass(frozen=True, slots=True)
class FoundCell:
    """A cell of a file that explains something: its line, counted from 1, its text escaped and cut, what it is called,
    and what to do with it."""

    line: int
    text: str
    called: str
    advice: str

    def to_document(self) -> Document:
        """The fields that `--json` writes."""
        return {"called": self.called, "line": self.line, "text": self.text}


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """How one column was read.

    `filled` cells are not missing, and `numbers` of them are numbers. `amounts` are these and the cells that a person
    reads as numbers: with a unit, a currency, a comma, or a
    word for a missing value. `first_text` is the first cell that made a column with numbers
    a category. `first_written` is the first of `written` cells that would come back otherwise from a number alone, and
    `first_code` the first that looks like a code read as a number. `is_named`: it is text because its owner said so.
    """

    name: str
    kind: ColumnKind
    is_label: bool
    filled: int
    numbers: int
    amounts: int
    first_text: FoundCell | None
    written: int
    first_written: FoundCell | None
    first_code: FoundCell | None
    is_named: bool

    @property
    def warning(self) -> str | None:
        """Warn of a reading that the owner probably does not mean, with a remedy; None if all seems right."""
        name, as_text = f"{self.name!r}", option("text", [self.name])
        if self.is_label or self.is_named:
            return None
        cell = self.first_text
        if cell is not None and self.amounts and self.amounts >= DOUBT_SHARE * self.filled:
            return (
                f"column {name} is read as a category, so no model sees amounts: {self.numbers:,} of {self.filled:,} "
                f"cells are numbers, but line {cell.line} holds {cell.text}, {cell.called}. To have numbers, "
                f"{cell.advice}. If these are codes: {as_text}"
            )
        if self.first_code is not None:
            return (
                f"column {name} is read as numbers, but line {self.first_code.line} holds {self.first_code.text}, "
                f"{self.first_code.called}. If these are codes: {as_text}"
            )
        return None

    def to_document(self) -> Document:
        """The fields that `--json` writes."""
        return {
            "as_written": self.written,
            "column": self.name,
            "filled": self.filled,
            "first_text": None if self.first_text is None else self.first_text.to_document(),
            "kind": self.kind.value,
            "label": self.is_label,
            "numbers": self.numbers,
            "warning": self.warning,
        }


def read_kind(cells: Iterable[Cell]) -> ColumnKind:
    """The kind of a column of a table: a number where all cells are numbers or missing, else a category."""
    return ColumnKind.CATEGORY if any(isinstance(cell, str) for cell in cells) else ColumnKind.NUMBER


def column_reading(
    name: str,
    texts: Sequence[str],
    cells: Sequence[Cell],
    lines: Sequence[int],
    *,
    is_label: bool = False,
    is_named: bool = False,
) -> ColumnReading:
    """How the `n` texts on `lines` became `cells`."""
    kind = read_kind(cells)
    present = [(line, text.strip()) for text, line in zip(texts, lines, strict=True) if not is_missing(text)]
    first_text = None
    numbers = amounts = words = 0
    if kind is ColumnKind.NUMBER:
        numbers = amounts = len(present)
    else:
        for line, text in present:
            if is_number_text(text):
                numbers += 1
                continue
            form = _form(text)
            words += form is _MISSING_WORD
            amounts += form.is_amount
            if first_text is None:
                first_text = _found(line, text, form.called, form.advice)
        amounts += numbers
        # Beside amounts a word for a missing value is one; by itself it may be a category.
        amounts += words if amounts else 0
    written, first_written = _written(texts, cells, lines)
    return ColumnReading(
        name=name,
        kind=kind,
        is_label=is_label,
        filled=len(present),
        numbers=numbers,
        amounts=amounts,
        # A category of words needs no explanation.
        first_text=first_text if amounts else None,
        written=written,
        first_written=first_written,
        first_code=_first_code(present, cells, kind),
        is_named=is_named,
    )


def warnings(readings: Collection[ColumnReading]) -> list[str]:
    """Warnings of readings that a table's owner probably does not mean, in the order of the columns."""
    return [reading.warning for reading in readings if reading.warning is not None]


def _form(text: str) -> _Form:
    if text.casefold() in _MISSING_WORDS:
        return _MISSING_WORD
    return next((form for form in _FORMS if form.pattern.fullmatch(text)), _OTHER)


def _written(texts: Sequence[str], cells: Sequence[Cell], lines: Sequence[int]) -> tuple[int, FoundCell | None]:
    count, first = 0, None
    for text, cell, line in zip(texts, cells, lines, strict=True):
        if cell_text(cell) != text:
            count += 1
            first = first or _found(line, text, "written otherwise than the number alone", "")
    return count, first


def _first_code(present: Sequence[tuple[int, str]], cells: Sequence[Cell], kind: ColumnKind) -> FoundCell | None:
    """The first number that looks like a code: digits around an e, or one number in two forms."""
    if kind is not ColumnKind.NUMBER:
        return None
    seen: dict[float, str] = {}
    for line, text in present:
        if _CODE.fullmatch(text) and abs(float(text)) >= 1e15:
            return _found(line, text, "digits around an e, which many codes have", "")
        before = seen.setdefault(float(text), text)
        # 2 and 2.0 are common in columns of numbers; zeros after other decimals are not.
        if before != text and "." in before and "." in text and "e" not in (before + text).lower():
            return _found(line, text, f"the same number as {shown(before, limit=_SHOWN)} to a model", "")
    return None


def _found(line: int, text: str, called: str, advice: str) -> FoundCell:
    return FoundCell(line, shown(text, limit=_SHOWN), called, advice)
