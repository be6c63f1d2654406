"""Letters: sealed by one to another, and to nobody else (PROTOCOL 9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol import letters
from blindfair.protocol.errors import FieldMismatch, MalformedMessage, MessageTooLarge
from blindfair.protocol.letters import check_sender, is_letter, open_letter, seal_letter
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealing import new_sealing_keypair, sealed_size
from protocol.vector_files import Case, each, load, outcome

FILE = load("deliveries/letters.json")
SENDER, RECEIVER = Address(FILE["sender"]), Address(FILE["receiver"])
KEYS = new_sealing_keypair()


@each("deliveries/letters.json")
def test_letters_are_those_of_the_protocol(case: Case) -> None:
    letter, private = bytes.fromhex(case["letter"]), bytes.fromhex(FILE["private"])
    opened = outcome(case, lambda: open_letter(letter, receiver=RECEIVER, private=private))
    if opened is not None:
        assert opened == (SENDER, bytes.fromhex(FILE["message"]))


@given(st.binary(max_size=200))
def test_what_is_sealed_is_opened_by_its_receiver(message: bytes) -> None:
    letter = seal_letter(message, sender=SENDER, receiver=RECEIVER, key=KEYS.public)
    assert is_letter(letter)
    assert len(letter) == 24 + sealed_size(len(message))
    assert open_letter(letter, receiver=RECEIVER, private=KEYS.private) == (SENDER, message)


def test_two_letters_with_one_message_have_nothing_in_common() -> None:
    first, second = (seal_letter(bytes(99), sender=SENDER, receiver=RECEIVER, key=KEYS.public) for _ in range(2))
    assert first[24:56] != second[24:56]
    assert first[-99:] != second[-99:]


def test_a_letter_is_measured_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    letter = seal_letter(bytes(100), sender=SENDER, receiver=RECEIVER, key=KEYS.public)
    monkeypatch.setattr(letters, "LETTER_LIMIT", len(letter) - 1)
    with pytest.raises(MessageTooLarge):
        open_letter(letter, receiver=RECEIVER, private=bytes(32))


def test_nothing_is_sealed_to_a_key_that_is_none() -> None:
    with pytest.raises(MalformedMessage):
        seal_letter(b"", sender=SENDER, receiver=RECEIVER, key=bytes(32))


def test_a_letter_holds_a_message_of_its_own_sender() -> None:
    check_sender(SENDER, SENDER)
    with pytest.raises(FieldMismatch):
        check_sender(RECEIVER, SENDER)
