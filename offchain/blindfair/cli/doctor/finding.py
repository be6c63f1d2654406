"""What a check of `blindfair doctor` finds: a sentence, and where it is not good, what to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from blindfair.cli.flags import with_flags
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import BlindfairError


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `hint` says what to do where the finding is not `ok`."""

    check: str
    ok: bool
    found: str
    hint: str = ""

    def to_document(self) -> Document:
        """The same for `--json`."""
        return {"check": self.check, "found": self.found, "hint": "" if self.ok else self.hint, "ok": self.ok}


def findings(check: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; an error that ends it is a finding like the others."""
    try:
        yield from look()
    except BlindfairError as error:
        details = [error.what]
        if error.expected not in (None, ""):
            details.append(f"expected {error.expected}")
        if error.found not in (None, ""):
            details.append(f"found {error.found}")
        yield Finding(check, False, with_flags("; ".join(details)), with_flags(error.hint))
    except OSError as error:
        yield Finding(check, False, str(error), "look at its owner and permissions")
