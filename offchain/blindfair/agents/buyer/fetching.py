"""The segments of a delivery: asked for a few at a time, kept on disk as they come, then checked (PROTOCOL 6.7)."""

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.answers import ASK_AGAIN_AFTER, Answers
from blindfair.agents.buyer.received import ReceivedSegments
from blindfair.agents.store.delivery_steps import ASKED_SEGMENTS, SEGMENT, segment_name
from blindfair.agents.waiting import Waiting
from blindfair.bulk.workers import Workers
from blindfair.protocol.errors import NoAnswer
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import SegmentRequest
from blindfair.protocol.messages.delivery import SEGMENTS_AT_ONCE
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Seconds, Timestamp


class SegmentFetching:
    """The fetching of one delivery. `patience` is how long nothing may come, in seconds of chain time."""

    def __init__(
        self,
        buyer: Agent,
        answers: Answers,
        part: PartName,
        received: ReceivedSegments,
        manifest: Manifest,
        patience: Seconds,
    ) -> None:
        self._buyer = buyer
        self._answers = answers
        self._part = part
        self._received = received
        self._manifest = manifest
        self._patience = patience
        self._asked: tuple[int, ...] = ()
        self._asked_at = self._came_at = buyer.exchange.now()

    def complete(self) -> None:
        """Take what has come, ask for more, and check everything once it is there.

        Raises Waiting, NoAnswer where nothing came for too long, OfferRejected for a segment that is none of the
        delivery, and what the checks of segments raise.
        """
        folder = self._received.folder
        for segment in self._answers.segments(self._received.order):
            folder.receive(segment.number, segment.sealed)
            self._came_at = self._buyer.exchange.now()
            self._buyer.journal.note(SEGMENT.of(segment_name(self._part, segment.number)))
        missing = folder.missing()
        if missing:
            self._ask(missing)
            done = folder.segments - len(missing)
            raise Waiting(f"{done:,} of {folder.segments:,} segments of the delivery have come", self._until())
        with Workers() as workers:
            folder.check(self._buyer.sealing_keys().private, workers)

    def _until(self) -> Timestamp:
        return Timestamp(self._came_at + self._patience + 1)

    def _ask(self, missing: list[int]) -> None:
        now = self._buyer.exchange.now()
        if now >= self._until():
            raise NoAnswer(
                "The seller sent no further segment in time",
                expected=f"segment {missing[0]}",
                found=f"nothing at {now}",
            )
        left = set(self._asked) & set(missing)
        if left and now < self._asked_at + ASK_AGAIN_AFTER:
            return
        self._asked, self._asked_at = tuple(missing[:SEGMENTS_AT_ONCE]), now
        request = SegmentRequest(self._received.order, self._asked)
        self._buyer.mail.pass_on(self._manifest.seller, request, self._manifest.seller_hpke)
        self._buyer.journal.note(ASKED_SEGMENTS.of(segment_name(self._part, self._asked[0])))
