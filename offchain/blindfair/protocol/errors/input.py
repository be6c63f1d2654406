"""Errors: a person's file or flag."""

import re

from blindfair.protocol.errors.base import BlindfairError

_OPTION = re.compile(r"`([a-z][a-z0-9_]*)(?:=[^`]+)?`")


class InputError(BlindfairError):
    """A file or flag that a person gave cannot be used."""

    exit_code = 10


class FileMissing(InputError):
    """The path does not exist or is not a regular file."""

    exit_code = 11


class UndecodableBytes(InputError):
    """The file is not UTF-8."""

    exit_code = 12


class FileChanged(InputError):
    """The file changed while it was being read."""

    exit_code = 13


class LabelMissing(InputError):
    """The label column is not in the table, or a record has no label."""

    exit_code = 14


class LabelUnusable(InputError):
    """The label cannot be learned as it is: too few or too many classes, no amounts, or no counts."""

    exit_code = 15


class NoRecords(InputError):
    """The table has no records, or too few to divide."""

    exit_code = 16


class TooLarge(InputError):
    """The table has more columns, records or bytes than this program takes."""

    exit_code = 17


class MalformedTable(InputError):
    """The table is not a table: ragged rows, repeated or empty column names."""

    exit_code = 18


class InvalidOption(InputError):
    """An option's value is out of its range."""

    exit_code = 19

    @property
    def option(self) -> str | None:
        """The Python keyword of the option that the message is about; None where it names none."""
        named = _OPTION.search(self.what)
        return None if named is None else named.group(1)


class OfferTooSmall(InputError):
    """The budget, the offer or the selection is too small for the audit (PROTOCOL 5)."""

    exit_code = 20


class CannotWrite(InputError):
    """A result cannot be written where it was asked to go."""

    exit_code = 21


class WrongPassword(InputError):
    """The password does not open the keystore."""

    exit_code = 22


class MalformedFile(InputError):
    """A keystore, or a file that this program writes for itself or for others, is not one."""

    exit_code = 23


class MissingPackage(InputError):
    """The request needs a package that is not installed."""

    exit_code = 24


class UnusableText(InputError):
    """A text has nothing to score: it is empty, all its tokens are unknown, or it is too long."""

    exit_code = 26


class UnusableImages(InputError):
    """Images or their labels are in no form that is listed: a damaged file, other types or shapes, other lengths."""

    exit_code = 27
