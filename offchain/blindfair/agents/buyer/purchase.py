"""Buying a selection: whole, or the sample first and, where that is good, the rest (PROTOCOL 5.6)."""

from blindfair.agents.agent import Agent
from blindfair.agents.buyer.answers import Answers
from blindfair.agents.buyer.checks import check_before_paying, unseal_delivery
from blindfair.agents.buyer.evaluated import Evaluated
from blindfair.agents.buyer.fetching import SegmentFetching
from blindfair.agents.buyer.order import BuyerOrder
from blindfair.agents.buyer.outcome import Outcome
from blindfair.agents.buyer.received import Received, ReceivedMessage, expected_leaves
from blindfair.agents.buyer.valuer import Valuer
from blindfair.agents.policy import BuyerPolicy
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.settlement.order_ends import end_of, note_end
from blindfair.agents.settlement.windows import warn_of_short_windows
from blindfair.agents.store.steps import accept_call, part_message
from blindfair.protocol.messages import Agreement, Delivery
from blindfair.protocol.parts import Part, PartName
from blindfair.protocol.quantities import Digest, Wei


class Purchase:
    """The orders of one selection, one after the other; each has its own agreement, delivery and offer."""

    def __init__(
        self,
        buyer: Agent,
        answers: Answers,
        policy: BuyerPolicy,
        valuer: Valuer,
        evaluated: Evaluated,
        selected: Digest,
        parts: tuple[Part, ...],
    ) -> None:
        """`selected` is `H(selection)`, `parts` what `Selection.ordered` gave."""
        self._buyer = buyer
        self._answers = answers
        self._policy = policy
        self._valuer = valuer
        self._evaluated = evaluated
        self._selected = selected
        self._parts = parts
        self._orders: dict[PartName, BuyerOrder] = {}
        self._fetching: dict[PartName, SegmentFetching] = {}

    def complete(self) -> Outcome:
        """Take every order to its end, the next one only after a good one.

        Raises Waiting, and what ends a trade before payment: `end_of` then says whether the sample was bought.
        """
        outcome = self._complete_order(self._parts[0])
        for rest in self._parts[1:]:
            if outcome.final is Ending.RELEASED and outcome.error is None:
                outcome = self._complete_order(rest).after_sample(outcome)
        return outcome

    def _complete_order(self, part: Part) -> Outcome:
        ended = end_of(self._buyer.journal, part.name)
        if ended is not None:
            return ended
        if part.name not in self._orders:
            self._orders[part.name] = self._ordered(part)
        order = self._orders[part.name]
        ended = order.pay() or order.settle()
        note_end(self._buyer.journal, part.name, ended)
        return ended

    def _ordered(self, part: Part) -> BuyerOrder:
        """Agree, and check everything that PROTOCOL 6.6 asks for before paying."""
        buyer, evaluated = self._buyer, self._evaluated
        agreed = buyer.mail.send(
            part_message(Agreement.TYPE, part.name),
            evaluated.listing.manifest.seller,
            lambda: Agreement(self._selected, part.name, part.price),
            evaluated.listing.manifest.seller_hpke,
        )
        _, delivery = self._answers.obtain(
            Delivery,
            agreed,
            lambda message: (message.selection, message.part) == (self._selected, part.name),
            part.name,
        )
        is_paid = buyer.wallet.begun(accept_call(part.name))
        if not is_paid:
            check_before_paying(
                buyer.address, self._policy, buyer.exchange.now(), buyer.domain, evaluated, part, delivery
            )
            windows = delivery.offer.reveal_window, delivery.offer.dispute_window
            warn_of_short_windows(buyer.exchange, buyer.finality, buyer.tell, *windows)
        received = self._received(part, delivery)
        if not is_paid:
            received.complete()
        still = self._parts[self._parts.index(part) :]
        return BuyerOrder(
            buyer,
            evaluated,
            part,
            delivery,
            received,
            policy=self._policy,
            valuer=self._valuer,
            means=Wei(sum(each.price for each in still)),
        )

    def _received(self, part: Part, delivery: Delivery) -> Received:
        """The ciphertext, checked; where it travels in segments, to be completed. Raises what the checks raise."""
        buyer, listing = self._buyer, self._evaluated.listing
        if not delivery.segments:
            leaves = expected_leaves(listing, delivery, part.records)
            ciphertexts = unseal_delivery(buyer.sealing_keys(), self._evaluated, part, delivery, leaves)
            return ReceivedMessage(listing, part.records, ciphertexts, leaves)
        if part.name not in self._fetching:
            patience = self._policy.patience
            self._fetching[part.name] = SegmentFetching(buyer, self._answers, listing, part, delivery, patience)
        return self._fetching[part.name]
