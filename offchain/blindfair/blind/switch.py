"""The switch of a sum from its modulus `Q` to the smaller `Q'` of replies: by the kernel or, without it, by SEAL.

Both give the same residues, bit for bit: those of the numbers times `Q'/Q`, rounded.
"""

import numpy as np

from blindfair.blind import kernel
from blindfair.blind.seal import Engine, Words


def switch_down(seal: Engine, polynomials: Words) -> Words:
    """`2 x primes x N` residues modulo Q to `2 x 1 x N` modulo Q'; they are used up."""
    if kernel.library() is None:
        return _by_seal(seal, polynomials)
    primes = list(seal.parameters.data_primes)
    while len(primes) > 1:
        last = primes.pop()
        for polynomial in polynomials:
            for residues, prime in zip(polynomial, primes, strict=False):
                kernel.drop_prime(residues, polynomial[len(primes)], prime, last)
    return np.ascontiguousarray(polynomials[:, :1])


def _by_seal(seal: Engine, polynomials: Words) -> Words:
    ciphertext = seal.ciphertext(polynomials, seal.sum_level)
    seal.evaluator.mod_switch_to_inplace(ciphertext, seal.reply_level)
    return seal.ciphertext_words(ciphertext)
