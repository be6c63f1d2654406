"""Blind scoring: exact integer products of a secret query and secret rows under BFV (PROTOCOL 4, SCORING).

The buyer calls `encrypt_queries` and `decrypt_reply`, the seller `encode_rows` and `evaluate`; between them pass bytes
only. `Disclosure` says what an evaluation tells at most, `estimate` what it takes. Two functions stay in the modules of
the same names: `blind.evaluate`, `blind.estimate`.

The names of `__all__` are public, and loaded when they are first used. The modules are private and may change.
"""

from typing import TYPE_CHECKING

from blindfair.lazy import loader

__all__ = [
    "DEFAULT",
    "EXPANDED",
    "PARAMETER_SETS",
    "Disclosure",
    "EncodedRows",
    "EncryptedQueries",
    "ParameterSet",
    "QuerySecret",
    "decrypt_reply",
    "encode_rows",
    "encrypt_queries",
    "parameter_set",
]

_HOMES = {
    "DEFAULT": "blind.parameters",
    "Disclosure": "blind.disclosure",
    "EXPANDED": "blind.parameters",
    "EncodedRows": "blind.encode",
    "EncryptedQueries": "blind.query",
    "PARAMETER_SETS": "blind.parameters",
    "ParameterSet": "blind.parameters",
    "QuerySecret": "blind.keys",
    "decrypt_reply": "blind.decrypt",
    "encode_rows": "blind.encode",
    "encrypt_queries": "blind.query",
    "parameter_set": "blind.parameters",
}

if TYPE_CHECKING:
    from blindfair.blind.decrypt import decrypt_reply
    from blindfair.blind.disclosure import Disclosure
    from blindfair.blind.encode import EncodedRows, encode_rows
    from blindfair.blind.keys import QuerySecret
    from blindfair.blind.parameters import DEFAULT, EXPANDED, PARAMETER_SETS, ParameterSet, parameter_set
    from blindfair.blind.query import EncryptedQueries, encrypt_queries
else:
    __getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
