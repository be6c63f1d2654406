"""Thieves read no more than the stated bits, and the page says what they read (docs/studies/theft.md)."""

from pathlib import Path

import numpy as np
import pytest

import blindfair
from blindfair.api.information import free_bits_of, max_bits_text, min_fee
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import encrypt_queries
from blindfair.cli.demo.prepared import KNOW_THE_OUTCOME, without_copies
from blindfair.influence.encoding import FeatureSchema
from blindfair.influence.models import LogisticRegression
from blindfair.influence.quantise import quantise_rows
from blindfair.influence.table import read_table
from blindfair.pricing.information import measure_rows
from blindfair.pricing.scenario import make_scenario
from blindfair.protocol.quantities import Wei
from blindfair.studies.theft.askers import membership_advantage
from blindfair.studies.theft.channel import CLASS_BITS, IDENTIFIERS, LABEL, SCORE_BITS, Target, trial
from blindfair.studies.theft.digits import pack_greedily, steal_digits
from blindfair.studies.theft.report import BEFORE, measure, write_theft

TRIAL = Path(blindfair.__file__).parent / "cli" / "demo" / "data" / "ACTG175.csv"
PAGE = Path(__file__).parents[2] / "docs" / "studies" / "theft.md"


@pytest.fixture(scope="module")
def target() -> Target:
    return trial()


def test_before_bits_were_bounded_one_free_evaluation_read_the_whole_table(target: Target) -> None:
    found = steal_digits(target, pack_greedily(target, BEFORE), labels=False, rng=np.random.default_rng(1))
    assert found.cells == 1.0
    assert found.information > target.record_bits


@pytest.mark.deep
def test_at_the_defaults_no_thief_reads_more_than_the_stated_bits(target: Target) -> None:
    """Of the information at most 5 %. Of the cells the best thief for four bits gains more than the 3 points that were
    hoped for: three columns of two values and the label are read exactly, and nothing that bounds bits prevents it."""
    thefts, _ = measure(target, seed=1)
    gains = {theft.thief: theft.once.cells - target.guessed_cells for theft in thefts}
    best, *others = sorted(gains.values(), reverse=True)
    assert 0.05 < best < 0.06
    assert max(others) < 0.03
    for theft in thefts:
        for told in (theft.once, theft.paid):
            assert not told.information > told.spent + 1e-9
        assert theft.once.spent <= SCORE_BITS + CLASS_BITS
        assert not theft.once.information > 0.05 * target.record_bits
        assert theft.once.cells < theft.before.cells


def test_the_mixed_radix_thief_reads_by_real_encryption_what_the_table_says(target: Target) -> None:
    """Three columns and the label of every record, from a score of three bits and a class of one: no error and no
    more, as the noise is as wide as the places lie apart."""
    [packing] = pack_greedily(target, [SCORE_BITS], known=[LABEL])
    records = [row for row in target.table.rows][:400]
    schema = FeatureSchema.infer(records, target.table.columns, LABEL, excluded=IDENTIFIERS)
    rows = quantise_rows(LogisticRegression.untrained(schema).rows(records), 400.0)
    modulus, queries = DEFAULT.plain_modulus, np.zeros((2, schema.width), dtype=np.int64)
    codes = {column: target.codes(column)[:400] for column in (*packing.columns, LABEL)}
    for place, column in enumerate(packing.columns):
        at = schema.names.index(column)
        # What a value of 1 adds to the entry of a record of class 0, in integer units.
        ones, zeros = (rows.entries[(codes[LABEL] == 0) & (codes[column] == value), at].mean() for value in (1, 0))
        queries[0, at] = round(modulus / 2**SCORE_BITS * 2**place / (ones - zeros))
    queries[1, -1] = -round(modulus / 4 / 200)
    encrypted, secret = encrypt_queries(DEFAULT, queries, (SCORE_BITS, CLASS_BITS))
    reply = evaluate(encode_rows(DEFAULT, rows.entries), encrypted.to_bytes(), bits=(SCORE_BITS, CLASS_BITS))
    scores = decrypt_reply(DEFAULT, secret, reply, 400, 2)
    label = (scores[1] >= 0).astype(np.int64)
    assert (label == codes[LABEL]).mean() == 1.0
    # Zeros of all columns, in a record of class 0; the other class has it with the other sign.
    nothing = next(row for row in range(400) if all(codes[column][row] == 0 for column in codes))
    start = int(rows.entries[nothing].astype(np.int64) @ queries[0])
    read = np.rint((np.where(label == 0, 1, -1) * scores[0] - start) / modulus * 2**SCORE_BITS).astype(np.int64)
    read %= 2**SCORE_BITS
    for column in packing.columns:
        read, digit = np.divmod(read, 2)
        assert (digit == codes[column]).mean() > 0.97, column


def test_membership_is_a_coin_at_one_bit_and_certain_at_32(target: Target) -> None:
    rng = np.random.default_rng(2)
    found = {bits: np.mean([membership_advantage(target, bits, rng) for _ in range(3)]) for bits in (1, 3, 32)}
    assert abs(found[1]) < 0.1
    assert found[3] < 0.3
    assert found[32] > 0.95


@pytest.mark.deep
def test_the_page_is_what_the_study_measures(target: Target, tmp_path: Path) -> None:
    found = write_theft(tmp_path, target)
    assert (tmp_path / "theft.md").read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
    assert found["record_bits"] == target.record_bits


def test_the_privacy_page_quotes_the_study(target: Target) -> None:
    """The rows of thieves on docs/explanation/privacy.md are those of the generated page."""
    page = (PAGE.parents[1] / "explanation" / "privacy.md").read_text(encoding="utf-8")
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for row in rows:
        thief, *cells = [cell.strip() for cell in row.strip("|").split("|")]
        if thief.startswith(("columns as digits", "the same, packed", "the one column", "regression")):
            points = [cell.rpartition(", ")[2] for cell in cells]
            assert f"{points[0]}" in page and f"{points[1]}" in page, thief


def test_the_page_on_bits_quotes_the_tables(target: Target) -> None:
    page = (PAGE.parents[1] / "explanation" / "bits.md").read_text(encoding="utf-8")
    assert f"the {len(target.columns)} columns that models may read | {target.record_bits} |" in page
    for column, said in (
        ("treat", "is 0.8 bits"),
        ("arms", "is 2 bits"),
        ("age", "is 5.1 bits"),
        ("wtkg", "is about 9 bits"),
    ):
        assert said in page
        assert f"{target.entropy(column):.{1 if '.' in said else 0}f} bits" in said.replace("about ", "")
    demo = read_table(TRIAL, LABEL, exclude=KNOW_THE_OUTCOME)
    offer = without_copies(make_scenario(demo, 0, flip_share=0.3, duplicate_share=0.05)).offer
    held = measure_rows(offer).bits
    assert f"in the demo, {len(demo.columns)} columns | {held} |" in page
    free = free_bits_of(held, len(offer)) / len(offer)
    assert f"A record of {held} bits has {max_bits_text(free)} bits free of charge" in page
    # Three accounts that pay and one that does not: the free bits are one evaluation.
    evaluation, price, n = SCORE_BITS + CLASS_BITS, Wei(10**18), len(target.table.rows)
    assert free_bits_of(target.record_bits, n) // (evaluation * n) == 1
    paid = 3 * min_fee(evaluation, target.record_bits, price) / price
    assert f"three accounts that pay get {3 * evaluation} bits of every record of ACTG175" in page
    assert f"for fees of {100 * paid:.1f} % of the price" in page
    narrow = [(number % 7, number * 37 % 101, number % 2) for number in range(300)]
    assert f"and a label | {measure_rows(narrow).bits} |" in page
