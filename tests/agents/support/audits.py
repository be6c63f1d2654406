"""One audit of a selection from an inflated reply, with both parties' randomness from a seed."""

from dataclasses import replace

from trade import AUDITED, OFFERED, Parties

from blindfair.agents.buyer.checks import audit_openings
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.protocol.audit import commit_seller_randomness, draw
from blindfair.protocol.hashing import sha256
from blindfair.protocol.messages import Openings, Selection
from blindfair.protocol.quantities import ETHER, Digest, RecordIndex, Wei

AUDITS = 200
SIZE = 40
FAKED = 4
WORTHLESS = frozenset(range(0, OFFERED, 5))
HONEST = [record for record in range(OFFERED) if record not in WORTHLESS]


def audit(parties: Parties, evaluated: Evaluated, records: list[int], seed: int) -> tuple[RecordIndex, ...]:
    """One audit of a selection, with both parties' randomness from a seed; the records that were drawn.

    Raises what a failed audit raises, with the drawn records as `args`."""
    mine, theirs = (sha256(f"{who} {seed}".encode()) for who in ("buyer", "seller"))
    selected = tuple(RecordIndex(record) for record in sorted(records))
    selection = Selection(evaluated.evaluation, mine, ETHER, Wei(1), AUDITED, selected)
    committed = replace(evaluated, reply=replace(evaluated.reply, seller_commitment=commit_seller_randomness(theirs)))
    drawn = draw(mine, theirs, evaluated.evaluation, selected, AUDITED)
    opened = parties.seller._opened(drawn, evaluated.reply.request, evaluated.request)
    audit_openings(committed, selection, Openings(Digest(bytes(32)), theirs, Wei(1), opened))
    return drawn
