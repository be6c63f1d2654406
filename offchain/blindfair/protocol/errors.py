"""Every error of Blindfair, in one tree. Each carries what went wrong, what was expected and found, and a hint.

    BlindfairError
    |-- InputError          a person's file or flag; nothing was done                       exit 10 - 29
    |-- MessageError        bytes from the counterparty were refused                        exit 30 - 49
    |-- CommitmentError     something is not what was committed                             exit 50 - 59
    |-- ScoringError        blind evaluation was refused or impossible                      exit 60 - 69
    |-- AuditError          the scores are not those of the committed records               exit 70 - 79
    |-- SettlementError     the chain, the money, the offer                                 exit 80 - 89
    `-- StateError          the agent's own directory                                       exit 90 - 99

The exit code of an error is stable: scripts may rely on it. A test holds the codes unique.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class BlindfairError(Exception):
    """The root. `what` is a sentence, `expected` and `found` are short values, `hint` says what to do next.

    None of the four may hold a secret: they are printed and logged.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, expected: object = None, found: object = None, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.found = found
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.what]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.found is not None:
            parts.append(f"found {self.found}")
        sentence = "; ".join(parts)
        return f"{sentence}. Hint: {self.hint}" if self.hint else sentence

    @property
    def name(self) -> str:
        """The name shown to people and written to JSON."""
        return type(self).__name__


# --- a person's file or flag ---------------------------------------------------------------------------------------


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


class NotTwoClasses(InputError):
    """The label does not have exactly two classes, or a part that needs both has one."""

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
    """A flag's value is out of its range."""

    exit_code = 19


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


# --- bytes from the counterparty -----------------------------------------------------------------------------------


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
    """Of another version of the protocol."""

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
    """A sealed delivery or letter does not open with this key, or was altered (RFC 9180)."""

    exit_code = 39


class NoAnswer(MessageError):
    """The counterparty did not answer in time, counted in chain time."""

    exit_code = 40


# --- commitments ---------------------------------------------------------------------------------------------------


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


# --- blind evaluation ----------------------------------------------------------------------------------------------


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
    """The listing's budget of evaluations, bits or opened records is used up (PROTOCOL 2, 4)."""

    exit_code = 65


class UnusableModel(ScoringError):
    """The scoring model is unknown, malformed or has values that are not finite."""

    exit_code = 66


class TooCostly(ScoringError):
    """Answering the request would take more memory or work than the seller gives."""

    exit_code = 67


# --- audit ---------------------------------------------------------------------------------------------------------


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
    """Two opened records are the same."""

    exit_code = 73


class NoOpenings(AuditError):
    """The seller did not open the drawn records in time."""

    exit_code = 74


# --- settlement ----------------------------------------------------------------------------------------------------


class SettlementError(BlindfairError):
    """The chain, the money or the offer."""

    exit_code = 80


class ContractReverted(SettlementError):
    """The contract refused a call, by a named error with values."""

    exit_code = 81

    def __init__(
        self,
        what: str,
        *,
        error_name: str = "",
        values: Mapping[str, object] | None = None,
        expected: object = None,
        found: object = None,
        hint: str = "",
    ) -> None:
        """`error_name` is the contract's own name for it, empty if it gave none; `values` are its fields by name."""
        super().__init__(what, expected=expected, found=found, hint=hint)
        self.error_name = error_name
        self.values = dict(values or {})


class InsufficientFunds(SettlementError):
    """An account cannot pay what a step needs."""

    exit_code = 82


class OfferRejected(SettlementError):
    """An offer or its delivery breaks a rule of PROTOCOL 6.6; nothing was paid."""

    exit_code = 83


class NodeFailure(SettlementError):
    """The node is unreachable, of another chain, or answers nonsense."""

    exit_code = 84


class ForbiddenTransition(SettlementError):
    """PROTOCOL 7 does not allow this call in this state, by this party or at this time."""

    exit_code = 85


class FaultProven(SettlementError):
    """A delivered chunk is not the committed one; the dispute returned the money (PROTOCOL 7)."""

    exit_code = 86


class TransactionUncertain(SettlementError):
    """A transaction was sent and is not yet known to be included; it is never sent again in another form."""

    exit_code = 87


class NoFault(SettlementError):
    """A dispute's proof does not hold (PROTOCOL 7)."""

    exit_code = 88


class WrongContract(SettlementError):
    """The address does not hold the escrow contract that this program knows."""

    exit_code = 89


# --- the agent's own directory -------------------------------------------------------------------------------------


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


class SecretDamaged(StateError):
    """A stored secret of an encrypted query cannot be read back."""

    exit_code = 95
