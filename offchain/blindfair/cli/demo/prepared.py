"""What is traded: a person's own table, or the clinical trial that comes with the package, divided and described.

All that can be wrong with a table is found here, in a second, before the libraries that take ten are loaded.
"""

from collections import Counter
from dataclasses import dataclass, replace
from importlib.resources import as_file, files

import numpy as np

from blindfair.api.defaults import MODELS
from blindfair.cli.demo.options import DemoOptions
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.label import LabelKind, NumberTarget
from blindfair.influence.robust import RARE
from blindfair.influence.table import Table, read_table
from blindfair.pricing.scenario import Scenario, Truth, make_scenario
from blindfair.protocol.errors import InvalidOption, LabelUnusable, TooLarge
from blindfair.protocol.hashing import sha256
from blindfair.protocol.quantities import Digest
from blindfair.protocol.records import Row, encode_row

TRIAL_NAME = "ACTG175, a clinical trial"
TRIAL_LABEL = "cens"
KNOW_THE_OUTCOME = ("pidnum", "days", "cd496", "offtrt", "r")
"""Columns of ACTG175 that were filled in after the outcome, or number the patients."""

TRIAL_CODES = ("arms",)
"""The treatment of a patient is a number in the file, and no amount."""

RECORD_LIMIT = 20_000
"""Records that the demo takes: it refits models thousands of times to say what a purchase is worth."""

FEATURE_LIMIT = 256
"""Features that the demo takes: each is a ciphertext of the query, and costs the square of their number in each fit."""

ENTRY_LIMIT = 1024
"""Entries of a gradient row that the demo scores: one more, and the query is a hundred megabytes instead of four."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A table with its name on screen, its division for the demo's seed, and the preprocessing that the seller
    publishes.

    The offer of `scenario` holds no copies: the seller removed `copies` of them, as a listing demands.
    """

    options: DemoOptions
    name: str
    table: Table
    scenario: Scenario
    schema: FeatureSchema
    copies: int

    @property
    def digest(self) -> Digest:
        """What the directory of a demo remembers of the table."""
        return sha256(repr((self.table.columns, self.table.label, self.table.rows)).encode())

    @property
    def codes(self) -> tuple[str, ...]:
        """Columns whose numbers are codes, not amounts."""
        return _codes(self.options)

    @property
    def unscored(self) -> tuple[str, ...]:
        """Columns that look like identifiers, which no model reads."""
        return self.table.identifiers()

    @property
    def scored_offer(self) -> list[Row]:
        """The offered rows, of the columns that models may read."""
        return replace(self.table, rows=self.scenario.offer).scored_rows(self.unscored)


def prepare(options: DemoOptions) -> Prepared:
    """Read, divide and describe the table.

    Raises what `read_table`, `make_scenario` and `FeatureSchema.infer` raise, and TooLarge.
    """
    table = _load(options)
    troubled = _divided(table, options, options.seed)
    scenario = without_copies(troubled)
    _check_model(options, scenario)
    _check_divisions(table, options, scenario)
    schema = FeatureSchema.infer(
        scenario.offer,
        scenario.columns,
        scenario.label,
        categorical=_codes(options),
        excluded=table.identifiers(),
        label_kind=scenario.label_kind,
    )
    if schema.width > FEATURE_LIMIT:
        raise TooLarge(
            "The columns make more features than the demo takes",
            expected=f"at most {FEATURE_LIMIT}",
            found=schema.width,
            hint="leave columns out with --exclude, those with many categories first",
        )
    if options.model == MODELS[0] and schema.row_width > ENTRY_LIMIT:
        raise TooLarge(
            f"A record has more numbers than the demo scores: {schema.width} features, bias included, for each of "
            f"{len(schema.classes)} classes",
            expected=f"at most {ENTRY_LIMIT:,}",
            found=f"{schema.row_width:,}",
            hint="leave columns out with --exclude, or learn by --model mlp, which projects rows to fewer numbers",
        )
    name = TRIAL_NAME if options.records is None else str(options.records)
    return Prepared(
        options.within_offer(len(scenario.offer)),
        name,
        table,
        scenario,
        schema,
        len(troubled.offer) - len(scenario.offer),
    )


def without_copies(scenario: Scenario) -> Scenario:
    """The scenario with the first of equal offered records alone, those that were equal in the table included."""
    first: dict[bytes, int] = {}
    for number, row in enumerate(scenario.offer):
        first.setdefault(encode_row(row), number)
    kept = np.array(sorted(first.values()), dtype=np.int64)
    return replace(
        scenario,
        offer=tuple(scenario.offer[number] for number in kept),
        truth=Truth(scenario.truth.flipped[kept], np.arange(kept.size)),
    )


def _divided(table: Table, options: DemoOptions, seed: int) -> Scenario:
    return make_scenario(
        table,
        seed,
        flip_share=options.flipped,
        duplicate_share=options.duplicates,
        label_kind=options.label_kind,
    )


def _check_model(options: DemoOptions, scenario: Scenario) -> None:
    """Raises InvalidOption for a model that does not learn the label."""
    if options.model != MODELS[0] and scenario.label_kind is not LabelKind.CLASSES:
        raise InvalidOption(
            f"--model {options.model} learns classes, and the label is a {scenario.label_kind.value}",
            expected=f"--model {MODELS[0]}, which takes labels of any kind",
            found=f"column {scenario.label!r}",
            hint="leave --model out; --label-kind classes reads up to 64 different numbers as classes",
        )


def _check_divisions(table: Table, options: DemoOptions, scenario: Scenario) -> None:
    """Refuse a label that the seller could not list in one of the divisions: they are measured after the trades.

    Two classes can always be listed. Raises LabelUnusable.
    """
    classes = set(table.labels())
    if scenario.label_kind is LabelKind.CLASSES and len(classes) == 2:
        return
    for seed in {options.seed, *range(options.divisions)}:
        place = table.columns.index(table.label)
        labels = [row[place] for row in dict.fromkeys(_divided(table, options, seed).offer)]
        if scenario.label_kind is not LabelKind.CLASSES:
            NumberTarget.infer(scenario.label_kind, labels, table.label)
            continue
        counts = Counter(labels)
        rarest = min(classes, key=lambda value: (counts[value], repr(value)))
        if counts[rarest] < RARE:
            raise LabelUnusable(
                f"With its wrong labels the seller's part has too few records of class {rarest!r} to be listed",
                expected=f"at least {RARE} of each class, in each division",
                found=counts[rarest],
                hint="use a larger table, join rare classes, or make fewer labels wrong with --flipped",
            )


def _codes(options: DemoOptions) -> tuple[str, ...]:
    return TRIAL_CODES if options.records is None else options.categorical


def _load(options: DemoOptions) -> Table:
    if options.records is None or options.label is None:
        with as_file(files("blindfair.cli.demo") / "data" / "ACTG175.csv") as path:
            return read_table(path, TRIAL_LABEL, exclude=KNOW_THE_OUTCOME)
    table = read_table(options.records, options.label, exclude=options.exclude, text=options.text)
    if len(table.rows) > RECORD_LIMIT:
        raise TooLarge(
            f"{options.records} has more records than the demo takes",
            expected=f"at most {RECORD_LIMIT:,}",
            found=f"{len(table.rows):,}",
            hint="take a random part of the table",
        )
    unknown = sorted(set(options.categorical) - set(table.columns))
    if unknown:
        raise InvalidOption(
            "--categorical names a column that is not in the table",
            expected=", ".join(table.columns[:12]) + (", ..." if len(table.columns) > 12 else ""),
            found=", ".join(unknown),
            hint="repeat the option for every such column",
        )
    return table
