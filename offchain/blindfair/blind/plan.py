"""Which parameter set to ask under: the one whose evaluation is over soonest, the way there and back included.

A query of a ciphertext for each coordinate is large and ready at once; one that is expanded is small and costs the
seller an automorphism for each coordinate. So a low bandwidth or a long query speaks for expansion, a high one against
it.

Planning is pure: times come from a `CostModel`, the committed `REFERENCE` unless another is given. So the same question
gets the same plan on every machine and in every run, and nothing is measured here.
"""

from dataclasses import dataclass

from blindfair.blind.cost_model import CostModel
from blindfair.blind.estimate import Estimate, estimate
from blindfair.blind.parameters import DEFAULT, EXPANDED, ParameterSet
from blindfair.blind.query import query_size
from blindfair.blind.reference_costs import REFERENCE
from blindfair.blind.reply import reply_size
from blindfair.protocol.errors import TooCostly, UnknownParameters
from blindfair.protocol.messages import Reply, Request
from blindfair.protocol.quantities import BytesPerSecond

MESSAGE_LIMIT = min(Request.LIMIT, Reply.LIMIT) - 2**25
"""Bytes of queries or scores in one message, at most: a request holds a scoring model, too."""

SETS = (DEFAULT, EXPANDED)
"""Two ways for a query to travel; the sums are the same."""

BANDWIDTH = BytesPerSecond(12_500_000)
"""Bytes a second between buyer and seller where nobody says otherwise: 100 Mbit/s."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A choice, what it will take, and why it was made."""

    parameters: ParameterSet
    estimate: Estimate

    bandwidth: BytesPerSecond
    """Bandwidth that the choice plans for."""

    costs: CostModel
    """The times that the choice and the estimate come from."""

    why: str
    """Why, in words: this choice's seconds against those of the others."""

    @property
    def transfer_seconds(self) -> float:
        """Both ways."""
        return transfer_seconds(self.estimate, self.bandwidth)

    @property
    def seconds(self) -> float:
        """Seconds from the question to the scores."""
        return self.estimate.seconds + self.transfer_seconds


def plan(n: int, k: int, m: int, bandwidth: BytesPerSecond = BANDWIDTH, costs: CostModel = REFERENCE) -> Plan:
    """Choose the quickest parameter set for `m` queries over `n x k` rows, at this bandwidth and these costs.

    The same arguments give the same plan. Raises UnknownParameters where no set has space for `k` coordinates, or
    `costs` lacks one of `SETS`, and TooCostly where queries or scores fit in no message.

    >>> plan(100_000, 512, 1, BytesPerSecond(125_000)).parameters.name
    'bfv-8192-32-expanded'
    """
    long_enough = [each for each in SETS if k <= each.largest_k]
    if not long_enough:
        raise UnknownParameters(
            "a query is too long for every parameter set",
            expected=f"<= {max(each.largest_k for each in SETS)} coordinates",
            found=k,
            hint="project to fewer directions",
        )
    sets = [each for each in long_enough if _largest_message(each, n, k, m) <= MESSAGE_LIMIT]
    if not sets:
        raise TooCostly(
            "an evaluation fits in no message",
            expected=f"<= {MESSAGE_LIMIT:,} B",
            found=f"{min(_largest_message(each, n, k, m) for each in long_enough):,} B",
            hint="ask fewer queries at once",
        )
    found = {each: estimate(each, n, k, m, costs) for each in sets}
    total = {each: found[each].seconds + transfer_seconds(found[each], bandwidth) for each in sets}
    best = min(sets, key=lambda each: total[each])
    others = [
        f"{total[each]:.1f} s and {found[each].upload_bytes:,} B with {each.name}" for each in sets if each != best
    ]
    why = f"{total[best]:.1f} s and {found[best].upload_bytes:,} B up at {bandwidth * 8 / 1e6:g} Mbit/s"
    if others:
        why += ", against " + ", ".join(others)
    return Plan(best, found[best], bandwidth, costs, why)


def _largest_message(parameters: ParameterSet, n: int, k: int, m: int) -> int:
    return max(query_size(parameters, k, m), reply_size(parameters, n, m))


def transfer_seconds(found: Estimate, bandwidth: BytesPerSecond) -> float:
    """Seconds of an evaluation's transfer at so many bytes a second."""
    return (found.upload_bytes + found.download_bytes) / bandwidth
