"""The segments of a delivery: asked for a few at a time, kept on disk as they come, then checked (PROTOCOL 6.7)."""

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.answers import ASK_AGAIN_AFTER, Answers
from blindfair.agents.buyer.received import Opened, ReceivedSegments, expected_leaves
from blindfair.agents.store.delivery_steps import ASKED_SEGMENTS, SEGMENT, segment_name
from blindfair.agents.waiting import Waiting
from blindfair.bulk.workers import Workers
from blindfair.protocol.delivery import Fault
from blindfair.protocol.errors import NoAnswer, OfferRejected
from blindfair.protocol.messages import Delivery, Listing, SegmentRequest
from blindfair.protocol.messages.delivery import SEGMENTS_AT_ONCE
from blindfair.protocol.parts import Part
from blindfair.protocol.quantities import DeliveryKey, Seconds, Timestamp


class SegmentFetching:
    """The fetching of one delivery, a `Received`. `patience` is how long nothing may come, in seconds of chain time."""

    def __init__(
        self, buyer: Agent, answers: Answers, listing: Listing, part: Part, delivery: Delivery, patience: Seconds
    ) -> None:
        """Nothing is read or written yet: an order that is paid goes on although the disk has lost its delivery."""
        self._buyer = buyer
        self._answers = answers
        self._listing = listing
        self._part = part
        self._delivery = delivery
        self._patience = patience
        self._kept: ReceivedSegments | None = None
        self._asked: tuple[int, ...] = ()
        self._asked_at = self._came_at = buyer.exchange.now()

    def complete(self, by: Timestamp | None = None) -> None:
        """Take what has come, ask for more, and check everything once it is there, as `Received` says.

        Raises OfferRejected for a segment that is none of the delivery; where it is paid, such a one is put away.
        """
        folder = self._received().folder
        if by is not None and folder.is_checked():
            return
        for segment in self._answers.segments(self._received().order):
            try:
                folder.receive(segment.number, segment.sealed)
            except OfferRejected as error:
                if by is None:
                    raise
                self._buyer.tell("warning", f"puts a segment away: {error}")
                continue
            self._came_at = self._buyer.exchange.now()
            name = segment_name(self._part.name, segment.number)
            if not self._buyer.journal.note(SEGMENT.of(name)):
                # It was lost, and is here again: that is progress too, and the next ones are asked for at once.
                self._buyer.journal.note(SEGMENT.of(f"{name}:{self._came_at}"))
        missing = folder.missing()
        if missing:
            until = Timestamp(max(self._came_at + self._patience, by or 0) + 1)
            self._ask(missing, until)
            done = folder.segments - len(missing)
            raise Waiting(f"{done:,} of {folder.segments:,} segments of the delivery have come", until)
        with Workers() as workers:
            folder.check(self._buyer.sealing_keys().private, workers)

    def open(self, key: DeliveryKey) -> Opened | Fault:
        """Decrypt it on disk. Raises as `ReceivedSegments.open`."""
        return self._received().open(key)

    def tidy(self) -> None:
        """Remove the segments."""
        self._received().tidy()

    def _received(self) -> ReceivedSegments:
        if self._kept is None:
            received = ReceivedSegments(self._buyer.directory, self._listing, self._part, self._delivery)
            received.expect(expected_leaves(self._listing, self._delivery, self._part.records))
            self._kept = received
        return self._kept

    def _ask(self, missing: list[int], until: Timestamp) -> None:
        now = self._buyer.exchange.now()
        if now >= until:
            raise NoAnswer(
                "The seller sent no further segment in time",
                expected=f"segment {missing[0]}",
                found=f"nothing at {now}",
            )
        left = set(self._asked) & set(missing)
        if left and now < self._asked_at + ASK_AGAIN_AFTER:
            return
        self._asked, self._asked_at = tuple(missing[:SEGMENTS_AT_ONCE]), now
        manifest = self._listing.manifest
        request = SegmentRequest(self._received().order, self._asked)
        self._buyer.mail.pass_on(manifest.seller, request, manifest.seller_hpke)
        self._buyer.journal.note(ASKED_SEGMENTS.of(segment_name(self._part.name, self._asked[0])))
