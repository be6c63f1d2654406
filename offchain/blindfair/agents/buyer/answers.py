"""The seller's answers as the buyer takes them: one for each question, from journal or inbox, or none in time."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from blindfair.agents.messaging.mail import Mail
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import (
    ASKED_AT,
    RECEIVED,
    REFUSED_FOR_NOW,
    REPLY,
    MessageName,
    part_message,
    step_text,
)
from blindfair.agents.waiting import Waiting
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.errors import (
    BudgetExhausted,
    FieldMismatch,
    JournalDamaged,
    NoAnswer,
    NoOpenings,
    Refused,
    Undeliverable,
    UnexpectedMessage,
)
from blindfair.protocol.messages import (
    Delivery,
    DeliverySegment,
    Envelope,
    Listing,
    Message,
    Openings,
    PricedReply,
    Refusal,
    Reply,
)
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Address, Digest, OrderId, Seconds, Timestamp

Kind = TypeVar("Kind", bound=Message)


_ANOTHER_LISTING = "The request is for another listing"
"""How a refusal begins of a seller's program that sells another listing (`seller.checks`)."""

ASK_AGAIN_AFTER = Seconds(15 * 60)
"""How long a question is out before it is sent again: copying folders take minutes."""


class Answers:
    """What one seller answered in one trade. `patience` is counted in chain time."""

    def __init__(
        self,
        journal: Journal,
        mail: Mail,
        exchange: DataExchange,
        seller: Address,
        patience: Seconds,
        *,
        on_unknown: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`on_unknown` is told of each answer of the seller to what was never asked here; it may raise."""
        self._journal = journal
        self._mail = mail
        self._exchange = exchange
        self._seller = seller
        self._patience = patience
        self._on_unknown = on_unknown
        self._received: dict[MessageName, tuple[Envelope, Message]] = {}
        self._asked_at: dict[Digest, Timestamp] = {}

    def obtain(
        self, kind: type[Kind], asked: Digest, matches: Callable[[Kind], bool], part: PartName = PartName.WHOLE
    ) -> tuple[Digest, Kind]:
        """The answer to the message `asked` of which `matches` holds, and its `H(document)`.

        `part` says what the question was about, where there is one for each part of a selection.

        Raises Waiting while there is none or the mail does not work, Refused if the seller will not, NoAnswer
        (NoOpenings for openings) once patience, counted from the question, is over.
        """
        step = part_message(kind.TYPE, part)
        digest, message = self._obtain(step, (kind,), asked, matches)
        if not isinstance(message, kind):
            raise JournalDamaged("A stored message is of another type", expected=step, found=message.TYPE)
        return digest, message

    def obtain_reply(self, asked: Digest) -> tuple[Digest, Reply | PricedReply]:
        """Return the reply to the request `asked`, free or priced, and its `H(document)`. Raises as `obtain`."""
        kinds = Reply, PricedReply
        digest, message = self._obtain(REPLY, kinds, asked, lambda reply: reply.request == asked)
        if not isinstance(message, kinds):
            raise JournalDamaged("A stored message is of another type", expected=Reply.TYPE, found=message.TYPE)
        return digest, message

    def _obtain(
        self, step: MessageName, kinds: tuple[type[Any], ...], asked: Digest, matches: Callable[[Any], bool]
    ) -> tuple[Digest, Message]:
        if step not in self._received:
            if self._journal.get(RECEIVED.of(step)) is None:
                self._search(step, kinds, asked, matches)
            self._received[step] = self._mail.stored(RECEIVED.of(step))
        envelope, message = self._received[step]
        if isinstance(message, Refusal):
            raise Refused(
                f"The seller sends no {step_text(step)}",
                expected=f"the {step_text(step)}",
                found=f"{message.error}: {message.reason}",
                hint="ask the seller, then begin again in another directory",
            )
        return envelope.digest, message

    def segments(self, order: OrderId) -> Iterator[DeliverySegment]:
        """The segments of an order's delivery that have come; each is put away once the next is asked for.

        Raises Waiting while the mail does not work.
        """
        for handle, envelope, message in self._mail.inbox():
            if envelope.sender == self._seller and isinstance(message, DeliverySegment) and message.order == order:
                yield message
                self._mail.done(handle)
            else:
                self._put_away(handle, envelope, DeliverySegment)

    def _put_away(self, handle: str, envelope: Envelope, awaited: type[Any]) -> None:
        """Put away what was taken already and comes again, and refuse anything else."""
        if envelope.digest in self._taken():
            self._mail.done(handle)
            return
        self._mail.refuse(
            handle,
            UnexpectedMessage(
                f"A {awaited.TYPE} of the seller is awaited",
                expected=self._seller,
                found=f"{envelope.type} of {envelope.sender}",
            ),
        )

    def latest(self) -> Digest | None:
        """`H(document)` of the answer that was taken last, if there is any."""
        return list(self._received.values())[-1][0].digest if self._received else None

    def _search(
        self, step: MessageName, kinds: tuple[type[Any], ...], asked: Digest, matches: Callable[[Any], bool]
    ) -> None:
        trouble = ""
        try:
            if self._find(step, kinds, asked, matches):
                return
        except Waiting as waiting:
            # Patience ends by the clock all the same.
            trouble = waiting.reason
        self._wait(step, asked, NoOpenings if Openings in kinds else NoAnswer, trouble)

    def _ask_again(self, asked: Digest) -> None:
        """Send the question once more where it was sent in an earlier life of this process, or long ago.

        It, or its answer, may have been lost on the way; a seller gives its stored answer. Raises Waiting.
        """
        now = self._exchange.now()
        since = self._asked_at.get(asked)
        if since is None:
            since = now if self._mail.sent_now(asked) else None
        elif now < since + ASK_AGAIN_AFTER:
            return
        if since is None or now >= since + ASK_AGAIN_AFTER:
            # A mailbox that takes nothing is as good as a seller that does not answer.
            with contextlib.suppress(Undeliverable):
                self._mail.send_again(asked, self._seller)
            since = now
        self._asked_at[asked] = since

    def _find(
        self, step: MessageName, kinds: tuple[type[Any], ...], asked: Digest, matches: Callable[[Any], bool]
    ) -> bool:
        """Take the answer from the inbox, if it is there. Raises Waiting while the mail does not work."""
        for handle, envelope, message in self._mail.inbox():
            answers = (isinstance(message, kinds) and matches(message)) or (
                isinstance(message, Refusal) and message.about == asked
            )
            if envelope.sender == self._seller and answers and _is_for_now(message, kinds):
                self._journal.once(REFUSED_FOR_NOW.of(step), envelope.to_bytes)
                self._mail.done(handle)
                continue
            if envelope.sender == self._seller and answers and not _is_by_another_program(message, kinds):
                self._journal.once(RECEIVED.of(step), envelope.to_bytes)
                self._mail.done(handle)
                return True
            if isinstance(message, Refusal) and not self._mail.wrote(message.about):
                # Of an inquiry that only looked at what is listed, in this account's name: no matter of this trade.
                self._mail.done(handle)
                continue
            self._check_known(envelope, message)
            # It may come again where the process died before it was put away.
            self._put_away(handle, envelope, kinds[0])
        return False

    def look(self) -> None:
        """Look, and take nothing, before a question is asked for the first time: is there an answer to another already?

        Raises what `on_unknown` raises, and Waiting while the mail does not work.
        """
        for _, envelope, message in self._mail.inbox():
            self._check_known(envelope, message)

    def _check_known(self, envelope: Envelope, message: Message) -> None:
        if envelope.sender == self._seller and (about := _asked(message)) and not self._mail.wrote(about):
            self._on_unknown(f"a {envelope.type} of the seller about 0x{about.hex()}")

    def _taken(self) -> set[Digest]:
        """`H(document)` of every answer that was taken, in this life or an earlier one, and of refusals for now."""
        for step, _ in self._journal.done(RECEIVED):
            if step not in self._received:
                self._received[step] = self._mail.stored(RECEIVED.of(step))
        steps = [step for step, _ in self._journal.done(REFUSED_FOR_NOW)]
        for_now = [self._mail.stored(REFUSED_FOR_NOW.of(step))[0] for step in steps]
        return {envelope.digest for envelope in (*for_now, *(taken for taken, _ in self._received.values()))}

    def _wait(self, step: MessageName, asked: Digest, error: type[NoOpenings | NoAnswer], trouble: str) -> None:
        """Raises Waiting, or `error` where there was time enough; `trouble` is what is wrong with the mail.

        A refusal for now is the answer once there was time enough.
        """
        since = int(self._journal.once(ASKED_AT.of(step), lambda: str(self._exchange.now()).encode()))
        until = Timestamp(since + self._patience)
        now, refused = self._exchange.now(), self._journal.get(REFUSED_FOR_NOW.of(step))
        if now <= until:
            try:
                self._ask_again(asked)
            except Waiting as waiting:
                trouble = trouble or waiting.reason
            if refused is None:
                raise Waiting(trouble or self._not_yet(step), Timestamp(until + 1))
            again = Timestamp(min(self._asked_at.get(asked, now) + ASK_AGAIN_AFTER, until + 1))
            raise Waiting(trouble or "the seller has no money free for the bond: the buyer asks again later", again)
        if refused is not None:
            self._journal.once(RECEIVED.of(step), lambda: refused)
            return
        raise error(
            f"The seller sent no {step_text(step)} in time",
            expected=f"by {until}",
            found=f"{now}, and the mail does not work: {trouble}" if trouble else now,
        )

    def _not_yet(self, step: MessageName) -> str:
        """What is waited for; of the scores also for how long, as the seller's side says."""
        place = self._mail.queue_place(self._seller) if step == REPLY else None
        return f"the seller has not sent the {step_text(step)} yet" + ("" if place is None else f": {place}")


def _asked(message: Message) -> Digest | None:
    """`H(document)` of the buyer's message that this one answers, where it names one."""
    match message:
        case Reply() | PricedReply():
            return message.request
        case Openings() | Delivery():
            return message.selection
        case _:
            return None


def _is_by_another_program(message: Message, kinds: tuple[type[Any], ...]) -> bool:
    """Whether a seller's program for another listing has said that this one is not its own: no answer to wait for.

    The chain says that the listing is this seller's, so another program of that account will answer.
    """
    if not isinstance(message, Refusal) or message.error != FieldMismatch.__name__:
        return False
    return Listing in kinds or (Reply in kinds and message.reason.startswith(_ANOTHER_LISTING))


def _is_for_now(message: Message, kinds: tuple[type[Any], ...]) -> bool:
    """Whether a seller says that it has no money free for the bond: the same question may be answered later
    (PROTOCOL 5.1)."""
    about_bonds = Openings in kinds or Delivery in kinds
    return about_bonds and isinstance(message, Refusal) and message.error == BudgetExhausted.__name__
