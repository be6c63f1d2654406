"""Digests that bind an order to an evaluation: the purchase after it, or the fee for its reply (PROTOCOL 4, 4.7)."""

from collections.abc import Sequence

from blindfair.protocol.hashing import sha256, tagged
from blindfair.protocol.quantities import Digest


def evaluation_digest(request_digest: Digest, reply_digest: Digest) -> Digest:
    """`D("evaluation", H(request) || H(reply))` (PROTOCOL 4)."""
    return tagged("evaluation", request_digest + reply_digest)


def paid_evaluation_digest(request_digest: Digest, leaves: Sequence[Digest]) -> Digest:
    """Return what the offer of a priced reply quotes: `D("paid-evaluation", H(request) || H(L_0 || ... || L_last))`.

    `leaves` are the leaf hashes of the reply's chunks (PROTOCOL 4.7).
    """
    return tagged("paid-evaluation", request_digest + sha256(b"".join(leaves)))
