"""Small words for people: a count with its noun."""


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless there is one.

    >>> counted(1, "bit"), counted(2000, "bit"), counted(0, "evaluation")
    ('1 bit', '2,000 bits', '0 evaluations')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
