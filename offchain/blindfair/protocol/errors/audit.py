"""Errors: audit."""

from blindfair.protocol.errors.base import BlindfairError


class AuditError(BlindfairError):
    """The audit of the selection failed; no money has moved, but for a sample that was bought (PROTOCOL 5)."""

    exit_code = 70


class RowsDisagree(AuditError):
    """A committed gradient row is not that of the opened record."""

    exit_code = 71


class ScoresDisagree(AuditError):
    """A decrypted score is not that of the opened row, or the deviations lean to one side."""

    exit_code = 72


class DuplicatesOpened(AuditError):
    """Two opened records are the same, or many opened texts repeat one another."""

    exit_code = 73


class NoOpenings(AuditError):
    """The seller did not open the drawn records in time."""

    exit_code = 74


class GroupsMislead(AuditError):
    """Fewer labels of the opened records are right, one by one, than the scores of their groups said."""

    exit_code = 75
