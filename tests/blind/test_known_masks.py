"""Masks that a buyer knows hide nothing: what one seed for all encryptions of zero, or second polynomials of the
buyer's own, would tell, measured with the check of the request taken out. docs/explanation/privacy.md has the table."""

from dataclasses import replace

import numpy as np
import pytest
from hostile_buyer import HostileBuyer
from lattice import entries_found, scaled_down
from test_hostile_queries import SMALL_Q, STEP, T, random_rows, stated_bits

import blindfair.blind.evaluate as evaluation
from blindfair.blind import expand
from blindfair.blind.encode import encode_column, encode_rows
from blindfair.blind.evaluate import evaluate
from blindfair.blind.layout import aligned, queries_shape
from blindfair.blind.packing import pack
from blindfair.blind.parameters import DEFAULT
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.seal import Words
from blindfair.protocol.errors import MalformedCiphertext

N = DEFAULT.ring_degree
K = 8
EQUATIONS = range(4)
ROW_BITS = K * 12
"""Of one row."""

ROWS = random_rows(N, K)
ROWS[1:] = 0
"""A full block, of which the buyer knows all records but one."""


def asking_nothing(buyer: HostileBuyer) -> EncryptedQueries:
    """Coordinates of zero; encryptions of zero of constants, so that every score is the sum of all masks."""
    zeros = [buyer.bare({0: STEP}) for _ in range(DEFAULT.mask_columns)]
    return buyer.query([{}] * K, zeros, encrypt=buyer.bare)


def reply_to(query: EncryptedQueries) -> Words:
    reply = evaluate(encode_rows(DEFAULT, ROWS), query.to_bytes())
    return EncryptedScores.from_bytes(DEFAULT, reply, N, 1).ciphertexts[0][:, 0]


def entries_behind(mask: list[int], buyer: HostileBuyer, query: EncryptedQueries, second: Words) -> int:
    """Entries of the one unknown row in the second polynomial, if its mask were the given one."""
    coordinates = expand.load_query(buyer.seal, query, 0)
    maps = [scaled_down(DEFAULT, buyer.seal.ciphertext_words(each)[1], EQUATIONS) for each in coordinates]
    left = [int(second[place]) - covered for place, covered in zip(EQUATIONS, mask, strict=True)]
    return entries_found(DEFAULT, maps, left, ROWS[0])


def entries_if_the_masks_were_one(buyer: HostileBuyer, query: EncryptedQueries) -> int:
    """The scores spell `sum_i u_i`; times the second polynomial of the first encryption of zero that is the mask, if
    all have the same one."""
    first, second = reply_to(query)
    together = np.array([(int(value) * T + SMALL_Q // 2) // SMALL_Q for value in first])
    together = np.where(together > T // 2, together - T, together).astype(np.int32)
    zero = next(expand.load_encryptions(buyer.seal, query.zeros, buyer.seal.sum_level))
    buyer.seal.evaluator.transform_to_ntt_inplace(zero)
    buyer.seal.evaluator.multiply_plain_inplace(zero, encode_column(buyer.seal, together))
    buyer.seal.evaluator.transform_from_ntt_inplace(zero)
    mask = scaled_down(DEFAULT, buyer.seal.ciphertext_words(zero)[1], EQUATIONS)
    return entries_behind(mask, buyer, query, second)


def test_one_seed_for_all_masks_gives_the_row_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked, and the scores, of 29 bits, tell of no row: the second polynomial then tells all of it."""
    buyer = HostileBuyer()
    honest = asking_nothing(buyer)
    assert entries_if_the_masks_were_one(buyer, honest) <= 1
    one_seed = replace(honest, zeros=replace(honest.zeros, seeds=honest.zeros.seeds[:1] * DEFAULT.mask_columns))
    with pytest.raises(MalformedCiphertext, match="seed"):
        reply_to(one_seed)
    monkeypatch.setattr(evaluation, "read_query", lambda *_: one_seed)
    assert entries_if_the_masks_were_one(buyer, one_seed) == K
    assert stated_bits() < ROW_BITS


def test_second_polynomials_of_the_buyers_own_give_the_row_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encryptions of zero whose second polynomials are zero, as an all-zero public key has, mask nothing."""
    buyer = HostileBuyer()
    query = asking_nothing(buyer)
    assert entries_behind([0] * len(EQUATIONS), buyer, query, reply_to(query)[1]) <= 1
    head = len(query.to_bytes()) - sum(len(part.to_bytes()) for part in (query.zeros, query.ciphertexts))
    nothing = pack(DEFAULT.data_primes, np.zeros_like(query.zeros.firsts[0]))
    with_seconds = b"".join(
        pack(DEFAULT.data_primes, first) + nothing for part in (query.zeros, query.ciphertexts) for first in part.firsts
    )
    with pytest.raises(MalformedCiphertext, match="length"):
        evaluate(encode_rows(DEFAULT, ROWS), query.to_bytes()[:head] + with_seconds)
    bare = aligned(queries_shape(DEFAULT, 1, DEFAULT.mask_columns))
    bare[:] = 0
    monkeypatch.setattr(evaluation, "lay_out_zeros", lambda seal, request: bare)
    assert entries_behind([0] * len(EQUATIONS), buyer, query, reply_to(query)[1]) == K
