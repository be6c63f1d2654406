"""An agent's correspondence: every message is signed, sealed and journalled before it is sent, and never made twice;
what comes in is checked in full or refused with a named error (PROTOCOL 4, 8)."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from blindfair.agents.context import Tell
from blindfair.agents.messaging.queue_places import QueuePlace
from blindfair.agents.messaging.transport import Transport
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import REFUSED, SEALED, SENT, WRITTEN, MessageName, Step
from blindfair.agents.waiting import Waiting
from blindfair.protocol.documents import json_value
from blindfair.protocol.errors import (
    BlindfairError,
    JournalDamaged,
    MessageTooLarge,
    StateError,
    Undeliverable,
    UnexpectedMessage,
)
from blindfair.protocol.hashing import sha256
from blindfair.protocol.messages import Envelope, Message, read, sign
from blindfair.protocol.quantities import Address, Digest
from blindfair.protocol.sealed_message import (
    HEAD_SIZE,
    SEALED_MESSAGE_LIMIT,
    check_sender,
    is_sealed_message,
    named_sender,
    new_message_seal,
    open_sealed_message,
    seal_message,
)
from blindfair.protocol.sealing import FILE_KEY_SIZE, Seal, SealingKeyPair
from blindfair.protocol.signing import Domain, address_of

MAX_LEFT = 64
"""Messages for other programs of an account that one program leaves in the mailbox."""

MAX_SEALS = 2**16
"""Seals of messages that were passed on which are remembered."""

MAX_LEFT_OF_ONE = 4
"""Such messages of one sender."""


class AdmissionCheck(Protocol):
    """Who may send how much, decided before anything is unsealed."""

    def __call__(self, sender: Address | None, size: int) -> None:
        """`sender` is whom a sealed message names, which nobody has proved yet; None for a message in the clear, or
        none at all. Raises MessageTooLarge, UnexpectedMessage for what is not to be read."""
        ...


class Mail:
    """The messages of one account."""

    def __init__(
        self,
        journal: Journal,
        transport: Transport,
        domain: Domain,
        private_key: bytes,
        sealing_keys: SealingKeyPair,
        tell: Tell,
        admit: AdmissionCheck,
    ) -> None:
        self._journal = journal
        self._transport = transport
        self._domain = domain
        self._private_key = private_key
        self._address = address_of(private_key)
        self._sealing_keys = sealing_keys
        self._tell = tell
        self._admit = admit
        self._digests: dict[MessageName, Digest] = {}
        # Messages that were dealt with and could not be removed: they lie there, and are not taken again.
        self._kept: set[str] = set()
        self._left: dict[str, Address] = {}
        # Messages that wait for their turn: they stay in the mailbox, and are read again then.
        self._put_off: set[str] = set()
        self._sent_now: set[MessageName] = set()
        self._told: set[str] = set()
        self._seals: dict[tuple[Address, bytes], Seal] = {}

    def check(self) -> None:
        """Raises StateError if the mail does not work now."""
        for _ in self._transport.pending():
            break

    # --- out -------------------------------------------------------------------------------------------------------

    def write(self, step: MessageName, make: Callable[[], Message]) -> Digest:
        """Make, sign and journal a message once, without sending it; its `H(document)`."""
        if step not in self._digests:

            def signed() -> bytes:
                return sign(make(), sender=self._address, domain=self._domain, private_key=self._private_key).to_bytes()

            data = self._journal.once(WRITTEN.of(step), signed)
            self._digests[step] = read(data, domain=self._domain)[0].digest
        return self._digests[step]

    def dispatch(self, step: MessageName, to: Address, key: bytes | None) -> None:
        """Send the bytes that were journalled for `step`; any number of times, they are always the same.

        `key` is the receiver's to seal to, None for what travels in the clear (PROTOCOL 9). Raises JournalDamaged if
        there are no bytes, Undeliverable where the receiver's mailbox is spoilt, and Waiting while the mail as a whole
        does not work.
        """
        data = self._journal.get(WRITTEN.of(step))
        if data is None:
            raise JournalDamaged("A message that is to be sent was not written", expected=step)
        if key is not None:
            data = self._sealed(step, data, to, key)
        self._deliver(to, data)
        self._sent_now.add(step)
        if self._journal.note(SENT.of(step), str(len(data))):
            self._tell(step, f"sends the {step.partition(':')[0]}", size=len(data))

    def pass_on(self, to: Address, message: Message, key: bytes) -> str:
        """Sign, seal and send a message that may be made anew each time, and is not journalled (PROTOCOL 6.7); its
        handle, to `take_back`.

        The same message twice is the same bytes, as far as is remembered: a mailbox holds it once, however often its
        reader asks for it. Raises as `dispatch`.
        """
        signed = sign(message, sender=self._address, domain=self._domain, private_key=self._private_key).to_bytes()
        name = to, sha256(signed + key)
        seal = self._seals.pop(name, None) or new_message_seal(sender=self._address, receiver=to, key=key)
        self._seals[name] = seal
        if len(self._seals) > MAX_SEALS:
            del self._seals[next(iter(self._seals))]
        sealed = seal_message(signed, seal, sender=self._address)
        self._deliver(to, sealed)
        return sha256(sealed).hex()

    def take_back(self, to: Address, handle: str) -> None:
        """Remove a message that was passed on, if it was not fetched. Raises Waiting while the mail does not work."""
        try:
            self._transport.take_back(to, handle)
        except StateError as trouble:
            raise self._waits(trouble) from trouble

    def send_again(self, digest: Digest, to: Address) -> None:
        """Send a message once more that was sent before, the same bytes, for a receiver that may have lost it.

        Raises what `dispatch` raises; does nothing where no message with this `H(document)` was sent.
        """
        step = self._step_of(digest)
        data = None if step is None else self._journal.get(WRITTEN.of(step))
        if step is None or data is None or not self.was_sent(step):
            return
        kept = self._journal.get(SEALED.of(step))
        if kept is not None:
            data = seal_message(data, _seal_of(kept), sender=self._address)
        self._deliver(to, data)
        self._tell(step, f"sends the {step.partition(':')[0]} again, because nothing has answered it", size=len(data))

    def _deliver(self, to: Address, data: bytes) -> None:
        try:
            self._transport.send(to, data)
        except Undeliverable:
            raise
        except StateError as trouble:
            raise self._waits(trouble) from trouble

    def _sealed(self, step: MessageName, message: bytes, to: Address, key: bytes) -> bytes:
        """Kept is the seal alone: with the message, which is kept as well, it makes the same bytes again."""

        def made() -> bytes:
            seal = new_message_seal(sender=self._address, receiver=to, key=key)
            return seal.file_key + seal.wrapped

        kept = self._journal.once(SEALED.of(step), made)
        return seal_message(message, _seal_of(kept), sender=self._address)

    def send(self, step: MessageName, to: Address, make: Callable[[], Message], key: bytes | None) -> Digest:
        """`write`, then `dispatch` unless the message is known to have gone."""
        digest = self.write(step, make)
        if not self.was_sent(step):
            self.dispatch(step, to, key)
        return digest

    def was_written(self, step: MessageName) -> bool:
        """Whether the message of `step` was made."""
        return self._journal.get(WRITTEN.of(step)) is not None

    def was_sent(self, step: MessageName) -> bool:
        """Whether the message of `step` is known to have gone."""
        return self._journal.intent(SENT.of(step)) is not None

    def sent_now(self, digest: Digest) -> bool:
        """Whether the message with this `H(document)` was sent since this process began."""
        return self._step_of(digest) in self._sent_now

    def wrote(self, digest: Digest) -> bool:
        """Whether this is `H(document)` of a message that was written here, in this life or an earlier one."""
        return self._step_of(digest) is not None

    def _step_of(self, digest: Digest) -> MessageName | None:
        for step, _ in self._journal.done(WRITTEN):
            if step not in self._digests:
                self._digests[step] = self.stored(WRITTEN.of(step))[0].digest
        return next((step for step, known in self._digests.items() if known == digest), None)

    # --- in --------------------------------------------------------------------------------------------------------

    def inbox(self, between: Callable[[], None] = lambda: None) -> Iterator[tuple[str, Envelope, Message]]:
        """Every pending message that is one; what is not is refused with a named error, journalled, and put away.

        `between` is called after each file of the mailbox that was read, whatever it was: strangers may send many.
        Raises Waiting, after all that can be read, while the mail as a whole does not work.
        """
        trouble: Waiting | None = None
        self._remove_kept()
        listed = list(self._listed())
        # Another program has taken the rest of them.
        self._left = {handle: self._left[handle] for handle, _ in listed if handle in self._left}
        self._put_off.intersection_update(handle for handle, _ in listed)
        for handle, size in listed:
            if handle in self._kept or handle in self._left or handle in self._put_off:
                continue
            try:
                if size > SEALED_MESSAGE_LIMIT:
                    raise MessageTooLarge(
                        "The message is larger than any may be", expected=SEALED_MESSAGE_LIMIT, found=size
                    )
                head = self._transport.head(handle, HEAD_SIZE)
                if head:
                    self._admit(named_sender(head), size)
                data = self._transport.receive(handle) if head else b""
                if not data:
                    # Taken away since it was listed, or not a file any more: the same as never sent. Or a copy is
                    # under way, and the rest will come.
                    between()
                    continue
                envelope, message = self._read(data)
                if envelope.sender == self._address:
                    raise UnexpectedMessage("The message is one of our own", found=envelope.sender)
            except StateError as error:
                # The disk's trouble, and not the message's: it stays, and is read later.
                trouble = self._waits(error)
                between()
                continue
            except BlindfairError as error:
                self.refuse(handle, error)
                between()
                continue
            yield handle, envelope, message
            between()
        self._tell_aside()
        if trouble is not None:
            raise trouble

    def _listed(self) -> Iterator[tuple[str, int]]:
        try:
            yield from self._transport.pending()
        except StateError as trouble:
            raise self._waits(trouble) from trouble

    def _waits(self, trouble: StateError) -> Waiting:
        """What to wait for. Each trouble is told once: an order's clock may be waited for first, and hide it."""
        text = str(trouble)
        if text not in self._told:
            self._told.add(text)
            self._tell("mail", text)
        return Waiting(text)

    def _tell_aside(self) -> None:
        name = self._transport.aside()
        if name is not None and "aside" not in self._told:
            self._told.add("aside")
            self._tell("mail", f"leaves alone what is not a message in the mailbox, such as {name!a}")
        name = self._transport.incomplete()
        if name is not None and "incomplete" not in self._told:
            self._told.add("incomplete")
            self._tell("mail", f"waits for the rest of a message, {name[:16]}..., which is not complete yet")

    def _remove_kept(self) -> None:
        for handle in sorted(self._kept):
            try:
                self._transport.done(handle)
            except StateError:
                return
            self._kept.remove(handle)

    def _read(self, data: bytes) -> tuple[Envelope, Message]:
        if not is_sealed_message(data):
            return read(data, domain=self._domain)
        named, inside = open_sealed_message(data, receiver=self._address, private=self._sealing_keys.private)
        envelope, message = read(inside, domain=self._domain)
        check_sender(named, envelope.sender)
        return envelope, message

    def refuse(self, handle: str, error: BlindfairError) -> None:
        """Write down why a message is not taken, and put it away."""
        if self._journal.note(REFUSED.of(handle), json.dumps({"error": error.name, "text": str(error)})):
            self._tell("refuse", f"refuses a message: {error.name}: {error}")
        self.done(handle)

    def leave(self, handle: str, sender: Address) -> None:
        """Leave a message in the mailbox for another program of this account, and look at it no more.

        Where too many lie there already, of its sender or in all, it is removed without an answer: a refusal would end
        a trade that is another program's.
        """
        of_one = sum(1 for other in self._left.values() if other == sender)
        if of_one >= MAX_LEFT_OF_ONE or len(self._left) >= MAX_LEFT:
            self.done(handle)
            return
        self._left[handle] = sender
        self._tell("leave", "leaves a message about another listing of this account in the mailbox")

    def put_off(self, handle: str) -> None:
        """Leave a message in the mailbox until `read_again`."""
        self._put_off.add(handle)

    def read_again(self, handle: str) -> tuple[Envelope, Message] | None:
        """A message that was put off; None if it is gone, or not all there now: `inbox` then gives it again once it
        is. Raises Waiting while the mail does not work."""
        try:
            data = self._transport.receive(handle) if handle in self._put_off else b""
        except StateError as error:
            raise self._waits(error) from error
        if not data:
            self._put_off.discard(handle)
        return self._read(data) if data else None

    def tell_queue(self, places: Mapping[Address, QueuePlace]) -> None:
        """Let senders see where they stand, if that works."""
        self._transport.tell_queue(places)

    def queue_place(self, receiver: Address) -> QueuePlace | None:
        """Where this account stands in a receiver's queue, for people; None where nothing is told."""
        return self._transport.queue_place(receiver)

    def done(self, handle: str) -> None:
        """Put a message away that was dealt with; where it cannot be removed now, it is not looked at again."""
        try:
            self._transport.done(handle)
        except StateError as trouble:
            self._waits(trouble)
            self._kept.add(handle)

    # --- afterwards ------------------------------------------------------------------------------------------------

    def stored(self, step: Step) -> tuple[Envelope, Message]:
        """A message from the journal, ours or theirs. Raises JournalDamaged if it is not there."""
        data = self._journal.get(step)
        if data is None:
            raise JournalDamaged("The journal lacks a message", expected=step)
        return read(data, domain=self._domain)

    def refusals(self) -> tuple[dict[str, str], ...]:
        """Every message that was refused: the error's name and text."""
        return tuple(json_value(intent) for _, intent in self._journal.done(REFUSED))

    def sizes(self) -> dict[str, int]:
        """Bytes of every message that was sent, by step."""
        return {step: int(intent) for step, intent in self._journal.done(SENT)}


def _seal_of(kept: bytes) -> Seal:
    return Seal(kept[:FILE_KEY_SIZE], kept[FILE_KEY_SIZE:])
