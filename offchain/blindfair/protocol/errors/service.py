"""Errors: the service through which a seller's messages travel over HTTP.

They are the mail's trouble, not the counterparty's: an agent waits and tries again, as it does for a disk.
"""

from blindfair.protocol.errors.state import StateError


class ServiceUnreachable(StateError):
    """The seller's service, or the store of messages, does not answer."""

    exit_code = 98


class WrongService(StateError):
    """A URL leads to something other than the service of this seller and contract."""

    exit_code = 99


class UntrustedCertificate(StateError):
    """The service's certificate is not one for the name in the URL, or nobody trusted vouches for it."""

    exit_code = 101


class SessionRefused(StateError):
    """The service does not take the proof of who is asking: another account, an old challenge, another URL."""

    exit_code = 102


class ServiceBusy(StateError):
    """The service or store takes no more for now: too many requests, no space, or a message still on its way."""

    exit_code = 103


class ServiceFailed(StateError):
    """The service met an error of its own; its owner was told which, and it goes on serving."""

    exit_code = 114


class TransferDamaged(StateError):
    """Bytes on the way are not those of the message: altered, out of order, or of another."""

    exit_code = 104


class MailStoreMissing(StateError):
    """The bucket or folder that messages travel through is not there."""

    exit_code = 107


class MailStoreRefused(StateError):
    """The store of messages does not take the credentials, or there are none."""

    exit_code = 108


class MailStoreFull(StateError):
    """The store of messages has no space left."""

    exit_code = 109
