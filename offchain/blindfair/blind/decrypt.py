"""The buyer's side of a reply: check it in full, then decrypt it to scores."""

import numpy as np
import tenseal.sealapi as sealapi
from numpy.typing import NDArray

from blindfair.blind.keys import QuerySecret
from blindfair.blind.parameters import ParameterSet
from blindfair.blind.reply import EncryptedScores
from blindfair.blind.seal import engine
from blindfair.protocol.errors import MalformedCiphertext, ShapeMismatch
from blindfair.protocol.rows import ROW_LIMIT


def decrypt_reply(parameters: ParameterSet, secret: QuerySecret, reply: bytes, n: int, m: int) -> NDArray[np.int64]:
    """The `m x n` scores of a reply; positive = helpful, the sign being in the query (PROTOCOL 4.1).

    They equal the integer product of rows and query modulo `t`, centred, or differ from it by at most
    `parameters.score_error(b)` where a query asks for fewer bits. Raises `ShapeMismatch` for other numbers of records
    and queries, `UnknownParameters` and `MalformedCiphertext` as `EncryptedScores.from_bytes` does, and
    `MalformedCiphertext` for a score that no rows within their bounds can have.
    """
    if secret.parameters != parameters:
        raise MalformedCiphertext(
            "a secret is of another parameter set", expected=parameters.name, found=secret.parameters.name
        )
    if secret.queries != m or n < 1:
        raise ShapeMismatch("a secret is of another number of queries", expected=m, found=secret.queries)
    encrypted = EncryptedScores.from_bytes(parameters, reply, n, m)
    seal = engine(parameters)
    decryptor = sealapi.Decryptor(seal.context, seal.secret_key(secret.key))
    modulus, degree = parameters.plain_modulus, parameters.ring_degree
    blocks = -(-n // degree)
    scores = np.empty((m, blocks * degree), dtype=np.int64)
    for number, pair in enumerate(encrypted.ciphertexts):
        plaintext = sealapi.Plaintext()
        decryptor.decrypt(seal.ciphertext(pair, seal.reply_level), plaintext)
        residues = seal.plaintext_words(plaintext).astype(np.int64)
        query, block = divmod(number, blocks)
        scores[query, block * degree : (block + 1) * degree] = np.where(
            residues > modulus // 2, residues - modulus, residues
        )
    scores = scores[:, :n]
    for query, (norm, bits) in enumerate(zip(secret.norms, secret.bits, strict=True)):
        if int(np.abs(scores[query]).max()) > ROW_LIMIT * norm + parameters.score_error(bits):
            raise MalformedCiphertext(
                "a reply holds scores that no rows can have", hint="the seller's reply is damaged or was made up"
            )
    return scores
