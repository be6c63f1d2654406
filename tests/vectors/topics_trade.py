"""Vectors of a purchase: offers and signatures, deliveries, proofs of a fault, sealed deliveries, lives of an order."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from vectors.reference import (
    MESSAGE_TYPE,
    OFFER_TYPE,
    RELEASE_TYPE,
    address,
    audit_path,
    chunks_of,
    delivery_leaves,
    encrypt_chunk,
    hash_struct,
    hpke_seal,
    keccak256,
    pattern,
    recover,
    sealed_segments,
    sha256,
    sign,
    tagged,
    tree_hash,
    typed_digest,
)
from vectors.topics_data import LENGTHS, SECRET, SELLER_KEY, Case, flip

BUYER_KEY = bytes([8]) * 32
KEY = bytes(range(100, 132))
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DOMAINS = [
    {"chain_id": 31337, "contract": "0x" + "c0" * 20},
    {"chain_id": 1, "contract": "0x" + "c0" * 20},
    {"chain_id": 31337, "contract": "0x" + "c1" * 20},
]
OFFER: Case = {
    "listing": "0x" + sha256(b"listing").hex(),
    "evaluation": "0x" + sha256(b"evaluation").hex(),
    "delivery_root": "0x" + sha256(b"root").hex(),
    "key_commitment": "0x" + keccak256(KEY).hex(),
    "chunk_count": 5,
    "chunk_size": 1024,
    "seller": address(SELLER_KEY),
    "buyer": address(BUYER_KEY),
    "token": "0x" + "00" * 20,
    "price": "1000000000000000000",
    "bond": "100000000000000000",
    "reveal_window": 3600,
    "dispute_window": 86400,
    "expiry": 1_900_000_000,
    "nonce": str(2**255 + 1),
}
LARGEST: Case = {
    "chunk_count": 2**32 - 1, "chunk_size": 2**32 - 1, "price": str(2**128 - 1), "bond": str(2**128 - 1),
    "reveal_window": 2**32 - 1, "dispute_window": 2**32 - 1, "expiry": 2**53 - 1, "nonce": str(2**256 - 1),
    "token": "0x" + "ff" * 20,
}  # fmt: skip


def offers() -> list[Case]:
    """PROTOCOL 6.5: documents of offers, their hashes and the seller's signature; and documents to refuse."""
    cases = []
    smallest = {name: type(value)(0) for name, value in LARGEST.items()} | {"token": "0x" + "00" * 20}
    for name, change in (("ordinary", {}), ("largest", LARGEST), ("smallest", smallest)):
        offer = OFFER | change
        struct_hash = hash_struct(OFFER_TYPE, list(offer.values()))
        for domain in DOMAINS:
            digest = typed_digest(domain, struct_hash)
            cases.append(
                {
                    "name": f"{name}, chain {domain['chain_id']}, contract {str(domain['contract'])[:4]}",
                    "expect": "ok",
                    "offer": offer,
                    "domain": domain,
                    "struct_hash": struct_hash.hex(),
                    "digest": digest.hex(),
                    "signer": address(SELLER_KEY),
                    "signature": sign(digest, SELLER_KEY).hex(),
                }
            )
    over: Case = {
        "chunk_count": 2**32, "chunk_size": 2**32, "price": str(2**128), "bond": str(2**128), "reveal_window": 2**32,
        "dispute_window": 2**32, "expiry": 2**53, "nonce": str(2**256), "listing": "0x" + "00" * 31,
        "delivery_root": "0x" + "00" * 33, "seller": "0x" + "AB" * 20, "buyer": "ab" * 20, "token": None,
        "more": 1,
    }  # fmt: skip
    under: Case = {"chunk_count": -1, "price": "-1", "bond": "", "nonce": "0x1", "reveal_window": 1.5, "expiry": "1"}
    for changes in (over, under):
        for field, value in changes.items():
            offer = OFFER | {field: value}
            cases.append({"name": f"{field} {value}", "expect": "MalformedMessage", "offer": offer})
    for field in OFFER:
        offer = {name: value for name, value in OFFER.items() if name != field}
        cases.append({"name": f"without {field}", "expect": "MalformedMessage", "offer": offer})
    return cases


def messages() -> list[Case]:
    """PROTOCOL 4: the typed message that all off-chain messages are signed as."""
    cases = []
    for domain in DOMAINS:
        kind, body = sha256(b"request"), sha256(b"body")
        digest = typed_digest(domain, hash_struct(MESSAGE_TYPE, ["0x" + kind.hex(), "0x" + body.hex()]))
        cases.append(
            {
                "name": f"chain {domain['chain_id']}, contract {str(domain['contract'])[:4]}",
                "domain": domain,
                "kind": kind.hex(),
                "body": body.hex(),
                "digest": digest.hex(),
                "signer": address(SELLER_KEY),
                "signature": sign(digest, SELLER_KEY).hex(),
            }
        )
    return cases


def agreements() -> list[Case]:
    """PROTOCOL 9: bodies of an agreement."""
    body: Case = {"selection": "0x" + sha256(b"selection").hex(), "part": "whole", "price": "1000"}
    cases: list[Case] = [
        {"name": f"the {part}", "body": body | {"part": part}, "expect": "ok"} for part in ("whole", "sample", "rest")
    ]
    for field, values in {
        "part": ("all", "", "Rest", "sample ", None, 1, True, ["sample"], {"sample": 1}),
        "price": (1000, "01", "-1", "1.5", "0x10", str(10**80), None),
        "selection": ("0x", "0x" + "00" * 31, "0x" + "00" * 33, "00" * 32, "0x" + "AA" * 32, 0),
        "extra": (1,),
    }.items():
        for value in values:
            case = {"name": f"{field} as {value!r}", "body": body | {field: value}, "expect": "MalformedMessage"}
            cases.append(case)
    for field in body:
        without = {name: value for name, value in body.items() if name != field}
        cases.append({"name": f"without {field}", "body": without, "expect": "MalformedMessage"})
    return cases


def releases() -> list[Case]:
    """PROTOCOL 7: the buyer's signed word that an order may be released."""
    cases = []
    for nonce in (0, 1, 2**256 - 1):
        offer = OFFER | {"nonce": str(nonce)}
        order = hash_struct(OFFER_TYPE, list(offer.values()))
        for domain in DOMAINS:
            digest = typed_digest(domain, hash_struct(RELEASE_TYPE, ["0x" + order.hex()]))
            cases.append(
                {
                    "name": f"nonce {nonce}, chain {domain['chain_id']}, contract {str(domain['contract'])[:4]}",
                    "domain": domain,
                    "order": order.hex(),
                    "digest": digest.hex(),
                    "signer": address(BUYER_KEY),
                    "signature": sign(digest, BUYER_KEY).hex(),
                }
            )
    return cases


def signatures() -> dict[str, Any]:
    """Signatures of the ordinary offer in the first domain that are no signatures, or somebody else's."""
    digest = typed_digest(DOMAINS[0], hash_struct(OFFER_TYPE, list(OFFER.values())))
    good = sign(digest, SELLER_KEY)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    high = r + (ORDER - s).to_bytes(32, "big")
    zero, order = bytes(32), ORDER.to_bytes(32, "big")
    bad = {
        "empty": b"", "64 bytes": good[:64], "66 bytes": good + b"\x00", "v 0": good[:64] + b"\x00",
        "v 1": good[:64] + b"\x01", "v 26": good[:64] + b"\x1a", "v 29": good[:64] + b"\x1d",
        "v 37 (EIP-155)": good[:64] + b"\x25", "high s, v kept": high + bytes([v]),
        "high s, v turned: valid and malleable": high + bytes([55 - v]), "all zero": bytes(65),
        "r zero": zero + good[32:], "s zero": r + zero + bytes([v]), "r the order": order + good[32:],
        "s the order": r + order + bytes([v]), "r and s all ones": b"\xff" * 64 + b"\x1b",
    }  # fmt: skip
    cases: list[Case] = [{"name": "good", "signature": good.hex(), "expect": "ok", "signer": address(SELLER_KEY)}]
    cases += [{"name": name, "signature": text.hex(), "expect": "BadSignature"} for name, text in bad.items()]
    half, above = r + (ORDER // 2).to_bytes(32, "big"), r + (ORDER // 2 + 1).to_bytes(32, "big")
    cases.append({"name": "s one above half the order", "signature": above.hex() + "1b", "expect": "BadSignature"})
    # Nobody made this one, and yet it is a signature of whatever account it gives.
    case = {"name": "s half the order", "signature": half.hex() + "1b", "expect": "ok"}
    cases.append(case | {"signer": recover(digest, half + b"\x1b")})
    other = sign(digest, BUYER_KEY)
    cases.append({"name": "the buyer's", "signature": other.hex(), "expect": "ok", "signer": address(BUYER_KEY)})
    return {"offer": OFFER, "domain": DOMAINS[0], "cases": cases}


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


def letters() -> dict[str, Any]:
    """PROTOCOL 9: one letter, and what is none to its receiver."""
    private, sender, receiver, other = sha256(b"receiver"), "11" * 20, "22" * 20, "33" * 20
    public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    message = pattern(0, 300)

    def sealed_to(said: str, to: str) -> bytes:
        info = b"blindfair/v1/letter" + bytes.fromhex(said) + bytes.fromhex(to)
        file_key = sha256(b"letter key")
        return hpke_seal(public, info, file_key, sha256(b"ephemeral")) + b"".join(sealed_segments(file_key, [message]))

    head = b"BFL1" + bytes.fromhex(sender)
    letter = head + sealed_to(sender, receiver)
    changes: dict[str, tuple[bytes, str]] = {
        "a letter": (letter, "ok"),
        "to another": (head + sealed_to(sender, other), "SealBroken"),
        "from another": (head + sealed_to(other, receiver), "SealBroken"),
        "sender and receiver exchanged": (head + sealed_to(receiver, sender), "SealBroken"),
        "another sender named": (b"BFL1" + bytes.fromhex(other) + letter[24:], "SealBroken"),
        "cut by a byte": (letter[:-1], "SealBroken"),
        "lengthened by a byte": (letter + b"\x00", "SealBroken"),
        "its key altered": (letter[:24] + bytes([letter[24] ^ 1]) + letter[25:], "SealBroken"),
        "its content altered": (letter[:-17] + bytes([letter[-17] ^ 1]) + letter[-16:], "SealBroken"),
        "a head alone": (letter[:24], "SealBroken"),
        "half a head": (letter[:23], "MalformedMessage"),
        "another magic": (b"BFM1" + letter[4:], "MalformedMessage"),
        "nothing": (b"", "MalformedMessage"),
    }
    return {
        "private": private.hex(),
        "sender": "0x" + sender,
        "receiver": "0x" + receiver,
        "message": message.hex(),
        "cases": [{"name": name, "expect": expect, "letter": data.hex()} for name, (data, expect) in changes.items()],
    }
