"""What a hint says to type can be pasted into a shell: names are whole and quoted, whoever chose them."""

import re
import shlex
from pathlib import Path

import pytest

import blindfair
from blindfair.cli.flags import with_flags
from blindfair.influence.columns import typed_column
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import NumberFeature
from blindfair.influence.own_columns import OwnColumns
from blindfair.influence.own_kinds import check_own_records
from blindfair.influence.reading import column_reading
from blindfair.influence.spelling import option
from blindfair.protocol.errors import ColumnsDiffer, KindsDiffer, MalformedTable

NAMES = ["$(id)", "`id`", "it's", 'a "b"', "a;rm -r x", "-x", "--label", "~", "é", "long " * 40 + "name", "a\\b"]
"""Names that a shell obeys, that look like options, or that are longer than what a line shows."""


def typed(hint: str, flag: str) -> str:
    """The name that a shell hands over after `flag`, in what the commands make of a hint."""
    hint = with_flags(hint)
    words = shlex.split(hint[hint.index(flag) :].replace("; ", " ; "))
    return words[0].removeprefix(f"{flag}=") if "=" in words[0] else words[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_through_the_shell_whole(name: str) -> None:
    assert typed(option("exclude", [name]), "--exclude") == name


@pytest.mark.parametrize("name", NAMES)
def test_every_hint_with_a_column_quotes_its_name(name: str) -> None:
    with pytest.raises(ColumnsDiffer) as more:
        OwnColumns(("a", name, "y"), "y").check(("a", "y"), "y")
    assert typed(more.value.hint.replace("`, in another", "` ; in another"), "--exclude") == name

    with pytest.raises(ColumnsDiffer) as label:
        OwnColumns(("a", name), "a").check(("a", name), name)
    assert typed(label.value.hint.replace("`, or choose", "` ; or choose"), "--label") == name

    schema = FeatureSchema((name, "y"), "y", (0, 1), (NumberFeature(name, 0.0, 1.0, False),))
    with pytest.raises(KindsDiffer) as kinds:
        check_own_records(schema, [("x", 0), ("x", 1)])
    assert typed(kinds.value.hint.replace("`, or with", "` ; or with"), "--exclude") == name

    with pytest.raises(MalformedTable) as codes:
        typed_column(name, ["50e747", "1"], [2, 3])
    assert typed(codes.value.hint, "--text") == name

    texts = [str(number) for number in range(20)] + ["5 y"]
    warning = column_reading(name, texts, texts, range(2, 23)).warning
    assert warning is not None and typed(warning, "--text") == name


def test_a_listing_without_label_is_told_so() -> None:
    with pytest.raises(ColumnsDiffer) as caught:
        OwnColumns(("a", "y"), "y").check(("a", "y"), None)
    assert "None" not in str(caught.value) + str(caught.value.expected)
    assert caught.value.hint == "choose another listing; nothing was asked"


UNQUOTED = re.compile(
    r"(?:chmod [-+\w]+|rm -r|--(?:label|exclude|text|score|keystore|directory|password-file|records|own|mail)) "
    r"\{(?!quote\(|shlex\.quote\(|at\[|[A-Z_]+\})[^}]*\}"
)


def test_no_command_in_the_sources_holds_a_name_or_path_without_quotes() -> None:
    found = {
        f"{path.name}: {hit}"
        for path in Path(blindfair.__file__).parent.rglob("*.py")
        for hit in UNQUOTED.findall(path.read_text())
    }
    assert found == set()
