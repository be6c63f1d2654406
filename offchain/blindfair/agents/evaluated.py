"""An evaluation that its buyer can read (PROTOCOL 4)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blindfair.protocol.messages import Listing, Reply, Request
from blindfair.protocol.quantities import Digest


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The messages, the queries in the clear (`m x k` int64) and the decrypted scores (`m x n` int64).

    `evaluation` is what the offer will quote: `D("evaluation", H(request) || H(reply))`.
    """

    listing: Listing
    request: Request
    reply: Reply
    evaluation: Digest
    queries: NDArray[np.int64]
    scores: NDArray[np.int64]
