"""The fee of an evaluation, and the reply that is delivered against it (PROTOCOL 2, 4.7)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.delivery import Fault, delivery_tree, verify_fault
from blindfair.protocol.evaluation import paid_evaluation_digest
from blindfair.protocol.hashing import sha256
from blindfair.protocol.messages import Request
from blindfair.protocol.parts import credited_price
from blindfair.protocol.priced_reply import check_reply, encrypt_reply, open_reply, reply_dataset
from blindfair.protocol.quantities import ChunkIndex, DeliveryKey, Digest, Root, Secret, Wei
from protocol.test_messages import REQUEST
from protocol.test_parts import TERMS
from protocol.vector_files import Case, each, load, outcome

COMMON = load("fees/replies.json")
SECRET, KEY = Secret(bytes.fromhex(COMMON["secret"])), DeliveryKey(bytes.fromhex(COMMON["key"]))
DIGEST = Digest(bytes.fromhex(COMMON["request"]))


def pattern(size: int) -> bytes:
    """The bytes of the vectors (tests/vectors/README.md)."""
    return bytes(k % 251 for k in range(size))


@each("fees/fees.json")
def test_fees_are_those_of_the_protocol(case: Case) -> None:
    terms = replace(TERMS, evaluation_fee=Wei(int(case["evaluation_fee"])), bits_per_record=case["bits_per_record"])
    request: Request = replace(
        REQUEST, bits=tuple(case["bits"]), exponent_bits=case["exponent_bits"], disclosure=case["disclosure"]
    )
    bits = request.score_bits(case["records"])
    assert (bits, str(terms.fee(bits, case["records"]))) == (case["score_bits"], case["fee"])


@each("fees/replies.json", "ok")
def test_a_priced_reply_is_that_of_the_protocol(case: Case) -> None:
    reply = pattern(case["size"])
    dataset = reply_dataset(reply, DIGEST, case["chunk_size"], SECRET)
    made = encrypt_reply(dataset, KEY)
    ciphertext = b"".join(made.ciphertexts)
    assert [leaf.hex() for leaf in made.leaf_hashes] == case["leaves"]
    assert (sha256(ciphertext).hex(), made.root.hex()) == (case["ciphertext_sha256"], case["delivery_root"])
    assert paid_evaluation_digest(DIGEST, made.leaf_hashes).hex() == case["evaluation"]
    chunks = check_reply(ciphertext, made.leaf_hashes, made.root, case["chunk_size"])
    assert open_reply(chunks, made.leaf_hashes, KEY, case["chunk_size"]) == reply


@each("fees/replies.json", "failures")
def test_what_is_no_priced_reply_is_refused_before_the_fee_is_paid(case: Case) -> None:
    made = encrypt_reply(reply_dataset(pattern(case["size"]), DIGEST, 1024, SECRET), KEY)
    ciphertext = b"".join(made.ciphertexts)
    ciphertext = ciphertext[: len(ciphertext) - case.get("cut", 0)] + bytes.fromhex(case.get("add", ""))
    leaves = [Digest(bytes.fromhex(leaf)) for leaf in case["leaves"]]
    leaves = leaves[: len(leaves) - case.get("drop", 0)]
    outcome(
        case, lambda: check_reply(ciphertext, leaves, Root(bytes.fromhex(case["delivery_root"])), case["chunk_size"])
    )


def test_a_chunk_that_is_not_the_committed_one_is_a_fault_that_the_contract_accepts() -> None:
    made = encrypt_reply(reply_dataset(pattern(5000), DIGEST, 1024, SECRET), KEY)
    wrong = Digest(sha256(b"another chunk"))
    leaves = (*made.leaf_hashes[:3], wrong, *made.leaf_hashes[4:])
    fault = open_reply(made.ciphertexts, leaves, KEY, 1024)
    assert isinstance(fault, Fault)
    assert (fault.index, fault.leaf) == (ChunkIndex(3), wrong)
    verify_fault(fault, KEY, key_commitment(KEY), delivery_tree(made.ciphertexts, leaves).root, 5, 1024)


def test_two_requests_share_no_salt() -> None:
    """A salt that came again would let one reply's leaf list tell of another's chunks."""
    first, second = (reply_dataset(b"reply", Digest(bytes([n]) * 32), 1024, SECRET) for n in (1, 2))
    assert first.leaf_hashes != second.leaf_hashes
    assert first.chunks[0][16:] == second.chunks[0][16:]


@given(st.integers(0, 2**128), st.integers(0, 2**128))
def test_fee_and_what_is_left_of_the_price_are_the_larger_of_both(price: int, fee: int) -> None:
    assert fee + credited_price(Wei(price), Wei(fee)) == max(price, fee)
