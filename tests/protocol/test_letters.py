"""Letters: sealed by one to another, and to nobody else (PROTOCOL 9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol import letters
from blindfair.protocol.errors import FieldMismatch, MalformedMessage, MessageTooLarge
from blindfair.protocol.letters import (
    check_sender,
    is_letter,
    letter_sender,
    letter_size,
    new_letter_seal,
    open_letter,
    seal_letter,
)
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealing import new_sealing_keypair, sealed_size
from protocol.vector_files import Case, each, load, outcome

FILE = load("deliveries/letters.json")
SENDER, RECEIVER = Address(FILE["sender"]), Address(FILE["receiver"])
KEYS = new_sealing_keypair()


def sealed(message: bytes, key: bytes = KEYS.public) -> bytes:
    return seal_letter(message, new_letter_seal(sender=SENDER, receiver=RECEIVER, key=key), sender=SENDER)


@each("deliveries/letters.json")
def test_letters_are_those_of_the_protocol(case: Case) -> None:
    letter, private = bytes.fromhex(case["letter"]), bytes.fromhex(FILE["private"])
    opened = outcome(case, lambda: open_letter(letter, receiver=RECEIVER, private=private))
    if opened is not None:
        assert opened == (SENDER, bytes.fromhex(FILE["message"]))


@given(st.binary(max_size=200))
def test_what_is_sealed_is_opened_by_its_receiver(message: bytes) -> None:
    letter = sealed(message)
    assert is_letter(letter)
    assert len(letter) == letter_size(len(message)) == 24 + sealed_size(len(message))
    assert letter_sender(letter) == SENDER
    assert open_letter(letter, receiver=RECEIVER, private=KEYS.private) == (SENDER, message)


def test_two_letters_with_one_message_have_nothing_in_common() -> None:
    first, second = (sealed(bytes(99)) for _ in range(2))
    assert first[24:56] != second[24:56]
    assert first[-99:] != second[-99:]


def test_one_seal_makes_the_same_letter_again() -> None:
    seal = new_letter_seal(sender=SENDER, receiver=RECEIVER, key=KEYS.public)
    assert seal_letter(b"said once", seal, sender=SENDER) == seal_letter(b"said once", seal, sender=SENDER)


@pytest.mark.parametrize("head", [b"", b"BFM1" + bytes(20), b"BFL1" + bytes(19)])
def test_what_is_no_letter_names_no_sender(head: bytes) -> None:
    assert letter_sender(head) is None


def test_a_letter_is_measured_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    letter = sealed(bytes(100))
    monkeypatch.setattr(letters, "LETTER_LIMIT", len(letter) - 1)
    with pytest.raises(MessageTooLarge):
        open_letter(letter, receiver=RECEIVER, private=bytes(32))


def test_nothing_is_sealed_to_a_key_that_is_none() -> None:
    with pytest.raises(MalformedMessage):
        sealed(b"", bytes(32))


def test_a_letter_holds_a_message_of_its_own_sender() -> None:
    check_sender(SENDER, SENDER)
    with pytest.raises(FieldMismatch):
        check_sender(RECEIVER, SENDER)
