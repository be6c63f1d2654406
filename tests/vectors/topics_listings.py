"""Vectors of listings: one manifest with its leaf list, and every change of either that must be refused."""

import json
from typing import Any

from vectors.reference import address, chunks_of, keccak256, pattern, sha256, tree_hash, word
from vectors.topics_data import LENGTHS, SECRET, SELLER_KEY, Case, flip


def listings() -> dict[str, Any]:
    """PROTOCOL 2, 3: one manifest with its leaf list, and changes of it."""
    cut, first = chunks_of([pattern(r, length) for r, length in enumerate(LENGTHS)], 1024, SECRET)
    hashes = [sha256(b"\x00" + chunk) for chunk in cut]
    counts = [end - start for start, end in zip(first, [*first[1:], len(cut)], strict=True)]
    assert counts == [1, 1, 1, 1, 1, 2, 2, 3, 3]
    manifest: Case = {
        "name": "Trial 175",
        "description": "Arms and outcomes.\nOne row a patient.",
        "licence": "Research only",
        "consent": "Broad consent of 1995",
        "encoding": "cbor-row",
        "schema": {
            "columns": [
                {"name": "age", "kind": "number", "scored": True},
                {"name": "arm", "kind": "category", "scored": True},
                {"name": "note", "kind": "text", "scored": False},
                {"name": "outcome", "kind": "category", "scored": True},
            ],
            "label": "outcome",
        },
        "preprocessing": {
            "classes": ["no", "yes"],
            "columns": ["age", "arm", "note", "outcome"],
            "features": [
                {"centre": 38, "column": "age", "kind": "number", "missing": True, "scale": 8.5},
                {"column": "arm", "kind": "category", "values": ["arm 1", "arm 2"]},
            ],
            "label": "outcome",
        },
        "record_count": 9,
        "chunk_size": 1024,
        "chunk_count": len(cut),
        "chunks_of_records": [5, 1, 2, 2, 2, 3],
        "listing_root": "0x" + tree_hash(cut).hex(),
        "leaf_digest": "0x" + sha256(b"".join(hashes)).hex(),
        "chain_id": 31337,
        "contract": "0x" + "c0" * 20,
        "seller": address(SELLER_KEY),
        "seller_hpke": "0x" + "5e" * 32,
        "terms": {
            "tokens": ["0x" + "00" * 20, "0x" + "70" * 20],
            "reserve_price": "1000000000000000",
            "record_bits": 109,
            "bits_per_record": 4,
            "free_bits": 45,
            "evaluation_fee": "330275229357799",
            "disclosed_bits": 288,
            "opened_records": 200,
            "opened_share": 0.25,
            "disclosures": ["per-record", "total"],
            "own_models": False,
        },
    }
    return {
        "manifest": manifest,
        "leaf_hashes": [h.hex() for h in hashes],
        "canonical": canonical(manifest).hex(),
        "manifest_hash": sha256(canonical(manifest)).hex(),
        "listing": keccak256(word(manifest["seller"]) + tree_hash(cut) + sha256(canonical(manifest))).hex(),
        "cases": listing_changes(manifest, [h.hex() for h in hashes]),
    }


def column(name: str, kind: str = "text", scored: object = True) -> Case:
    """One column of a schema."""
    return {"name": name, "kind": kind, "scored": scored}


def texts(**fields: Any) -> Case:
    """What makes a listing of texts of the table's."""
    return {"set": {"encoding": "text", "schema.columns": [column("text")], **fields}, "remove": ["schema.label"]}


def canonical(manifest: Case) -> bytes:
    """RFC 8785 for what a manifest holds: ASCII text, integers, and numbers that Python writes the same way."""
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def listing_changes(manifest: Case, hashes: list[str]) -> list[Case]:
    """Each case sets fields by their path, removes them, or replaces the leaf list."""
    malformed: dict[str, Any] = {
        "name": 5, "encoding": "xml", "record_count": "9", "chunk_count": 14.5, "chunks_of_records": [5, 1, 2],
        "listing_root": "0x00", "leaf_digest": "00" * 32, "chain_id": 0, "contract": "0x" + "C0" * 20,
        "seller": "0x" + "00" * 19, "seller_hpke": "0x" + "5e" * 33, "terms": [], "schema": None, "preprocessing": [],
        "terms.tokens": ["0x00"], "terms.reserve_price": 1000, "terms.record_bits": "90",
        "terms.own_models": 0, "terms.opened_share": "0.25", "terms.disclosures": "total",
        "schema.label": 3, "schema.columns": {}, "description": "\u001b[2J", "licence": "x" * 10_001,
        "terms.unknown": 1, "schema.unknown": 1, "unknown": 1,
    }  # fmt: skip
    malformed_more: list[tuple[str, str, Any]] = [
        ("runs that count a record less", "chunks_of_records", [4, 1, 2, 2, 2, 3]),
        ("runs that count a record more", "chunks_of_records", [6, 1, 2, 2, 2, 3]),
        ("runs of the same length beside each other", "chunks_of_records", [4, 1, 1, 1, 2, 2, 2, 3]),
        ("a run of no records", "chunks_of_records", [5, 1, 0, 4, 4, 2]),
        ("a record without chunks", "chunks_of_records", [5, 1, 2, 2, 1, 0, 1, 5]),
        ("a run of 2^40 records", "chunks_of_records", [2**40, 1]),
        ("a million million records", "record_count", 10**12),
        ("a reserve price with a leading zero", "terms.reserve_price", "01"),
        ("a negative reserve price", "terms.reserve_price", "-1"),
        ("a reserve price of 2^256", "terms.reserve_price", str(2**256)),
        ("a budget of 2^53 bits", "terms.disclosed_bits", 2**53),
        ("2^53 free bits", "terms.free_bits", 2**53),
        ("a record of 2^53 bits", "terms.record_bits", 2**53),
        ("less than no free bits", "terms.free_bits", -1),
        ("half a bit of a record", "terms.bits_per_record", 0.5),
        ("a fee as a number", "terms.evaluation_fee", 1000),
        ("a fee of 2^256", "terms.evaluation_fee", str(2**256)),
        ("17 tokens", "terms.tokens", ["0x" + f"{i:040x}" for i in range(17)]),
        ("a column of an unknown kind", "schema.columns", [column("a", kind="image")]),
        ("a column with a field more", "schema.columns", [column("a") | {"unit": "m"}]),
        ("a column that does not say whether it is scored", "schema.columns", [{"name": "a", "kind": "text"}]),
        ("preprocessing in words", "preprocessing", "standardised"),
        ("preprocessing as a number", "preprocessing", 1),
        ("a column that is scored in words", "schema.columns", [column("a", scored="yes")]),
    ]
    invalid: list[tuple[str, str, Any]] = [
        ("no name", "name", ""),
        ("no licence", "licence", ""),
        ("no consent", "consent", ""),
        ("chunk size 2048", "chunk_size", 2048),
        ("a chunk more than the records have", "chunk_count", 16),
        ("a chunk less than the records have", "chunk_count", 14),
        ("fewer chunks than records", "chunk_count", 8),
        ("no columns", "schema.columns", []),
        ("two columns of one name", "schema.columns", [column("outcome")] * 2),
        ("a column without name", "schema.columns", [column("")]),
        ("a label that no model may read", "schema.columns", [column("a"), column("outcome", scored=False)]),
        ("a label that is no column", "schema.label", "result"),
        ("texts with a table's schema", "encoding", "text"),
        ("no tokens", "terms.tokens", []),
        ("a token twice", "terms.tokens", ["0x" + "70" * 20] * 2),
        ("records that hold nothing", "terms.record_bits", 0),
        ("no bits of a record", "terms.bits_per_record", 0),
        ("513 bits of a record", "terms.bits_per_record", 513),
        ("a fee of 2^128", "terms.evaluation_fee", str(2**128)),
        ("no bits to disclose", "terms.disclosed_bits", 0),
        ("more than all opened", "terms.opened_share", 1.5),
        ("less than none opened", "terms.opened_share", -0.5),
        ("no disclosure policy", "terms.disclosures", []),
        ("a disclosure policy twice", "terms.disclosures", ["total", "total"]),
        ("a disclosure policy without name", "terms.disclosures", [""]),
    ]
    cases: list[Case] = [
        {"name": "as it is", "expect": "ok"},
        {"name": "without label", "remove": ["schema.label"], "expect": "ok"},
        {
            "name": "no column that models may read",
            "remove": ["schema.label"],
            "set": {"schema.columns": [column("a", scored=False)]},
            "expect": "InvalidListing",
        },
        {"name": "a table without preprocessing", "set": {"preprocessing": None}, "expect": "ok"},
        {"name": "texts without preprocessing", **texts(preprocessing=None), "expect": "ok"},
        {"name": "texts with preprocessing", **texts(), "expect": "ok"},
        {"name": "an empty description", "set": {"description": ""}, "expect": "ok"},
        {"name": "nothing opened free", "set": {"terms.opened_share": 0}, "expect": "ok"},
        {"name": "nothing answered free", "set": {"terms.free_bits": 0}, "expect": "ok"},
        {"name": "models of unnamed buyers", "set": {"terms.own_models": True}, "expect": "ok"},
        {"name": "everything answered free", "set": {"terms.evaluation_fee": "0"}, "expect": "ok"},
    ]
    cases += [
        {"name": f"{path} as {str(value)[:20]!r}", "set": {path: value}, "expect": "MalformedMessage"}
        for path, value in malformed.items()
    ]
    cases += [
        {"name": name, "set": {path: value}, "expect": "MalformedMessage"} for name, path, value in malformed_more
    ]
    fields = [*manifest, *(f"terms.{name}" for name in manifest["terms"]), "schema.columns"]
    cases += [{"name": f"without {path}", "remove": [path], "expect": "MalformedMessage"} for path in fields]
    cases += [{"name": name, "set": {path: value}, "expect": "InvalidListing"} for name, path, value in invalid]
    swapped = [hashes[1], hashes[0], *hashes[2:]]
    digest = "0x" + sha256(bytes.fromhex("".join(swapped))).hex()
    return [
        *cases,
        {"name": "a leaf less", "leaf_hashes": hashes[:-1], "expect": "InvalidListing"},
        {"name": "a leaf more", "leaf_hashes": [*hashes, hashes[0]], "expect": "InvalidListing"},
        {"name": "no leaves", "leaf_hashes": [], "expect": "InvalidListing"},
        {"name": "a leaf of 31 bytes", "leaf_hashes": [hashes[0][:-2], *hashes[1:]], "expect": "InvalidListing"},
        {"name": "leaves of 31 and 33 bytes", "leaf_hashes": shifted(hashes), "expect": "InvalidListing"},
        {"name": "two leaves exchanged", "leaf_hashes": swapped, "expect": "RootMismatch"},
        {"name": "a leaf altered", "leaf_hashes": [flip(hashes[0]), *hashes[1:]], "expect": "RootMismatch"},
        {"name": "another root", "set": {"listing_root": "0x" + "11" * 32}, "expect": "RootMismatch"},
        {"name": "another digest", "set": {"leaf_digest": "0x" + "11" * 32}, "expect": "RootMismatch"},
        {
            "name": "two leaves exchanged and the digest with them",
            "leaf_hashes": swapped,
            "set": {"leaf_digest": digest},
            "expect": "RootMismatch",
        },
    ]


def shifted(hashes: list[str]) -> list[str]:
    """The same bytes, cut elsewhere."""
    return [hashes[0][:-2], hashes[0][-2:] + hashes[1], *hashes[2:]]
