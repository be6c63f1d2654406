"""How deep JSON is nested, found out without reading it."""

import re

# The closing quote is optional, so that the scan stays linear on a string that never ends.
_STRING_OR_BRACKET = re.compile(rb'(?s)"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]')
DEEPEST_ANSWER = 64
"""Lists and objects inside of each other, in any answer that is read."""


def nesting(body: bytes) -> int:
    """How many lists and objects lie inside of each other in JSON at the deepest place."""
    # Before the parser: libraries that web3 needs lift the interpreter's limit of recursion so high that deep JSON
    # overruns the stack and ends the process.
    depth = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(body):
        if match.group() in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif match.group() in (b"]", b"}"):
            depth -= 1
    return deepest
