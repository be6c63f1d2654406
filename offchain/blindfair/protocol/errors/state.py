"""Errors: the agent's own directory."""

from blindfair.protocol.errors.base import BlindfairError


class StateError(BlindfairError):
    """The agent's own directory cannot be used."""

    exit_code = 90


class JournalVersion(StateError):
    """The journal was written by another version of this program."""

    exit_code = 91


class JournalDamaged(StateError):
    """The journal is not one, or contradicts what is being done."""

    exit_code = 92


class StoreInUse(StateError):
    """Another process works in this directory."""

    exit_code = 93


class InsecureStore(StateError):
    """A secret file or directory may be read by others."""

    exit_code = 94


class Undeliverable(StateError):
    """A mailbox cannot take a message. A counterparty that spoils its own is left to itself."""

    exit_code = 96


class EvaluationDiffers(StateError):
    """A folder holds the evaluation of another query, or of other rows."""

    exit_code = 97


class SecretDamaged(StateError):
    """A stored secret of an encrypted query cannot be read back."""

    exit_code = 95


class OldCopy(StateError):
    """The directory is an old copy: chain or counterparty show steps of this account that its journal lacks."""

    exit_code = 105
