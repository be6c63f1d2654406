"""The standards once more, written straight from their texts and as simply as can be: what the vectors are made of.

Nothing of the package is imported here, so that a vector cannot share a mistake with what it tests. Slow, and meant to
be read beside the RFCs.
"""

import hashlib
import hmac
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from Crypto.Hash import keccak
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from eth_account import Account
from eth_keys.main import KeyAPI


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def keccak256(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def tagged(tag: str, data: bytes) -> bytes:
    """PROTOCOL 1: `D(tag, x)`."""
    return sha256(b"blindfair/v1/" + tag.encode() + b"\x00" + data)


# --- RFC 9162 section 2.1 ------------------------------------------------------------------------------------------


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """2.1.1: the Merkle Tree Hash of leaf data."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    k = split(len(leaves))
    return sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:]))


def audit_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """2.1.3.1: the path of one leaf, from leaf to root."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*audit_path(index, leaves[:k]), tree_hash(leaves[k:])]
    return [*audit_path(index - k, leaves[k:]), tree_hash(leaves[:k])]


def split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


# --- RFC 8439 section 2.1 - 2.4 ------------------------------------------------------------------------------------


def chacha20(key: bytes, nonce: bytes, counter: int, data: bytes) -> bytes:
    """2.4: encrypt or decrypt, 32-byte key, 12-byte nonce."""
    out = bytearray()
    for start in range(0, len(data), 64):
        block = chacha20_block(key, nonce, counter + start // 64)
        out += bytes(a ^ b for a, b in zip(data[start : start + 64], block, strict=False))
    return bytes(out)


def chacha20_block(key: bytes, nonce: bytes, counter: int) -> bytes:
    """2.3: 64 bytes of key stream."""
    text = b"expand 32-byte k" + key + counter.to_bytes(4, "little") + nonce
    start = [int.from_bytes(text[i : i + 4], "little") for i in range(0, 64, 4)]
    state = list(start)
    for _ in range(10):
        for i in range(4):
            quarter_round(state, i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter_round(state, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return b"".join(((a + b) % 2**32).to_bytes(4, "little") for a, b in zip(state, start, strict=True))


def quarter_round(state: list[int], a: int, b: int, c: int, d: int) -> None:
    """2.1."""
    for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[x] = (state[x] + state[y]) % 2**32
        turned = state[z] ^ state[x]
        state[z] = (turned << bits | turned >> 32 - bits) % 2**32


# --- RFC 9180, base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305 -----------------------------------

KEM_SUITE = b"KEM" + bytes.fromhex("0020")
HPKE_SUITE = b"HPKE" + bytes.fromhex("002000010003")


def extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    """4: LabeledExtract."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """4: LabeledExpand, for at most 32 bytes."""
    text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, text + b"\x01", "sha256")[:length]


def hpke_seal(public: bytes, info: bytes, plaintext: bytes, ephemeral: bytes) -> bytes:
    """4.1 Encap with a given ephemeral key, 5.1 KeyScheduleS, 5.2 Seal at sequence number 0."""
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    encapsulated = private.public_key().public_bytes_raw()
    exchanged = private.exchange(X25519PublicKey.from_public_bytes(public))
    shared = expand(
        KEM_SUITE, extract(KEM_SUITE, b"", b"eae_prk", exchanged), b"shared_secret", encapsulated + public, 32
    )
    context = b"\x00" + extract(HPKE_SUITE, b"", b"psk_id_hash", b"") + extract(HPKE_SUITE, b"", b"info_hash", info)
    secret = extract(HPKE_SUITE, shared, b"secret", b"")
    key = expand(HPKE_SUITE, secret, b"key", context, 32)
    nonce = expand(HPKE_SUITE, secret, b"base_nonce", context, 12)
    return encapsulated + ChaCha20Poly1305(key).encrypt(nonce, plaintext, None)


def sealed_segments(file_key: bytes, segments: Sequence[bytes]) -> list[bytes]:
    """PROTOCOL 6.4: numbered segments with a last-segment flag."""
    return [
        ChaCha20Poly1305(file_key).encrypt(i.to_bytes(11, "big") + bytes([i == len(segments) - 1]), segment, None)
        for i, segment in enumerate(segments)
    ]


# --- PROTOCOL 2: chunks --------------------------------------------------------------------------------------------


def pattern(record: int, length: int) -> bytes:
    """Content of a record in the vectors: byte k of record r is (7 r + k) mod 251."""
    return bytes((7 * record + k) % 251 for k in range(length))


def chunks_of(records: Sequence[bytes], chunk_size: int, secret: bytes) -> tuple[list[bytes], list[int]]:
    """All chunks of a data set, and the number of the first chunk of every record."""
    chunks: list[bytes] = []
    first = []
    for record in records:
        first.append(len(chunks))
        for start in range(0, max(1, len(record)), chunk_size - 16):
            salt = hmac.digest(secret, b"chunk" + u64(len(chunks)), "sha256")[:16]
            chunks.append(salt + record[start : start + chunk_size - 16])
    return chunks, first


def encrypt_chunk(key: bytes, index: int, chunk: bytes) -> bytes:
    """PROTOCOL 6.2."""
    return chacha20(key, bytes(4) + u64(index), 0, chunk)


def delivery_leaves(ciphertexts: Sequence[bytes], chunks: Sequence[bytes]) -> list[bytes]:
    """PROTOCOL 6.3: leaf data of the delivery tree; `chunks` are the committed ones."""
    return [sha256(c) + sha256(b"\x00" + chunk) for c, chunk in zip(ciphertexts, chunks, strict=True)]


# --- PROTOCOL 5.2: the draw ----------------------------------------------------------------------------------------


def draw(buyer: bytes, seller: bytes, evaluation: bytes, selection: Sequence[int], t: int) -> list[int]:
    """The drawn records in ascending order."""
    seed = tagged("audit", buyer + seller + evaluation + sha256(b"".join(map(u64, selection))))
    n = len(selection)
    drawn: list[int] = []
    for word in words(seed):
        if len(drawn) >= min(t, n):
            break
        if word < n * math.floor(2**64 // n) and selection[word % n] not in drawn:
            drawn.append(selection[word % n])
    return sorted(drawn)


def words(seed: bytes) -> Iterator[int]:
    """The stream of the draw, as 64-bit words."""
    c = 0
    while True:
        block = sha256(seed + u64(c))
        yield from (int.from_bytes(block[i : i + 8], "big") for i in (0, 8, 16, 24))
        c += 1


# --- PROTOCOL 5.6: the sample and the rest -------------------------------------------------------------------------


def free_units(
    chunks: Sequence[Sequence[int]],
    selected: int,
    group_size: int,
    chunk_size: int,
    dimension: int,
    share: float,
    listed: int,
) -> int:
    """PROTOCOL 5.6: `chunks` has one list for each selected group, the chunks of each of its records; `listed` are all
    chunks of the listing."""
    most = min(int(share * selected), 4096) // group_size
    more = 128 if listed > 2**20 else 0
    sizes = [
        2 * dimension + 672 + more + sum(32 + (chunk_size + 648 + more) * each for each in group) for group in chunks
    ]
    largest = sorted(sizes, reverse=True)
    return max(number for number in range(most + 1) if 4096 + sum(largest[:number]) <= 2**28)


def divide(selection: Sequence[int], drawn: Sequence[int], price: int) -> list[tuple[str, list[int], int]]:
    """Name, records and price of each part that is ordered."""
    sample_price = math.ceil(Fraction(price * len(drawn), len(selection)))
    rest = [record for record in selection if record not in drawn]
    sample = ("sample", list(drawn), sample_price)
    return [sample, ("rest", rest, price - sample_price)] if rest else [sample]


# --- EIP-712 -------------------------------------------------------------------------------------------------------

OFFER_TYPE = (
    "Offer(bytes32 listing,bytes32 evaluation,bytes32 deliveryRoot,bytes32 keyCommitment,uint32 chunkCount,"
    "uint32 chunkSize,address seller,address buyer,address token,uint128 price,uint128 bond,uint32 revealWindow,"
    "uint32 disputeWindow,uint64 expiry,uint256 nonce)"
)
MESSAGE_TYPE = "Message(bytes32 kind,bytes32 body)"
RELEASE_TYPE = "Release(bytes32 order)"
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def word(value: object) -> bytes:
    """One word of `abi.encode`: an integer, or an amount, address or bytes32 as text of the vectors."""
    if isinstance(value, str) and value.startswith("0x"):
        return bytes.fromhex(value[2:]).rjust(32, b"\x00")
    return int(str(value)).to_bytes(32, "big")


def hash_struct(type_text: str, values: Sequence[object]) -> bytes:
    return keccak256(keccak256(type_text.encode()) + b"".join(word(value) for value in values))


def typed_digest(domain: Mapping[str, object], struct_hash: bytes) -> bytes:
    name, version = (keccak256(text).hex() for text in (b"Blindfair", b"1"))
    separator = hash_struct(DOMAIN_TYPE, ["0x" + name, "0x" + version, domain["chain_id"], domain["contract"]])
    return keccak256(b"\x19\x01" + separator + struct_hash)


def sign(digest: bytes, private_key: bytes) -> bytes:
    """RFC 6979 signature by a library; the digest is what is independent."""
    return bytes(Account.unsafe_sign_hash(digest, private_key).signature)


def recover(digest: bytes, signature: bytes) -> str:
    """The account that a signature gives, by a library and without regard to its form."""
    point = KeyAPI.Signature(signature[:64] + bytes([signature[64] - 27])).recover_public_key_from_msg_hash(digest)
    return str(point.to_address())


def address(private_key: bytes) -> str:
    return str(Account.from_key(private_key).address).lower()
