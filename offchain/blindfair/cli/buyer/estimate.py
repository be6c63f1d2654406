"""What an evaluation takes, told to the buyer before it asks: time, bytes, the seller's space, and why in this way."""

from blindfair.api.defaults import QUERIES
from blindfair.blind.cost_model import CostModel
from blindfair.blind.estimate import estimate
from blindfair.blind.plan import plan, transfer_seconds
from blindfair.cli.buyer.report import scored
from blindfair.cli.lines import Lines
from blindfair.protocol.quantities import BytesPerSecond
from blindfair.protocol.units import Units


def show_estimate(
    lines: Lines, units: Units, width: int, bandwidth: BytesPerSecond, costs: CostModel, *, queries: int = QUERIES
) -> None:
    """Tell what scoring `units` by so many `queries` takes, with rows of `width` entries.

    Times are by `costs`, the seller's those of a machine like that one. The parameter set is the one that will be
    asked for, chosen by the reference's costs.
    """
    chosen = plan(units.count, width, queries, bandwidth)
    found = estimate(chosen.parameters, units.count, width, queries, costs)
    transfer = transfer_seconds(found, bandwidth)
    seller = found.encode_seconds + found.expand_seconds + found.evaluate_seconds
    lines.item(
        "takes",
        f"about {found.seconds + transfer:.1f} s in all for {scored(units)}, {width} entries a row: "
        f"{found.encrypt_seconds + found.decrypt_seconds:.1f} s here, {transfer:.1f} s on the way, "
        f"{seller:.1f} s at the seller on a machine like this besides computing the rows; no gas, but to pay a fee",
    )
    lines.item("bytes", f"{found.upload_bytes:,} B to the seller, {found.download_bytes:,} B back")
    disk = f"{found.disk_bytes:,} B of disk" if found.disk_bytes else "no disk"
    lines.item("seller", f"{found.memory_bytes:,} B of memory and {disk}, besides the rows")
    lines.item("why", f"{chosen.parameters.name}: {chosen.why}, as on {chosen.costs.machine}")
