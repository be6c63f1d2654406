"""The seller's first step with a query: its ciphertexts, one for each coordinate, ready to meet the rows.

Where they came in few ciphertexts these are expanded (see `expansion.py`). With hostile keys the result is arbitrary.
Nothing else rests on it: what a reply tells is bounded for arbitrary ciphertexts (SCORING requirement 4), and the
encryptions of zero that hide the reply are never expanded.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import tenseal.sealapi as sealapi

from blindfair.blind import expansion
from blindfair.blind.columns import lay_out_coordinates
from blindfair.blind.encryptions import Encryptions
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.seal import Engine, Level, Words
from blindfair.protocol.errors import MalformedCiphertext

_TOGETHER = 4
"""Coordinates that are laid out together: neighbours in memory."""


def load_query(seal: Engine, request: EncryptedQueries, query: int) -> Iterator[Any]:
    """The `k` coordinates of a query, one after another: ciphertexts of constants at the level of sums.

    Raises `MalformedCiphertext` where SEAL refuses to expand it.
    """
    parameters, k = request.parameters, request.k
    if not parameters.is_expanded:
        yield from load_encryptions(seal, request.of_query(query), seal.sum_level)
        return
    levels = expansion.depth(k)
    keys = _keys(seal, request.keys, levels)
    for piece, (first, seed) in enumerate(request.of_query(query)):
        nodes = [seal.seeded_ciphertext(first, seed, seal.query_level)]
        wanted = min(1 << levels, k - (piece << levels))
        try:
            for level in range(levels):
                nodes = _split(seal, nodes, keys, wanted, level, levels)
        except RuntimeError as error:
            # SEAL refuses results whose second polynomial is zero, which only made-up keys could bring about.
            raise MalformedCiphertext("a query cannot be expanded", found=str(error)) from error
        for node in nodes[:wanted]:
            seal.evaluator.mod_switch_to_next_inplace(node)
            yield node


def load_encryptions(seal: Engine, encryptions: Encryptions, level: Level) -> Iterator[Any]:
    """Ciphertexts at a level; their second polynomials come from the seeds, here."""
    for first, seed in encryptions:
        yield seal.seeded_ciphertext(first, seed, level)


def lay_out_query(seal: Engine, request: EncryptedQueries, query: int, laid_out: Words, place: int) -> None:
    """Put the coordinates of a query, transformed, where the kernel looks for those of the query at a place.

    Raises as `load_query`.
    """
    if request.parameters.is_expanded:
        lay_out_ciphertexts(seal, load_query(seal, request, query), laid_out, place)
    else:
        # The first polynomials are there: SEAL is asked for the second ones only.
        coordinates = request.of_query(query)
        _lay_out(seal, ((x, seal.second_words(seed, seal.sum_level)) for x, seed in coordinates), laid_out, place)


def lay_out_ciphertexts(seal: Engine, ciphertexts: Iterable[Any], laid_out: Words, place: int) -> None:
    """The same of SEAL's objects, at the level of sums."""
    _lay_out(seal, map(seal.ciphertext_words, ciphertexts), laid_out, place)


def _lay_out(seal: Engine, pairs: Iterable[Words | tuple[Words, Words]], laid_out: Words, place: int) -> None:
    left = iter(pairs)
    for start in range(0, laid_out.shape[3], _TOGETHER):
        some = np.array(list(islice(left, _TOGETHER)))
        lay_out_coordinates(seal, laid_out, place, start, some.reshape(-1, *some.shape[2:]))


def _keys(seal: Engine, keys: Encryptions, levels: int) -> Any:
    digits = len(seal.parameters.query_primes)
    parts = {}
    for number, level in enumerate(expansion.key_levels(levels)):
        element = expansion.galois_element(seal.parameters.ring_degree, level)
        parts[element] = list(keys[number * digits : (number + 1) * digits])
    return seal.galois_keys(parts)


def _split(seal: Engine, nodes: list[Any], keys: Any, wanted: int, level: int, levels: int) -> list[Any]:
    degree, evaluator = seal.parameters.ring_degree, seal.evaluator
    element = expansion.galois_element(degree, expansion.key_level(levels, level))
    # x^(-2^level) = -x^(N - 2^level). The sign goes into the difference: SEAL would multiply by t - 1 in place of -1,
    # and the noise with it.
    shift = sealapi.Plaintext(f"1x^{degree - (1 << level)}")
    odd: list[Any] = []
    for number, node in enumerate(nodes):
        image = sealapi.Ciphertext()
        evaluator.apply_galois(node, element, keys, image)
        for _ in range(expansion.applications(levels, level) - 1):
            evaluator.apply_galois_inplace(image, element, keys)
        if number + len(nodes) < wanted:
            difference = sealapi.Ciphertext()
            evaluator.sub(image, node, difference)
            evaluator.multiply_plain_inplace(difference, shift)
            odd.append(difference)
        evaluator.add_inplace(node, image)
    return nodes + odd
