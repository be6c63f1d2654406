"""How a message travels: a canonical document, its signature and its binary parts, in one byte string (PROTOCOL 4, 8).

    envelope = "BFM1" || u32(length of document) || document || signature(65) || parts, in the document's order

The document is `{"body", "parts", "sender", "type", "version"}`; a part appears in it by name, SHA-256 and length, so
that the signature over `Message(kind = H(type), body = H(document))` covers everything. Nothing here knows what a type
means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from blindfair.protocol.documents import Document, canonical, parse
from blindfair.protocol.errors import BadSignature, MalformedMessage, MessageTooLarge, UnknownVersion
from blindfair.protocol.fields import Fields, hex_text
from blindfair.protocol.hashing import sha256, u32
from blindfair.protocol.quantities import Address, Digest, Signature
from blindfair.protocol.signing import Domain, recover_message_signer, sign_message

MAGIC = b"BFM1"
VERSION = 1
SIGNATURE_SIZE = 65
DOCUMENT_LIMIT = 16 * 2**20
"""Bytes of a document: the first chunks of a million records fit."""
ENVELOPE_LIMIT = 900 * 2**20
"""Bytes of any message; each type has a smaller limit of its own."""
_PARTS_LIMIT = 4


@dataclass(frozen=True, slots=True)
class Envelope:
    """One signed message. `document` is canonical; `digest` is what other messages quote as `H(message)`."""

    sender: Address
    type: str
    body: Document
    parts: Mapping[str, bytes]
    document: bytes = field(repr=False)
    signature: Signature = field(repr=False)

    @property
    def digest(self) -> Digest:
        """`H(document)` (PROTOCOL 1)."""
        return sha256(self.document)

    def to_bytes(self) -> bytes:
        """The bytes that travel."""
        return b"".join((MAGIC, u32(len(self.document)), self.document, self.signature, *self.parts.values()))


def sign_envelope(
    type_name: str, body: Document, parts: Mapping[str, bytes], *, sender: Address, domain: Domain, private_key: bytes
) -> Envelope:
    """Make and sign a message of the type `type_name` (PROTOCOL 4)."""
    document = _document(
        type_name, body, {name: (len(data), sha256(data)) for name, data in parts.items()}, sender=sender
    )
    signature = sign_message(domain, sha256(type_name.encode("ascii")), sha256(document), private_key)
    ordered = {name: parts[name] for name in sorted(parts)}
    return Envelope(sender, type_name, body, ordered, document, signature)


def envelope_size(type_name: str, body: Document, parts: Mapping[str, int], *, sender: Address) -> int:
    """Bytes of a message with parts of these lengths, known before it is made."""
    any_digest = Digest(bytes(32))
    document = _document(type_name, body, {name: (size, any_digest) for name, size in parts.items()}, sender=sender)
    return len(MAGIC) + 4 + len(document) + SIGNATURE_SIZE + sum(parts.values())


def _document(type_name: str, body: Document, parts: Mapping[str, tuple[int, Digest]], *, sender: Address) -> bytes:
    described: Document = {
        name: {"length": length, "sha256": hex_text(digest)} for name, (length, digest) in parts.items()
    }
    return canonical({"body": body, "parts": described, "sender": sender, "type": type_name, "version": VERSION})


def open_envelope(data: bytes, *, domain: Domain, limits: Mapping[str, int]) -> Envelope:
    """Check a message in full but for the meaning of its body (PROTOCOL 8).

    `limits` gives the largest size in bytes of every type that is understood.

    Raises MessageTooLarge, UnknownVersion, MalformedMessage (truncated, altered, trailing bytes, a part that is not the
    one described, a type not in `limits`) and BadSignature.
    """
    if len(data) > ENVELOPE_LIMIT:
        raise MessageTooLarge("The message is larger than any may be", expected=ENVELOPE_LIMIT, found=len(data))
    if data[:4] != MAGIC:
        raise UnknownVersion(
            "This is not a message of this version", expected=MAGIC.decode(), found=repr(bytes(data[:4])),
            hint="both sides must run the same version of the protocol",
        )  # fmt: skip
    length = int.from_bytes(data[4:8], "big")
    start, end = 8, 8 + length
    if length > DOCUMENT_LIMIT or end + SIGNATURE_SIZE > len(data):
        raise MalformedMessage("The message is cut short", expected=f"{length} bytes of document", found=len(data))
    document = bytes(data[start:end])
    fields = Fields(parse(document, DOCUMENT_LIMIT))
    version = fields.integer("version", 0, 2**31)
    if version != VERSION:
        raise UnknownVersion("The message is of another version of the protocol", expected=VERSION, found=version)
    type_name = fields.text("type", 32)
    sender = fields.address("sender")
    if type_name not in limits:
        raise MalformedMessage("The type of the message is unknown", expected=sorted(limits), found=type_name)
    if len(data) > limits[type_name]:
        raise MessageTooLarge(f"The {type_name} is too large", expected=limits[type_name], found=len(data))
    body = fields.document("body")
    described = fields.document("parts")
    fields.done()
    parts = _parts(memoryview(data)[end + SIGNATURE_SIZE :], described)
    signature = Signature(bytes(data[end : end + SIGNATURE_SIZE]))
    signer = recover_message_signer(domain, sha256(type_name.encode("ascii")), sha256(document), signature)
    if signer != sender:
        raise BadSignature(f"The {type_name} is not signed by its sender", expected=sender, found=signer)
    return Envelope(sender, type_name, body, parts, document, signature)


def _parts(data: memoryview, described: Document) -> dict[str, bytes]:
    if len(described) > _PARTS_LIMIT:
        raise MalformedMessage("The message has too many parts", expected=_PARTS_LIMIT, found=len(described))
    parts: dict[str, bytes] = {}
    offset = 0
    everything = Fields(described)
    for name in sorted(described):
        about = everything.sub(name)
        length, digest = about.integer("length", 0, ENVELOPE_LIMIT), about.data("sha256", 32)
        about.done()
        part = bytes(data[offset : offset + length])
        if len(part) != length or sha256(part) != digest:
            raise MalformedMessage(f"The part {name!r} is cut short or altered", expected=length, found=len(part))
        parts[name] = part
        offset += length
    if offset != len(data):
        raise MalformedMessage("Bytes follow the last part", expected=offset, found=len(data))
    return parts
