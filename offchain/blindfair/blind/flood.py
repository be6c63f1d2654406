"""The seller's last step with a ciphertext: hide in it everything but the scores (SCORING requirements 3 and 4).

The draws of the noise are in `flooding.py`, their sizes in `parameters.py`.
"""

import numpy as np

from blindfair.blind import flooding
from blindfair.blind.columns import lay_out_columns
from blindfair.blind.expand import lay_out_ciphertexts, load_encryptions
from blindfair.blind.layout import aligned, columns_shape, queries_shape
from blindfair.blind.multiply import multiply
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.seal import Engine, Words
from blindfair.blind.switch import switch_down
from blindfair.blind.transform import transform_back


def lay_out_zeros(seal: Engine, request: EncryptedQueries) -> Words:
    """A request's encryptions of zero, ready to be multiplied: laid out as one query."""
    laid_out = aligned(queries_shape(seal.parameters, 1, len(request.zeros)))
    lay_out_ciphertexts(seal, load_encryptions(seal, request.zeros, seal.sum_level), laid_out, 0)
    return laid_out


def flood(seal: Engine, total: Words, zeros: Words, stream: flooding.NoiseStream, width: int, draws: Words) -> Words:
    """`2 x 1 x N` residues modulo Q' of a sum, `2 x primes x N` in NTT form: masked, drowned and switched down.
    The sum is used up.

    `zeros` are `lay_out_zeros`', `draws` those of the scores' noise, which is `width` bits wide. The noise comes before
    the switch: after it, the rounding would already have been done on numbers that depend on the rows alone.
    """
    primes = np.array(seal.parameters.data_primes, dtype=np.uint64)[:, None]
    _add(total, _mask(seal, zeros, stream), primes)
    hidden = transform_back(seal, total)
    _add(hidden[0], flooding.drowning_noise(seal.parameters, width, draws, stream), primes)
    return switch_down(seal, hidden)


def _mask(seal: Engine, zeros: Words, stream: flooding.NoiseStream) -> Words:
    """An encryption of zero, `2 x primes x N` in NTT form, whose second polynomial is uniform."""
    masks = flooding.mask_columns(seal.parameters, stream)
    block = aligned(columns_shape(seal.parameters, len(masks)))
    lay_out_columns(seal, block, 0, masks)
    mask: Words = multiply(seal, [block], zeros)[0, 0]
    return mask


def _add(total: Words, more: Words, primes: Words) -> None:
    """Residues below their primes, modulo these, which are below 2^63."""
    total += more
    # Where the sum is below its prime, the difference wraps around and is the larger one.
    np.minimum(total, total - primes, out=total)
