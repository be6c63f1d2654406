"""Vectors of what large listings and deliveries have beside small ones: segments, proofs of many leaves, files."""

import struct
from collections.abc import Sequence
from typing import Any

from vectors.reference import encrypt_chunk, sha256, split, tree_hash

Case = dict[str, Any]

KEY = bytes(range(32))


def _chunk(number: int, length: int) -> bytes:
    return bytes((7 * number + place) % 251 for place in range(length))


def _content(ciphertexts: Sequence[bytes]) -> bytes:
    """PROTOCOL 6.7: `u32(number of chunks) || lengths || chunks`."""
    lengths = [len(each) for each in ciphertexts]
    return struct.pack(f">{1 + len(lengths)}I", len(lengths), *lengths) + b"".join(ciphertexts)


def segments() -> dict[str, Any]:
    """Segments of chunks of up to 1024 bytes: the first delivery chunk's number, plaintext, content and root."""
    cases: list[Case] = []
    for name, first, lengths in (
        ("one chunk", 0, [1024]),
        ("the last chunk of a record", 0, [1024, 17]),
        ("empty records", 8192, [16, 16, 16]),
        ("a second segment", 8192, [1024, 300]),
    ):
        chunks = [_chunk(number, length) for number, length in enumerate(lengths)]
        ciphertexts = [encrypt_chunk(KEY, first + place, chunk) for place, chunk in enumerate(chunks)]
        leaves = [sha256(b"\x00" + chunk) for chunk in chunks]
        root = tree_hash([sha256(c) + leaf for c, leaf in zip(ciphertexts, leaves, strict=True)])
        cases.append(
            {
                "name": name,
                "expect": "ok",
                "first": first,
                "lengths": lengths,
                "chunks": [chunk.hex() for chunk in chunks],
                "leaves": b"".join(leaves).hex(),
                "content": _content(ciphertexts).hex(),
                "root": root.hex(),
            }
        )
    good = bytes.fromhex(cases[-1]["content"])
    short = _content([_chunk(0, 15)])
    for name, content, error in (
        ("nothing", b"", "MalformedMessage"),
        ("no chunks", bytes(4), "MalformedMessage"),
        ("cut off in the chunks", good[:-1], "MalformedMessage"),
        ("cut off in the lengths", good[:11], "MalformedMessage"),
        ("a byte left over", good + b"\x00", "MalformedMessage"),
        ("more chunks promised than there are bytes", b"\xff\xff\xff\xff" + good[4:], "MalformedMessage"),
        ("a chunk without a whole salt", short, "MalformedMessage"),
        ("a chunk less", _content([_chunk(0, 1024)]), "MalformedChunk"),
        ("a chunk more", _content([_chunk(0, n) for n in (1024, 300, 300)]), "MalformedChunk"),
        ("a chunk that is not full", _content([_chunk(0, n) for n in (1023, 300)]), "MalformedChunk"),
        ("a chunk too long", _content([_chunk(0, n) for n in (1025, 300)]), "MalformedChunk"),
    ):
        common = {name: cases[3][name] for name in ("first", "lengths", "leaves", "root")}
        cases.append({"name": name, "expect": error, **common, "content": content.hex()})
    return {"key": KEY.hex(), "cases": cases}


def _proof(chosen: Sequence[int], low: int, high: int) -> list[bytes]:
    """PROTOCOL 6.8, by its words."""
    inside = [index for index in chosen if low <= index < high]
    if not inside:
        return [tree_hash([struct.pack(">I", index) for index in range(low, high)])]
    if len(inside) == high - low:
        return []
    middle = low + split(high - low)
    return _proof(chosen, low, middle) + _proof(chosen, middle, high)


def leaf_proofs() -> list[Case]:
    """Leaf i of a tree has data u32(i)."""
    cases: list[Case] = []
    for size, chosen in (
        (1, [0]), (2, [1]), (7, [6]), (8, [0, 1, 2, 3]), (9, [8]), (13, [0, 5, 6, 12]), (64, [3, 31, 32]),
        (65, list(range(65))), (100, [0, 64, 99]), (100, list(range(10, 40))),
    ):  # fmt: skip
        data = [struct.pack(">I", index) for index in range(size)]
        cases.append(
            {
                "name": f"{len(chosen)} of {size}: {chosen[:4]}",
                "expect": "ok",
                "size": size,
                "chosen": chosen,
                "leaves": b"".join(sha256(b"\x00" + data[index]) for index in chosen).hex(),
                "proof": b"".join(_proof(chosen, 0, size)).hex(),
                "root": tree_hash(data).hex(),
            }
        )
    good = cases[5]
    leaves, proof = good["leaves"], good["proof"]
    for name, change in (
        ("a node more", {"proof": proof + "00" * 32}),
        ("a node less", {"proof": proof[:-64]}),
        ("half a node more", {"proof": proof + "00" * 16}),
        ("nodes in another order", {"proof": proof[64:128] + proof[:64] + proof[128:]}),
        ("a leaf more", {"leaves": leaves + "00" * 32}),
        ("a leaf less", {"leaves": leaves[:-64]}),
        ("another leaf", {"leaves": "00" * 32 + leaves[64:]}),
        ("leaves in another order", {"leaves": leaves[64:128] + leaves[:64] + leaves[128:]}),
        ("another place", {"chosen": [0, 5, 7, 12]}),
        ("places not ascending", {"chosen": [0, 6, 5, 12]}),
        ("a place twice", {"chosen": [0, 5, 5, 12]}),
        ("a place outside", {"chosen": [0, 5, 6, 13]}),
        ("a place before the first", {"chosen": [-1, 5, 6, 12]}),
        ("no place", {"chosen": [], "leaves": "", "proof": good["root"]}),
        ("another size", {"size": 14}),
        ("another root", {"root": "00" * 32}),
    ):
        cases.append({**good, **change, "name": name, "expect": "PathInvalid"})
    return cases


def files() -> list[Case]:
    """Records of a listing of files: `u64(length) || file || row`; the row is `[7]` unless the case says otherwise."""

    def case(name: str, record: bytes, file: bytes | None = None, cells: list[int] | None = None) -> Case:
        if file is None:
            return {"name": name, "expect": "MalformedRecord", "record": record.hex()}
        return {"name": name, "expect": "ok", "record": record.hex(), "file": file.hex(), "cells": cells or []}

    head, row = struct.pack(">Q", 5), b"\x81\x07"
    good = head + b"hello" + row
    return [
        case("a file", good, b"hello", [7]),
        case("zero bytes after it", good + bytes(40), b"hello", [7]),
        case("a file that ends in zero bytes", struct.pack(">Q", 3) + b"a\0\0" + row + bytes(9), b"a\0\0", [7]),
        case("an empty file", bytes(8) + row, b"", [7]),
        case("no other cell", head + b"hello" + b"\x80", b"hello"),
        case("nothing", b""),
        case("a head alone", head),
        case("cut off in the head", head[:5]),
        case("cut off in the file", good[:10]),
        case("cut off before the row", good[:13]),
        case("a file longer than the record", struct.pack(">Q", 2**63) + good[8:]),
        case("a row that is longer than needed", head + b"hello" + b"\x98\x01\x07"),
        case("no row after the file", head + b"hello" + b"\x07"),
        case("bytes in the row", head + b"hello" + b"\x81\x41\x07"),
        case("another byte at the end", good + b"\x01"),
    ]
