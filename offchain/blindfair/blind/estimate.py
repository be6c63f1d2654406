"""Bytes, memory and time of an evaluation, told before it starts.

Bytes are exact. Times come from doing a few of the very operations on this machine, which takes some hundredths of a
second, and from nothing else: no rate of another machine is written here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import tenseal.sealapi as sealapi

from blindfair.blind.encode import encode_column
from blindfair.blind.hiding import mask_columns
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.query import query_size
from blindfair.blind.reply import reply_size
from blindfair.blind.seal import engine

_WORD_SIZE = 8
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an evaluation of `m` queries over `n x k` rows takes, on one core of this machine."""

    upload_bytes: int
    """The encrypted queries."""

    download_bytes: int
    """The reply."""

    encoded_bytes: int
    """Memory of the encoded rows, held as long as they are reused."""

    working_bytes: int
    """Further memory while evaluating: the queries as bytes and unpacked, and one of them expanded."""

    encrypt_seconds: float
    """The buyer's time."""

    encode_seconds: float
    """The seller's time to encode the rows, once."""

    evaluate_seconds: float
    """The seller's time for the reply."""


def estimate(parameters: ParameterSet, n: int, k: int, m: int) -> Estimate:
    """Estimate an evaluation of `m` queries over `n` records with rows of `k` entries."""
    seal = engine(parameters)
    encryptor = sealapi.Encryptor(seal.context, sealapi.KeyGenerator(seal.context).secret_key())
    seeded = encryptor.encrypt_symmetric(sealapi.Plaintext("1"))
    first, seed = seal.seeded_words(seeded)
    ciphertext = seal.seeded_ciphertext(first, seed)
    column = mask_columns(parameters)[0]
    plaintext = encode_column(seal, column)
    transformed, product = sealapi.Ciphertext(), sealapi.Ciphertext()
    seal.evaluator.transform_to_ntt(ciphertext, transformed)
    seal.evaluator.multiply_plain(transformed, plaintext, product)

    def multiply_and_add() -> None:
        seal.evaluator.multiply_plain(transformed, plaintext, product)
        seal.evaluator.add_inplace(transformed, product)

    encrypt = _seconds(lambda: seal.seeded_words(encryptor.encrypt_symmetric(sealapi.Plaintext("1"))))
    expand = _seconds(lambda: seal.evaluator.transform_to_ntt_inplace(seal.seeded_ciphertext(first, seed)))
    encode = _seconds(lambda: encode_column(seal, column))
    product_seconds = _seconds(multiply_and_add)
    blocks = -(-n // parameters.ring_degree)
    masks = parameters.mask_columns
    polynomial = _WORD_SIZE * parameters.ring_degree * len(parameters.data_primes)
    upload = query_size(parameters, k, m)
    return Estimate(
        upload_bytes=upload,
        download_bytes=reply_size(parameters, n, m),
        encoded_bytes=blocks * k * polynomial,
        working_bytes=upload + polynomial * (masks + m * k) + 2 * polynomial * (masks + k),
        encrypt_seconds=(masks + m * k) * encrypt,
        encode_seconds=blocks * k * encode,
        evaluate_seconds=(masks + m * k) * expand + m * blocks * ((masks + k) * product_seconds + masks * encode),
    )


def _seconds(action: Callable[[], object]) -> float:
    """The quickest of a few runs: others on the machine only ever add to it."""
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)
