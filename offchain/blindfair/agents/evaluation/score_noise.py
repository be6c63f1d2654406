"""The noise of an evaluation's scores, as the listing committed to it: all of it at the seller, that of the records it
sees at the buyer (PROTOCOL 4.6).

Not here: the specification of a draw (`protocol.noise`), and laying noise over ciphertexts (package `blind`).
"""

from collections.abc import Iterable, Sequence

import numpy as np

from blindfair.blind.flooding import Draws
from blindfair.blind.parameters import ParameterSet
from blindfair.protocol.chunks import SALT_SIZE, ChunkedDataset
from blindfair.protocol.messages import Request
from blindfair.protocol.noise import noise_draw
from blindfair.protocol.quantities import Digest, RecordIndex, Salt
from blindfair.protocol.units import Units


def record_salt(dataset: ChunkedDataset, record: RecordIndex) -> Salt:
    """The salt of a record's first chunk."""
    return Salt(dataset.chunks[dataset.first_chunks[record]][:SALT_SIZE])


def committed_draws(dataset: ChunkedDataset, units: Units, digest: Digest, queries: int) -> Draws:
    """The draws of all `n` units for each of `m` queries, `m x n`, as `blind.evaluate` takes them.

    `digest` is `H(request)`.
    """
    draws = np.empty((queries, units.count), dtype=np.uint8)
    for unit in range(units.count):
        salts = [record_salt(dataset, record) for record in units.members([unit])]
        draws[:, unit] = [noise_draw(salts, digest, unit, query) for query in range(queries)]
    return draws


def unit_noise(
    parameters: ParameterSet, request: Request, digest: Digest, unit: int, salts: Sequence[Salt]
) -> tuple[int, ...]:
    """What the middle of the committed noise adds to the scores of a unit whose records' salts are known, one number a
    query."""
    return tuple(
        parameters.committed_noise(noise_draw(salts, digest, unit, query), bits)
        for query, bits in enumerate(request.bits)
    )


def salts_of(chunks: Iterable[bytes]) -> tuple[Salt, ...]:
    """The salts of records, from the first chunk of each."""
    return tuple(Salt(chunk[:SALT_SIZE]) for chunk in chunks)
