"""Vectors of what is delivered: deliveries, proofs of a fault, sealed deliveries, sealed messages."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from vectors.reference import (
    audit_path,
    chunks_of,
    delivery_leaves,
    encrypt_chunk,
    hpke_seal,
    keccak256,
    pattern,
    sealed_segments,
    sha256,
    tagged,
    tree_hash,
)
from vectors.topics_data import LENGTHS, SECRET, Case, flip
from vectors.topics_trade import KEY


def committed() -> tuple[list[bytes], list[int]]:
    return chunks_of([pattern(r, length) for r, length in enumerate(LENGTHS)], 1024, SECRET)


def deliveries() -> dict[str, Any]:
    """PROTOCOL 6.2, 6.3, 6.6: deliveries of one data set, and what a buyer must refuse before paying.

    A changed delivery has its own, matching root unless the case says otherwise: a seller can always make one.
    """
    chunks, first = committed()
    cases: list[Case] = []
    for records in ([0], [5], [1, 7], [0, 4, 6, 8], list(range(9))):
        chosen = chosen_chunks(records, first, len(chunks))
        ciphertexts = [encrypt_chunk(KEY, i, chunks[j]) for i, j in enumerate(chosen)]
        root = tree_hash(delivery_leaves(ciphertexts, [chunks[j] for j in chosen]))
        cases.append(
            {
                "name": f"records {records}",
                "expect": "ok",
                "records": records,
                "chunks": chosen,
                "ciphertext_hashes": [sha256(c).hex() for c in ciphertexts],
                "delivery_root": root.hex(),
            }
        )
    cases[3]["first_ciphertext"] = encrypt_chunk(KEY, 0, chunks[0]).hex()
    # `drop`, `repeat`, `cut`, `extend` and `swap` name delivery chunks of records 0, 4, 6, 8.
    for name, change, expect in (
        ("a chunk less", {"drop": 3}, "OfferRejected"),
        ("a chunk more", {"repeat": 2}, "OfferRejected"),
        ("nothing", {"drop_all": True}, "OfferRejected"),
        ("a chunk cut below its salt", {"cut": [0, 15]}, "MalformedChunk"),
        ("a full chunk cut", {"cut": [2, 1023]}, "MalformedChunk"),
        ("a chunk too long", {"extend": [2, 1025]}, "MalformedChunk"),
        ("the last chunk emptied", {"cut": [6, 16]}, "MalformedChunk"),
        ("chunks of different lengths exchanged", {"swap": [0, 2]}, "MalformedChunk"),
        ("chunks of one length exchanged, the old root", {"swap": [2, 3], "root": "old"}, "RootMismatch"),
        ("a bit altered, the old root", {"flip": 2, "root": "old"}, "RootMismatch"),
        ("another root", {"root": "other"}, "RootMismatch"),
        ("unselected record's leaves, the seller's root for them", {"leaves_of": [1, 4, 6, 8]}, "RootMismatch"),
        ("the same cheap record again and again", {"leaves_of": [0, 0, 0, 0, 0, 0, 0]}, "RootMismatch"),
        ("a selection that is not ascending", {"records": [4, 0, 6, 8]}, "MalformedMessage"),
        ("a record twice", {"records": [0, 4, 4, 8]}, "MalformedMessage"),
        ("a record outside the listing", {"records": [0, 4, 6, 9]}, "MalformedMessage"),
        ("no record", {"records": []}, "MalformedMessage"),
    ):
        cases.append({"name": name, "records": [0, 4, 6, 8], "change": change, "expect": expect})
    return {
        "chunk_size": 1024,
        "secret": SECRET.hex(),
        "key": KEY.hex(),
        "key_commitment": keccak256(KEY).hex(),
        "record_lengths": LENGTHS,
        "cases": cases,
    }


def chosen_chunks(records: list[int], first: list[int], count: int) -> list[int]:
    ends = [*first[1:], count]
    return [j for record in records for j in range(first[record], ends[record])]


def faults() -> dict[str, Any]:
    """PROTOCOL 7: when a proof holds. Sizes 1, 2, 5 and 7, so that paths have every shape."""
    chunks, _ = committed()
    cases: list[Case] = []
    seven = [5, 6, 7, 8, 9, 10, 0]
    for chosen, wrong in (([0], 0), ([0, 1], 1), ([0, 1, 2, 3, 4], 4), (seven, 0), (seven, 5), (seven, 6)):
        name = f"{len(chosen)} chunks, {wrong}"
        kinds = ("a bit altered", "another chunk", "under another key", "random bytes")
        cases += [proof(f"{name}: {kind}", "ok", chosen, wrong, kind) for kind in kinds]
        cases.append(proof(f"{name}: honest chunk", "NoFault", chosen, wrong, "honest"))
    cases.append(proof("a chunk of a salt only, altered", "ok", [0, 5], 0, "a bit altered"))
    cases.append(proof("a full chunk, altered", "ok", [0, 5], 1, "a bit altered"))
    cases += refused_proofs(chunks)
    return {"key": KEY.hex(), "key_commitment": keccak256(KEY).hex(), "chunk_size": 1024, "cases": cases}


def proof(name: str, expect: str, chosen: list[int], wrong: int, kind: str) -> Case:
    """A delivery of the chosen chunks in which one is wrong, and the proof for it."""
    chunks, _ = committed()
    ciphertexts = [encrypt_chunk(KEY, i, chunks[j]) for i, j in enumerate(chosen)]
    right = ciphertexts[wrong]
    ciphertexts[wrong] = {
        "honest": right,
        "a bit altered": right[:-1] + bytes([right[-1] ^ 1]),
        "another chunk": encrypt_chunk(KEY, wrong, chunks[(chosen[wrong] + 1) % len(chunks)]),
        "under another key": encrypt_chunk(bytes(32), wrong, chunks[chosen[wrong]]),
        "random bytes": (sha256(name.encode()) * 32)[: len(right)],
    }[kind]
    leaves = delivery_leaves(ciphertexts, [chunks[j] for j in chosen])
    return {
        "name": name,
        "expect": expect,
        "key": KEY.hex(),
        "delivery_root": tree_hash(leaves).hex(),
        "chunk_count": len(chosen),
        "index": wrong,
        "ciphertext": ciphertexts[wrong].hex(),
        "leaf": sha256(b"\x00" + chunks[chosen[wrong]]).hex(),
        "path": [node.hex() for node in audit_path(wrong, leaves)],
    }


def refused_proofs(chunks: list[bytes]) -> list[Case]:
    """A proof that holds, with one thing changed."""
    good = proof("", "NoFault", [0, 1, 2, 3, 4], 1, "a bit altered")
    path, text = good["path"], good["ciphertext"]
    other = sha256(b"\x00" + chunks[2]).hex()
    changes: list[Case] = [
        {"name": "no path", "path": []},
        {"name": "path cut", "path": path[:-1]},
        {"name": "path one longer", "path": [*path, path[0]]},
        {"name": "path altered", "path": [flip(path[0]), *path[1:]]},
        {"name": "path from the root", "path": path[::-1]},
        {"name": "a digest of 33 bytes", "path": [path[0] + "00", *path[1:]]},
        {"name": "another index", "index": 0},
        {"name": "index of the lonely last leaf", "index": 4},
        {"name": "index at the count", "index": 5},
        {"name": "index 2^32 + 1", "index": 2**32 + 1},
        {"name": "index 2^64 + 1", "index": 2**64 + 1},
        {"name": "negative index", "index": -1},
        {"name": "count of a taller tree", "chunk_count": 9},
        {"name": "count of a lower tree", "chunk_count": 4},
        {"name": "no chunks", "chunk_count": 0},
        {"name": "another leaf hash, as if that had been promised", "leaf": other},
        {"name": "leaf hash of zeros", "leaf": "00" * 32},
        {"name": "another root", "delivery_root": "11" * 32},
        {"name": "ciphertext altered by the buyer", "ciphertext": flip(text)},
        {"name": "ciphertext cut", "ciphertext": text[:-2]},
        {"name": "ciphertext longer", "ciphertext": text + "00"},
        {"name": "no ciphertext", "ciphertext": ""},
        {"name": "15 bytes", "ciphertext": text[:30]},
        {"name": "1025 bytes", "ciphertext": "00" * 1025},
        {"name": "another key", "key": "00" * 32},
        {"name": "key of 31 bytes", "key": KEY.hex()[:-2]},
    ]
    cases = [good | change for change in changes]
    # A seller that delivers, and proves, a chunk of a length that the contract does not take: no fault for the chain.
    # The buyer refuses such a delivery before paying.
    for name, length in (("a delivered chunk of 15 bytes", 15), ("a delivered chunk of 1025 bytes", 1025)):
        ciphertext = bytes(length)
        leaves = [sha256(ciphertext) + bytes.fromhex(other)]
        cases.append(
            good
            | {
                "name": name,
                "chunk_count": 1,
                "index": 0,
                "ciphertext": ciphertext.hex(),
                "leaf": other,
                "path": [],
                "delivery_root": tree_hash(leaves).hex(),
            }
        )
    return cases


def sealed() -> dict[str, Any]:
    """PROTOCOL 6.4: contents of the pattern; the largest has segments of 65536, 65536 and 100 bytes."""
    private = sha256(b"receiver")
    public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    info = b"blindfair/v1/delivery" + tagged("evaluation", bytes(64)) + sha256(b"root")
    file_key = sha256(b"file key")
    wrapped = hpke_seal(public, info, file_key, sha256(b"ephemeral"))
    cases: list[Case] = []
    for length in (0, 1, 65535, 65536, 65537, 131172):
        content = pattern(0, length)
        segments = [content[i : i + 65536] for i in range(0, max(1, length), 65536)]
        whole = wrapped + b"".join(sealed_segments(file_key, segments))
        cases.append(
            {
                "name": f"{length} bytes",
                "expect": "ok",
                "length": length,
                "size": len(whole),
                "hash": sha256(whole).hex(),
            }
        )
    # The small one in full, so that the form can be seen; `order` lists the segments of the largest that are sent.
    cases[1]["sealed"] = (wrapped + b"".join(sealed_segments(file_key, [pattern(0, 1)]))).hex()
    for name, order in (
        ("last segment missing", [0, 1]),
        ("first segment missing", [1, 2]),
        ("middle segment missing", [0, 2]),
        ("segments exchanged", [1, 0, 2]),
        ("last segment first", [2, 0, 1]),
        ("a segment twice", [0, 0, 1, 2]),
        ("a segment after the last", [0, 1, 2, 0]),
        ("the last segment twice", [0, 1, 2, 2]),
        ("no segment", []),
    ):
        cases.append({"name": name, "expect": "SealBroken", "order": order})
    return {
        "private": private.hex(),
        "public": public.hex(),
        "info": info.hex(),
        "evaluation": tagged("evaluation", bytes(64)).hex(),
        "delivery_root": sha256(b"root").hex(),
        "file_key": file_key.hex(),
        "wrapped": wrapped.hex(),
        "cases": cases,
    }


def sealed_messages() -> dict[str, Any]:
    """PROTOCOL 9: one sealed message, and what is not one to its receiver."""
    private, sender, receiver, other = sha256(b"receiver"), "11" * 20, "22" * 20, "33" * 20
    public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    message = pattern(0, 300)

    def sealed_to(said: str, to: str) -> bytes:
        info = b"blindfair/v1/letter" + bytes.fromhex(said) + bytes.fromhex(to)
        file_key = sha256(b"letter key")
        return hpke_seal(public, info, file_key, sha256(b"ephemeral")) + b"".join(sealed_segments(file_key, [message]))

    head = b"BFL1" + bytes.fromhex(sender)
    sealed = head + sealed_to(sender, receiver)
    changes: dict[str, tuple[bytes, str]] = {
        "a sealed message": (sealed, "ok"),
        "to another": (head + sealed_to(sender, other), "SealBroken"),
        "from another": (head + sealed_to(other, receiver), "SealBroken"),
        "sender and receiver exchanged": (head + sealed_to(receiver, sender), "SealBroken"),
        "another sender named": (b"BFL1" + bytes.fromhex(other) + sealed[24:], "SealBroken"),
        "cut by a byte": (sealed[:-1], "SealBroken"),
        "lengthened by a byte": (sealed + b"\x00", "SealBroken"),
        "its key altered": (sealed[:24] + bytes([sealed[24] ^ 1]) + sealed[25:], "SealBroken"),
        "its content altered": (sealed[:-17] + bytes([sealed[-17] ^ 1]) + sealed[-16:], "SealBroken"),
        "a head alone": (sealed[:24], "SealBroken"),
        "half a head": (sealed[:23], "MalformedMessage"),
        "another magic": (b"BFM1" + sealed[4:], "MalformedMessage"),
        "nothing": (b"", "MalformedMessage"),
    }
    return {
        "private": private.hex(),
        "sender": "0x" + sender,
        "receiver": "0x" + receiver,
        "message": message.hex(),
        "cases": [{"name": name, "expect": expect, "sealed": data.hex()} for name, (data, expect) in changes.items()],
    }
