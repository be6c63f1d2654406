"""Errors: bytes from the counterparty."""

from blindfair.protocol.errors.base import BlindfairError


class MessageError(BlindfairError):
    """A message from the counterparty was refused before anything was done with it (PROTOCOL 8)."""

    exit_code = 30


class MessageTooLarge(MessageError):
    """Longer than the limit of its type."""

    exit_code = 31


class MalformedMessage(MessageError):
    """Not the bytes of a message: truncated, altered, not canonical, a field missing, of the wrong type or range."""

    exit_code = 32


class UnknownVersion(MessageError):
    """A message of another version of the protocol."""

    exit_code = 33


class UnexpectedMessage(MessageError):
    """A well-formed message of another type, trade or moment than the one awaited."""

    exit_code = 34


class BadSignature(MessageError):
    """Not signed by the party that it must come from."""

    exit_code = 35


class FieldMismatch(MessageError):
    """A field disagrees with what was agreed before."""

    exit_code = 36


class Expired(MessageError):
    """Too late, by chain time."""

    exit_code = 37


class Refused(MessageError):
    """The counterparty answered that it will not go on, and why."""

    exit_code = 38


class SealBroken(MessageError):
    """A sealed delivery or message does not open with this key, or was altered (RFC 9180)."""

    exit_code = 39


class NoAnswer(MessageError):
    """The counterparty did not answer in time, counted in chain time."""

    exit_code = 40


class ColumnNotScored(MessageError):
    """The scoring model of a request reads a column that the listing keeps from all models (PROTOCOL 2)."""

    exit_code = 41


class PreprocessingMisleads(MessageError):
    """Under the listing's preprocessing the buyer's own records teach a model next to nothing, and they could."""

    exit_code = 42


class ColumnsDiffer(FieldMismatch):
    """The buyer's table has other columns, or another label, than the listing; nothing was asked."""

    exit_code = 43


class KindsDiffer(FieldMismatch):
    """The buyer's table writes a column otherwise than the listing: numbers for text, or other categories."""

    exit_code = 44


class ClassesDiffer(FieldMismatch):
    """The buyer's table writes the classes of the label otherwise than the listing."""

    exit_code = 45


class OpeningsUsedUp(MessageError):
    """The listing opens no more records free; the buyer may buy the audited sample instead (PROTOCOL 5.6)."""

    exit_code = 46
