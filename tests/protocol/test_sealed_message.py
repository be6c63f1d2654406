"""Sealed messages: sealed by one to another, and to nobody else (PROTOCOL 9)."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol import sealed_message
from blindfair.protocol.errors import FieldMismatch, MalformedMessage, MessageTooLarge
from blindfair.protocol.quantities import Address
from blindfair.protocol.sealed_message import (
    check_sender,
    is_sealed_message,
    named_sender,
    new_message_seal,
    open_sealed_message,
    seal_message,
)
from blindfair.protocol.sealing import new_sealing_keypair, sealed_size
from protocol.vector_files import Case, each, load, outcome

FILE = load("deliveries/sealed_messages.json")
SENDER, RECEIVER = Address(FILE["sender"]), Address(FILE["receiver"])
KEYS = new_sealing_keypair()


def sealed_by_sender(message: bytes, key: bytes = KEYS.public) -> bytes:
    return seal_message(message, new_message_seal(sender=SENDER, receiver=RECEIVER, key=key), sender=SENDER)


@each("deliveries/sealed_messages.json")
def test_sealed_messages_are_those_of_the_protocol(case: Case) -> None:
    sealed, private = bytes.fromhex(case["sealed"]), bytes.fromhex(FILE["private"])
    opened = outcome(case, lambda: open_sealed_message(sealed, receiver=RECEIVER, private=private))
    if opened is not None:
        assert opened == (SENDER, bytes.fromhex(FILE["message"]))


@given(st.binary(max_size=200))
def test_what_is_sealed_is_opened_by_its_receiver(message: bytes) -> None:
    sealed = sealed_by_sender(message)
    assert is_sealed_message(sealed)
    assert len(sealed) == 24 + sealed_size(len(message))
    assert named_sender(sealed) == SENDER
    assert open_sealed_message(sealed, receiver=RECEIVER, private=KEYS.private) == (SENDER, message)


def test_two_sealed_messages_with_one_message_have_nothing_in_common() -> None:
    first, second = (sealed_by_sender(bytes(99)) for _ in range(2))
    assert first[24:56] != second[24:56]
    assert first[-99:] != second[-99:]


def test_one_seal_makes_the_same_sealed_message_again() -> None:
    seal = new_message_seal(sender=SENDER, receiver=RECEIVER, key=KEYS.public)
    assert seal_message(b"said once", seal, sender=SENDER) == seal_message(b"said once", seal, sender=SENDER)


@pytest.mark.parametrize("head", [b"", b"BFM1" + bytes(20), b"BFL1" + bytes(19)])
def test_what_is_not_a_sealed_message_names_no_sender(head: bytes) -> None:
    assert named_sender(head) is None


def test_a_sealed_message_is_measured_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = sealed_by_sender(bytes(100))
    monkeypatch.setattr(sealed_message, "SEALED_MESSAGE_LIMIT", len(sealed) - 1)
    with pytest.raises(MessageTooLarge):
        open_sealed_message(sealed, receiver=RECEIVER, private=bytes(32))


def test_opening_a_sealed_message_takes_memory_for_its_message_twice_at_most() -> None:
    """Anybody may send one, as large as the largest request."""
    message = bytes(2**22)
    sealed = sealed_by_sender(message)
    tracemalloc.start()
    try:
        opened = open_sealed_message(sealed, receiver=RECEIVER, private=KEYS.private)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert opened == (SENDER, message) and len(message) < peak < 2.2 * len(message)


def test_nothing_is_sealed_to_a_key_that_is_none() -> None:
    with pytest.raises(MalformedMessage):
        sealed_by_sender(b"", bytes(32))


def test_a_sealed_message_holds_a_message_of_its_own_sender() -> None:
    check_sender(SENDER, SENDER)
    with pytest.raises(FieldMismatch):
        check_sender(RECEIVER, SENDER)
