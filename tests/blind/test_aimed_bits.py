"""An evaluation aimed at one person, under real encryption: the study of thieves computes what a seller would send."""

import numpy as np
from hostile_buyer import HostileBuyer, Phase
from numpy.typing import NDArray

from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import DEFAULT
from blindfair.studies.theft.aimed import STEPS, Pattern
from blindfair.studies.theft.channel import CLASS_BITS, SCORE_BITS, trial
from blindfair.studies.theft.chosen import KNOWN, Encoded, aimed_queries, by_projection, read_people

N, Q, SMALL_Q = DEFAULT.ring_degree, DEFAULT.ciphertext_modulus, DEFAULT.reply_modulus


def polynomials(query: Pattern, k: int) -> list[Phase]:
    """The pattern as one polynomial for each entry of a row: what lies after a record wraps around with the other
    sign."""
    found: list[dict[int, int]] = [{} for _ in range(k)]
    for place, (entry, multiplier) in enumerate(zip(query.entries.tolist(), query.multipliers.tolist(), strict=True)):
        step, phase = place - (query.records - 1), multiplier * Q // STEPS
        found[entry][step % N] = phase if step >= 0 else -phase
    return list(found)


def scores(buyer: HostileBuyer, rows: NDArray[np.int16], query: Pattern, bits: int) -> NDArray[np.float64]:
    asked = buyer.query(polynomials(query, rows.shape[1]), bits=bits)
    phases = buyer.phase(evaluate(encode_rows(DEFAULT, rows), asked.to_bytes()), len(rows))[0][: len(rows)]
    return np.array([float(phase) / SMALL_Q for phase in phases])


def test_one_evaluation_at_the_defaults_reads_a_person_whole_through_a_projection() -> None:
    listing, rng = Encoded.of(trial()), np.random.default_rng(4)
    person = rng.choice(listing.known_by(KNOWN), 1)
    aim = by_projection(listing, person, KNOWN)
    rows = aim.rows(listing)
    assert np.flatnonzero((np.abs(rows) < 2047).any(axis=1)).tolist() == person.tolist()
    queries, buyer = aimed_queries(aim, len(rows), rng), HostileBuyer()
    told = [scores(buyer, rows, query, bits) for query, bits in zip(queries, (CLASS_BITS, SCORE_BITS), strict=True)]
    [read] = read_people(aim, queries, told)
    assert read.label == listing.y[person[0]]
    assert read.entries == tuple(rows[person[0], :-1].tolist())
