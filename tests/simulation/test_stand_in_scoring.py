"""What stands in for homomorphic scoring in simulations gives the scores that it would."""

import numpy as np
from simulated_goods import SCORE_BITS
from stand_in_scoring import read_stand_in_scores, stand_in_queries, stand_in_scores
from trade import HandValuer

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.plan import BANDWIDTH, plan
from blindfair.blind.query import encrypt_queries
from blindfair.protocol.audit import SCORE_ROUNDING


def test_the_stand_in_gives_the_scores_that_a_reply_decrypts_to() -> None:
    queries = HandValuer().question(None).queries  # type: ignore[arg-type]
    parameters = plan(24, queries.shape[1], 1, BANDWIDTH).parameters
    random = np.random.default_rng(7)
    rows = random.integers(-2047, 2048, (24, queries.shape[1]), dtype=np.int16)
    draws = random.integers(0, 16, (1, 24), dtype=np.uint8)
    encrypted, secret = encrypt_queries(parameters, queries, (SCORE_BITS,))
    real = decrypt_reply(
        parameters,
        secret,
        evaluate(encode_rows(parameters, rows), encrypted.to_bytes(), bits=(SCORE_BITS,), draws=draws),
        24,
        1,
    )
    query, kept = stand_in_queries(parameters, queries, (SCORE_BITS,))
    reply = stand_in_scores(None, parameters, query.to_bytes(), (SCORE_BITS,), rows, draws)
    found = read_stand_in_scores(parameters, kept, reply, 24, 1)
    t, half = parameters.plain_modulus, parameters.plain_modulus // 2
    apart = np.abs((found - real + half) % t - half)
    assert apart.max() <= parameters.score_slack(SCORE_BITS) + SCORE_ROUNDING
