"""Bytes, memory and time of an evaluation, told before it starts.

Bytes of messages are exact, those of memory and disk leave out what is small. Times are computed from a `CostModel`:
nothing is measured here, and the same question has the same answer.
"""

from dataclasses import dataclass

from blindfair.blind import expansion
from blindfair.blind.cost_model import CostModel
from blindfair.blind.matrix import matrix_bytes
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.query import query_size
from blindfair.blind.reference_costs import REFERENCE
from blindfair.blind.reply import reply_size
from blindfair.blind.stream import blocks_per_job, queries_per_pass

IN_MEMORY_BLOCKS = 4
"""Up to so many blocks of records are encoded and held in memory, and need no disk; more go there (`matrix.py`), where
the kernel gains the more the more blocks there are."""

_WORD_SIZE = 8


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost of an evaluation of `m` queries over `n x k` rows, on one core of the cost model's machine."""

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


def estimate(parameters: ParameterSet, n: int, k: int, m: int, costs: CostModel = REFERENCE) -> Estimate:
    """Estimate an evaluation of `m` queries over `n` records with rows of `k` entries.

    Raises UnknownParameters where `costs` lacks the parameter set.
    """
    each = costs.of(parameters)
    blocks = -(-n // parameters.ring_degree)
    masks = parameters.mask_columns
    upload, download = query_size(parameters, k, m), reply_size(parameters, n, m)
    space = working_space(parameters, n, k, m)
    if parameters.is_expanded:
        ciphertexts = m * expansion.pieces(k)
        loading = m * expansion.automorphisms(k) * each.automorphism
    else:
        ciphertexts = m * k
        loading = m * k * (each.load_words if space.disk else each.load_ciphertext)
    if space.disk:
        loading += m * k * (2 * each.lay_out_column + (each.ciphertext_to_words if parameters.is_expanded else 0.0))
        encode = blocks * k * each.lay_out_column
        # Without the kernel each product first makes a plaintext of the words.
        products = each.product + each.words_to_plaintext if each.kernel_product is None else each.kernel_product
    else:
        loading += m * k * each.transform
        encode = blocks * k * each.encode_column
        products = each.product
    masking = masks * (each.load_ciphertext + each.ciphertext_to_words + 2 * each.lay_out_column)
    taking_words = 0.0 if space.disk else each.ciphertext_to_words
    return Estimate(
        upload_bytes=upload,
        download_bytes=download,
        memory_bytes=space.memory,
        disk_bytes=space.disk,
        encrypt_seconds=(masks + ciphertexts) * each.encrypt,
        decrypt_seconds=m * blocks * each.decrypt,
        encode_seconds=encode,
        expand_seconds=masking + loading,
        evaluate_seconds=m * blocks * (k * products + each.flood + taking_words),
    )


@dataclass(frozen=True, slots=True)
class Space:
    """Working memory of an evaluation, besides the rows and the program itself."""

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
