"""The seller's first step with a query: its ciphertexts, one for each coordinate, ready to meet the rows.

Where they came in few ciphertexts these are expanded (see `expansion.py`). With hostile keys the result is arbitrary.
Nothing else rests on it: what a reply tells is bounded for arbitrary ciphertexts (SCORING requirement 4), and the
encryptions of zero that hide the reply are never expanded.
"""

from __future__ import annotations

from typing import Any

import tenseal.sealapi as sealapi

from blindfair.blind import expansion
from blindfair.blind.encryptions import Encryptions
from blindfair.blind.query import EncryptedQueries
from blindfair.blind.seal import Engine, Level


def open_query(seal: Engine, request: EncryptedQueries, query: int) -> list[Any]:
    """The `k` coordinates of a query: ciphertexts of constants in NTT form at the level of sums."""
    parameters, k = request.parameters, request.k
    ciphertexts = request.of_query(query)
    if not parameters.is_expanded:
        return transformed(seal, ciphertexts, seal.sum_level)
    levels = expansion.depth(k)
    keys = _keys(seal, request.keys, levels)
    coordinates: list[Any] = []
    for first, seed in ciphertexts:
        nodes = [seal.seeded_ciphertext(first, seed, seal.query_level)]
        wanted = min(1 << levels, k - len(coordinates))
        for level in range(levels):
            nodes = _split(seal, nodes, keys, wanted, level, levels)
        for node in nodes[:wanted]:
            seal.evaluator.mod_switch_to_next_inplace(node)
            seal.evaluator.transform_to_ntt_inplace(node)
            coordinates.append(node)
    return coordinates


def transformed(seal: Engine, encryptions: Encryptions, level: Level) -> list[Any]:
    """Ciphertexts in NTT form; their second polynomials come from the seeds, here."""
    ciphertexts = []
    for first, seed in encryptions:
        ciphertext = seal.seeded_ciphertext(first, seed, level)
        seal.evaluator.transform_to_ntt_inplace(ciphertext)
        ciphertexts.append(ciphertext)
    return ciphertexts


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
