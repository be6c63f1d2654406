"""Watch packages: what a second machine needs to end an order well for its buyer, and nothing to read it by.

    "BFW2" || u32 length of the head || head || leaf hashes, 32 bytes each || each chunk as u32 length and its bytes

The head is canonical JSON: chain and contract, the offer with the seller's signature, and the buyer's signature of the
order. Leaf hashes and chunks are in the order of delivery, and both hash to the offer's `delivery_root` (PROTOCOL 6.3).
No key and no record number is in it: it reads nothing before the seller has revealed the key on chain.

Not here: how a buyer makes one (`making`), and what a watcher does with it (`watcher`).
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, NoReturn

from blindfair.agents.store.directory import writing_atomically
from blindfair.agents.store.regular_files import opened_regular
from blindfair.protocol.chunks import CHUNK_SIZES, SALT_SIZE
from blindfair.protocol.cipher import crypt_chunk
from blindfair.protocol.delivery import Fault
from blindfair.protocol.documents import Document, canonical, parse
from blindfair.protocol.errors import (
    BadSignature,
    FileMissing,
    MalformedFile,
    MessageError,
    RootMismatch,
    UnknownVersion,
    WrongContract,
)
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.hashing import sha256, u32
from blindfair.protocol.merkle import MerkleTree, leaf_hash, root_of
from blindfair.protocol.offer import Offer, recover_offer_signer
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, Digest, OrderId, Root, Signature
from blindfair.protocol.segments import SEGMENT_BYTES, SEGMENT_COUNT_LIMIT
from blindfair.protocol.signing import SIGNATURE_SIZE, Domain, recover_message_signer, sign_message

MAGIC = b"BFW2"
VERSION = 2
SUFFIX = ".watch"
"""How the names of watch packages end."""

HANDED_KIND = sha256(b"watch-package")
"""The kind of the message that a buyer signs for a watcher; no message of the protocol has it."""

_HEAD_LIMIT = 4096
_DIGEST = 32
_LENGTH = 4
_BLOCK = 2**12
"""Leaves of an aligned subtree of the delivery tree: so many are in memory at a time, whatever a package promises."""

PACKAGE_LIMIT = 2 * SEGMENT_BYTES * SEGMENT_COUNT_LIMIT
"""Bytes of any package. A delivery in segments has at most half of that in full chunks; no memory depends on it."""

_HINT = "make it again with `blindfair buyer watch-package`, and copy it whole"


_UNSIGNED = Signature(b"")


@dataclass(frozen=True, slots=True)
class WatchHead:
    """The beginning of a package: where the order is, and its offer."""

    domain: Domain
    offer: Offer
    signature: Signature
    """The seller's, of the offer."""

    buyer_signature: Signature = _UNSIGNED
    """The buyer's, of the order for a watcher; a seller's package has none."""

    @property
    def order_id(self) -> OrderId:
        """The number of the order on chain."""
        return self.offer.struct_hash()

    def to_document(self) -> Document:
        """Return the fields that watch packages and reveal packages begin with."""
        return {
            "chain_id": self.domain.chain_id,
            "contract": self.domain.contract,
            "offer": self.offer.to_document(),
            "offer_signature": hex_text(self.signature),
            "version": VERSION,
        }

    @classmethod
    def from_fields(cls, fields: Fields, hint: str) -> "WatchHead":
        """Read them, and leave what else there is. Raises MalformedMessage, UnknownVersion with this hint."""
        version = fields.integer("version", 0, 2**32)
        if version != VERSION:
            raise UnknownVersion("The package is of another version", expected=VERSION, found=version, hint=hint)
        return cls(
            domain=Domain(fields.integer("chain_id", 1, 2**53 - 1), fields.address("contract")),
            offer=Offer.from_document(fields.document("offer")),
            signature=Signature(fields.data("offer_signature", SIGNATURE_SIZE)),
        )

    def to_bytes(self) -> bytes:
        """Return magic, length and document."""
        data = canonical({**self.to_document(), "buyer_signature": hex_text(self.buyer_signature)})
        return MAGIC + u32(len(data)) + data

    @classmethod
    def from_document(cls, document: Document) -> "WatchHead":
        """Raises MalformedMessage, UnknownVersion."""
        fields = Fields(document, "package")
        head = cls.from_fields(fields, _HINT)
        head = replace(head, buyer_signature=Signature(fields.data("buyer_signature", SIGNATURE_SIZE)))
        fields.done()
        return head


@dataclass(frozen=True, slots=True)
class WatchPackage:
    """One order for a watcher. `write` makes the file."""

    head: WatchHead
    leaf_hashes: tuple[Digest, ...] = field(repr=False)
    ciphertexts: Iterable[bytes] = field(repr=False)
    """Read while the package is written where they are on disk: `write` it once then."""

    @property
    def name(self) -> str:
        """A file name of its own."""
        return f"{self.head.order_id.hex()}{SUFFIX}"

    def write(self, path: Path | str) -> None:
        """Write the file with mode 0600, whole or not at all. Raises CannotWrite."""
        with writing_atomically(Path(path)) as file:
            file.writelines(self._parts())

    def _parts(self) -> Iterator[bytes]:
        yield self.head.to_bytes()
        yield from self.leaf_hashes
        for ciphertext in self.ciphertexts:
            yield u32(len(ciphertext))
            yield ciphertext


class _Reader:
    """Takes a package apart from front to back. Whatever was read can be written elsewhere with `copy`."""

    def __init__(self, file: BinaryIO, path: Path, copy: BinaryIO | None = None, limit: int = PACKAGE_LIMIT) -> None:
        self._file = file
        self._path = path
        self._copy = copy
        self._left = os.fstat(file.fileno()).st_size
        if self._left > limit:
            self.refuse(f"at most {limit} bytes", f"{self._left} bytes")

    def refuse(self, expected: object, found: object) -> NoReturn:
        raise MalformedFile(f"{self._path} is not a watch package", expected=expected, found=found, hint=_HINT)

    def take(self, size: int) -> bytes:
        # Nothing is allocated for bytes that a length promises and the file does not have.
        data = self._file.read(size) if size <= self._left else b""
        if len(data) != size:
            self.refuse(f"{size} bytes more", f"{self._left}: the file is cut off")
        self._left -= size
        if self._copy is not None:
            self._copy.write(data)
        return data

    def head(self) -> WatchHead:
        if self._left < len(MAGIC) + _LENGTH or self.take(len(MAGIC)) != MAGIC:
            self.refuse(f"a file that begins with {MAGIC.decode()}", "another beginning")
        size = int.from_bytes(self.take(_LENGTH), "big")
        if size > _HEAD_LIMIT:
            self.refuse(f"a head of at most {_HEAD_LIMIT} bytes", f"{size} bytes")
        try:
            head = WatchHead.from_document(parse(self.take(size), _HEAD_LIMIT))
        except UnknownVersion:
            raise
        except MessageError as error:
            self.refuse("the head of a package", str(error))
        offer = head.offer
        if offer.chunk_size not in CHUNK_SIZES or not offer.chunk_count:
            self.refuse("an offer with chunks", f"{offer.chunk_count} chunks of {offer.chunk_size} bytes")
        return head

    def pass_leaves(self, count: int) -> tuple[int, bytes]:
        """Pass over the leaf hashes: where they begin in the file, and the SHA-256 of all of them."""
        if self._left <= count * _DIGEST:
            self.refuse(f"{count} leaf hashes and as many chunks", "no ciphertext")
        if self._left < count * (_DIGEST + _LENGTH + SALT_SIZE):
            self.refuse(f"{count} leaf hashes and as many chunks", f"{self._left} bytes: the file is cut off")
        start, whole = self._file.tell(), hashlib.sha256()
        for first in range(0, count, _BLOCK):
            whole.update(self.take(min(_BLOCK, count - first) * _DIGEST))
        return start, whole.digest()

    def chunks(self, offer: Offer) -> Iterator[bytes]:
        for _ in range(offer.chunk_count):
            length = int.from_bytes(self.take(_LENGTH), "big")
            if not SALT_SIZE <= length <= offer.chunk_size:
                self.refuse(f"chunks of {SALT_SIZE} ... {offer.chunk_size} bytes", f"{length} bytes")
            yield self.take(length)
        if self._left:
            self.refuse("nothing after the last chunk", f"{self._left} bytes")


class _DeliveryTree:
    """The tree over a delivery while its leaves come: of aligned subtrees the root is kept, and one as a whole."""

    def __init__(self) -> None:
        self._roots, self._leaves, self._count = bytearray(), bytearray(), 0
        self._marked, self._kept = -1, b""

    def add(self, leaf: Digest, *, is_marked: bool = False) -> None:
        """Add the next leaf; `path` is of the marked one."""
        if is_marked:
            self._marked = self._count
        self._leaves += leaf
        self._count += 1
        if self._count % _BLOCK == 0:
            self._close()

    def _close(self) -> None:
        leaves = bytes(self._leaves)
        if self._marked // _BLOCK == len(self._roots) // _DIGEST:
            self._kept = leaves
        self._roots += root_of(leaves)
        self._leaves.clear()

    def root(self) -> Root:
        """The root over all leaves, after the last."""
        if self._leaves:
            self._close()
        return root_of(bytes(self._roots))

    def path(self) -> tuple[Digest, ...]:
        """The path of the marked leaf, after the last."""
        self.root()
        lower, upper = MerkleTree.of_bytes(self._kept), MerkleTree.of_bytes(bytes(self._roots))
        return lower.path(self._marked % _BLOCK) + upper.path(self._marked // _BLOCK)


def _leaves_at(file: BinaryIO, start: int, count: int) -> Iterator[Digest]:
    """The leaf hashes of a package from byte `start` on, a block of them in memory; zeros where the file was cut."""
    for first in range(0, count, _BLOCK):
        size = min(_BLOCK, count - first) * _DIGEST
        block = os.pread(file.fileno(), size, start + first * _DIGEST).ljust(size, b"\x00")
        yield from (Digest(block[place : place + _DIGEST]) for place in range(0, size, _DIGEST))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file to read. Raises FileMissing."""
    with contextlib.ExitStack() as held:
        try:
            file = held.enter_context(opened_regular(path))
        except OSError as error:
            raise FileMissing(
                f"There is no watch package {path}",
                expected="a file that `watch-package` wrote",
                found=error.strerror,
                hint="check the path",
            ) from error
        yield file


def read_head(path: Path) -> WatchHead:
    """Read the beginning of a package, without its chunks. Raises FileMissing, MalformedFile, UnknownVersion."""
    with _opened(path) as file:
        return _Reader(file, path).head()


def check_head(head: WatchHead, domain: Domain) -> None:
    """Raises WrongContract for an order of another chain or contract, BadSignature for an offer of nobody."""
    if head.domain != domain:
        raise WrongContract(
            "The package is of another contract",
            expected=f"{domain.contract} on chain {domain.chain_id}",
            found=f"{head.domain.contract} on chain {head.domain.chain_id}",
            hint="watch it with the deployment file that the buyer uses",
        )
    signer = recover_offer_signer(head.offer, domain, head.signature)
    if signer != head.offer.seller:
        raise BadSignature("The package's offer is not the seller's", expected=head.offer.seller, found=signer)


def sign_order(order_id: OrderId, domain: Domain, private_key: bytes) -> Signature:
    """Sign an order for a watcher, as its buyer: the buyer wants it watched."""
    return sign_message(domain, HANDED_KIND, Digest(order_id), private_key)


def check_handed_over(head: WatchHead, domain: Domain) -> None:
    """Raises as `check_head`, and BadSignature for a package that the offer's buyer has not signed."""
    check_head(head, domain)
    signer = recover_message_signer(domain, HANDED_KIND, Digest(head.order_id), head.buyer_signature)
    if signer != head.offer.buyer:
        raise BadSignature(
            "The package is not signed by the buyer of its offer", expected=head.offer.buyer, found=signer, hint=_HINT
        )


def copy_package(
    source: Path, folder: Path, domain: Domain, *, size: int = PACKAGE_LIMIT, expected: WatchHead | None = None
) -> WatchHead:
    """Check a package to its last byte while it is copied to `folder` under its `name`; nothing is left of a bad one.

    `size` is how many bytes it may have, `expected` the head that was looked at before. Raises FileMissing,
    MalformedFile, UnknownVersion, WrongContract, BadSignature, RootMismatch, CannotWrite.
    """
    head = read_head(source) if expected is None else expected
    check_handed_over(head, domain)
    copied = writing_atomically(folder / f"{head.order_id.hex()}{SUFFIX}")
    with _opened(source) as file, copied as copy:
        reader, offer = _Reader(file, source, copy, size), head.offer
        # Read again: the file may have been replaced meanwhile, and the copy's name is the order's.
        if reader.head() != head:
            reader.refuse("a file that nobody writes", "another beginning than a moment ago")
        start, whole = reader.pass_leaves(offer.chunk_count)
        tree, again = _DeliveryTree(), hashlib.sha256()
        for chunk, leaf in zip(reader.chunks(offer), _leaves_at(file, start, offer.chunk_count), strict=True):
            again.update(leaf)
            tree.add(_delivery_leaf(chunk, leaf))
        if again.digest() != whole:
            reader.refuse("a file that nobody writes", "other leaf hashes than a moment ago")
        if (root := tree.root()) != offer.delivery_root:
            raise RootMismatch(
                "The package's chunks are not those of its offer",
                expected=offer.delivery_root.hex(),
                found=root.hex(),
                hint=_HINT,
            )
    return head


def find_fault(path: Path, key: DeliveryKey, first: ChunkIndex | None = None) -> Fault | None:
    """Decrypt every chunk of a package that `copy_package` wrote, and return the first that is not the committed one.

    With `first` that is known already, and no chunk is decrypted. The chunks are never in memory together. Raises
    FileMissing, MalformedFile.
    """
    with _opened(path) as file:
        reader = _Reader(file, path)
        offer = reader.head().offer
        start, _ = reader.pass_leaves(offer.chunk_count)
        tree, wrong = _DeliveryTree(), None
        leaves = _leaves_at(file, start, offer.chunk_count)
        for index, (chunk, leaf) in enumerate(zip(reader.chunks(offer), leaves, strict=True)):
            is_wrong = wrong is None and (
                index == first if first is not None else leaf_hash(crypt_chunk(key, ChunkIndex(index), chunk)) != leaf
            )
            tree.add(_delivery_leaf(chunk, leaf), is_marked=is_wrong)
            if is_wrong:
                wrong = ChunkIndex(index), chunk, leaf
    return None if wrong is None else Fault(*wrong, tree.path())


def _delivery_leaf(chunk: bytes, leaf: Digest) -> Digest:
    """The leaf of the delivery tree over a chunk (PROTOCOL 6.3)."""
    return leaf_hash(sha256(chunk) + leaf)
