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

from blindfair.protocol.errors.audit import (
    AuditError,
    DuplicatesOpened,
    NoOpenings,
    RowsDisagree,
    ScoresDisagree,
)
from blindfair.protocol.errors.base import BlindfairError
from blindfair.protocol.errors.commitment import (
    CommitmentError,
    CommittedGarbage,
    InvalidListing,
    MalformedChunk,
    MalformedRecord,
    PathInvalid,
    RootMismatch,
)
from blindfair.protocol.errors.input import (
    CannotWrite,
    FileChanged,
    FileMissing,
    InputError,
    InvalidOption,
    LabelMissing,
    MalformedFile,
    MalformedTable,
    MissingPackage,
    NoRecords,
    NotTwoClasses,
    OfferTooSmall,
    TooLarge,
    UndecodableBytes,
    WrongPassword,
)
from blindfair.protocol.errors.message import (
    BadSignature,
    Expired,
    FieldMismatch,
    MalformedMessage,
    MessageError,
    MessageTooLarge,
    NoAnswer,
    Refused,
    SealBroken,
    UnexpectedMessage,
    UnknownVersion,
)
from blindfair.protocol.errors.scoring import (
    BudgetExhausted,
    MalformedCiphertext,
    QueryOutOfBounds,
    ScoringError,
    ShapeMismatch,
    TooCostly,
    UnknownParameters,
    UnusableModel,
    WorkersLost,
)
from blindfair.protocol.errors.settlement import (
    ContractReverted,
    FaultProven,
    ForbiddenTransition,
    InsufficientFunds,
    NodeFailure,
    NoFault,
    OfferRejected,
    SettlementError,
    TransactionUncertain,
    WrongContract,
)
from blindfair.protocol.errors.state import (
    EvaluationDiffers,
    InsecureStore,
    JournalDamaged,
    JournalVersion,
    SecretDamaged,
    StateError,
    StoreInUse,
    Undeliverable,
)

__all__ = [
    "AuditError",
    "BadSignature",
    "BlindfairError",
    "BudgetExhausted",
    "CannotWrite",
    "CommitmentError",
    "CommittedGarbage",
    "ContractReverted",
    "DuplicatesOpened",
    "EvaluationDiffers",
    "Expired",
    "FaultProven",
    "FieldMismatch",
    "FileChanged",
    "FileMissing",
    "ForbiddenTransition",
    "InputError",
    "InsecureStore",
    "InsufficientFunds",
    "InvalidListing",
    "InvalidOption",
    "JournalDamaged",
    "JournalVersion",
    "LabelMissing",
    "MalformedChunk",
    "MalformedCiphertext",
    "MalformedFile",
    "MalformedMessage",
    "MalformedRecord",
    "MalformedTable",
    "MessageError",
    "MessageTooLarge",
    "MissingPackage",
    "NoAnswer",
    "NoFault",
    "NoOpenings",
    "NoRecords",
    "NodeFailure",
    "NotTwoClasses",
    "OfferRejected",
    "OfferTooSmall",
    "PathInvalid",
    "QueryOutOfBounds",
    "Refused",
    "RootMismatch",
    "RowsDisagree",
    "ScoresDisagree",
    "ScoringError",
    "SealBroken",
    "SecretDamaged",
    "SettlementError",
    "ShapeMismatch",
    "StateError",
    "StoreInUse",
    "TooCostly",
    "TooLarge",
    "TransactionUncertain",
    "UndecodableBytes",
    "Undeliverable",
    "UnexpectedMessage",
    "UnknownParameters",
    "UnknownVersion",
    "UnusableModel",
    "WorkersLost",
    "WrongContract",
    "WrongPassword",
]
