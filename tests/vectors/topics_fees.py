"""Vectors of an evaluation that is not free: its fee, and the reply that is delivered against it (PROTOCOL 2, 4.7)."""

import hmac
import math
from fractions import Fraction
from typing import Any

from vectors.reference import chunks_of, delivery_leaves, encrypt_chunk, pattern, sha256, tagged, tree_hash
from vectors.topics_data import Case

SECRET, KEY = bytes(range(32)), bytes(range(100, 132))
REQUEST = sha256(b"request")


def fees() -> list[Case]:
    """PROTOCOL 2: what an evaluation costs, by its bits."""
    cases: list[Case] = []
    for name, fee, most, records, size, bits, exponent in (
        ("all the bits that one may tell", 1000, 4, 100, 1, [3, 1], 0),
        ("half of them", 1000, 4, 100, 1, [2], 0),
        ("rounded up", 1000, 7, 3, 1, [3], 0),
        ("a unit for the least", 1, 512, 10**6, 1, [1], 0),
        ("exponents count", 1000, 8, 50, 1, [3, 1], 4),
        ("groups count once", 1000, 4, 100, 10, [3, 1], 0),
        ("a short last group counts as one", 1000, 4, 103, 10, [3, 1], 0),
        ("no fee", 0, 4, 100, 1, [3, 1], 0),
        ("the largest fee", 2**128 - 1, 512, 10**6, 1, [32] * 16, 0),
        ("sixteen queries and an exponent", 12345678901234567890, 512, 4097, 1, [31] * 16, 3),
    ):
        score_bits = (sum(bits) + exponent) * math.ceil(Fraction(records, size))
        case: Case = {
            "name": name,
            "evaluation_fee": str(fee),
            "bits_per_record": most,
            "records": records,
            "disclosure": "per-record" if size == 1 else f"per-group-{size}",
            "bits": bits,
            "exponent_bits": exponent,
            "score_bits": score_bits,
            "fee": str(math.ceil(Fraction(fee * score_bits, most * records))),
        }
        cases.append(case)
    return cases


def priced() -> dict[str, Any]:
    """PROTOCOL 4.7: a reply as a data set of one record, encrypted; and what a buyer refuses before it pays."""
    derived = hmac.digest(SECRET, b"reply" + REQUEST, "sha256")
    cases: list[Case] = []
    for size, chunk_size in ((1, 1024), (1008, 1024), (1009, 1024), (5000, 1024), (5000, 4096), (20000, 16384)):
        chunks, _ = chunks_of([pattern(0, size)], chunk_size, derived)
        ciphertexts = [encrypt_chunk(KEY, index, chunk) for index, chunk in enumerate(chunks)]
        leaves = [sha256(b"\x00" + chunk) for chunk in chunks]
        cases.append(
            {
                "name": f"{size} bytes in chunks of {chunk_size}",
                "expect": "ok",
                "size": size,
                "chunk_size": chunk_size,
                "leaves": [leaf.hex() for leaf in leaves],
                "ciphertext_sha256": sha256(b"".join(ciphertexts)).hex(),
                "delivery_root": tree_hash(delivery_leaves(ciphertexts, chunks)).hex(),
                "evaluation": tagged("paid-evaluation", REQUEST + sha256(b"".join(leaves))).hex(),
            }
        )
    # `cut` bytes are taken from the end of the ciphertext, `add` put there, and `drop` leaves from the end of the list.
    good = cases[3]
    for name, change, error in (
        ("cut within the last chunk", {"cut": 1}, "RootMismatch"),
        ("cut to a salt", {"cut": 5000 - 4 * 1008}, "MalformedChunk"),
        ("cut by a chunk", {"cut": 5000 - 4 * 1008 + 16}, "MalformedChunk"),
        ("a byte more", {"add": "00"}, "RootMismatch"),
        ("a chunk more", {"add": "00" * 1024}, "MalformedChunk"),
        ("a leaf fewer", {"drop": 1}, "MalformedChunk"),
        ("nothing at all", {"cut": 5000 + 5 * 16}, "MalformedChunk"),
        ("another root", {"delivery_root": "11" * 32}, "RootMismatch"),
        ("leaves exchanged", {"leaves": good["leaves"][::-1]}, "RootMismatch"),
        ("smaller chunks than were made", {"chunk_size": 1008}, "MalformedChunk"),
        ("larger chunks than were made", {"chunk_size": 4096}, "MalformedChunk"),
    ):
        cases.append(good | {"name": name, "expect": error} | change)
    return {"secret": SECRET.hex(), "key": KEY.hex(), "request": REQUEST.hex(), "cases": cases}
