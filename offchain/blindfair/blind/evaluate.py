"""The seller's side: score every record under encryption, and hide everything else (SCORING requirements 3 and 4).

The seller holds the encoded rows and the buyer's bytes, and no key. Not here: counting evaluations and keeping replies
so that the same request gets the same bytes (the seller's agent), and the sizes of the noise (`parameters.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tenseal.sealapi as sealapi

from blindfair.blind import hiding
from blindfair.blind.encode import EncodedRows, encode_column, encode_rows
from blindfair.blind.parameters import LARGEST_BITS_PER_RECORD
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.seal import Engine, Words, engine
from blindfair.protocol.errors import MalformedCiphertext, ShapeMismatch

__all__ = ["EncodedRows", "Progress", "encode_rows", "evaluate"]

Progress = Callable[[int, int], None]
"""Called after each block with the number of blocks done and of all."""

_BLOCKS_AT_ONCE = 4
"""A coordinate meets so many blocks while it is in the processor's cache; more would push the sums out of it."""


def evaluate(
    encoded: EncodedRows,
    query_bytes: bytes,
    precision_bits: int | None = None,
    progress: Progress | None = None,
    *,
    queries: int | None = None,
) -> bytes:
    """The reply to an encrypted query: `m x n` encrypted scores and at most `b` bits of each record and query.

    `precision_bits` is the manifest's `b`: None or the set's own leave scores exact, fewer round them. `queries` is the
    number that the budget was charged for. The noise is fresh at each call, so a request that comes again must get
    the stored reply. Raises `UnknownParameters` and `MalformedCiphertext` as `EncryptedQueries.from_bytes` does,
    `MalformedCiphertext` for a query under another set than the rows', `ShapeMismatch` for another `k` or number of
    queries; in every case before anything is computed.
    """
    parameters = encoded.parameters
    bound = parameters.drowning_bound(precision_bits)
    query = EncryptedQueries.from_bytes(query_bytes)
    if query.parameters != parameters:
        raise MalformedCiphertext(
            "a query is of another parameter set than the rows", expected=parameters.name, found=query.parameters.name
        )
    if query.k != encoded.k:
        raise ShapeMismatch("query and rows have different lengths", expected=encoded.k, found=query.k)
    if queries is not None and query.queries != queries:
        raise ShapeMismatch("a request holds another number of queries", expected=queries, found=query.queries)
    seal = engine(parameters)
    zeros = _expand(seal, query.zeros())
    ciphertexts = []
    for number in range(query.queries):
        coordinates = _expand(seal, query.coordinates(number))
        for start in range(0, len(encoded.blocks), _BLOCKS_AT_ONCE):
            blocks = encoded.blocks[start : start + _BLOCKS_AT_ONCE]
            for block, total in enumerate(_masked_sums(seal, zeros, coordinates, blocks), start):
                noise = hiding.drowning_noise(parameters, bound, encoded.scores_in(block))
                ciphertexts.append(_drowned(seal, total, noise))
                if progress is not None:
                    progress(len(ciphertexts), query.queries * len(encoded.blocks))
    kept = precision_bits if precision_bits is not None else LARGEST_BITS_PER_RECORD
    return EncryptedScores(parameters, query.queries, encoded.records, kept, tuple(ciphertexts)).to_bytes()


def _expand(seal: Engine, encryptions: Iterable[tuple[Words, bytes]]) -> list[Any]:
    """Ciphertexts in NTT form; their second polynomials come from the seeds, here."""
    expanded = []
    for first, seed in encryptions:
        ciphertext = seal.seeded_ciphertext(first, seed)
        seal.evaluator.transform_to_ntt_inplace(ciphertext)
        expanded.append(ciphertext)
    return expanded


def _masked_sums(
    seal: Engine, zeros: Sequence[Any], coordinates: Sequence[Any], blocks: Sequence[Sequence[Any]]
) -> list[Any]:
    """For each block the sum of coordinates times columns, and of zeros times fresh random columns, out of NTT form."""
    multiply, add = seal.evaluator.multiply_plain, seal.evaluator.add_inplace
    totals = [_mask(seal, zeros) for _ in blocks]
    stand_in = encode_column(seal, np.ones(seal.parameters.ring_degree, dtype=np.int16))
    product, discarded = sealapi.Ciphertext(), sealapi.Ciphertext()
    multiply(zeros[0], stand_in, discarded)
    for number, coordinate in enumerate(coordinates):
        for total, columns in zip(totals, blocks, strict=True):
            # SEAL refuses a product that is zero. A column of zeros costs the same work nevertheless, so that the time
            # of a reply does not tell how many there are.
            column = columns[number]
            multiply(coordinate, stand_in if column is None else column, product)
            add(discarded if column is None else total, product)
    for total in totals:
        seal.evaluator.transform_from_ntt_inplace(total)
    return totals


def _mask(seal: Engine, zeros: Sequence[Any]) -> Any:
    """An encryption of zero whose second polynomial is uniform: zeros times fresh random columns, in NTT form."""
    total, product = sealapi.Ciphertext(), sealapi.Ciphertext()
    (zero, column), *others = zip(zeros, hiding.mask_columns(seal.parameters), strict=True)
    seal.evaluator.multiply_plain(zero, encode_column(seal, column), total)
    for zero, column in others:
        seal.evaluator.multiply_plain(zero, encode_column(seal, column), product)
        seal.evaluator.add_inplace(total, product)
    return total


def _drowned(seal: Engine, total: Any, noise: Words) -> Words:
    """`2 x 1 x N` residues modulo Q' of the sum plus noise. The noise comes before the switch: after it, the rounding
    would already have been done on numbers that depend on the rows alone."""
    seal.evaluator.add_inplace(total, seal.ciphertext(np.stack((noise, np.zeros_like(noise))), seal.first_level))
    seal.evaluator.mod_switch_to_inplace(total, seal.last_level)
    return seal.ciphertext_words(total)
