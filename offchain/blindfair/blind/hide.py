"""The seller's last step with a ciphertext: hide in it everything but the scores (SCORING requirements 3 and 4).

The draws of the noise are in `hiding.py`, their sizes in `parameters.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from blindfair.blind import hiding
from blindfair.blind.columns import lay_out_columns
from blindfair.blind.expand import lay_out, open_encryptions
from blindfair.blind.layout import aligned, columns_shape, queries_shape
from blindfair.blind.multiply import multiply
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.seal import Engine, Words
from blindfair.blind.transform import transform


def lay_out_zeros(seal: Engine, request: EncryptedQueries) -> Words:
    """A request's encryptions of zero, ready to be multiplied: laid out as one query."""
    laid_out = aligned(queries_shape(seal.parameters, 1, len(request.zeros)))
    lay_out(seal, open_encryptions(seal, request.zeros, seal.sum_level), laid_out, 0)
    return laid_out


def hide(seal: Engine, total: Any, zeros: Words, stream: hiding.NoiseStream, bound: int, scores: int) -> Words:
    """`2 x 1 x N` residues modulo Q' of a sum in NTT form: masked, drowned and switched down. `total` is used up.

    `zeros` are `lay_out_zeros`' and `scores` the coefficients that are scores. The noise comes before the switch: after
    it, the rounding would already have been done on numbers that depend on the rows alone.
    """
    cover = seal.ciphertext(_cover(seal, zeros, stream, bound, scores), seal.sum_level, transformed=True)
    seal.evaluator.add_inplace(total, cover)
    seal.evaluator.transform_from_ntt_inplace(total)
    seal.evaluator.mod_switch_to_inplace(total, seal.reply_level)
    return seal.ciphertext_words(total)


def _cover(seal: Engine, zeros: Words, stream: hiding.NoiseStream, bound: int, scores: int) -> Words:
    """An encryption of nothing but noise, `2 x primes x N` in NTT form: its second polynomial is uniform."""
    parameters = seal.parameters
    masks = hiding.mask_columns(parameters, stream)
    block = aligned(columns_shape(parameters, len(masks)))
    lay_out_columns(seal, block, 0, masks)
    cover: Words = multiply(seal, [block], zeros)[0, 0]
    noise = hiding.drowning_noise(parameters, bound, scores, stream)
    primes = np.array(parameters.data_primes, dtype=np.uint64)[:, None]
    cover[0] = (cover[0] + transform(seal, noise[np.newaxis])[0]) % primes
    return cover
