"""The seller's bytes cannot decrypt (SCORING requirement 1); the leak of the common prototype is absent here."""

import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tenseal as ts
import tenseal.sealapi as sealapi
from hostile_buyer import HostileBuyer, secret_key_of, ternary_secret

from blindfair.blind.decrypt import decrypt_reply
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.expand import load_query
from blindfair.blind.keys import QuerySecret
from blindfair.blind.memory_file import memory_file
from blindfair.blind.parameters import DEFAULT, EXPANDED, PARAMETER_SETS, ParameterSet
from blindfair.blind.query import EncryptedQueries, encrypt_queries
from blindfair.blind.seal import engine
from blindfair.protocol.errors import BlindfairError, SecretDamaged

N = DEFAULT.ring_degree
SETS = pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)

SELLER = """
import sys, pathlib
import numpy as np
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import PARAMETER_SETS
query = sys.stdin.buffer.read()
rows = np.load(sys.argv[1], allow_pickle=False)
sys.stdout.buffer.write(evaluate(encode_rows(PARAMETER_SETS[sys.argv[2]], rows), query))
assert "blindfair.blind.decrypt" not in sys.modules
"""


@SETS
def test_a_seller_in_another_process_needs_only_the_bytes(parameters: ParameterSet, tmp_path: Path) -> None:
    rows = np.random.default_rng(1).integers(-2047, 2048, (70, 3)).astype(np.int16)
    np.save(tmp_path / "rows.npy", rows)
    queries = np.array([[1000, -300, 5]])
    encrypted, secret = encrypt_queries(parameters, queries)
    sent = encrypted.to_bytes()
    done = subprocess.run(
        [sys.executable, "-c", SELLER, str(tmp_path / "rows.npy"), parameters.name],
        input=sent,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    scores = decrypt_reply(parameters, secret, done.stdout, 70, 1)
    np.testing.assert_array_equal(scores, queries @ rows.T.astype(np.int64))


def decrypts_to(encrypted: EncryptedQueries, key: Any) -> list[int]:
    """The coordinates of the first query under some key, as the seller makes them ready."""
    seal, modulus = engine(encrypted.parameters), encrypted.parameters.plain_modulus
    decryptor = sealapi.Decryptor(seal.context, key)
    values = []
    for ciphertext in load_query(seal, encrypted, 0):
        plaintext = sealapi.Plaintext()
        decryptor.decrypt(ciphertext, plaintext)
        value = int(seal.plaintext_words(plaintext)[0])
        values.append(value - modulus if value > modulus // 2 else value)
    return values


@SETS
def test_the_bytes_of_a_query_cannot_decrypt_it(parameters: ParameterSet) -> None:
    """Every key that the bytes offer is tried: what they hold as residues, also those of the expansion's keys, the zero
    key, a key of the seller's own."""
    queries = np.array([[123, -45, 0, 600]])
    encrypted, secret = encrypt_queries(parameters, queries)
    received = EncryptedQueries.from_bytes(encrypted.to_bytes())
    assert decrypts_to(received, secret_key_of(secret)) == queries[0].tolist(), "the buyer can"
    seal = engine(parameters)
    primes = np.array(parameters.key_primes, dtype=np.uint64)[:, None]
    firsts = [*received.zeros.firsts[:3], *received.keys.firsts[:3], *received.ciphertexts.firsts[:1]]
    offered = [np.resize(first, (len(primes), N)) % primes for first in firsts]
    keys = [seal.secret_key(residues) for residues in (*offered, np.zeros_like(offered[0]))]
    keys.append(sealapi.KeyGenerator(seal.context).secret_key())
    for key in keys:
        assert not set(decrypts_to(received, key)) & set(queries[0].tolist())


@SETS
def test_neither_key_nor_query_appears_in_what_is_sent(parameters: ParameterSet) -> None:
    queries = np.array([[0xABC, 0]])
    encrypted, secret = encrypt_queries(parameters, queries)
    sent = encrypted.to_bytes()
    ternary = ternary_secret(parameters, secret_key_of(secret)).astype(np.int8)
    for hidden in (secret.key[0, :4].tobytes(), secret.to_bytes()[60:100], ternary[:32].tobytes(), b"\xbc\x0a\0\0\0\0"):
        assert hidden not in sent
    for part in (encrypted.zeros, encrypted.keys, encrypted.ciphertexts):
        primes = np.array(part.primes, dtype=np.float64)
        for first in part.firsts.astype(np.float64):
            assert first.std(axis=1) / primes == pytest.approx(12**-0.5, rel=0.05), "residues of uniform numbers"


@SETS
def test_every_request_has_fresh_keys_and_seeds(parameters: ParameterSet) -> None:
    first, second = (encrypt_queries(parameters, np.array([[7]])) for _ in range(2))
    seeds = [set(asked.zeros.seeds + asked.keys.seeds + asked.ciphertexts.seeds) for asked, _ in (first, second)]
    assert len(seeds[0]) == parameters.mask_columns + 1 + (3 if parameters.is_expanded else 0)
    assert not seeds[0] & seeds[1]
    assert (first[1].key != second[1].key).any()
    reply = evaluate(encode_rows(parameters, np.ones((200, 1), dtype=np.int16)), first[0].to_bytes())
    with pytest.raises(BlindfairError):
        decrypt_reply(parameters, second[1], reply, 200, 1)


def test_keys_of_another_request_give_no_scores() -> None:
    """The expansion's keys are encrypted under the key of their request and of no use in another."""
    asked, secret = encrypt_queries(EXPANDED, np.array([[7, 8, 9]]))
    other, _ = encrypt_queries(EXPANDED, np.array([[7, 8, 9]]))
    rows = encode_rows(EXPANDED, np.ones((200, 3), dtype=np.int16))
    assert decrypt_reply(EXPANDED, secret, evaluate(rows, asked.to_bytes()), 200, 1).tolist() == [[24] * 200]
    with pytest.raises(BlindfairError):
        decrypt_reply(EXPANDED, secret, evaluate(rows, replace(asked, keys=other.keys).to_bytes()), 200, 1)


def test_one_key_for_two_requests_would_let_the_seller_swap_their_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then what the buyer does with the scores of one question would tell the seller about another. With a key for each
    request it gets no scores."""
    rows = np.random.default_rng(3).integers(-2047, 2048, (200, 3)).astype(np.int16)
    encoded, queries = encode_rows(EXPANDED, rows), np.array([[7, -800, 9], [-600, 50, 400]])

    def scores_of_a_swapped_query() -> Any:
        (one, _), (other, secret) = (encrypt_queries(EXPANDED, query[None]) for query in queries)
        reply = evaluate(encoded, replace(other, ciphertexts=one.ciphertexts).to_bytes())
        return decrypt_reply(EXPANDED, secret, reply, 200, 1)[0]

    with pytest.raises(BlindfairError):
        scores_of_a_swapped_query()
    generator = sealapi.KeyGenerator(engine(EXPANDED).context)
    monkeypatch.setattr(sealapi, "KeyGenerator", lambda _: generator)
    np.testing.assert_array_equal(scores_of_a_swapped_query(), rows.astype(np.int64) @ queries[0])


def test_a_secret_survives_storage_and_shows_nothing() -> None:
    encrypted, secret = encrypt_queries(DEFAULT, np.array([[1, 2], [3, -4]]))
    stored = secret.to_bytes()
    again = QuerySecret.from_bytes(stored)
    assert again == secret
    reply = evaluate(encode_rows(DEFAULT, np.array([[10, 1]], dtype=np.int16)), encrypted.to_bytes())
    assert decrypt_reply(DEFAULT, again, reply, 1, 2).tolist() == [[12], [26]]
    assert repr(secret) == f"QuerySecret(parameters={DEFAULT!r}, bits=(32, 32))"


@pytest.mark.parametrize("place", [0, 4, 10, 36, 38, 46, 1000, -33, -1])
def test_a_damaged_secret_is_refused_by_name(place: int) -> None:
    stored = bytearray(encrypt_queries(DEFAULT, np.array([[1]]))[1].to_bytes())
    stored[place] ^= 1
    with pytest.raises(SecretDamaged):
        QuerySecret.from_bytes(bytes(stored))


@pytest.mark.parametrize("size", [0, 1, 31, 32, 70, 200_000])
def test_a_secret_of_another_length_is_refused_by_name(size: int) -> None:
    stored = encrypt_queries(DEFAULT, np.array([[1]]))[1].to_bytes()
    with pytest.raises(SecretDamaged):
        QuerySecret.from_bytes((stored + bytes(20_000))[:size])


# --- the common prototype --------------------------------------------------------------------------------------------


def slots_of_library_dot(query: np.ndarray[Any, Any], row: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """All slots of the ciphertext that `CKKSVector.dot` returns, as its key holder can decrypt them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = ts.context(ts.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 60])
    context.global_scale = 2**40
    context.generate_galois_keys()
    result = ts.ckks_vector(context, query).dot(row.tolist())
    assert result.decrypt() == pytest.approx([query @ row], abs=1e-3), "one number is shown"
    wanted = sealapi.EncryptionParameters(sealapi.SCHEME_TYPE.CKKS)
    wanted.set_poly_modulus_degree(8192)
    wanted.set_coeff_modulus(sealapi.CoeffModulus.Create(8192, [60, 40, 60]))
    seal = sealapi.SEALContext(wanted, True, sealapi.SEC_LEVEL_TYPE.TC128)
    key, ciphertext, plaintext = sealapi.SecretKey(), sealapi.Ciphertext(), sealapi.Plaintext()
    with memory_file() as path:
        context.secret_key().data.save(str(path))
        key.load(seal, str(path))
    with memory_file() as path:
        result.ciphertext()[0].save(str(path))
        ciphertext.load(seal, str(path))
    sealapi.Decryptor(seal, key).decrypt(ciphertext, plaintext)
    return np.array(sealapi.CKKSEncoder(seal).decode_double(plaintext))


def test_library_dot_gives_the_row_away_and_our_reply_does_not() -> None:
    """`CKKSVector.dot` leaves suffix sums in the other slots: their differences are the row. Here the other
    coefficients of the same row's reply are noise over the whole modulus, and the row is not in their differences."""
    rng = np.random.default_rng(2)
    k = 96
    query, row = rng.integers(1, 500, k), rng.integers(-2047, 2048, k)
    sums = slots_of_library_dot(query / 500, row / 2047)
    stolen = (sums[: k - 1] - sums[1:k]) / query[: k - 1] * 500 * 2047
    assert np.rint(stolen).astype(int).tolist() == row[: k - 1].tolist(), "every entry of the row"

    buyer = HostileBuyer()
    step = DEFAULT.ciphertext_modulus // DEFAULT.plain_modulus
    asked = buyer.query([{0: int(value) * step} for value in query])
    reply = evaluate(encode_rows(DEFAULT, row.astype(np.int16)[None]), asked.to_bytes())
    phases = buyer.phase(reply, 1)[0]
    scores = np.array([int(p) * DEFAULT.plain_modulus / DEFAULT.reply_modulus for p in phases])
    assert round(scores[0]) == query @ row
    stolen = (scores[: k - 1] - scores[1:k]) / query[: k - 1]
    assert (np.rint(stolen) == row[: k - 1]).sum() <= 1
    assert abs(np.corrcoef(stolen, row[: k - 1])[0, 1]) < 0.6
    assert scores[1:].std() == pytest.approx(DEFAULT.plain_modulus / 12**0.5, rel=0.05)
