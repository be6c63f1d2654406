"""The steps by which a seller announces its listing on chain: names of transactions, as `steps` has the others."""

from blindfair.agents.store.steps import CallName

DIRECTORY_CALL = CallName("make-directory")
"""The call that puts the directory on a chain that lacks it."""

_ANNOUNCE = "announce:"


def announce_call(number: int) -> CallName:
    """Return an announcement that the owner asked for, counted from 0."""
    return CallName(f"{_ANNOUNCE}{number}")


def is_announcement(call: str) -> bool:
    """Return whether a call is an announcement."""
    return call.startswith(_ANNOUNCE)
