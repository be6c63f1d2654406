"""What `blindfair doctor` says of this machine's cost model, from which estimates of time are computed."""

from collections.abc import Iterator

from blindfair.cli.doctor.finding import Finding


def look_at_costs(*, measure: bool) -> Iterator[Finding]:
    """Whether the machine was measured, when, and the figures that matter most; with `measure` it is measured now.

    An estimate without it takes a second longer, so nothing is wrong where there is none.
    """
    from blindfair.blind.cost_cache import cache_path, cached_costs, keep_costs
    from blindfair.blind.cost_model import CostModel
    from blindfair.blind.measure_costs import measure_costs

    costs: CostModel | None
    if measure:
        kept = keep_costs(costs := measure_costs())
        where = "not kept, since no cache folder can be written" if kept is None else f"kept in {kept}"
    else:
        costs, where = cached_costs(), f"kept in {cache_path()}"
    if costs is None:
        yield Finding(
            "costs",
            True,
            "this machine was not measured yet: blindfair doctor --measure does it in about a second, else the first "
            "estimate does",
        )
        return
    yield Finding("costs", True, f"{costs.source}, {where}")
    for name, seconds in costs.operations.items():
        product = seconds.kernel_product
        if product is None:
            product = seconds.product + seconds.words_to_plaintext
        yield Finding(
            "costs",
            True,
            f"{name}: {seconds.encrypt * 1e3:.2f} ms to encrypt a coordinate, {product * 1e6:.1f} us for its product "
            f"with a block of records, {seconds.flood * 1e3:.2f} ms to flood a ciphertext of scores, "
            f"{seconds.decrypt * 1e3:.2f} ms to decrypt it",
        )
