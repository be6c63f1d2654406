"""The seller: lists its records, answers what buyers ask, encrypts and offers what they choose.

Every answer is journalled before it is sent, and given again unchanged when the same question comes again. `_rows`,
`_draws`, `_scores`, `_opened`, `_encrypted`, `_prepared`, `_encrypted_reply`, `_credit` and `_offer` are where a
dishonest seller would cheat; hostile sellers override just those.
"""

import contextlib
import secrets
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from blindfair.agents.agent import Agent
from blindfair.agents.context import AgentContext
from blindfair.agents.evaluation.rows import estimate_rows
from blindfair.agents.evaluation.score_noise import committed_draws
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.seller.bonds import SellerBonds
from blindfair.agents.seller.budget_ledger import BudgetLedger
from blindfair.agents.seller.checks import agreed_part
from blindfair.agents.seller.copies import SellerCopies
from blindfair.agents.seller.data import DATA, open_dataset
from blindfair.agents.seller.deliveries import Encrypted, SellerDeliveries
from blindfair.agents.seller.evaluation_queue import EvaluationQueue
from blindfair.agents.seller.fees import SellerFees
from blindfair.agents.seller.listing import SellerListing
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.seller.offers import SellerOffers
from blindfair.agents.seller.openings import open_units
from blindfair.agents.seller.orders import SellerOrders
from blindfair.agents.seller.progress import Progress
from blindfair.agents.seller.recall import free_of, request_of, selection_of
from blindfair.agents.seller.refusals import TOLD, Refusing
from blindfair.agents.seller.replies import SellerReplies
from blindfair.agents.seller.row_store import RowStore
from blindfair.agents.seller.scoring import Scoring
from blindfair.agents.seller.selections import SellerSelections
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.settlement.windows import warn_of_short_windows
from blindfair.agents.store.steps import (
    OfferName,
    offer_message,
    offer_name,
    scoring_seconds,
)
from blindfair.agents.waiting import Turn
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.flooding import Draws
from blindfair.blind.parameters import parameter_set
from blindfair.bulk.delivery import PreparedDelivery
from blindfair.influence.arrays import IntegerRows
from blindfair.influence.quantise import QuantisedRows
from blindfair.protocol.audit import commit_seller_randomness
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.cipher import key_commitment, new_delivery_key
from blindfair.protocol.delivery import EncryptedDelivery, encrypt_delivery
from blindfair.protocol.errors import MessageTooLarge, Undeliverable, UnexpectedMessage
from blindfair.protocol.evaluation import paid_evaluation_digest
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.messages import (
    Agreement,
    Delivery,
    Envelope,
    Inquiry,
    Message,
    OpenedRecord,
    PricedReply,
    Refusal,
    Release,
    Reply,
    Request,
    SegmentRequest,
    Selection,
)
from blindfair.protocol.offer import Offer, sign_offer
from blindfair.protocol.parts import Part, PartName, credited_price
from blindfair.protocol.priced_reply import encrypt_reply, reply_dataset
from blindfair.protocol.quantities import (
    Address,
    DeliveryKey,
    Digest,
    ListingId,
    RecordIndex,
    Secret,
    Timestamp,
    Wei,
)
from blindfair.protocol.units import Units


class Seller(Agent):
    """One listing, any number of buyers."""

    role = "seller"

    def __init__(self, directory: Path, context: AgentContext, spec: ListingSpec, policy: SellerPolicy) -> None:
        super().__init__(directory, context)
        with self.closed_on_failure():
            self._spec = spec
            self._policy = policy
            self._bases = context.base_models
            self._secret = Secret(self.secrets.once("listing", lambda: secrets.token_bytes(32)))
            self._ledger = BudgetLedger(self.journal, spec.terms, len(spec.records), charges=policy.buyers is None)
            self._store = RowStore(directory / "rows", self._secret, spec.decode, context.base_models)
            self._scoring = Scoring(directory / "scoring", self.tell)
            self._queue = EvaluationQueue(self.mail, self.tell)
            self._offers = SellerOffers(self.journal, self.mail)
            self._copies = SellerCopies(self, self._offers)
            self._bonds = SellerBonds(self.exchange, self.journal, self.mail, self.wallet, self._offers, policy)
            self._orders = SellerOrders(self, self._offers, policy)
            self._fees = SellerFees(
                self.exchange, self.journal, self._ledger, self._offers, self._orders, self._bonds, policy, directory
            )
            self._refusing = Refusing(self.journal, self.mail)
            self._selections = SellerSelections(
                self.exchange,
                self.journal,
                self.mail,
                self._ledger,
                self._bonds,
                self._refusing,
                policy,
                random=lambda digest: self._random(digest),
                credit=lambda request, digest: self._credit(request, digest),
                opened=lambda drawn, digest, request: self._opened(drawn, digest, request),
            )
            self._replies = SellerReplies(
                self, self._fees, self._bonds, self._scoring, lambda: self._policy, self._bases,
                reply=lambda envelope, request: self._reply(envelope, request),
                priced=lambda digest, request, fee: self._priced_reply(digest, request, fee),
            )  # fmt: skip
            self._listing = SellerListing(self, policy)
            self._deliveries = SellerDeliveries(self, self._offers, lambda: self.dataset, policy.max_in_memory)

    # --- the listing -----------------------------------------------------------------------------------------------

    @cached_property
    def dataset(self) -> ChunkedDataset:
        """The records as salted chunks (PROTOCOL 2), on disk where they are many."""
        return open_dataset(self.directory / DATA, self._spec, self._secret, self._policy.max_in_memory, self.tell)

    @cached_property
    def manifest(self) -> Manifest:
        """What the public may know (PROTOCOL 2)."""
        key = self.sealing_keys().public
        return self._spec.manifest(self.dataset, self.domain, seller=self.address, seller_hpke=key)

    @cached_property
    def listing(self) -> ListingId:
        """The listing's number on chain (PROTOCOL 3)."""
        return self.manifest.listing

    @property
    def shown_listing(self) -> str:
        """The listing's number, where it was computed: that takes the records, and reads the disk."""
        return f"listing 0x{self.listing.hex()}" if "listing" in self.__dict__ else "its listing not committed yet"

    @property
    def offers(self) -> dict[OfferName, Offer]:
        """Every offer that was made, by the selection and the part it is for."""
        return self._offers.made()

    @property
    def ending(self) -> Ending | None:
        """How the latest order ended; None while it is open or there is none."""
        names = list(self._offers.made())
        return self._offers.ending(names[-1]) if names else None

    @property
    def idle(self) -> bool:
        """Whether every order has ended, its money is home, and what it was delivered by is removed."""
        return not self._offers.open() and not self._orders.to_withdraw() and self._deliveries.is_tidy

    def _check_sealed_message(self, sender: Address | None, size: int) -> None:
        """Refuse a message that is larger than the policy allows, as `mail.AdmissionCheck` says.

        The limit is the same for everybody: a message that is not unsealed is not answered, and its sender would wait.
        """
        if size > (most := self._policy.max_sealed_message):
            raise MessageTooLarge("This seller reads less", expected=f"<= {most}", found=size)

    # --- one step --------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        self.belongs_to(f"listing {self.listing.hex()}")
        self._listing.commit(self.manifest)
        turn = Turn()
        self._orders.advance(turn)
        self._deliveries.tidy()
        with turn.task():
            self._copies.check(self.listing)
            # An answer may take minutes, and so may many files of strangers: no reveal is to come too late for that.
            for handle, envelope, message in self.mail.inbox(lambda: self._orders.advance(turn)):
                with turn.task():
                    now = self.exchange.now
                    if not self._queue.takes(handle, envelope, message, self.manifest, self._policy, now, self._bases):
                        self._handle(handle, envelope, message)
        with turn.task():
            # One a step: what is short, and has come meanwhile, is answered first.
            self._copies.check(self.listing)
            self._queue.serve(self._handle)
        turn.end()

    def _warn_of_short_windows(self) -> None:
        windows = self._policy.reveal_window, self._policy.dispute_window
        warn_of_short_windows(self.exchange, self.finality, self.tell, *windows)

    def _handle(self, handle: str, envelope: Envelope, message: Message) -> None:
        if self._listing.is_anothers(message, self.manifest) or self._copies.leaves(envelope, message, self.listing):
            self.mail.leave(handle, envelope.sender)
            return
        try:
            self._answer(envelope, message)
        except Undeliverable as error:
            # It may ask again once it can be answered; until then it holds up nobody else.
            self.mail.refuse(handle, error)
        except TOLD as error:
            with contextlib.suppress(Undeliverable):
                self._refusing.refuse(envelope, message, error)
            self.mail.refuse(handle, error)
        else:
            self.mail.done(handle)

    def _answer(self, envelope: Envelope, message: Message) -> None:
        match message:
            case Inquiry():
                self._listing.send_to(envelope.sender, message, self.manifest, self.dataset)
            case Request():
                self._replies.answer(envelope, message)
            case Selection():
                self._selections.answer(envelope, message, self.manifest, self.dataset)
            case Agreement():
                self._deliver(envelope, message)
            case SegmentRequest():
                self._deliveries.send_segments(envelope.sender, message)
            case Release():
                self._orders.keep_release(envelope.sender, message)
            case Refusal():
                if self._ledger.knows(envelope.sender) and self._refusing.hear(message):
                    self.tell("refused", f"the buyer {envelope.sender} goes no further: {message.error}")
            case _:
                raise UnexpectedMessage(f"A seller gets no {envelope.type}", found=envelope.type)

    # --- blind evaluation (PROTOCOL 4) -----------------------------------------------------------------------------

    def _priced_reply(self, digest: Digest, request: Request, fee: Wei) -> PricedReply:
        self._warn_of_short_windows()
        key = self._key(offer_name(digest, PartName.EVALUATION))
        encrypted = self._encrypted_reply(digest, key)
        evaluation = paid_evaluation_digest(digest, encrypted.leaf_hashes)
        part = Part(PartName.EVALUATION, evaluation, request.token, fee, records=())
        offer = self._offer(part, encrypted, key, request)
        signature = sign_offer(offer, self.domain, self.private_key)
        return PricedReply(digest, offer, signature, encrypted.leaf_hashes, b"".join(encrypted.ciphertexts))

    def _encrypted_reply(self, digest: Digest, key: DeliveryKey) -> EncryptedDelivery:
        reply = self._fees.signed_reply(digest)
        return encrypt_reply(reply_dataset(reply, digest, self._spec.chunk_size, self._secret), key)

    def _reply(self, envelope: Envelope, request: Request) -> Reply:
        digest = envelope.digest
        self._replies.admit(envelope, request, self.manifest)
        estimated = estimate_rows(request, self._spec.records, self._spec.decode, self._bases)
        self.tell("rows", f"computes gradient rows, {estimated}")
        rows = self._rows(digest, request)
        began = time.perf_counter()
        scores = self._scores(digest, request, rows.entries)
        self.journal.note(scoring_seconds(digest), repr(time.perf_counter() - began))
        return Reply(
            request=digest,
            row_root=self._store.tree(digest, rows).root,
            seller_commitment=commit_seller_randomness(self._random(digest)),
            exponents=rows.exponents.tobytes() if request.exponent_bits else b"",
            scores=scores,
        )

    def scoring_seconds(self, digest: Digest) -> float:
        """How long the blind evaluation of a request took: encoding, multiplying, flooding."""
        return float(self.journal.intent(scoring_seconds(digest)) or "nan")

    def disclosure(self, request: Request) -> Disclosure:
        """What the answer to a request discloses, from the parameters and the counts."""
        return self._spec.disclosure(request)

    def _rows(self, digest: Digest, request: Request) -> QuantisedRows:
        records = self._spec.records
        self._store.compute(digest, request, records, Progress(self.tell, "computes rows", len(records), "rows"))
        return self._store.load(digest)

    def _scores(self, digest: Digest, request: Request, rows: IntegerRows) -> bytes:
        draws = self._draws(digest, request)
        return self._scoring.scores(parameter_set(request.parameters), request.query, request.bits, rows, draws)

    def _draws(self, digest: Digest, request: Request) -> Draws:
        """The draws of all scores' noise, to which the listing committed (PROTOCOL 4.6)."""
        return committed_draws(self.dataset, self._units(request), digest, request.queries)

    def _random(self, digest: Digest) -> bytes:
        return self.secrets.once(f"random.{digest.hex()}", lambda: secrets.token_bytes(32))

    # --- audit (PROTOCOL 5) ----------------------------------------------------------------------------------------

    def _opened(self, drawn: Sequence[int], digest: Digest, request: Request) -> tuple[OpenedRecord, ...]:
        rows, units = self._rows(digest, request), self._units(request)
        return open_units(drawn, units, self.dataset, rows, self._store.tree(digest, rows), self._secret, digest)

    def _credit(self, request: Request, digest: Digest) -> Wei:
        return self._fees.credit(request, digest)

    def _units(self, request: Request) -> Units:
        return Units.named(request.disclosure, self.manifest.record_count)

    # --- delivery and offer (PROTOCOL 6) ---------------------------------------------------------------------------

    def _deliver(self, envelope: Envelope, agreement: Agreement) -> None:
        selected, selection = selection_of(self.journal, self.mail, agreement, envelope.sender)
        part = self._agreed_part(agreement, selection)
        name = offer_name(selected.digest, part.name)
        self.mail.write(offer_message(name), lambda: self._delivery(selected, selection, part))
        self._bonds.send_offer(name, envelope.sender, request_of(self.journal, self.mail, selection)[1].buyer_hpke)

    def _agreed_part(self, agreement: Agreement, selection: Selection) -> Part:
        """The part that an agreement names, if it may be ordered now (PROTOCOL 5.6)."""
        digest, request = request_of(self.journal, self.mail, selection)
        free, fee = free_of(self.journal, agreement), self._credit(request, digest)
        part = agreed_part(agreement, selection.ordered(self._random(digest), self._units(request), free, fee))
        if part.name is PartName.REST and not self._orders.is_sold(offer_name(agreement.selection, PartName.SAMPLE)):
            raise UnexpectedMessage("The rest is sold once the sample's key is revealed", found="no sold sample")
        return part

    def _delivery(self, selected: Envelope, selection: Selection, part: Part) -> Delivery:
        digest, request = request_of(self.journal, self.mail, selection)
        price = credited_price(selection.price, self._credit(request, digest))
        self._bonds.check_part(selected.digest, price, part)
        self._warn_of_short_windows()
        name, public = offer_name(selected.digest, part.name), request.buyer_hpke
        key = self._key(name)
        if self._deliveries.in_segments(part.records):
            encrypted: Encrypted = self._prepared(name, part, key, public)
        else:
            encrypted = self._encrypted(part.records, key)
        offer = self._offer(part, encrypted, key, request)
        signature = sign_offer(offer, self.domain, self.private_key)
        return self._deliveries.message(
            selected.digest, part, encrypted, offer, signature, public=public, manifest=self.manifest
        )

    def _key(self, name: OfferName) -> DeliveryKey:
        """The key of an offer: on the disk before first use, and for this one ciphertext (PROTOCOL 6.2)."""
        return DeliveryKey(self.secrets.once(f"key.{name}", new_delivery_key))

    def _encrypted(self, records: Sequence[RecordIndex], key: DeliveryKey) -> EncryptedDelivery:
        return encrypt_delivery(self.dataset, records, key)

    def _prepared(self, name: OfferName, part: Part, key: DeliveryKey, public: bytes) -> PreparedDelivery:
        return self._deliveries.prepare(name, part, key, public)

    def _offer(self, part: Part, encrypted: Encrypted, key: DeliveryKey, request: Request) -> Offer:
        size = encrypted.chunk_count * self._spec.chunk_size
        return Offer(
            listing=self.listing,
            evaluation=part.evaluation,
            delivery_root=encrypted.root,
            key_commitment=key_commitment(key),
            chunk_count=encrypted.chunk_count,
            chunk_size=self._spec.chunk_size,
            seller=self.address,
            buyer=request.buyer,
            token=part.token,
            price=part.price,
            bond=self._policy.bond(part.price),
            reveal_window=self._policy.reveal_window,
            dispute_window=self._policy.dispute_window,
            expiry=Timestamp(self.exchange.now() + self._policy.validity(part.name, size)),
            nonce=0,  # the key is fresh, so no two offers are alike, and a number costs gas in every call
        )
