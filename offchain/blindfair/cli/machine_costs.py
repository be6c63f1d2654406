"""This machine's cost model for the commands: read from the cache, or measured once and kept, and then they say so."""

from collections.abc import Callable

from blindfair.blind.cost_cache import cached_costs, keep_costs
from blindfair.blind.cost_model import CostModel
from blindfair.blind.measure_costs import measure_costs


def machine_costs(tell: Callable[[str], None]) -> CostModel:
    """Return what each operation of blind scoring takes here, for the estimates that a person is told.

    Where it was not measured yet, that takes about a second, and `tell` is given a line that says it before and one
    that says where the model is kept.
    """
    if (known := cached_costs()) is not None:
        return known
    tell("measures this machine once, about a second, for the times that it estimates")
    kept = keep_costs(found := measure_costs())
    tell(
        "measured; "
        + ("no cache folder can be written, so it is measured again next time" if kept is None else f"kept in {kept}")
    )
    return found
