"""Amounts of money as decimal digits, exactly. Not here: which money, and how people write it (`api.amounts`)."""

ETHER_PLACES = 18
"""Digits after the point of an ether down to the wei."""


def decimal_digits(amount: int, places: int) -> str:
    """An amount of smallest units, 0 or more, to the last of `places` digits after the point; no zeros at the end."""
    whole, fraction = divmod(amount, 10**places)
    return f"{whole:,}.{fraction:0{places}}".rstrip("0").rstrip(".") if places else f"{whole:,}"
