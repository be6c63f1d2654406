"""The name of a message, whatever carries it: the SHA-256 of its bytes in lower-case hexadecimal."""

import re

_HANDLE = re.compile(r"[0-9a-f]{64}")


def is_handle(text: str) -> bool:
    """Whether a text is the name of a message."""
    return _HANDLE.fullmatch(text) is not None
