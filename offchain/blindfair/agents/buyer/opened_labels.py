"""Whether opened or bought records bear out what the buyer read from their scores (PROTOCOL 5.4, 5.6): its valuer's
opinion, once the audit has found that the scores are the records'.

Not here: that audit (`buyer.checks`), and how labels are judged (`pricing.opened`).
"""

from collections.abc import Sequence

from blindfair.agents.buyer.checks import opened_record
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.valuer import Valuer
from blindfair.protocol.delivery import decode_delivery
from blindfair.protocol.messages import Openings
from blindfair.protocol.quantities import RecordIndex


def check_opened_labels(valuer: Valuer, evaluated: Evaluated, openings: Openings) -> tuple[str, ...]:
    """Check the labels of openings that `audit_openings` has passed, and return the valuer's warnings.

    Raises what the valuer raises, GroupsMislead above all.
    """
    numbers = [item.record for item in openings.opened]
    return check_bought_labels(valuer, evaluated, numbers, [opened_record(evaluated, item) for item in openings.opened])


def check_bought_labels(
    valuer: Valuer, evaluated: Evaluated, numbers: Sequence[RecordIndex], records: Sequence[bytes]
) -> tuple[str, ...]:
    """Check the labels of canonical records of whole units, as `audit_sample` has passed them.

    Returns the valuer's warnings. Raises what the valuer raises.
    """
    manifest = evaluated.listing.manifest
    rows = decode_delivery(records, manifest.encoding, manifest.schema)
    return valuer.check_opened(evaluated.units.of(numbers), rows, evaluated.scores, manifest)
