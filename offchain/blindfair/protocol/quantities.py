"""Named quantities: what a number or a byte string means, so that no signature says only `int` or `bytes`."""

from typing import NewType

Wei = NewType("Wei", int)
"""An amount in a token's smallest unit; of ether where the token is `ETHER`."""

Seconds = NewType("Seconds", int)
"""A duration in chain time."""

Timestamp = NewType("Timestamp", int)
"""A moment in chain time: `block.timestamp`, seconds since 1970. Never a machine's own clock (PROTOCOL 1)."""

BytesPerSecond = NewType("BytesPerSecond", int)
"""How fast the line between buyer and seller is."""

Bits = NewType("Bits", float)
"""An amount of information."""

Address = NewType("Address", str)
"""An account or contract: `0x` and 40 lower-case hexadecimal digits."""

Digest = NewType("Digest", bytes)
"""32 bytes of SHA-256."""

Root = NewType("Root", bytes)
"""32 bytes: the root of an RFC 9162 tree."""

Salt = NewType("Salt", bytes)
"""16 bytes before a payload or a row, so that the hash of a small value cannot be guessed (PROTOCOL 2)."""

Secret = NewType("Secret", bytes)
"""32 random bytes that never leave their owner: the listing secret."""

DeliveryKey = NewType("DeliveryKey", bytes)
"""32 random bytes: the ChaCha20 key of one delivery, secret until revealed (PROTOCOL 6.2)."""

KeyCommitment = NewType("KeyCommitment", bytes)
"""32 bytes: `keccak256` of a `DeliveryKey`."""

ListingId = NewType("ListingId", bytes)
"""32 bytes: `keccak256(abi.encode(seller, listing_root, manifest_hash))` (PROTOCOL 3)."""

OrderId = NewType("OrderId", bytes)
"""32 bytes: `hashStruct(offer)` (PROTOCOL 7)."""

Signature = NewType("Signature", bytes)
"""65 bytes `r, s, v` of secp256k1, or whatever a contract wallet takes."""

TransactionHash = NewType("TransactionHash", bytes)
"""32 bytes: `keccak256` of a signed transaction."""

BlockNumber = NewType("BlockNumber", int)
"""How many blocks lie before this one on its chain."""

Gas = NewType("Gas", int)
"""Units of work of the EVM."""

RecordIndex = NewType("RecordIndex", int)
"""Number of a record in its listing, from 0."""

ChunkIndex = NewType("ChunkIndex", int)
"""Number of a chunk, from 0; through the whole listing, or through one delivery: the name says which."""

ETHER = Address("0x" + "00" * 20)
"""Token 0 is ether (PROTOCOL 1)."""
