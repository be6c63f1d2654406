"""Vectors of the order's life (PROTOCOL 7): traces of calls, each with its outcome. They run on a model or on a chain.

Times count from the start of a trace. A step is `[call, who, time, outcome]`; the outcome is the state after the call
or the name of the error, which changes nothing. `paid` is the money at the end, beside the start: the buyer's and the
seller's accounts, the seller's free balance, and what the contract holds for the order.
"""

from typing import Any

from vectors.reference import audit_path, delivery_leaves, encrypt_chunk, sha256
from vectors.topics_data import Case
from vectors.topics_deliveries import committed, proof
from vectors.topics_trade import KEY, OFFER

EXPIRY, REVEAL, DISPUTE = 1000, 600, 700
PRICE, BOND = 1_000_000, 100_000
FORBIDDEN = "ForbiddenTransition"

ACCEPT = ["accept", "buyer", 500, "LOCKED"]
REVEALED = ["reveal", "seller", 700, "REVEALED"]
KEPT = {"buyer": 0, "seller": 0, "seller_balance": 0, "order": 0}
HELD = {"buyer": -PRICE, "seller": 0, "seller_balance": -BOND, "order": PRICE + BOND}
SOLD = {"buyer": -PRICE, "seller": PRICE, "seller_balance": 0, "order": 0}
RETURNED = {"buyer": BOND, "seller": 0, "seller_balance": -BOND, "order": 0}

LIVES: list[tuple[str, list[list[object]], dict[str, int]]] = [
    ("release", [ACCEPT, REVEALED, ["release", "buyer", 701, "RELEASED"]], SOLD),
    ("release at once", [ACCEPT, ["reveal", "seller", 500, "REVEALED"], ["release", "buyer", 500, "RELEASED"]], SOLD),
    ("release after the dispute window", [ACCEPT, REVEALED, ["release", "buyer", 9999, "RELEASED"]], SOLD),
    ("release by the buyer's signature, brought by the seller",
     [ACCEPT, REVEALED, ["release by signature", "seller", 701, "RELEASED"]], SOLD),
    ("release by the buyer's signature, brought by a stranger, late",
     [ACCEPT, REVEALED, ["release by signature", "stranger", 9999, "RELEASED"]], SOLD),
    ("release by another's signature",
     [ACCEPT, REVEALED, ["release by the seller's signature", "seller", 701, "BadSignature"]], HELD),
    ("release by signature before the key", [ACCEPT, ["release by signature", "seller", 600, FORBIDDEN]], HELD),
    ("release by signature after a dispute",
     [ACCEPT, REVEALED, ["dispute", "buyer", 701, "REFUNDED"], ["release by signature", "seller", 702, FORBIDDEN]],
     RETURNED),
    ("claim by the clock", [ACCEPT, REVEALED, ["claim", "seller", 1401, "RELEASED"]], SOLD),
    ("claim by a stranger", [ACCEPT, REVEALED, ["claim", "stranger", 1401, "RELEASED"]], SOLD),
    ("claim by the buyer", [ACCEPT, REVEALED, ["claim", "buyer", 1401, "RELEASED"]], SOLD),
    ("refund", [ACCEPT, ["refund", "buyer", 1101, "REFUNDED"]], RETURNED),
    ("refund by a stranger", [ACCEPT, ["refund", "stranger", 1101, "REFUNDED"]], RETURNED),
    ("refund by the seller", [ACCEPT, ["refund", "seller", 1101, "REFUNDED"]], RETURNED),
    ("dispute", [ACCEPT, REVEALED, ["dispute", "buyer", 701, "REFUNDED"]], RETURNED),
    ("dispute by a watchtower", [ACCEPT, REVEALED, ["dispute", "stranger", 701, "REFUNDED"]], RETURNED),
    ("dispute by the seller", [ACCEPT, REVEALED, ["dispute", "seller", 701, "REFUNDED"]], RETURNED),
    ("reveal by a stranger", [ACCEPT, ["reveal", "stranger", 700, "REVEALED"]], HELD),
    ("cancel", [["cancel", "seller", 10, "CANCELLED"]], KEPT),
    ("cancel after the expiry", [["cancel", "seller", 5000, "CANCELLED"]], KEPT),
    ("accept in the last second", [["accept", "buyer", EXPIRY, "LOCKED"]], HELD),
    ("accept a second late", [["accept", "buyer", EXPIRY + 1, FORBIDDEN]], KEPT),
    ("accept by the seller", [["accept", "seller", 500, FORBIDDEN]], KEPT),
    ("accept by a stranger", [["accept", "stranger", 500, FORBIDDEN]], KEPT),
    ("accept twice", [ACCEPT, ["accept", "buyer", 501, FORBIDDEN]], HELD),
    ("accept what was cancelled", [["cancel", "seller", 10, "CANCELLED"], ["accept", "buyer", 11, FORBIDDEN]], KEPT),
    ("cancel by the buyer", [["cancel", "buyer", 10, FORBIDDEN]], KEPT),
    ("cancel by a stranger", [["cancel", "stranger", 10, FORBIDDEN]], KEPT),
    ("cancel twice", [["cancel", "seller", 10, "CANCELLED"], ["cancel", "seller", 11, FORBIDDEN]], KEPT),
    ("cancel what is paid", [ACCEPT, ["cancel", "seller", 501, FORBIDDEN]], HELD),
    ("reveal in the last second, no refund in it",
     [ACCEPT, ["refund", "buyer", 1100, FORBIDDEN], ["reveal", "seller", 1100, "REVEALED"]], HELD),
    ("reveal a second late, refund in it",
     [ACCEPT, ["reveal", "seller", 1101, FORBIDDEN], ["refund", "buyer", 1101, "REFUNDED"]], RETURNED),
    ("reveal with another key", [ACCEPT, ["reveal with another key", "seller", 700, FORBIDDEN]], HELD),
    ("reveal twice", [ACCEPT, REVEALED, ["reveal", "seller", 701, FORBIDDEN]], HELD),
    ("dispute in the last second, no claim in it",
     [ACCEPT, REVEALED, ["claim", "seller", 1400, FORBIDDEN], ["dispute", "buyer", 1400, "REFUNDED"]], RETURNED),
    ("dispute a second late, claim in it",
     [ACCEPT, REVEALED, ["dispute", "buyer", 1401, FORBIDDEN], ["claim", "seller", 1401, "RELEASED"]], SOLD),
    ("dispute of an honest chunk", [ACCEPT, REVEALED, ["dispute honest chunk", "buyer", 701, "NoFault"]], HELD),
    ("dispute with another key", [ACCEPT, REVEALED, ["dispute with another key", "buyer", 701, "NoFault"]], HELD),
    ("release by the seller", [ACCEPT, REVEALED, ["release", "seller", 701, FORBIDDEN]], HELD),
    ("release by a stranger", [ACCEPT, REVEALED, ["release", "stranger", 701, FORBIDDEN]], HELD),
    ("refund after the reveal", [ACCEPT, REVEALED, ["refund", "buyer", 5000, FORBIDDEN]], HELD),
]  # fmt: skip

STATES: dict[str, tuple[list[list[object]], dict[str, int]]] = {
    "NONE": ([], KEPT),
    "LOCKED": ([ACCEPT], HELD),
    "REFUNDED": ([ACCEPT, ["refund", "buyer", 1101, "REFUNDED"]], RETURNED),
    "RELEASED": ([ACCEPT, REVEALED, ["release", "buyer", 701, "RELEASED"]], SOLD),
    "CANCELLED": ([["cancel", "seller", 10, "CANCELLED"]], KEPT),
}
NEVER: dict[str, list[str]] = {
    "NONE": ["reveal", "refund", "release", "claim", "dispute"],
    "LOCKED": ["cancel", "release", "claim", "dispute"],
    "REFUNDED": ["accept", "cancel", "reveal", "refund", "release", "claim", "dispute"],
    "RELEASED": ["accept", "cancel", "reveal", "refund", "release", "claim", "dispute"],
    "CANCELLED": ["accept", "cancel", "reveal", "refund", "release", "claim", "dispute"],
}


def orders() -> dict[str, Any]:
    """Whole lives, and every call in every state that never allows it, early and late, by each party."""
    faulty = proof("", "ok", [0, 1, 2, 3, 4], 1, "a bit altered")
    # Index 2 of the same delivery is honest; its proof holds but for the last line of PROTOCOL 7.
    cases: list[Case] = [
        {"name": name, "steps": steps, "paid": paid, "expect": steps[-1][3]} for name, steps, paid in LIVES
    ]
    for state, calls in NEVER.items():
        steps, paid = STATES[state]
        tries = [
            [call, who, at, FORBIDDEN]
            for call in calls
            for who in ("buyer", "seller", "stranger")
            for at in (2000, 9999)
        ]
        cases.append({"name": f"never in {state}", "steps": [*steps, *tries], "paid": paid, "expect": FORBIDDEN})
    return {
        "offer": OFFER
        | {
            "delivery_root": "0x" + faulty["delivery_root"],
            "chunk_count": 5,
            "price": str(PRICE),
            "bond": str(BOND),
            "reveal_window": REVEAL,
            "dispute_window": DISPUTE,
            "expiry": EXPIRY,
        },
        "key": KEY.hex(),
        "fault": faulty,
        "honest": honest_beside(faulty),
        "cases": cases,
    }


def honest_beside(faulty: Case) -> Case:
    """The proof of an honest chunk in the same delivery as a faulty one."""
    chunks, _ = committed()
    ciphertexts = [encrypt_chunk(KEY, i, chunks[i]) for i in range(5)]
    ciphertexts[1] = bytes.fromhex(faulty["ciphertext"])
    leaves = delivery_leaves(ciphertexts, chunks[:5])
    return faulty | {
        "index": 2,
        "ciphertext": ciphertexts[2].hex(),
        "leaf": sha256(b"\x00" + chunks[2]).hex(),
        "path": [node.hex() for node in audit_path(2, leaves)],
    }
