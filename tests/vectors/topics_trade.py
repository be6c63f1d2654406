"""Vectors of an agreement: offers, agreements, releases, messages and their signatures."""

from typing import Any

from vectors.reference import (
    MESSAGE_TYPE,
    OFFER_TYPE,
    RELEASE_TYPE,
    address,
    hash_struct,
    keccak256,
    recover,
    sha256,
    sign,
    typed_digest,
)
from vectors.topics_data import SELLER_KEY, Case

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
        "part": ("all", "", "Rest", "evaluation", "sample ", None, 1, True, ["sample"], {"sample": 1}),
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
