"""A reply that is delivered against a fee: its bytes as a data set of one record (PROTOCOL 4.7).

Not here: the message (`messages.priced_reply`), and the checks of its offer (`offer_checks`).
"""

import hmac
from collections.abc import Sequence

from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.delivery import EncryptedDelivery, Fault, check_delivery, encrypt_delivery, open_delivery
from blindfair.protocol.errors import MalformedChunk
from blindfair.protocol.quantities import DeliveryKey, Digest, RecordIndex, Root, Secret

_ONLY = (RecordIndex(0),)
_FIRST_CHUNKS = (0,)


def reply_dataset(reply: bytes, request: Digest, chunk_size: int, secret: Secret) -> ChunkedDataset:
    """Cut and salt the bytes of a signed reply, with salts of its own.

    `secret` is the listing's and `request` is `H(request)`. The salts are made as a listing's, from the secret
    `HMAC-SHA256(secret, "reply" || request)`. Raises as `ChunkedDataset.build`.
    """
    return ChunkedDataset.build([reply], chunk_size, Secret(hmac.digest(secret, b"reply" + request, "sha256")))


def encrypt_reply(dataset: ChunkedDataset, key: DeliveryKey) -> EncryptedDelivery:
    """Encrypt a reply under a key never used before."""
    return encrypt_delivery(dataset, _ONLY, key)


def check_reply(ciphertext: bytes, leaves: Sequence[Digest], delivery_root: Root, chunk_size: int) -> tuple[bytes, ...]:
    """Check a priced reply before its fee is paid, without the key, and return its ciphertext chunks.

    `ciphertext` is the chunks one after the other. Raises `MalformedChunk` for a length that `leaves` do not explain,
    and `RootMismatch` for another tree.
    """
    chunks = tuple(ciphertext[start : start + chunk_size] for start in range(0, len(ciphertext), chunk_size))
    if len(chunks) != len(leaves):
        raise MalformedChunk(
            "A priced reply has another length than its leaf list", expected=len(leaves), found=len(chunks)
        )
    check_delivery(chunks, leaves, delivery_root, chunk_size, _ONLY, _FIRST_CHUNKS)
    return chunks


def open_reply(chunks: Sequence[bytes], leaves: Sequence[Digest], key: DeliveryKey, chunk_size: int) -> bytes | Fault:
    """Decrypt what `check_reply` passed: the bytes of the reply, or the first provable fault."""
    opened = open_delivery(chunks, leaves, key, chunk_size, [len(chunks)])
    return opened if isinstance(opened, Fault) else opened[0]
