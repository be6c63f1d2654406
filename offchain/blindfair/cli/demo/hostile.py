"""Sellers that cheat, each by overriding the one method where a cheat would do it; the rest is the honest code."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.seller.seller import Seller
from blindfair.blind.parameters import ParameterSet, parameter_set
from blindfair.blind.reply import EncryptedScores
from blindfair.protocol.chunks import SALT_SIZE
from blindfair.protocol.delivery import EncryptedDelivery, encrypt_delivery
from blindfair.protocol.messages import Request
from blindfair.protocol.quantities import DeliveryKey, Digest, RecordIndex
from blindfair.protocol.selection import selected_chunks


class CorruptingSeller(Seller):
    """Delivers one chunk with a flipped bit, under a delivery tree that claims the committed one."""

    def _encrypted(self, records: Sequence[RecordIndex], key: DeliveryKey) -> EncryptedDelivery:
        dataset = self.dataset
        numbers = selected_chunks(dataset.first_chunks, len(dataset.chunks), records)
        victim = numbers[len(numbers) // 2]
        chunk = bytearray(dataset.chunks[victim])
        chunk[SALT_SIZE] ^= 1
        chunks = (*dataset.chunks[:victim], bytes(chunk), *dataset.chunks[victim + 1 :])
        return encrypt_delivery(replace(dataset, chunks=chunks), records, key)


class InflatingSeller(Seller):
    """Adds to the reply ciphertexts of `worthless` records, so that they decrypt to better scores.

    It knows neither query nor scores: it adds, to each, about what a typical score must be, an eighth of the range to
    which every buyer scales its query.
    """

    worthless: tuple[int, ...] = ()
    """Records that it knows to be bad; set before the first step."""

    def _scores(self, digest: Digest, request: Request, rows: NDArray[np.int16]) -> bytes:
        parameters = parameter_set(request.parameters)
        step = parameters.plain_modulus / 8
        added = np.zeros(len(rows), dtype=np.int64)
        for record in self.worthless:
            added[record] = int(step * (0.5 + secrets.randbelow(1000) / 500))
        return add_to_reply(parameters, super()._scores(digest, request, rows), added, request.queries)


def add_to_reply(parameters: ParameterSet, reply: bytes, added: NDArray[np.int64], queries: int = 1) -> bytes:
    """A reply whose `n` scores of the first query decrypt to `added` more.

    It takes no key, since a score sits at a known multiple.
    """
    encrypted = EncryptedScores.from_bytes(parameters, reply, len(added), queries)
    modulus, plain, degree = parameters.reply_modulus, parameters.plain_modulus, parameters.ring_degree
    ciphertexts = []
    blocks = len(encrypted.ciphertexts) // queries
    for block, pair in enumerate(encrypted.ciphertexts[:blocks]):
        changed = pair.copy()
        for place, more in enumerate(added[block * degree : (block + 1) * degree]):
            changed[0, 0, place] = (int(changed[0, 0, place]) + int(more) * modulus // plain) % modulus
        ciphertexts.append(changed)
    return replace(encrypted, ciphertexts=(*ciphertexts, *encrypted.ciphertexts[blocks:])).to_bytes()
