"""The root of all errors: what went wrong, what was expected and found, and a hint."""

from typing import ClassVar


class BlindfairError(Exception):
    """The root. `what` is a sentence, `expected` and `found` are short values, `hint` says what to do next.

    None of the four may hold a secret: they are printed and logged.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, expected: object = None, found: object = None, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.found = found
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.what]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.found is not None:
            parts.append(f"found {self.found}")
        sentence = "; ".join(parts)
        return f"{sentence}. Hint: {self.hint}" if self.hint else sentence

    @property
    def name(self) -> str:
        """The name shown to people and written to JSON."""
        return type(self).__name__
