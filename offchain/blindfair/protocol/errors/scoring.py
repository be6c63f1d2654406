"""Errors: blind evaluation."""

from blindfair.protocol.errors.base import BlindfairError


class ScoringError(BlindfairError):
    """A blind evaluation was refused or is impossible."""

    exit_code = 60


class UnknownParameters(ScoringError):
    """Not a named parameter set (SCORING requirement 3)."""

    exit_code = 61


class MalformedCiphertext(ScoringError):
    """Ciphertext bytes of another parameter set, shape or seed, or damaged."""

    exit_code = 62


class QueryOutOfBounds(ScoringError):
    """The query could wrap around the plaintext modulus (SCORING requirement 4)."""

    exit_code = 63


class ShapeMismatch(ScoringError):
    """Rows, query and reply disagree about their sizes."""

    exit_code = 64


class BudgetExhausted(ScoringError):
    """The listing's budget of bits is used up, or the seller has no free space for one more bond (PROTOCOL 2, 4, 7)."""

    exit_code = 65


class UnusableModel(ScoringError):
    """The scoring model is unknown, malformed or has values that are not finite."""

    exit_code = 66


class TooCostly(ScoringError):
    """Answering the request would take more memory or work than the seller gives."""

    exit_code = 67


class FeeRequired(ScoringError):
    """The evaluation is not free, and its fee was not paid (PROTOCOL 2)."""

    exit_code = 69


class WorkersLost(ScoringError):
    """The machines that score could not be reached, or a job killed each of them."""

    exit_code = 68
