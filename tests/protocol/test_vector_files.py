"""The vector files are what their generator makes, and mostly failures."""

import pytest

from protocol.vector_files import VECTORS, load
from vectors import generate

GENERATED = generate.build()
SOURCED = {
    "rfc8439/chacha20.json",
    "rfc8785/documents.json",
    "rfc8785/numbers.json",
    "rfc8949/cells.json",
    "rfc8949/rows.json",
    "rfc9162/certificate_transparency.json",
}


@pytest.mark.parametrize("path", GENERATED)
def test_a_generated_file_is_up_to_date(path: str) -> None:
    assert (VECTORS / path).read_text(encoding="ascii") == generate.text(GENERATED[path])


def test_no_file_is_left_over() -> None:
    found = {str(path.relative_to(VECTORS)) for path in VECTORS.rglob("*.json")}
    assert found == set(GENERATED) | SOURCED


@pytest.mark.parametrize("path", sorted(set(GENERATED) | SOURCED))
def test_a_file_says_where_it_comes_from_and_names_its_cases(path: str) -> None:
    content = load(path)
    assert content["source"]
    names = [case["name"] for case in content["cases"]]
    assert len(set(names)) == len(names)


def test_most_of_our_own_cases_are_failures() -> None:
    own = [case for path in GENERATED if not path.startswith("rfc9162") for case in GENERATED[path]["cases"]]
    failing = [case for case in own if case.get("expect", "ok") not in ("ok", "RELEASED", "REFUNDED", "CANCELLED")]
    assert len(failing) > 0.6 * len(own)
