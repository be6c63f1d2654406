"""Mails of the SpamAssassin corpus as plain text: for studies on the developer's machine only.

Copyright in a mail is its sender's, and so nothing of a mail is committed. Not here: fetching them (`npm_packages`).
"""

import json
import re
from collections.abc import Iterator
from email import message_from_string, policy
from email.errors import MessageError
from html.parser import HTMLParser
from pathlib import Path

MAX_CHARACTERS = 6_000
"""Of one mail: the longest are lists and logs."""


class _Words(HTMLParser):
    """What a page shows, without its scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter a script or a style."""
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or a style."""
        self._hidden -= tag in ("script", "style") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        """Keep what is shown."""
        if not self._hidden:
            self.found.append(data)


def mails(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Name, kind (spam or ham) and text of each mail that has a readable body; equal bodies occur once."""
    seen: set[str] = set()
    for path in sorted(folder.glob("*/*.json")):
        group = path.parent.name
        text = body(json.loads(path.read_text(encoding="utf-8", errors="replace"))["text"])
        if len(text) > 100 and text not in seen:
            seen.add(text)
            yield f"{group}-{path.name[:5]}", "spam" if group.startswith("spam") else "ham", text


def body(raw: str) -> str:
    """The words of a mail without head, attachments, markup and ruled lines; empty where it cannot be read."""
    try:
        part = message_from_string(raw, policy=policy.default).get_body(("plain", "html"))
        content = "" if part is None else part.get_content()
        kind = "" if part is None else part.get_content_type()
    except (MessageError, LookupError, ValueError, AttributeError, TypeError):
        return ""
    if kind == "text/html":
        reader = _Words()
        reader.feed(content)
        content = " ".join(reader.found)
    content = re.sub(r"[-=_*#~+]{4,}", " ", content)
    paragraphs = [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", content)]
    return "\n".join(paragraph for paragraph in paragraphs if paragraph)[:MAX_CHARACTERS]
