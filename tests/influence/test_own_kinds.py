"""What a buyer is told where its table writes columns or classes otherwise than the listing."""

import unicodedata
from collections.abc import Sequence

import pytest

from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.features import NumberFeature
from blindfair.influence.own_kinds import _misfit, check_own_records
from blindfair.influence.table import Table
from blindfair.protocol.errors import ClassesDiffer, KindsDiffer
from blindfair.protocol.records import Cell

COLUMNS = ("age", "income", "sex", "town", "y")
TOWNS = tuple(unicodedata.normalize("NFD", name) for name in ("Nîmes", "Orléans"))


def table(*, n: int = 60, **cells: Sequence[Cell]) -> Table:
    """Records of ages, incomes, sexes, towns and a label; `cells` replace a column, repeated to its length."""
    columns: dict[str, Sequence[Cell]] = {
        "age": [20 + number % 7 for number in range(n)],
        "income": [1000 + 37 * number % 90 for number in range(n)],
        "sex": ["male", "female", "male"],
        "town": TOWNS,
        "y": [0, 1],
    }
    columns.update(cells)
    rows = zip(*([values[number % len(values)] for number in range(n)] for values in columns.values()), strict=True)
    return Table(COLUMNS, tuple(rows), "y")


def compared(listed: Table, own: Table, *, accepted: bool = False) -> tuple[str, ...]:
    schema = FeatureSchema.infer(listed.rows, listed.columns, listed.label)
    return check_own_records(schema, own.rows, listed.schema(), accepted=accepted)


def test_equal_tables_are_compared_without_a_word() -> None:
    assert compared(table(), table()) == ()


def test_one_text_cell_of_the_sellers_makes_a_column_text_though_no_value_is_frequent() -> None:
    """The manifest names no value of it, so that no feature says what the column is."""
    incomes: list[Cell] = [str(1000 + number) for number in range(59)]
    listed = table(income=[*incomes[:58], "12,345", "12,345"])
    assert "income" not in {feature.column for feature in FeatureSchema.infer(listed.rows, COLUMNS, "y").features}
    with pytest.raises(KindsDiffer) as caught:
        compared(listed, table())
    assert "Column 'income' has text in the listing (categories) and numbers in your table" in caught.value.what
    assert "no value is frequent" in str(caught.value.expected) and caught.value.found == "1000 in your records"
    for way in ("`exclude=['income']`", "`accept_kinds=True`", "nothing was asked"):
        assert way in caught.value.hint
    (warning,) = compared(listed, table(), accepted=True)
    assert warning.startswith("Column 'income': 60 of 60 cells do not fit")


def test_one_text_cell_of_the_buyers_is_the_one_that_is_shown() -> None:
    dirty: list[Cell] = [str(number) for number in range(20, 79)]
    with pytest.raises(KindsDiffer) as caught:
        compared(table(), table(age=[*dirty, "62 y"]))
    assert "numbers in the listing and text in your table (1 of 60 are no numbers)" in caught.value.what
    assert (caught.value.expected, caught.value.found) == ("numbers", "'62 y' in your records")


@pytest.mark.parametrize("culprit", ["007", "1e400", "٣", "12345678901234567890", "inf", "1_0", "62 y"])
def test_the_cell_that_is_shown_is_the_one_that_made_the_column_text(culprit: str) -> None:
    """What is a number is decided as it is where a table is read: `5` and `6` are, a code such as `007` is not."""
    found = _misfit(NumberFeature("age", 0.0, 1.0, False), ["5", " 4 ", culprit, "6"])
    assert found is not None
    assert found.own == repr(culprit)
    assert "(1 of 4 are no numbers)" in found.kinds


def test_all_columns_that_differ_are_named_at_once() -> None:
    ages: list[Cell] = [f"{20 + number % 7} y" for number in range(60)]
    with pytest.raises(KindsDiffer) as caught:
        compared(table(age=ages, sex=["M", "F"]), table())
    assert "Column 'age'" in caught.value.what and caught.value.what.endswith("; also 'sex'")
    assert "`exclude=['age', 'sex']`" in caught.value.hint
    assert len(compared(table(age=ages, sex=["M", "F"]), table(), accepted=True)) == 2


@pytest.mark.parametrize(
    ("listed", "own", "expected", "found", "only"),
    [
        (["male", "female"], ["M", "F"], "'female', 'male'", "'M', 'F'", ""),
        (["0 - 5", "6 - 9"], ["A", "F"], "'0 - 5', '6 - 9'", "'A', 'F'", ""),
        (["True", "False"], ["TRUE", "FALSE"], "'False', 'True'", "'TRUE', 'FALSE'", "upper and lower case"),
        (["a b", "c"], ["a  b", " c"], "'a b', 'c'", "'a  b', ' c'", "spaces"),
        (
            TOWNS,
            [unicodedata.normalize("NFC", name) for name in TOWNS],
            r"'Ni\u0302mes', 'Orle\u0301ans'",
            r"'N\xeemes', 'Orl\xe9ans'",
            "write both in NFC",
        ),
        # The first character is Cyrillic.
        (["ate", "bat"], ["\u0430te", "b\u0430t"], "'ate', 'bat'", r"'\u0430te', 'b\u0430t'", ""),
    ],
)
def test_categories_that_never_match_are_shown_side_by_side_so_that_they_can_be_told_apart(
    listed: Sequence[Cell], own: Sequence[Cell], expected: str, found: str, only: str
) -> None:
    with pytest.raises(KindsDiffer, match="Column 'town' has other categories in the listing") as caught:
        compared(table(town=listed), table(town=own))
    assert caught.value.expected == f"values such as {expected}"
    assert caught.value.found == f"{found} in your records"
    assert only in caught.value.hint


def test_a_spelling_that_matches_in_part_is_warned_of_and_new_categories_are_not() -> None:
    (warning,) = compared(table(), table(sex=["male"] * 19 + ["Male"]))
    assert "Column 'sex': 3 of 60 cells do not fit" in warning and "upper and lower case" in warning
    assert compared(table(), table(sex=["male", "female", "other", "other", "other"])) == ()


WARDS = ("Hépatologie", "Cardiology", "Surgery", "Surgery", "Oncology", "Oncology")


@pytest.mark.parametrize(
    ("listed", "own", "only"),
    [
        (WARDS, [unicodedata.normalize("NFD", ward) for ward in WARDS], "Unicode form: write both in NFC"),
        (["A", "B", "C"], ["A", "b", "c"], "upper and lower case"),
        (["A b", "C"] * 5, ["A b", "C"] * 4 + ["A  b", "C"], "spaces"),
    ],
)
def test_a_spelling_that_matches_in_part_is_refused_from_a_small_share_on(
    listed: Sequence[Cell], own: Sequence[Cell], only: str
) -> None:
    """What is asked so is paid for, and easily mended before."""
    with pytest.raises(KindsDiffer, match="Column 'town' has other categories") as caught:
        compared(table(town=listed), table(town=own))
    assert only in caught.value.hint and "write the column as the listing does" in caught.value.hint
    assert len(compared(table(town=listed), table(town=own), accepted=True)) == 1


def test_new_categories_beside_few_spellings_are_not_refused() -> None:
    own = ["A"] * 16 + ["b"] + ["D"] * 3
    (warning,) = compared(table(town=["A", "B"]), table(town=own))
    assert "Column 'town': 3 of 60 cells" in warning


def test_each_column_is_in_the_command_however_many_there_are() -> None:
    names = tuple(f"c {number}" for number in range(9))
    schema = FeatureSchema.infer([(("0 - 5", "6 - 9")[n % 2],) * 9 + (n % 2,) for n in range(60)], (*names, "y"), "y")
    with pytest.raises(KindsDiffer, match="and 4 more") as caught:
        check_own_records(schema, [("A",) * 9 + (n % 2,) for n in range(60)])
    assert all(f"'{name}'" in caught.value.hint for name in names)


def test_a_buyer_with_numbers_is_not_told_to_write_text() -> None:
    ages: list[Cell] = [f"{20 + number % 7} y" for number in range(60)]
    with pytest.raises(KindsDiffer) as caught:
        compared(table(age=ages), table())
    assert "the seller's table is at fault" in caught.value.hint and "`exclude=['age']`" in caught.value.hint
    assert "write the column" not in caught.value.hint


def test_codes_that_the_seller_reads_as_text_are_read_so_by_the_buyer() -> None:
    with pytest.raises(KindsDiffer) as caught:
        compared(table(income=["1", "2", "3"]), table(income=[1, 2, 3]))
    assert "`text=['income']`" in caught.value.hint and "at fault" not in caught.value.hint
    assert compared(table(income=["1", "2", "3"]), table(income=["1", "2", "3"])) == ()


def test_columns_that_no_model_reads_are_not_compared() -> None:
    listed = table(income=[f"P{number}" for number in range(60)])
    schema = FeatureSchema.infer(listed.rows, COLUMNS, "y", excluded=["income"])
    assert check_own_records(schema, table().rows, listed.schema(["income"])) == ()


@pytest.mark.parametrize(
    ("listed", "own", "hint"),
    [
        (["False", "True"], [0, 1], "write 'False' for 0 and 'True' for 1"),
        (["False", "True"], ["FALSE", "TRUE"], "write 'False' for 'FALSE' and 'True' for 'TRUE'"),
        ([0, 1], ["no", "yes"], "write 0 for 'no' and 1 for 'yes'"),
        (["0", "1"], [0, 1], "write '0' for 0 and '1' for 1"),
        (["dead", "alive"], [0, 1], "write your labels as the listing does, 'alive' and 'dead'"),
    ],
)
def test_other_classes_are_refused_with_what_to_write(listed: Sequence[Cell], own: Sequence[Cell], hint: str) -> None:
    """Accepting other kinds does not help: no model reads such a label."""
    with pytest.raises(ClassesDiffer) as caught:
        compared(table(y=listed), table(y=own), accepted=True)
    assert hint in caught.value.hint and "nothing was asked" in caught.value.hint
