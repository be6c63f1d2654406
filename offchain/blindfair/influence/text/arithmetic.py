"""Single precision as the standard defines it, for rows that another machine computes again.

Half precision, and the shortened products that some devices offer for single precision, move a row by tens of units of
a rounded one: an honest seller would fail an audit. Not here: how far single precision moves a row (`agreement`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from blindfair.protocol.errors import InvalidOption

PRECISIONS = (torch.float32, torch.float64)
"""Types that rows may be computed in; the second to measure the first."""


def check_precision(dtype: torch.dtype) -> None:
    """Raises InvalidOption unless gradient rows may be computed in `dtype`."""
    if dtype not in PRECISIONS:
        raise InvalidOption(
            "Gradient rows are not computed in this precision",
            expected="float32 or float64",
            found=str(dtype).removeprefix("torch."),
            hint="rows in half precision would fail an honest audit",
        )


@contextmanager
def whole_products() -> Iterator[None]:
    """Products of single precision within the block are computed in full; what was set before is restored.

    Raises InvalidOption within `torch.autocast`, which would compute them in half precision.
    """
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            check_precision(torch.get_autocast_dtype(device))
            raise InvalidOption(
                "Gradient rows are not computed under autocast",
                expected="no autocast",
                found=device,
                hint="leave its block",
            )
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
