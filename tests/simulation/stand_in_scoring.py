"""Scoring without encryption, in the place of the homomorphic one: the faults of a simulation are about messages, disks
and money, and an evaluation under encryption takes as long as all the rest of a trade.

A query travels in the clear, and a score is the product with the committed noise's middle: what a reply decrypts to,
give or take the rounding (`test_stand_in_scoring.py`). Everything around it is real: rows, trees, audits, deliveries.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cbor2
import numpy as np
import pytest
from numpy.typing import NDArray

from blindfair.agents.buyer import checks as buyer_checks
from blindfair.agents.buyer import question
from blindfair.agents.seller import checks as seller_checks
from blindfair.agents.seller.scoring import Scoring
from blindfair.blind.flooding import Draws
from blindfair.blind.parameters import ParameterSet, parameter_set
from blindfair.protocol.errors import MalformedCiphertext, SecretDamaged

_MAGIC = b"stand-in"


@dataclass(frozen=True, slots=True)
class StandInQuery:
    """Queries that travel in the clear."""

    parameters: ParameterSet
    bits: tuple[int, ...]
    queries: NDArray[np.int64]

    @property
    def k(self) -> int:
        return int(self.queries.shape[1])

    def to_bytes(self) -> bytes:
        return _MAGIC + cbor2.dumps([self.parameters.name, list(self.bits), self.queries.tolist()])

    @classmethod
    def from_bytes(cls, data: bytes) -> "StandInQuery":
        """Raises MalformedCiphertext."""
        if not data.startswith(_MAGIC):
            raise MalformedCiphertext("this is not an encrypted query")
        try:
            name, bits, queries = cbor2.loads(data[len(_MAGIC) :])
            return cls(parameter_set(name), tuple(bits), np.array(queries, dtype=np.int64))
        except (cbor2.CBORDecodeError, ValueError, TypeError) as error:
            raise MalformedCiphertext("this is not an encrypted query") from error


@dataclass(frozen=True, slots=True)
class StandInSecret:
    """What a buyer keeps of such a query: nothing that opens anything."""

    parameters: ParameterSet

    def to_bytes(self) -> bytes:
        return _MAGIC + self.parameters.name.encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "StandInSecret":
        """Raises SecretDamaged."""
        if not data.startswith(_MAGIC):
            raise SecretDamaged("the stored secret of a query is damaged")
        return cls(parameter_set(data[len(_MAGIC) :].decode()))


def stand_in_queries(
    parameters: ParameterSet, queries: NDArray[np.int64], bits: Sequence[int] | None = None
) -> tuple[StandInQuery, StandInSecret]:
    return StandInQuery(parameters, tuple(bits or ()), queries), StandInSecret(parameters)


def stand_in_scores(
    _: Any, parameters: ParameterSet, query: bytes, bits: Sequence[int], rows: NDArray[np.int16], draws: Draws
) -> bytes:
    """The scores that a reply under encryption would decrypt to, as a reply."""
    asked = StandInQuery.from_bytes(query).queries
    t, half = parameters.plain_modulus, parameters.plain_modulus // 2
    noise = np.array(
        [
            [parameters.committed_noise(int(draw), wide) for draw in of_query]
            for of_query, wide in zip(draws, bits, strict=True)
        ]
    )
    scores = (asked @ rows.astype(np.int64).T + noise + half) % t - half
    return _MAGIC + struct.pack("<QQ", *scores.shape) + bytes(scores.astype("<i8").tobytes())


def read_stand_in_scores(parameters: ParameterSet, _: StandInSecret, reply: bytes, n: int, m: int) -> NDArray[np.int64]:
    """In place of `decrypt_reply`. Raises MalformedCiphertext."""
    head = _MAGIC + struct.pack("<QQ", m, n)
    if not reply.startswith(head) or len(reply) != len(head) + 8 * m * n:
        raise MalformedCiphertext("a reply has a wrong shape")
    scores = np.frombuffer(reply[len(head) :], dtype="<i8").astype(np.int64).reshape(m, n)
    if int(np.abs(scores).max()) > parameters.plain_modulus // 2:
        raise MalformedCiphertext("a reply holds scores that no rows can have")
    return scores


@contextmanager
def scoring_in_the_clear() -> Iterator[None]:
    """Inside, agents score by the stand-in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(question, "encrypt_queries", stand_in_queries)
        patch.setattr(question, "QuerySecret", StandInSecret)
        patch.setattr(seller_checks, "EncryptedQueries", StandInQuery)
        patch.setattr(Scoring, "scores", stand_in_scores)
        patch.setattr(buyer_checks, "decrypt_reply", read_stand_in_scores)
        yield
