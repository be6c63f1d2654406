"""More queries in a request than its budget was charged for: bits beyond the bound, measured with the count taken out.
docs/explanation/privacy.md has the table."""

import numpy as np
import pytest
from test_hostile_queries import ENTRY_BITS, random_rows, stated_bits

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import EXPANDED
from blindfair.blind.query import encrypt_queries
from blindfair.protocol.errors import ShapeMismatch

K = 8


def test_uncounted_basis_vectors_would_give_whole_rows_for_the_price_of_one_query() -> None:
    rows = random_rows(200, K)
    encoded = encode_rows(EXPANDED, rows)
    encrypted, secret = encrypt_queries(EXPANDED, np.eye(K, dtype=np.int64))
    asked = encrypted.to_bytes()
    with pytest.raises(ShapeMismatch, match="other bits than were charged"):
        evaluate(encoded, asked, bits=[32])
    scores = decrypt_reply(EXPANDED, secret, evaluate(encoded, asked), len(rows), K)
    np.testing.assert_array_equal(scores.T, rows)
    assert pytest.approx(96, abs=0.01) == K * ENTRY_BITS
    assert stated_bits() < 32.0001
