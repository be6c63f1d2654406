"""The feature schema: equal bits on both sides, unseen values never fail, hostile descriptions are refused."""

import copy
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.influence.encoding import WIDTH_LIMIT, FeatureSchema
from blindfair.influence.features import BOUND, CATEGORY_LIMIT
from blindfair.influence.robust import RARE
from blindfair.influence.table import Table
from blindfair.protocol import errors
from blindfair.protocol.documents import Document, canonical, parse

COLUMNS = ("age", "site", "dose", "same", "id", "flag", "y")
FIVE: list[tuple[Any, ...]] = [
    (30, "north", 1.5, 7, True, "sick"),
    (50, "south", None, 7, False, "well"),
    (40, "north", None, 7, True, "well"),
    (40, "south", 2.0, 7, False, "sick"),
    (44, "west", 2.0, 7, None, "sick"),
]
ROWS = [(*row[:4], f"a{number}", *row[4:]) for number, row in enumerate(FIVE * 4)]
"""What one of the five rows has, four records have: too few to be named."""

cells = st.one_of(
    st.none(), st.booleans(), st.text(max_size=5), st.integers(-(2**64), 2**64), st.integers(10**400, 10**401),
    st.floats(), st.sampled_from(["north", 0, 1, 1.0, -0.0, 1e308, -1e308, 5e-324]),
)  # fmt: skip


def schema() -> FeatureSchema:
    return FeatureSchema.infer(ROWS, COLUMNS, "y")


def through_the_wire(document: Document) -> Document:
    return parse(canonical(document), 10**6)


def test_features_are_what_the_description_says() -> None:
    made = schema()
    assert made.names == [
        "age", "site = north", "site = south", "site = other", "dose", "dose missing", "flag = False", "flag = True",
        "flag = other", "bias",
    ]  # fmt: skip
    features, classes = made.encode(ROWS)
    # The quartiles of the ages are 40 and 44, and the median is 40.
    np.testing.assert_allclose(features[:5, 0], (np.array([30, 50, 40, 40, 44]) - 40) / 3.0, rtol=1e-15)
    assert features[:5, 1:4].tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    # The quartiles of the doses are 1.5 and 2, and the median is 2.
    assert features[:2, 4:6].tolist() == [[-0.5 / 0.37, 0], [0, 1]]
    assert features[:, -1].tolist() == [1] * 20
    assert classes[:5].tolist() == [0, 1, 1, 0, 0]
    assert "'well' is class 1" in made.describe() and "not used" in made.describe() and "same, id" in made.describe()


def test_the_received_schema_gives_the_seller_equal_bits(trial: Table) -> None:
    made = FeatureSchema.infer(trial.rows[:300], trial.columns, "cens", categorical=("arms",))
    received = FeatureSchema.from_document(through_the_wire(made.to_document()))
    assert received == made
    assert received.encode(trial.rows)[0].tobytes() == made.encode(trial.rows)[0].tobytes()
    assert made.encode(trial.rows[7:8])[0].tobytes() == made.encode(trial.rows)[0][7:8].tobytes()


def test_the_order_of_the_records_does_not_matter(trial: Table) -> None:
    rows = trial.rows[:200]
    assert FeatureSchema.infer(rows, trial.columns, "cens") == FeatureSchema.infer(rows[::-1], trial.columns, "cens")


def test_an_absurd_cell_is_clipped() -> None:
    features, _ = schema().encode([(10**30, "north", -1e300, 7, "z", True, "sick")])
    assert features[0, 0] == BOUND and features[0, 4] == -BOUND


@given(st.lists(st.tuples(*[cells] * 6), max_size=4))
def test_values_that_were_never_seen_do_not_fail(unseen: list[tuple[Any, ...]]) -> None:
    made = schema()
    features, classes = made.encode([(*row, "well") for row in unseen])
    assert features.shape == (len(unseen), made.width) and classes.tolist() == [1] * len(unseen)
    assert np.isfinite(features).all() and (np.abs(features) <= BOUND).all()


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 9)),
                       st.sampled_from(["a", "b", None]), st.booleans()), min_size=2, max_size=24)
)  # fmt: skip
def test_any_finite_table_gives_a_schema_that_travels_or_a_named_error(rows: list[tuple[Any, ...]]) -> None:
    try:
        made = FeatureSchema.infer(rows, ("x", "c", "y"), "y")
    except (errors.LabelUnusable, errors.UnusableModel):
        return
    received = FeatureSchema.from_document(through_the_wire(made.to_document()))
    ours, theirs = made.encode(rows)[0], received.encode(rows)[0]
    assert ours.tobytes() == theirs.tobytes() and np.isfinite(ours).all()


def test_rare_categories_share_one_feature() -> None:
    rows = [(f"v{i // 5}", i % 2) for i in range(200)] + [("often", 0)] * 6 + [("once", 1)]
    made = FeatureSchema.infer(rows, ("c", "y"), "y")
    assert len(made.names) == CATEGORY_LIMIT + 2 and "c = often" in made.names and "c = once" not in made.names
    features, _ = made.encode([("once", 0), ("never seen", 0), ("often", 0)])
    assert features[0].tolist() == features[1].tolist() != features[2].tolist()


def test_what_fewer_than_five_records_have_is_not_named() -> None:
    """The manifest is public, and a rare value says of whom it is."""
    cells = ["a"] * 6 + ["b"] * RARE + ["rare"] * (RARE - 1) + [None] * (RARE - 1)
    rows = [(cell, place % 2) for place, cell in enumerate(cells)]
    assert FeatureSchema.infer(rows, ("c", "y"), "y").names == ["c = a", "c = b", "c = other", "bias"]
    assert "rare" not in str(FeatureSchema.infer(rows, ("c", "y"), "y").to_document())
    numbers = [(float(place), place % 2) for place in range(20)]
    for missing, flagged in ((RARE - 1, False), (RARE, True)):
        made = FeatureSchema.infer([*numbers, *[(None, 0)] * missing], ("x", "y"), "y")
        assert ("x missing" in made.names) is flagged
    # Four numbers in a column of many missing cells are told by no statistics.
    few = [(1.0, "a", 0), (2.0, "a", 0), (3.0, "a", 0), (4.0, "a", 0)] + [(None, "b", 1)] * 20
    assert {feature.column for feature in FeatureSchema.infer(few, ("x", "c", "y"), "y").features} == {"c"}


def test_codes_are_categories_only_where_that_is_said() -> None:
    rows = [(code, code % 2) for code in (1, 2, 3) * 5]
    assert FeatureSchema.infer(rows, ("arm", "y"), "y").names == ["arm", "bias"]
    said = FeatureSchema.infer(rows, ("arm", "y"), "y", categorical=["arm"])
    assert said.names == ["arm = 1", "arm = 2", "arm = 3", "arm = other", "bias"]
    assert said.encode([(2.0, 0), (True, 0)])[0].tolist() == [[0, 1, 0, 0, 1], [0, 0, 0, 1, 1]]
    with pytest.raises(errors.InvalidOption):
        FeatureSchema.infer(rows, ("arm", "y"), "y", categorical=["leg"])


def test_records_the_model_was_not_made_for_are_refused() -> None:
    with pytest.raises(errors.ShapeMismatch):
        schema().encode([ROWS[0][:-1]])
    for label in ("Sick", None, 1):
        with pytest.raises(errors.UnusableModel):
            schema().encode([(*ROWS[0][:-1], label)])
    with pytest.raises(errors.LabelUnusable):
        FeatureSchema.infer([row for row in ROWS if row[-1] == "sick"], COLUMNS, "y")
    with pytest.raises(errors.LabelMissing):
        FeatureSchema.infer(ROWS, COLUMNS, "z")
    with pytest.raises(errors.LabelMissing):
        FeatureSchema.infer([*ROWS, (*ROWS[0][:-1], None)], COLUMNS, "y")
    with pytest.raises(errors.UnusableModel):
        FeatureSchema.infer([(1, 0), (1, 1)], ("x", "y"), "y")
    with pytest.raises(errors.UnusableModel):
        FeatureSchema.infer([(1, "a" * 1000), (2, "b" * 1000)], ("x", "y"), "y")


def hostile() -> dict[str, Any]:
    good: Any = schema().to_document()
    cases: dict[str, Any] = {}

    def case(name: str, change: Any) -> None:
        cases[name] = copy.deepcopy(good)
        change(cases[name])

    number, category = 0, 1
    case("a field more", lambda d: d.update(extra=1))
    for field in good:
        case(f"without {field}", lambda d, field=field: d.pop(field))
        case(f"{field} of another type", lambda d, field=field: d.update({field: {"x": 1}}))
    case("a scale of zero", lambda d: d["features"][number].update(scale=0))
    case("a negative scale", lambda d: d["features"][number].update(scale=-1.0))
    case("a scale that is no number", lambda d: d["features"][number].update(scale="1"))
    case("an infinite centre", lambda d: d["features"][number].update(centre=math.inf))
    case("a centre that is no number", lambda d: d["features"][number].update(centre=math.nan))
    case("a truth for a centre", lambda d: d["features"][number].update(centre=True))
    case("an unknown kind", lambda d: d["features"][number].update(kind="code"))
    case("a feature with more fields", lambda d: d["features"][number].update(run="rm"))
    case("a repeated category", lambda d: d["features"][category].update(values=["a", "a"]))
    case("1 and 1.0 as two categories", lambda d: d["features"][category].update(values=[1, 1.0]))
    case("a nested category", lambda d: d["features"][category].update(values=[["a"]]))
    case("an endless category", lambda d: d["features"][category].update(values=["a" * 1000]))
    case("too many categories", lambda d: d["features"][category].update(values=list(range(CATEGORY_LIMIT + 1))))
    case("a category that is not a number", lambda d: d["features"][category].update(values=[math.nan]))
    case("a feature of no column", lambda d: d["features"][number].update(column="height"))
    case("a feature of the label", lambda d: d["features"][number].update(column="y"))
    case("two features of a column", lambda d: d["features"].append(d["features"][number]))
    case("no features", lambda d: d.update(features=[]))
    case("one class", lambda d: d.update(classes=["sick"]))
    case("equal classes", lambda d: d.update(classes=["sick", "sick"]))
    case("65 classes", lambda d: d.update(classes=list(range(65))))
    case("a missing class of three", lambda d: d.update(classes=["a", "b", None]))
    case("classes that are null", lambda d: d.update(classes=None))
    amount = {"centre": 1.5, "kind": "number", "scale": 2.0}
    case("classes beside a target", lambda d: d.update(target=amount))
    for name, change in (
        ("a target of no scale", {"scale": 0}),
        ("a target of an unknown kind", {"kind": "classes"}),
        ("a count with a centre", {"kind": "count"}),
        ("a target with more fields", {"link": "log"}),
        ("a target that is not finite", {"scale": math.inf}),
    ):
        case(name, lambda d, change=change: d.update(classes=None, target={**amount, **change}))
    case("a target that is null", lambda d: d.update(classes=None, target=None))
    case("a missing class", lambda d: d.update(classes=["sick", None]))
    case("no label column", lambda d: d.update(label="z"))
    case("a repeated column", lambda d: d["columns"].append("age"))
    case("a column that rewrites the screen", lambda d: d["columns"].append("\x1b[2J"))
    wide = [f"c{i}" for i in range(WIDTH_LIMIT // 10)]
    case("too wide", lambda d: d.update(
        columns=[*wide, "y"],
        features=[{"column": c, "kind": "category", "values": list(range(CATEGORY_LIMIT))} for c in wide],
    ))  # fmt: skip
    return cases


@pytest.mark.parametrize("name", hostile())
def test_a_hostile_schema_is_refused(name: str) -> None:
    with pytest.raises(errors.UnusableModel) as caught:
        FeatureSchema.from_document(hostile()[name])
    assert len(str(caught.value)) < 500 and str(caught.value).isprintable()


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=3),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
                        ["columns", "label", "classes", "features", "kind", "centre", "values"]), inner, max_size=4),
                    max_leaves=12))  # fmt: skip
def test_no_document_crashes_the_reader(value: Any) -> None:
    document = json.loads(json.dumps(schema().to_document()))
    for field in list(document):
        with pytest.raises(errors.UnusableModel):
            FeatureSchema.from_document({**document, field: {"unexpected": value}})
    if isinstance(value, dict):
        with pytest.raises(errors.UnusableModel):
            FeatureSchema.from_document(value)


def test_excluded_columns_have_no_feature_and_keep_their_place() -> None:
    every, fewer = FeatureSchema.infer(ROWS, COLUMNS, "y"), FeatureSchema.infer(ROWS, COLUMNS, "y", excluded=["age"])
    assert "age" in {feature.column for feature in every.features}
    assert [feature for feature in every.features if feature.column != "age"] == list(fewer.features)
    assert fewer.columns == every.columns
    assert fewer.encode(ROWS)[0].shape == (len(ROWS), fewer.width)
