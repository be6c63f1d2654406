"""A counterparty's description of a model, refused by one name whatever is wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager

from blindfair.protocol.errors import MalformedMessage, UnusableModel


@contextmanager
def unusable(what: str) -> Iterator[None]:
    """Turn a MalformedMessage of the block into an UnusableModel that says the same and names `what` was read."""
    try:
        yield
    except MalformedMessage as error:
        raise UnusableModel(f"{what}: {error.what}", expected=error.expected, found=error.found) from error
