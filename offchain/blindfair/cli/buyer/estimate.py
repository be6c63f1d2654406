"""What an evaluation takes, told to the buyer before it asks: time, bytes, the seller's space, and why in this way."""

from blindfair.blind.plan import Plan
from blindfair.cli.buyer.report import scored
from blindfair.cli.lines import Lines
from blindfair.protocol.units import Units


def show_estimate(lines: Lines, units: Units, width: int, chosen: Plan) -> None:
    """Rows have `width` entries. The seller's time and space are those of a machine like this one."""
    found = chosen.estimate
    seller = found.encode_seconds + found.expand_seconds + found.evaluate_seconds
    lines.item(
        "takes",
        f"about {chosen.seconds:.1f} s in all for {scored(units)}, {width} entries a row: "
        f"{found.encrypt_seconds + found.decrypt_seconds:.1f} s here, {chosen.transfer_seconds:.1f} s on the way, "
        f"{seller:.1f} s at the seller on a machine like this besides computing the rows; no gas, but to pay a fee",
    )
    lines.item("bytes", f"{found.upload_bytes:,} B to the seller, {found.download_bytes:,} B back")
    disk = f"{found.disk_bytes:,} B of disk" if found.disk_bytes else "no disk"
    lines.item("seller", f"{found.memory_bytes:,} B of memory and {disk}, besides the rows")
    lines.item("why", f"{chosen.parameters.name}: {chosen.why}")
