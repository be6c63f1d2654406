"""What a service answers when it refuses: a problem document (RFC 9457), and how a client reads one.

The service is not trusted: a client maps the names that it knows and shows the rest as plain, short text.
"""

from blindfair.http.wire import PROBLEM
from blindfair.protocol.documents import Document, json_value
from blindfair.protocol.errors import (
    BlindfairError,
    ServiceBusy,
    ServiceFailed,
    SessionRefused,
    StoreInUse,
    TransferDamaged,
    Undeliverable,
    WrongService,
)

_KNOWN: dict[str, type[BlindfairError]] = {
    error.__name__: error
    for error in (ServiceBusy, ServiceFailed, SessionRefused, StoreInUse, TransferDamaged, Undeliverable)
}
_SHOWN = 300


class Problem(Exception):
    """A refusal on its way to the client: an HTTP status, a named error, and headers."""

    def __init__(self, status: int, error: BlindfairError, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = headers or {}

    def to_document(self) -> Document:
        """The problem document; what, expected, found and hint are those of every error of this program."""
        error = self.error
        document: Document = {
            "type": PROBLEM + error.name,
            "title": error.name,
            "status": self.status,
            "detail": error.what,
        }
        for name, value in (("expected", error.expected), ("found", error.found)):
            if value is not None:
                document[name] = str(value)
        return {**document, "hint": error.hint} if error.hint else document


def busy(what: str, *, expected: object, found: object, seconds: float, status: int = 429) -> Problem:
    """Too much for now: try again after `seconds`."""
    error = ServiceBusy(what, expected=expected, found=found, hint="it is tried again by itself")
    return Problem(status, error, {"Retry-After": str(max(1, round(seconds)))})


def failed() -> Problem:
    """The service's own error. Its owner is told which; the client is not, for it may hold what nobody may read."""
    error = ServiceFailed(
        "The service met an error of its own",
        expected="an answer",
        found="an error that its owner was told of",
        hint="try again later; if it stays, tell the seller",
    )
    return Problem(500, error)


def refused_session(what: str, *, expected: object, found: object, hint: str = "") -> Problem:
    """The proof of who is asking is not taken."""
    return Problem(401, SessionRefused(what, expected=expected, found=found, hint=hint))


def undeliverable(what: str, *, expected: object, found: object, status: int = 403, hint: str = "") -> Problem:
    """This message is not taken from this account."""
    return Problem(status, Undeliverable(what, expected=expected, found=found, hint=hint))


def damaged(what: str, *, expected: object, found: object, status: int = 422) -> Problem:
    """Bytes of a message that are not what they should be."""
    return Problem(status, TransferDamaged(what, expected=expected, found=found, hint="it is sent again by itself"))


def read_problem(url: str, status: int, body: bytes) -> BlindfairError:
    """The error that a refusing answer means. `WrongService` where it is no problem document of a Blindfair service."""
    try:
        found = json_value(body)
        kind = _KNOWN[str(found["type"]).removeprefix(PROBLEM)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return WrongService(
            f"{url} does not answer as a Blindfair service",
            expected="an answer or a problem document",
            found=f"HTTP status {status}: {_plain(body[:_SHOWN].decode(errors='replace'))}",
            hint="check the URL with its path: the seller says it, and `seller serve` shows it",
        )

    def text(name: str) -> str | None:
        value = found.get(name)
        return None if value is None else _plain(str(value))

    return kind(
        f"The service at {url} says: {text('detail') or 'no'}",
        expected=text("expected"),
        found=text("found"),
        hint=text("hint") or "",
    )


def _plain(text: str) -> str:
    """Text of others for a terminal: short, printable, on one line."""
    shown = " ".join(text.split())[:_SHOWN]
    return "".join(character if character.isprintable() else "?" for character in shown)
