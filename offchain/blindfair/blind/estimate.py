"""Bytes, memory and time of an evaluation, told before it starts.

Bytes of messages are exact, those of memory and disk leave out what is small. Times come from doing a few of the very
operations on this machine, once in a process, which takes some tenths of a second, and from nothing else: no rate of
another machine is written here.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tenseal.sealapi as sealapi

from blindfair.blind import expansion, kernel
from blindfair.blind.columns import lay_out_columns
from blindfair.blind.encode import encode_column
from blindfair.blind.expand import load_encryptions, load_query
from blindfair.blind.flood import flood, lay_out_zeros
from blindfair.blind.flooding import NoiseKey
from blindfair.blind.layout import TILE, aligned, columns_shape, queries_shape
from blindfair.blind.matrix import matrix_bytes
from blindfair.blind.packing import pack
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.query import encrypt_queries, query_size
from blindfair.blind.reply import reply_size
from blindfair.blind.seal import Words, engine
from blindfair.blind.stream import blocks_per_job, queries_per_pass

IN_MEMORY_BLOCKS = 4
"""Up to so many blocks of records are encoded and held in memory, and need no disk; more go there (`matrix.py`), where
the kernel gains the more the more blocks there are."""

_WORD_SIZE = 8
_REPEATS = 2
_TRIAL_K = 16
"""Coordinates of a trial: an expansion of them takes 17 automorphisms."""

_TRIAL_COLUMNS = 64
"""Columns of a trial of the kernel: more than the cache holds, as in earnest."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an evaluation of `m` queries over `n x k` rows takes, on one core of this machine."""

    upload_bytes: int
    """The encrypted queries."""

    download_bytes: int
    """The reply."""

    memory_bytes: int
    """The seller's memory at the worst moment, besides the rows and the program itself."""

    disk_bytes: int
    """The seller's disk: encoded rows, kept for further queries, and the evaluation's folder. 0 where all is in
    memory."""

    encrypt_seconds: float
    """The buyer's time before."""

    decrypt_seconds: float
    """The buyer's time after."""

    encode_seconds: float
    """The seller's time to encode the rows, once."""

    expand_seconds: float
    """The seller's time to make the coordinates ready."""

    evaluate_seconds: float
    """The seller's time for the products and for flooding."""

    @property
    def seconds(self) -> float:
        """All of it, one after another."""
        seller = self.encode_seconds + self.expand_seconds + self.evaluate_seconds
        return self.encrypt_seconds + seller + self.decrypt_seconds


def estimate(parameters: ParameterSet, n: int, k: int, m: int) -> Estimate:
    """Estimate an evaluation of `m` queries over `n` records with rows of `k` entries."""
    trial = _trial(parameters)
    blocks = -(-n // parameters.ring_degree)
    masks = parameters.mask_columns
    upload, download = query_size(parameters, k, m), reply_size(parameters, n, m)
    space = working_space(parameters, n, k, m)
    if parameters.is_expanded:
        ciphertexts = m * expansion.pieces(k)
        loading = m * expansion.automorphisms(k) * trial.automorphism
    else:
        ciphertexts = m * k
        loading = m * k * (trial.second if space.disk else trial.seed)
    if space.disk:
        loading += m * k * (2 * trial.lay_out + (trial.leave if parameters.is_expanded else 0.0))
        encode = blocks * k * trial.lay_out
        products = trial.kernel_product if kernel.library() is not None else trial.product + trial.enter
    else:
        loading += m * k * trial.transform
        encode = blocks * k * trial.encode
        products = trial.product
    return Estimate(
        upload_bytes=upload,
        download_bytes=download,
        memory_bytes=space.memory,
        disk_bytes=space.disk,
        encrypt_seconds=(masks + ciphertexts) * trial.encrypt,
        decrypt_seconds=m * blocks * trial.decrypt,
        encode_seconds=encode,
        expand_seconds=masks * (trial.seed + trial.leave + 2 * trial.lay_out) + loading,
        evaluate_seconds=m * blocks * (k * products + trial.flood + (0.0 if space.disk else trial.leave)),
    )


@functools.cache
def _trial(parameters: ParameterSet) -> "_Trial":
    return _Trial(parameters)


@dataclass(frozen=True, slots=True)
class Space:
    """What an evaluation needs to work in, besides the rows and the program itself."""

    memory: int
    """Bytes at the worst moment."""

    disk: int
    """Bytes of the encoded rows, which are kept, and of the evaluation's folder; 0 where all is in memory."""


def working_space(parameters: ParameterSet, n: int, k: int, m: int) -> Space:
    """The seller's space for `m` queries over `n x k` rows."""
    blocks = -(-n // parameters.ring_degree)
    polynomial = _WORD_SIZE * parameters.ring_degree * len(parameters.data_primes)
    # The request, and the same unpacked, which takes more than twice as much.
    request = 3 * query_size(parameters, k, m)
    # The tree of the expansion: a piece's leaves, with a prime more.
    tree = 3 * polynomial * min(k, expansion.LARGEST_PIECE) if parameters.is_expanded else 0
    if blocks <= IN_MEMORY_BLOCKS:
        return Space(request + tree + blocks * k * polynomial + 2 * polynomial * (parameters.mask_columns + k), 0)
    together = min(m, queries_per_pass(parameters, k))
    memory = request + tree + 2 * polynomial * together * k + blocks_per_job(parameters, k) * polynomial * k
    coordinates = 2 * polynomial * (m * k + parameters.mask_columns)
    return Space(memory, matrix_bytes(parameters, n, k) + coordinates + 2 * reply_size(parameters, n, m))


class _Trial:
    """Seconds of each operation under a parameter set: the quickest of a few runs, as others only ever add to it."""

    def __init__(self, parameters: ParameterSet) -> None:
        seal = engine(parameters)
        asked = {k: encrypt_queries(parameters, np.ones((1, k), dtype=np.int64))[0] for k in (2, _TRIAL_K)}
        request = asked[_TRIAL_K]
        column = np.ones(parameters.ring_degree, dtype=np.int16)
        plaintext = encode_column(seal, column)
        zeros = list(load_encryptions(seal, request.zeros[:1], seal.sum_level))
        self.transform = seconds(lambda: seal.evaluator.transform_to_ntt(zeros[0], sealapi.Ciphertext()))
        seal.evaluator.transform_to_ntt_inplace(zeros[0])
        first, seed = next(iter(request.zeros))
        product, total = sealapi.Ciphertext(), sealapi.Ciphertext()
        seal.evaluator.multiply_plain(zeros[0], plaintext, total)
        words = seal.ciphertext_words(zeros[0])

        def multiply_and_add() -> None:
            seal.evaluator.multiply_plain(zeros[0], plaintext, product)
            seal.evaluator.add_inplace(total, product)

        def opened(k: int) -> None:
            list(load_query(seal, asked[k], 0))

        self.seed = seconds(lambda: seal.seeded_ciphertext(first, seed, seal.sum_level))
        self.second = seconds(lambda: seal.second_words(seed, seal.sum_level))
        generator = sealapi.KeyGenerator(seal.context)
        encryptor = sealapi.Encryptor(seal.context, generator.secret_key())
        one = sealapi.Plaintext("1")
        self.encrypt = seconds(lambda: seal.seeded_words(encryptor.encrypt_symmetric(one), seal.query_level))
        self.encode = seconds(lambda: encode_column(seal, column))
        together = np.tile(column, (TILE, 1))
        block = aligned(columns_shape(parameters, TILE))
        self.lay_out = seconds(lambda: lay_out_columns(seal, block, 0, together)) / TILE
        self.enter = seconds(lambda: seal.transformed_plaintext(words[0]))
        self.leave = seconds(lambda: seal.ciphertext_words(zeros[0]))
        # About what leaving takes: a smaller object, and a product with the key.
        self.decrypt = self.leave
        self.product = seconds(multiply_and_add)
        laid_out = lay_out_zeros(seal, request)
        self.flood = seconds(lambda: _flood(parameters, laid_out, words))
        self.kernel_product = _kernel_product(parameters)
        self.automorphism = 0.0
        if parameters.is_expanded:
            # What two sizes have in common is loading the keys.
            small, large = seconds(lambda: opened(2)), seconds(lambda: opened(_TRIAL_K))
            more = expansion.automorphisms(_TRIAL_K) - expansion.automorphisms(2)
            self.automorphism = max(0.0, large - small) / more


def _flood(parameters: ParameterSet, zeros: Words, words: Words) -> None:
    seal = engine(parameters)
    stream = NoiseKey().stream(0, 0)
    width, draws = parameters.noise_width(1), stream.draws(parameters.ring_degree)
    hidden = flood(seal, words, zeros, stream, width, draws)
    for polynomial in hidden:
        pack((parameters.reply_modulus,), polynomial)


def _kernel_product(parameters: ParameterSet) -> float:
    """Of one column and one coordinate; 0 where there is no kernel."""
    if kernel.library() is None:
        return 0.0
    columns, queries = (
        aligned(columns_shape(parameters, _TRIAL_COLUMNS)),
        aligned(queries_shape(parameters, 1, _TRIAL_COLUMNS)),
    )
    columns[:], queries[:] = 1, 1
    spent = seconds(lambda: kernel.sums([columns, columns], queries, parameters.data_primes))
    return spent / (2 * _TRIAL_COLUMNS)


def seconds(action: Callable[[], object], repeats: int = _REPEATS) -> float:
    """The quickest of a few runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)
