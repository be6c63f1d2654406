"""`--log-format json`: one JSON object a line on standard error, for programs that collect logs; secrets are redacted.

    {"event": "reveal", "level": "info", "text": "reveals the key", "time": "2026-11-29T19:40:00Z", "who": "seller"}

No secret is logged in the first place. Redaction is the second line: addresses of nodes may hold keys, and what others
wrote may hold anything.
"""

import logging
import re
import sys
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from blindfair.cli.lines import Lines
from blindfair.protocol.errors import MissingPackage

REDACTED = "[redacted]"

_SECRET_FIELDS = re.compile(
    r"password|passphrase|secret|private|mnemonic|seed|token$|authorization|cookie", re.IGNORECASE
)
_URL = re.compile(r"\b(?:https?|wss?)://[^\s\"'<>]+")
_BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_PUBLIC = "listing|order|transaction|request|selection|reply|block|about|contract"
"""Words that a public number of 32 bytes follows. Keys have as many bytes, and look just so."""

_HEX = re.compile(
    rf"(?P<public>\b(?:{_PUBLIC})\s+)?(?<![0-9a-fA-F])(?P<number>(?:0x)?[0-9a-fA-F]{{64}})(?![0-9a-fA-F])"
)
_LONG_HEX = re.compile(r"(?<![0-9a-fA-F])(?:0x)?[0-9a-fA-F]{65,}")


def redacted(text: str) -> str:
    """Return a text without what may be a secret: credentials and paths of URLs, tokens, numbers of 32 bytes or more.

    >>> redacted("asks https://user:pw@node.example/v3/0123abc?key=1")
    'asks https://node.example/[redacted]'
    >>> redacted("order 0x" + 64 * "1")[:12], redacted("found " + 64 * "1")
    ('order 0x1111', 'found [redacted]')
    """
    text = _URL.sub(_host_alone, text)
    text = _BEARER.sub(rf"\1 {REDACTED}", text)
    text = _HEX.sub(lambda found: found[0] if found["public"] else REDACTED, text)
    return _LONG_HEX.sub(REDACTED, text)


def _host_alone(found: re.Match[str]) -> str:
    try:
        parts = urlsplit(found[0])
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return REDACTED
    rest = "/" + REDACTED if parts.path.strip("/") or parts.query or parts.fragment else ""
    return urlunsplit((parts.scheme, host, "", "", "")) + rest


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: no field of an event holds what may be a secret."""
    for name, value in event.items():
        event[name] = REDACTED if _SECRET_FIELDS.search(name) else _clean(value)
    return event


def _clean(value: Any) -> Any:
    match value:
        case str():
            return redacted(value)
        case list() | tuple():
            return [_clean(each) for each in value]
        case dict():
            return dict(redact(None, "", {**value}))
        case None | bool() | int() | float():
            return value
        case _:
            return redacted(str(value))


class _StandardError:
    """Standard error as it is at that moment."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def json_logger() -> Any:
    """Return a logger whose lines are JSON. Raises MissingPackage."""
    try:
        import structlog
    except ImportError as error:
        raise MissingPackage(
            "Logs in JSON need structlog", expected="structlog", found="none", hint="pip install 'blindfair[operation]'"
        ) from error
    return structlog.wrap_logger(
        structlog.PrintLogger(_StandardError()),  # type: ignore[arg-type]
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            redact,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    )


class JsonLines(Lines):
    """Lines for people as events of a log."""

    def __init__(self, log: Any, *, is_quiet: bool = False) -> None:
        self._say: Callable[..., None] = (lambda *_, **__: None) if is_quiet else log.info

    def blank(self) -> None:
        """Nothing."""

    def headline(self, title: str, rest: str = "") -> None:
        """See `Lines`."""
        self._say(title, text=rest)

    def item(self, label: str, text: str, *, right: str = "", style: str = "") -> None:
        """See `Lines`."""
        self._say(label.strip() or "more", text=text, **({"counted": right} if right else {}))

    def table(self, rows: Sequence[Sequence[str]], *, left: int) -> None:
        """See `Lines`."""
        self._say("table", rows=[list(row) for row in rows])

    def verbatim(self, text: str) -> None:
        """See `Lines`."""
        self._say("text", text=text)


class JsonHandler(logging.Handler):
    """What the layers below log, as events of the same log."""

    def __init__(self, log: Any, level: int) -> None:
        super().__init__(level)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self._log.log(record.levelno, "waits" if record.levelno >= logging.WARNING else "detail",
                      text=record.getMessage(), logger=record.name)  # fmt: skip
