"""Errors: commitments."""

from blindfair.protocol.errors.base import BlindfairError


class CommitmentError(BlindfairError):
    """Something is not what was committed."""

    exit_code = 50


class RootMismatch(CommitmentError):
    """A recomputed root or digest is not the committed one."""

    exit_code = 51


class PathInvalid(CommitmentError):
    """A Merkle path does not lead from its leaf to its root (RFC 9162 section 2.1.3.2)."""

    exit_code = 52


class MalformedChunk(CommitmentError):
    """A chunk breaks the length rule of PROTOCOL 2."""

    exit_code = 53


class MalformedRecord(CommitmentError):
    """A record is not in its canonical encoding (PROTOCOL 1)."""

    exit_code = 54


class InvalidListing(CommitmentError):
    """A manifest and a leaf list do not belong together or break a rule of PROTOCOL 2."""

    exit_code = 55


class CommittedGarbage(CommitmentError):
    """Delivered chunks are exactly the committed ones and yet no record: no proof on chain is possible (PROTOCOL 7)."""

    exit_code = 56
