"""The seller's answers as the buyer takes them: one for each question, from journal or inbox, or none in time."""

from collections.abc import Callable
from typing import TypeVar

from blindfair.agents.journal import Journal
from blindfair.agents.mail import Mail
from blindfair.agents.waiting import Waiting
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.errors import JournalDamaged, NoAnswer, NoOpenings, Refused, UnexpectedMessage
from blindfair.protocol.messages import Envelope, Message, Openings, Refusal
from blindfair.protocol.quantities import Address, Digest, Seconds, Timestamp

Kind = TypeVar("Kind", bound=Message)


class Answers:
    """What one seller answered in one trade. `patience` is counted in chain time."""

    def __init__(
        self, journal: Journal, mail: Mail, exchange: DataExchange, seller: Address, patience: Seconds
    ) -> None:
        self._journal = journal
        self._mail = mail
        self._exchange = exchange
        self._seller = seller
        self._patience = patience
        self._received: dict[str, tuple[Envelope, Message]] = {}

    def obtain(self, kind: type[Kind], asked: Digest, matches: Callable[[Kind], bool]) -> tuple[Digest, Kind]:
        """The answer to the message `asked` of which `matches` holds, and its `H(document)`.

        Raises Waiting while there is none, Refused if the seller will not, NoAnswer (NoOpenings for openings) once
        patience, counted from the question, is over.
        """
        step = kind.TYPE
        if step not in self._received:
            name = f"received:{step}"
            if self._journal.get(name) is None:
                self._search(kind, asked, matches)
            self._received[step] = self._mail.stored(name)
        envelope, message = self._received[step]
        if isinstance(message, Refusal):
            raise Refused(f"The seller sends no {step}", found=f"{message.error}: {message.reason}")
        if not isinstance(message, kind):
            raise JournalDamaged("A stored message is of another type", expected=step, found=message.TYPE)
        return envelope.digest, message

    def latest(self) -> Digest | None:
        """`H(document)` of the answer that was taken last, if there is any."""
        return list(self._received.values())[-1][0].digest if self._received else None

    def _search(self, kind: type[Kind], asked: Digest, matches: Callable[[Kind], bool]) -> None:
        for handle, envelope, message in self._mail.inbox():
            answers = (isinstance(message, kind) and matches(message)) or (
                isinstance(message, Refusal) and message.about == asked
            )
            if envelope.sender == self._seller and answers:
                self._journal.once(f"received:{kind.TYPE}", envelope.to_bytes)
                self._mail.done(handle)
                return
            if envelope.digest in {known.digest for known, _ in self._received.values()}:
                # What was taken already and comes again, be it that the process died before it was put away.
                self._mail.done(handle)
                continue
            self._mail.refuse(
                handle,
                UnexpectedMessage(
                    f"A {kind.TYPE} of the seller is awaited",
                    expected=self._seller,
                    found=f"{envelope.type} of {envelope.sender}",
                ),
            )
        self._wait(kind.TYPE)

    def _wait(self, step: str) -> None:
        """Raises Waiting, or NoAnswer where there was time enough."""
        since = int(self._journal.once(f"asked:{step}", lambda: str(self._exchange.now()).encode()))
        until = Timestamp(since + self._patience)
        now = self._exchange.now()
        if now <= until:
            raise Waiting(f"the seller has not sent the {step} yet", Timestamp(until + 1))
        error = NoOpenings if step == Openings.TYPE else NoAnswer
        raise error(f"The seller sent no {step} in time", expected=f"by {until}", found=now)
