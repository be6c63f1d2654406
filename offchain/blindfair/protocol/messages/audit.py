"""`selection` and `openings`: the draw and what is opened for it (PROTOCOL 5.1 - 5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self

import cbor2

from blindfair.protocol.chunks import CHUNK_COUNT_LIMIT
from blindfair.protocol.documents import Document
from blindfair.protocol.draw import draw
from blindfair.protocol.errors import MalformedMessage
from blindfair.protocol.fields import Fields, amount_text, hex_text
from blindfair.protocol.free_units import OPENED_RECORDS_LIMIT, OPENINGS_LIMIT
from blindfair.protocol.hashing import u64
from blindfair.protocol.messages.envelope import Envelope
from blindfair.protocol.messages.listing import part
from blindfair.protocol.parts import Part, PartName, credited_price, divide
from blindfair.protocol.quantities import Address, Digest, RecordIndex, Wei
from blindfair.protocol.units import Units

_PATH_LIMIT = 64 * 32
_NO_FEE = Wei(0)


@dataclass(frozen=True, slots=True)
class Selection:
    """Buyer to seller: these records, at this price in `token`, and the number that was committed to (PROTOCOL 5.1).

    `audit_rows` is `t`, how many of them, or of their groups, are audited: opened by the seller where the listing opens
    so many free of charge, else bought as a sample (PROTOCOL 5.6).
    """

    TYPE: ClassVar[str] = "selection"
    LIMIT: ClassVar[int] = 64 * 2**20

    evaluation: Digest
    buyer_random: bytes
    token: Address
    price: Wei
    audit_rows: int
    records: tuple[RecordIndex, ...]

    def to_body(self) -> Document:
        """The document's body."""
        return {
            "audit_rows": self.audit_rows,
            "buyer_random": hex_text(self.buyer_random),
            "evaluation": hex_text(self.evaluation),
            "price": amount_text(self.price),
            "token": self.token,
        }

    def to_parts(self) -> Mapping[str, bytes]:
        """`records`: the record numbers as `u64`, ascending."""
        return {"records": b"".join(map(u64, self.records))}

    def drawn(self, seller_random: bytes, units: Units) -> tuple[int, ...]:
        """The units that are audited, once the seller's number is known (PROTOCOL 5.2).

        `units` are the evaluation's. Raises MalformedMessage, and FieldMismatch for a selection that cuts a group.
        """
        selected = [RecordIndex(unit) for unit in units.of(self.records)]
        return draw(self.buyer_random, seller_random, self.evaluation, selected, self.audit_rows)

    def ordered(self, seller_random: bytes, units: Units, free: int, fee: Wei = _NO_FEE) -> tuple[Part, ...]:
        """The orders, one after the other: the whole, or the sample and what is left (PROTOCOL 5.6).

        `free` of its units are opened free (`free_units`). `fee` was paid for the evaluation, and is credited
        (PROTOCOL 4.7). Raises as `drawn`.
        """
        price = credited_price(self.price, fee)
        whole = Part(PartName.WHOLE, self.evaluation, self.token, price, self.records)
        if self.audit_rows <= free:
            return (whole,)
        return divide(whole, units.members(self.drawn(seller_random, units)))

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage, also when the records do not ascend."""
        fields = Fields(envelope.body)
        packed = part(envelope, "records")
        if len(packed) % 8 or not packed:
            raise MalformedMessage("The record numbers are not whole", expected="8 bytes each", found=len(packed))
        records = tuple(RecordIndex(int.from_bytes(packed[i : i + 8], "big")) for i in range(0, len(packed), 8))
        if any(after <= before for before, after in pairwise(records)):
            raise MalformedMessage("The record numbers do not ascend")
        message = cls(
            evaluation=Digest(fields.data("evaluation", 32)),
            buyer_random=fields.data("buyer_random", 32),
            token=fields.address("token"),
            price=Wei(fields.amount("price")),
            audit_rows=fields.integer("audit_rows", 0, OPENED_RECORDS_LIMIT),
            records=records,
        )
        fields.done()
        return message


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A drawn record: its chunks and their paths to the listing root, its row leaf and the path to the row root.

    A drawn group is all its records, one after the other; its leaf and path are with the first, and those of the others
    are empty.
    """

    record: RecordIndex
    chunks: tuple[bytes, ...]
    chunk_paths: tuple[tuple[Digest, ...], ...]
    row_leaf: bytes
    row_path: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Openings:
    """Seller to buyer: the seller's number, the drawn records, and the price it takes (PROTOCOL 5.1, 5.3).

    No record is opened where the sample is bought (PROTOCOL 5.6).
    """

    TYPE: ClassVar[str] = "openings"
    LIMIT: ClassVar[int] = OPENINGS_LIMIT

    selection: Digest
    seller_random: bytes
    price: Wei
    opened: tuple[OpenedRecord, ...]

    def to_body(self) -> Document:
        """The document's body."""
        return {
            "price": amount_text(self.price),
            "selection": hex_text(self.selection),
            "seller_random": hex_text(self.seller_random),
        }

    def to_parts(self) -> Mapping[str, bytes]:
        """`opened`: deterministic CBOR, per record `[number, chunks, paths, row leaf, row path]`; paths joined."""
        packed = [
            [item.record, list(item.chunks), [b"".join(path) for path in item.chunk_paths], item.row_leaf,
             b"".join(item.row_path)]
            for item in self.opened
        ]  # fmt: skip
        return {"opened": cbor2.dumps(packed, canonical=True)}

    @classmethod
    def from_envelope(cls, envelope: Envelope) -> Self:
        """Raises MalformedMessage."""
        fields = Fields(envelope.body)
        message = cls(
            selection=Digest(fields.data("selection", 32)),
            seller_random=fields.data("seller_random", 32),
            price=Wei(fields.amount("price")),
            opened=_unpack(part(envelope, "opened")),
        )
        fields.done()
        return message


def _unpack(data: bytes) -> tuple[OpenedRecord, ...]:
    try:
        items = cbor2.loads(data, max_depth=8, allow_indefinite=False)
        canonical = cbor2.dumps(items, canonical=True) == data
    except Exception as error:  # the decoder raises many kinds for hostile bytes; all mean the same here
        raise MalformedMessage("The opened records are not CBOR", found=type(error).__name__) from None
    if not canonical or not isinstance(items, list) or len(items) > OPENED_RECORDS_LIMIT:
        raise MalformedMessage("The opened records are not a canonical list", expected=f"<= {OPENED_RECORDS_LIMIT}")
    return tuple(_unpack_record(item) for item in items)


def _unpack_record(item: object) -> OpenedRecord:
    match item:
        case [int(record), list(chunks), list(paths), bytes(row_leaf), bytes(row_path)] if (
            not isinstance(record, bool)
            and 0 <= record < 2**53
            and 0 < len(chunks) == len(paths) <= CHUNK_COUNT_LIMIT
            and all(isinstance(chunk, bytes) for chunk in chunks)
        ):
            return OpenedRecord(
                record=RecordIndex(record),
                chunks=tuple(chunks),
                chunk_paths=tuple(_unpack_path(path) for path in paths),
                row_leaf=row_leaf,
                row_path=_unpack_path(row_path),
            )
        case _:
            raise MalformedMessage("An opened record has another form", expected="[number, chunks, paths, leaf, path]")


def _unpack_path(path: object) -> tuple[Digest, ...]:
    if not isinstance(path, bytes) or len(path) % 32 or len(path) > _PATH_LIMIT:
        raise MalformedMessage("A path is not a whole number of digests", expected=f"<= {_PATH_LIMIT} bytes, 32 each")
    return tuple(Digest(path[i : i + 32]) for i in range(0, len(path), 32))
