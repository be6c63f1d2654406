"""All that a simulation draws, from one seed: a stream of random numbers for each purpose and party, so that a party
which draws once more changes nothing for the others."""

import hashlib
import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from blindfair.agents import agent
from blindfair.protocol.sealing import SealingKeyPair


def stream(seed: int, *purpose: object) -> random.Random:
    """A generator of its own for a purpose."""
    text = ":".join(map(str, (seed, *purpose)))
    return random.Random(hashlib.sha256(text.encode()).digest())


def private_key(*purpose: object) -> bytes:
    """An account's key: the same in every simulation, since nothing depends on it."""
    return hashlib.sha256(":".join(map(str, ("simulated", *purpose))).encode()).digest()


@contextmanager
def randomness_of(seed: int, acting: Callable[[], str]) -> Iterator[None]:
    """Inside, keys, salts, nonces and random numbers of agents come from the seed; `acting` names who draws.

    The ephemeral keys of seals stay the operating system's: they change bytes of sealed messages, and no decision.
    """
    streams: dict[str, random.Random] = {}

    def token_bytes(size: int | None = None) -> bytes:
        return streams.setdefault(acting(), stream(seed, "secrets", acting())).randbytes(size or 32)

    def keypair() -> SealingKeyPair:
        private = X25519PrivateKey.from_private_bytes(token_bytes(32))
        return SealingKeyPair(private.private_bytes_raw(), private.public_key().public_bytes_raw())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_bytes", token_bytes)
        patch.setattr(agent, "new_sealing_keypair", keypair)
        yield
