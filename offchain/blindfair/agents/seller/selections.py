"""Answers to selections: what is drawn is opened, within the listing's budget and the seller's bonds (PROTOCOL 5).

Not here: how records are opened, and the offers for what was selected.
"""

from collections.abc import Callable, Sequence

from blindfair.agents.messaging.mail import Mail
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.bonds import SellerBonds
from blindfair.agents.seller.budget_ledger import BudgetLedger
from blindfair.agents.seller.checks import check_deliverable, check_selection_message
from blindfair.agents.seller.recall import request_of
from blindfair.agents.seller.refusals import Refusing
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import opened_free, openings_message, selected_at, selection_from, selection_kept
from blindfair.chain.exchange import DataExchange
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.errors import FieldMismatch, UnexpectedMessage
from blindfair.protocol.free_units import free_units
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import Envelope, OpenedRecord, Openings, Request, Selection
from blindfair.protocol.parts import PartName, credited_price
from blindfair.protocol.quantities import Digest, Wei
from blindfair.protocol.units import Units


class SellerSelections:
    """The selections from the evaluations of one listing."""

    def __init__(
        self,
        exchange: DataExchange,
        journal: Journal,
        mail: Mail,
        ledger: BudgetLedger,
        bonds: SellerBonds,
        refusing: Refusing,
        policy: SellerPolicy,
        *,
        random: Callable[[Digest], bytes],
        credit: Callable[[Request, Digest], Wei],
        opened: Callable[[Sequence[int], Digest, Request], tuple[OpenedRecord, ...]],
    ) -> None:
        """By a request's `H(document)`: `random` gives the seller's number, `credit` the fee that was paid, `opened`
        the drawn units with their paths."""
        self._exchange = exchange
        self._journal = journal
        self._mail = mail
        self._ledger = ledger
        self._bonds = bonds
        self._refusing = refusing
        self._policy = policy
        self._random = random
        self._credit = credit
        self._opened = opened

    def answer(self, envelope: Envelope, selection: Selection, manifest: Manifest, dataset: ChunkedDataset) -> None:
        """Open what is drawn of a selection, once, and send the same answer whenever it comes again.

        Raises UnexpectedMessage, FieldMismatch, Expired, MalformedMessage, MessageTooLarge, OpeningsUsedUp,
        BudgetExhausted, TooCostly, Undeliverable, Waiting.
        """
        digest, request = request_of(self._journal, self._mail, selection)
        if request.buyer != envelope.sender:
            raise FieldMismatch("The evaluation is another buyer's", expected=request.buyer, found=envelope.sender)
        if self._refusing.repeat(envelope, selection):
            # What was refused stays refused: the buyer may have made another selection since.
            return
        earlier = self._journal.get(selection_from(digest))
        if earlier not in (None, envelope.digest):
            raise UnexpectedMessage("A selection was made from this evaluation already", found=envelope.digest.hex())
        step = openings_message(envelope.digest)
        self._mail.write(step, lambda: self._openings(envelope, selection, digest, request, manifest, dataset))
        self._mail.dispatch(step, envelope.sender, request.buyer_hpke)

    def _openings(
        self,
        envelope: Envelope,
        selection: Selection,
        digest: Digest,
        request: Request,
        manifest: Manifest,
        dataset: ChunkedDataset,
    ) -> Openings:
        check_selection_message(selection, request, manifest, self._exchange.now())
        fee = self._credit(request, digest)
        check_bond = self._bonds.check_paid_bond if fee else self._bonds.check_bond
        check_bond(selection.token, self._policy.bond(credited_price(selection.price, fee)))
        random, units = self._random(digest), Units.named(request.disclosure, manifest.record_count)
        free = free_units(manifest, units, selection.records, request.dimension)
        check_deliverable(selection, units, free, dataset)
        # Of a sample that is bought nothing is opened: it is delivered, once it is paid for (PROTOCOL 5.6).
        is_whole = selection.ordered(random, units, free, fee)[0].name is PartName.WHOLE
        drawn = selection.drawn(random, units) if is_whole else ()
        self._ledger.spend_openings(envelope.digest, len(units.members(drawn)), paid=fee > 0)
        journal = self._journal
        journal.once(selected_at(envelope.digest), lambda: str(self._exchange.now()).encode())
        # Counted once: agreements may come again and again.
        journal.once(opened_free(envelope.digest), lambda: str(free).encode())
        # From here on it is this selection and no other: its openings show the seller's number.
        journal.once(selection_from(digest), lambda: envelope.digest)
        journal.once(selection_kept(envelope.digest), envelope.to_bytes)
        return Openings(envelope.digest, random, selection.price, self._opened(drawn, digest, request))
