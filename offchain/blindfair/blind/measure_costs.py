"""Measuring a cost model on this machine: a few of the very operations of an evaluation, in about a second.

Times are of the processor, not of the clock, and the quickest of a few runs: other programs only ever add to them.
"""

import datetime
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tenseal.sealapi as sealapi

import blindfair
from blindfair.blind import expansion, kernel
from blindfair.blind.columns import lay_out_columns
from blindfair.blind.cost_model import CostModel, OperationSeconds
from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.encode import encode_column, encode_rows
from blindfair.blind.evaluate import evaluate
from blindfair.blind.expand import load_encryptions, load_query
from blindfair.blind.flood import flood, lay_out_zeros
from blindfair.blind.flooding import NoiseKey
from blindfair.blind.layout import TILE, aligned, columns_shape, queries_shape
from blindfair.blind.packing import pack
from blindfair.blind.parameters import PARAMETER_SETS, ParameterSet
from blindfair.blind.query import encrypt_queries
from blindfair.blind.seal import Words, engine

_REPEATS = 2

_TRIAL_K = 16
"""Coordinates of the query that is timed: expanding them takes 17 automorphisms."""

_TRIAL_COLUMNS = 64
"""Columns on which the kernel is timed: more than the cache holds, as in an evaluation."""

_PROCESSORS = Path("/proc/cpuinfo")


def machine_name() -> str:
    """Name the processor, and say whether blind scoring uses the compiled kernel: what a cost model is valid for."""
    if kernel.library() is None:
        arithmetic = "no compiled kernel"
    else:
        arithmetic = "compiled kernel with vectors" if kernel.has_vectors() else "compiled kernel without vectors"
    return f"{_processor()} ({platform.machine()}), {arithmetic}"


def _processor() -> str:
    try:
        lines = _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next((model for model in models if model), platform.processor() or platform.system())[:100]


def measure_costs(
    sets: Iterable[ParameterSet] = tuple(PARAMETER_SETS.values()), *, repeats: int = _REPEATS
) -> CostModel:
    """Time each operation under each parameter set, `repeats` times. Takes about a second and no space on the disk."""
    return CostModel(
        machine=machine_name(),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        version=blindfair.__version__,
        operations={parameters.name: _measure(parameters, repeats) for parameters in sets},
    )


def _measure(parameters: ParameterSet, repeats: int) -> OperationSeconds:
    seal = engine(parameters)
    asked = {k: encrypt_queries(parameters, np.ones((1, k), dtype=np.int64))[0] for k in (2, _TRIAL_K)}
    request = asked[_TRIAL_K]
    column = np.ones(parameters.ring_degree, dtype=np.int16)
    plaintext = encode_column(seal, column)
    zeros = list(load_encryptions(seal, request.zeros[:1], seal.sum_level))
    transform = seconds(lambda: seal.evaluator.transform_to_ntt(zeros[0], sealapi.Ciphertext()), repeats)
    seal.evaluator.transform_to_ntt_inplace(zeros[0])
    first, seed = next(iter(request.zeros))
    product, total = sealapi.Ciphertext(), sealapi.Ciphertext()
    seal.evaluator.multiply_plain(zeros[0], plaintext, total)
    words = seal.ciphertext_words(zeros[0])

    def multiply_and_add() -> None:
        seal.evaluator.multiply_plain(zeros[0], plaintext, product)
        seal.evaluator.add_inplace(total, product)

    generator = sealapi.KeyGenerator(seal.context)
    encryptor = sealapi.Encryptor(seal.context, generator.secret_key())
    one = sealapi.Plaintext("1")
    together = np.tile(column, (TILE, 1))
    block = aligned(columns_shape(parameters, TILE))
    laid_out = lay_out_zeros(seal, request)
    automorphism = 0.0
    if parameters.is_expanded:
        # Loading the keys takes as long for either size, and falls out of the difference.
        small, large = (
            seconds(lambda k=k: list(load_query(seal, asked[k], 0)), repeats)  # type: ignore[misc]
            for k in (2, _TRIAL_K)
        )
        more = expansion.automorphisms(_TRIAL_K) - expansion.automorphisms(2)
        automorphism = max(0.0, large - small) / more
    return OperationSeconds(
        encrypt=seconds(lambda: seal.seeded_words(encryptor.encrypt_symmetric(one), seal.query_level), repeats),
        load_ciphertext=seconds(lambda: seal.seeded_ciphertext(first, seed, seal.sum_level), repeats),
        load_words=seconds(lambda: seal.second_words(seed, seal.sum_level), repeats),
        transform=transform,
        automorphism=automorphism,
        encode_column=seconds(lambda: encode_column(seal, column), repeats),
        lay_out_column=seconds(lambda: lay_out_columns(seal, block, 0, together), repeats) / TILE,
        words_to_plaintext=seconds(lambda: seal.transformed_plaintext(words[0]), repeats),
        ciphertext_to_words=seconds(lambda: seal.ciphertext_words(zeros[0]), repeats),
        product=seconds(multiply_and_add, repeats),
        kernel_product=_kernel_product(parameters, repeats),
        flood=seconds(lambda: _flood(parameters, laid_out, words), repeats),
        decrypt=_decrypt(parameters, repeats),
    )


def _flood(parameters: ParameterSet, zeros: Words, words: Words) -> None:
    seal = engine(parameters)
    stream = NoiseKey().stream(0, 0)
    width, draws = parameters.noise_width(1), stream.draws(parameters.ring_degree)
    hidden = flood(seal, words, zeros, stream, width, draws)
    for polynomial in hidden:
        pack((parameters.reply_modulus,), polynomial)


def _decrypt(parameters: ParameterSet, repeats: int) -> float:
    """Time a whole reply about one block of records: it has one ciphertext."""
    asked, secret = encrypt_queries(parameters, np.ones((1, 1), dtype=np.int64))
    encoded = encode_rows(parameters, np.ones((1, 1), dtype=np.int16))
    reply = evaluate(encoded, asked.to_bytes())
    return seconds(lambda: decrypt_reply(parameters, secret, reply, 1, 1), repeats)


def _kernel_product(parameters: ParameterSet, repeats: int) -> float | None:
    """Seconds of the product of one column and one coordinate; None without a kernel."""
    if kernel.library() is None:
        return None
    columns, queries = (
        aligned(columns_shape(parameters, _TRIAL_COLUMNS)),
        aligned(queries_shape(parameters, 1, _TRIAL_COLUMNS)),
    )
    columns[:], queries[:] = 1, 1
    spent = seconds(lambda: kernel.sums([columns, columns], queries, parameters.data_primes), repeats)
    return spent / (2 * _TRIAL_COLUMNS)


def seconds(action: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Return the processor's seconds of the quickest of a few runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)
