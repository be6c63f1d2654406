"""Reading the vector files, and the one comparison that they all end in."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from blindfair.protocol import errors

VECTORS = Path(__file__).parent.parent / "vectors"

Case = dict[str, Any]
Result = TypeVar("Result")


def load(path: str) -> dict[str, Any]:
    """A whole vector file."""
    content: dict[str, Any] = json.loads((VECTORS / path).read_text(encoding="ascii"))
    return content


def each(path: str, expect: str | None = None) -> pytest.MarkDecorator:
    """Run a test with every `case` of a file, or with those that expect `ok` (or else an error)."""
    cases = [
        case for case in load(path)["cases"] if expect is None or (case.get("expect", "ok") == "ok") == (expect == "ok")
    ]
    assert cases, f"{path} has no such cases"
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def outcome(case: Case, run: Callable[[], Result]) -> Result | None:
    """What `run` gives where the case expects `ok`; else it must raise exactly the named error."""
    if case.get("expect", "ok") == "ok":
        return run()
    with pytest.raises(getattr(errors, case["expect"])) as caught:
        run()
    assert type(caught.value).__name__ == case["expect"]
    assert len(str(caught.value)) < 2000
    return None


def changed(document: Mapping[str, Any], case: Case) -> dict[str, Any]:
    """A copy of a document with the fields of `set` replaced and those of `remove` gone, both by dotted path."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    for path, value in case.get("set", {}).items():
        *parents, last = path.split(".")
        inner(copy, parents)[last] = value
    for path in case.get("remove", []):
        *parents, last = path.split(".")
        del inner(copy, parents)[last]
    return copy


def inner(document: dict[str, Any], parents: list[str]) -> dict[str, Any]:
    for name in parents:
        document = document[name]
    return document
