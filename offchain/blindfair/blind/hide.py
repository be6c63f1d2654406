"""The seller's last step with a ciphertext: hide in it everything but the scores (SCORING requirements 3 and 4).

The sums of the noise are in `hiding.py`, their sizes in `parameters.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tenseal.sealapi as sealapi

from blindfair.blind import hiding
from blindfair.blind.encode import encode_column
from blindfair.blind.seal import Engine, Words


def hide(seal: Engine, total: Any, zeros: Sequence[Any], stream: hiding.NoiseStream, bound: int, scores: int) -> Words:
    """`2 x 1 x N` residues modulo Q' of a sum in NTT form: masked, drowned and switched down. `total` is used up.

    The noise comes before the switch: after it, the rounding would already have been done on numbers that depend on the
    rows alone.
    """
    evaluator, parameters = seal.evaluator, seal.parameters
    product = sealapi.Ciphertext()
    for zero, column in zip(zeros, hiding.mask_columns(parameters, stream), strict=True):
        evaluator.multiply_plain(zero, encode_column(seal, column), product)
        evaluator.add_inplace(total, product)
    evaluator.transform_from_ntt_inplace(total)
    noise = hiding.drowning_noise(parameters, bound, scores, stream)
    evaluator.add_inplace(total, seal.ciphertext(np.stack((noise, np.zeros_like(noise))), seal.sum_level))
    evaluator.mod_switch_to_inplace(total, seal.reply_level)
    return seal.ciphertext_words(total)
