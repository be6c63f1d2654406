"""What binds a purchase to the blind evaluation before it."""

from blindfair.protocol.hashing import tagged
from blindfair.protocol.quantities import Digest


def evaluation_digest(request_digest: Digest, reply_digest: Digest) -> Digest:
    """`D("evaluation", H(request) || H(reply))` (PROTOCOL 4)."""
    return tagged("evaluation", request_digest + reply_digest)
