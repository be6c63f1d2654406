"""The seller's side, for rows in memory: score every record under encryption, and flood everything else with noise.

The seller holds the encoded rows and the buyer's bytes, and no key. Not here: counting evaluations and keeping replies
so that the same request gets the same bytes (the seller's agent), the sizes of the noise (`parameters.py`), and rows on
disk (`stream.py`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tenseal.sealapi as sealapi

from blindfair.blind.encode import EncodedRows, encode_column, encode_rows
from blindfair.blind.expand import load_query
from blindfair.blind.flood import flood, lay_out_zeros
from blindfair.blind.flooding import Draws, NoiseKey, score_draws
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.seal import Engine, engine
from blindfair.protocol.errors import MalformedCiphertext, ShapeMismatch

__all__ = ["EncodedRows", "Progress", "encode_rows", "evaluate"]

Progress = Callable[[int, int], None]
"""Called after each block with the number of blocks done and of all."""

_BLOCKS_AT_ONCE = 4
"""A coordinate meets so many blocks while it is in the processor's cache; more would push the sums out of it."""


def evaluate(
    encoded: EncodedRows,
    query_bytes: bytes,
    progress: Progress | None = None,
    *,
    bits: Sequence[int] | None = None,
    draws: Draws | None = None,
) -> bytes:
    """The reply to an encrypted query: `m x n` encrypted scores, and of each no more bits than its query asks for.

    `bits` is what the budget was charged for, one a query. `draws`, `m x n`, are those of the scores' noise that a
    listing committed to (PROTOCOL 4.6). The rest of the noise is fresh at each call, without draws all of it: a request
    that comes again must get the stored reply. Raises `UnknownParameters` and `MalformedCiphertext` as
    `EncryptedQueries.from_bytes` does, `MalformedCiphertext` for a query under another set than the rows',
    `ShapeMismatch` for another `k`, other bits or draws of another shape; in every case before anything is computed.
    """
    query = read_query(encoded.parameters, encoded.k, query_bytes, bits)
    check_draws(query, encoded.records, draws)
    parameters = query.parameters
    seal = engine(parameters)
    zeros = lay_out_zeros(seal, query)
    noise = NoiseKey()
    ciphertexts = []
    for number in range(query.queries):
        coordinates = list(load_query(seal, query, number))
        for coordinate in coordinates:
            seal.evaluator.transform_to_ntt_inplace(coordinate)
        for start in range(0, len(encoded.blocks), _BLOCKS_AT_ONCE):
            blocks = encoded.blocks[start : start + _BLOCKS_AT_ONCE]
            for block, total in enumerate(_sums(seal, coordinates, blocks), start):
                stream, scores = noise.stream(block, number), encoded.scores_in(block)
                own = None if draws is None else draws_of(draws[number], parameters, block)
                drawn = score_draws(parameters, query.bits[number], stream, scores, own)
                words, width = seal.ciphertext_words(total), parameters.noise_width(query.bits[number])
                ciphertexts.append(flood(seal, words, zeros, stream, width, drawn))
                if progress is not None:
                    progress(len(ciphertexts), query.queries * len(encoded.blocks))
    return EncryptedScores(parameters, query.queries, encoded.records, tuple(ciphertexts)).to_bytes()


def draws_of(draws: Draws, parameters: ParameterSet, block: int) -> Draws:
    """Return the draws of one block's scores, out of one query's `n`."""
    return draws[block * parameters.ring_degree : (block + 1) * parameters.ring_degree]


def check_draws(query: EncryptedQueries, records: int, draws: Draws | None) -> None:
    """Raises `ShapeMismatch` for draws that are not `m x n`: each score has noise of its own."""
    if draws is not None and draws.shape != (query.queries, records):
        raise ShapeMismatch(
            "the draws of the noise are not one for each score", expected=(query.queries, records), found=draws.shape
        )


def read_query(parameters: ParameterSet, k: int, query_bytes: bytes, bits: Sequence[int] | None) -> EncryptedQueries:
    """A query that fits rows encoded under `parameters`, checked in full. Raises as `evaluate` does."""
    query = EncryptedQueries.from_bytes(query_bytes)
    if query.parameters.sums != parameters.sums:
        raise MalformedCiphertext(
            "a query is of another parameter set than the rows", expected=parameters.name, found=query.parameters.name
        )
    if query.k != k:
        raise ShapeMismatch("query and rows have different lengths", expected=k, found=query.k)
    if bits is not None and query.bits != tuple(bits):
        raise ShapeMismatch("a query asks for other bits than were charged", expected=tuple(bits), found=query.bits)
    return query


def _sums(seal: Engine, coordinates: Sequence[Any], blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """The sum of coordinates times columns for each block, in NTT form."""
    multiply, add = seal.evaluator.multiply_plain, seal.evaluator.add_inplace
    stand_in = encode_column(seal, np.ones(seal.parameters.ring_degree, dtype=np.int16))
    nothing = np.zeros((2, len(seal.parameters.data_primes), seal.parameters.ring_degree), dtype=np.uint64)
    totals = [seal.ciphertext(nothing, seal.sum_level, transformed=True) for _ in blocks]
    product, discarded = sealapi.Ciphertext(), sealapi.Ciphertext()
    multiply(coordinates[0], stand_in, discarded)
    for number, coordinate in enumerate(coordinates):
        for total, columns in zip(totals, blocks, strict=True):
            # SEAL refuses a product that is zero. A column of zeros costs the same work nevertheless, so that the time
            # of a reply does not tell how many there are.
            column = columns[number]
            multiply(coordinate, stand_in if column is None else column, product)
            add(discarded if column is None else total, product)
    return totals
