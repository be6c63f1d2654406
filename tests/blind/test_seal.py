"""Objects pass between numpy and SEAL unchanged, through memory or through a private directory that is gone after."""

import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tenseal.sealapi as sealapi

from blindfair.blind import in_place
from blindfair.blind.memory_file import memory_file
from blindfair.blind.packing import pack, packed_size, unpack
from blindfair.blind.parameters import PARAMETER_SETS, ParameterSet
from blindfair.blind.seal import Engine, engine
from blindfair.blind.zstd import decompress
from blindfair.protocol.errors import ScoringError

SETS = pytest.mark.parametrize("parameters", PARAMETER_SETS.values(), ids=PARAMETER_SETS)


@SETS
def test_polynomials_pass_unchanged(parameters: ParameterSet) -> None:
    rng = np.random.default_rng(1)
    seal = engine(parameters)
    primes = np.array(parameters.data_primes, dtype=np.uint64)[None, :, None]
    sent = rng.integers(0, primes, (2, len(parameters.data_primes), parameters.ring_degree), dtype=np.uint64)
    np.testing.assert_array_equal(seal.ciphertext_words(seal.ciphertext(sent, seal.sum_level)), sent)
    coefficients = rng.integers(0, parameters.plain_modulus, parameters.ring_degree, dtype=np.uint64)
    coefficients[-5:] = 0
    np.testing.assert_array_equal(seal.plaintext_words(seal.plaintext(coefficients)), coefficients)


@SETS
def test_a_seed_expands_to_the_same_polynomial_every_time_and_another_to_another(parameters: ParameterSet) -> None:
    seal = engine(parameters)
    first = np.zeros((len(parameters.data_primes), parameters.ring_degree), dtype=np.uint64)
    expanded = [
        seal.ciphertext_words(seal.seeded_ciphertext(first, seed * 64, seal.sum_level))[1]
        for seed in (b"\0", b"\0", b"\1")
    ]
    np.testing.assert_array_equal(expanded[0], expanded[1])
    assert (expanded[0] == expanded[2]).mean() < 0.001


@SETS
def test_what_the_buyer_encrypts_the_seller_expands_to_the_same_ciphertext(parameters: ParameterSet) -> None:
    seal = engine(parameters)
    key = sealapi.KeyGenerator(seal.context).secret_key()
    again = seal.secret_key(seal.secret_key_words(key))
    encrypted = sealapi.Encryptor(seal.context, again).encrypt_symmetric(sealapi.Plaintext("2A"))
    first, seed = seal.seeded_words(encrypted, seal.query_level)
    plaintext = sealapi.Plaintext()
    sealapi.Decryptor(seal.context, key).decrypt(seal.seeded_ciphertext(first, seed, seal.query_level), plaintext)
    assert plaintext.to_string() == "2A"


@SETS
def test_packing_is_exact_at_the_largest_residues(parameters: ParameterSet) -> None:
    primes, degree = parameters.key_primes, parameters.ring_degree
    polynomial = np.random.default_rng(2).integers(0, min(primes), (len(primes), degree), dtype=np.uint64)
    polynomial[:, 0] = [prime - 1 for prime in primes]
    data = pack(primes, polynomial)
    assert len(data) == packed_size(primes, degree)
    np.testing.assert_array_equal(unpack(primes, degree, data), polynomial)


def test_without_files_in_memory_a_private_directory_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with memory_file(b"secret") as path:
        assert path.read_bytes() == b"secret"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not list(tmp_path.iterdir())
    parameters = PARAMETER_SETS["bfv-8192-32"]
    coefficients = np.arange(parameters.ring_degree, dtype=np.uint64)
    seal = engine(parameters)
    np.testing.assert_array_equal(seal.plaintext_words(seal.plaintext(coefficients)), coefficients)


def test_the_second_polynomial_comes_without_the_first() -> None:
    for parameters in PARAMETER_SETS.values():
        seal, rng = engine(parameters), np.random.default_rng(3)
        levels = {seal.sum_level: parameters.data_primes, seal.query_level: parameters.query_primes}
        for level, primes in levels.items():
            shape = (len(primes), parameters.ring_degree)
            first = rng.integers(0, np.array(primes, dtype=np.uint64)[:, None], shape, dtype=np.uint64)
            whole = seal.ciphertext_words(seal.seeded_ciphertext(first, b"s" * 64, level))
            np.testing.assert_array_equal(whole[0], first)
            np.testing.assert_array_equal(seal.second_words(b"s" * 64, level), whole[1])


def test_more_or_less_than_expected_is_refused() -> None:
    """A saved object of another shape than it is taken for: nothing is cut off or filled up."""
    seal = engine(PARAMETER_SETS["bfv-8192-32-expanded"])
    key = sealapi.KeyGenerator(seal.context)
    encryptor = sealapi.Encryptor(seal.context, key.secret_key())
    with pytest.raises(ScoringError, match="cannot be read back"):
        seal.seeded_words(encryptor.encrypt_zero_symmetric(seal.query_level), seal.sum_level)
    with pytest.raises(ScoringError, match="cannot be read back"):
        seal.seeded_words(encryptor.encrypt_zero_symmetric(seal.sum_level), seal.query_level)
    for elements in (1, 3):
        with pytest.raises(ScoringError, match="cannot be read back"):
            seal.galois_words(key.create_galois_keys([3, 5]), elements)


@pytest.mark.parametrize("width", [20, 36, 53, 54, 60])
def test_packed_residues_are_bits_without_gaps(width: int) -> None:
    """Against strings of digits."""
    prime = 2**width - 5
    residues = np.random.default_rng(4).integers(0, prime, (1, 128), dtype=np.uint64)
    residues[0, :3] = 0, prime - 1, 1
    digits = "".join(f"{int(residue):0{width}b}" for residue in residues[0])
    packed = pack((prime,), residues)
    assert packed == int(digits, 2).to_bytes(16 * width, "big")
    np.testing.assert_array_equal(unpack((prime,), 128, packed), residues)


@pytest.mark.parametrize("data", [b"\x28\xb5\x2f\xfd", b"\0" * 40, b"\x28\xb5\x2f\xfd" + b"\xff" * 40])
def test_what_is_no_zstd_frame_is_refused(data: bytes) -> None:
    with pytest.raises(ScoringError):
        decompress(data, 1000)


needs_access = pytest.mark.skipif(in_place.accessor() is None, reason="this build's objects are not known")


def without_access(seal: Engine) -> Engine:
    """The same, by files alone."""
    return replace(seal, data=None)


@needs_access
@SETS
def test_a_ciphertext_read_in_place_is_the_one_of_its_file(parameters: ParameterSet) -> None:
    seal, rng = engine(parameters), np.random.default_rng(4)
    assert seal.data is not None
    levels = {seal.sum_level: parameters.data_primes, seal.query_level: parameters.query_primes}
    for level, primes in levels.items():
        for count in (2, 3, 16):
            shape = (count, len(primes), parameters.ring_degree)
            sent = rng.integers(0, np.array(primes, dtype=np.uint64)[:, None], shape, dtype=np.uint64)
            ciphertext = seal.ciphertext(sent, level, transformed=bool(count % 2))
            found = seal.ciphertext_words(ciphertext)
            np.testing.assert_array_equal(found, sent)
            np.testing.assert_array_equal(without_access(seal).ciphertext_words(ciphertext), sent)
            # A copy: it stays when the ciphertext goes, and another is made in its place.
            del ciphertext
            seal.ciphertext(np.zeros_like(sent), level)
            np.testing.assert_array_equal(found, sent)


@needs_access
def test_what_reads_other_numbers_than_the_file_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    real, other = in_place.accessor(), np.ones(2 * 2 * 8192, dtype=np.uint64)
    assert real is not None
    monkeypatch.setattr(in_place, "accessor", lambda: lambda *_: other.ctypes.data)
    engine.cache_clear()
    try:
        seal = engine(PARAMETER_SETS["bfv-8192-32"])
        assert seal.data is None
        assert not np.array_equal(seal.second_words(b"s" * 64, seal.sum_level), other.reshape(2, 2, 8192)[1])
    finally:
        engine.cache_clear()


@pytest.mark.parametrize(("name", "value"), [("version", lambda _: "0.3.19"), ("_DATA", "nothing")])
def test_objects_of_another_build_go_through_files(name: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_place, name, value)
    in_place.accessor.cache_clear()
    engine.cache_clear()
    try:
        seal = engine(PARAMETER_SETS["bfv-8192-32"])
        assert seal.data is None
        assert seal.second_words(b"s" * 64, seal.sum_level).any()
    finally:
        monkeypatch.undo()
        in_place.accessor.cache_clear()
        engine.cache_clear()


@pytest.mark.parametrize("begun", [False, True])
def test_an_empty_ciphertext_is_refused_and_the_process_lives(begun: bool) -> None:
    seal = engine(PARAMETER_SETS["bfv-8192-32"])
    empty = sealapi.Ciphertext(seal.context) if begun else sealapi.Ciphertext()
    with pytest.raises(ScoringError, match="no ciphertext of the parameter set"):
        seal.ciphertext_words(empty)
