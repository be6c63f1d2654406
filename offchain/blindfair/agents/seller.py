"""The seller: lists its records, answers what buyers ask, encrypts and offers what they choose.

Every answer is journalled before it is sent, and given again unchanged when the same question comes again. `_scores`
and `_encrypted` are where a dishonest seller would cheat; the demo's hostile sellers override just those.
"""

import io
import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindfair.agents.agent import Agent, Surroundings
from blindfair.agents.ledger import BudgetLedger
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.rows import gradient_rows
from blindfair.agents.seller_orders import SellerOrders
from blindfair.agents.store import private_directory, write_atomically
from blindfair.blind.disclosure import Disclosure
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import parameter_set
from blindfair.protocol.audit import commit_buyer_randomness, commit_seller_randomness, draw
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.cipher import key_commitment, new_delivery_key
from blindfair.protocol.delivery import Delivery as EncryptedDelivery
from blindfair.protocol.delivery import encrypt_delivery
from blindfair.protocol.errors import (
    BlindfairError,
    Expired,
    FieldMismatch,
    OfferTooSmall,
    StateError,
    UnexpectedMessage,
)
from blindfair.protocol.evaluation import evaluation_digest
from blindfair.protocol.hashing import sha256
from blindfair.protocol.manifest import Manifest, Schema, Terms
from blindfair.protocol.merkle import MerkleTree
from blindfair.protocol.messages import (
    Agreement,
    Delivery,
    Envelope,
    Inquiry,
    Listing,
    Message,
    OpenedRecord,
    Openings,
    Refusal,
    Reply,
    Request,
    Selection,
    read,
)
from blindfair.protocol.offer import Offer, sign_offer
from blindfair.protocol.packing import pack_delivery
from blindfair.protocol.quantities import DeliveryKey, Digest, ListingId, RecordIndex, Secret, Timestamp, Wei
from blindfair.protocol.records import RecordEncoding
from blindfair.protocol.rows import build_row_tree, row_leaf, row_salt
from blindfair.protocol.sealing import delivery_info, seal


@dataclass(frozen=True, slots=True)
class Stock:
    """What the seller has and on what terms: the manifest's contents that are not computed."""

    name: str
    description: str
    licence: str
    consent: str
    encoding: RecordEncoding
    schema: Schema
    records: Sequence[bytes]
    terms: Terms
    chunk_size: int = 1024


class Seller(Agent):
    """One listing, any number of buyers."""

    role = "seller"

    def __init__(self, directory: Path, surroundings: Surroundings, stock: Stock, policy: SellerPolicy) -> None:
        super().__init__(directory, surroundings)
        self._stock = stock
        self._policy = policy
        self._secret = Secret(self.secrets.once("listing", lambda: secrets.token_bytes(32)))
        self._ledger = BudgetLedger(self.journal, stock.terms)
        self._orders = SellerOrders(self, policy)

    # --- the listing -----------------------------------------------------------------------------------------------

    @cached_property
    def dataset(self) -> ChunkedDataset:
        """The records as salted chunks (PROTOCOL 2)."""
        return ChunkedDataset.build(self._stock.records, self._stock.chunk_size, self._secret)

    @cached_property
    def manifest(self) -> Manifest:
        """What the public may know (PROTOCOL 2)."""
        stock, dataset = self._stock, self.dataset
        return Manifest(
            name=stock.name,
            description=stock.description,
            licence=stock.licence,
            consent=stock.consent,
            encoding=stock.encoding,
            schema=stock.schema,
            record_count=len(stock.records),
            chunk_size=stock.chunk_size,
            chunk_count=len(dataset.chunks),
            first_chunks=dataset.first_chunks,
            listing_root=dataset.root,
            leaf_digest=sha256(b"".join(dataset.leaf_hashes)),
            chain_id=self.exchange.chain_id,
            contract=self.exchange.address,
            seller=self.address,
            seller_hpke=self.sealing_keys().public,
            terms=stock.terms,
        )

    @property
    def listing(self) -> ListingId:
        """The listing's number on chain (PROTOCOL 3)."""
        return self.manifest.listing

    @property
    def offers(self) -> dict[str, Offer]:
        """Every offer that was made, by the selection it is for."""
        return self._orders.offers()

    @property
    def ending(self) -> str | None:
        """How the latest order ended; None while it is open or there is none."""
        names = list(self._orders.offers())
        return self._orders.ending(names[-1]) if names else None

    @property
    def idle(self) -> bool:
        """Whether every order has ended and its money is home."""
        return not self._orders.open_offers() and all(
            self.exchange.free_balance(self.address, offer.token) == 0 for offer in self.offers.values()
        )

    # --- one step --------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        manifest = self.manifest
        self.execute(
            "commit",
            lambda: self.exchange.commit(manifest.listing_root, manifest.digest()),
            f"commits to {manifest.record_count:,} records in {manifest.chunk_count:,} chunks",
        )
        for handle, envelope, message in self.inbox():
            try:
                self._answer(envelope, message)
            except StateError:
                raise
            except BlindfairError as error:
                refusal = Refusal(envelope.digest, error.name, str(error))
                self.send(f"refusal:{envelope.digest.hex()}", envelope.sender, lambda refusal=refusal: refusal)  # type: ignore[misc]
            self.transport.done(handle)
        self._orders.advance()

    def _answer(self, envelope: Envelope, message: Message) -> None:
        match message:
            case Inquiry():
                self._list(envelope, message)
            case Request():
                self._evaluate(envelope, message)
            case Selection():
                self._open(envelope, message)
            case Agreement():
                self._deliver(envelope, message)
            case Refusal():
                self.journal.note(f"refused-by-buyer:{message.about.hex()}", f"{message.error}: {message.reason}")
            case _:
                raise UnexpectedMessage(f"A seller gets no {envelope.type}", found=envelope.type)

    def _list(self, envelope: Envelope, inquiry: Inquiry) -> None:
        if inquiry.listing != self.listing:
            raise FieldMismatch("This is not my listing", expected=self.listing.hex(), found=inquiry.listing.hex())
        self.send(
            f"listing:{envelope.digest.hex()}",
            envelope.sender,
            lambda: Listing(self.manifest, self.dataset.leaf_hashes),
        )

    # --- blind evaluation (PROTOCOL 4) -----------------------------------------------------------------------------

    def _evaluate(self, envelope: Envelope, request: Request) -> None:
        digest = envelope.digest
        self.journal.once(f"request:{digest.hex()}", envelope.to_bytes)

        def reply() -> Reply:
            self._check(request)
            disclosure = self.disclosure(request)
            self._ledger.spend_evaluation(request, digest, math.ceil(disclosure.total_bits))
            rows, clipped = self._rows(digest, request)
            began = time.perf_counter()
            scores = self._scores(request, rows)
            self.journal.note(f"scoring-seconds:{digest.hex()}", repr(time.perf_counter() - began))
            return Reply(
                request=digest,
                row_root=self._row_tree(digest, rows).root,
                seller_commitment=commit_seller_randomness(self._random(digest)),
                clipped_per_million=round(clipped * 1e6),
                scores=scores,
            )

        sent = self.send(f"reply:{digest.hex()}", envelope.sender, reply)
        self.journal.note(f"evaluation:{evaluation_digest(digest, sent.digest).hex()}", digest.hex())

    def scoring_seconds(self, digest: Digest) -> float:
        """How long the blind evaluation of a request took: encoding, multiplying, hiding."""
        return float(self.journal.intent(f"scoring-seconds:{digest.hex()}") or "nan")

    def _check(self, request: Request) -> None:
        terms = self._stock.terms
        for what, expected, found in (
            ("listing", self.listing.hex(), request.listing.hex()),
            ("chain", self.exchange.chain_id, request.chain_id),
            ("contract", self.exchange.address, request.contract),
        ):
            if expected != found:
                raise FieldMismatch(f"The request is for another {what}", expected=expected, found=found)
        if self.exchange.now() > request.expiry:
            raise Expired("The request has expired", expected=request.expiry, found=self.exchange.now())
        if request.disclosure not in terms.disclosures:
            raise FieldMismatch(
                "The listing does not offer this disclosure", expected=terms.disclosures, found=request.disclosure
            )

    def disclosure(self, request: Request) -> Disclosure:
        """What the answer to a request discloses, from the parameters and the counts."""
        return Disclosure.of(
            parameter_set(request.parameters),
            records=self.manifest.record_count,
            queries=request.queries,
            precision_bits=self._stock.terms.precision_bits,
        )

    def _scores(self, request: Request, rows: NDArray[np.int16]) -> bytes:
        parameters = parameter_set(request.parameters)
        encoded = encode_rows(parameters, rows)
        return evaluate(encoded, request.query, self._stock.terms.precision_bits, queries=request.queries)

    def _rows(self, digest: Digest, request: Request) -> tuple[NDArray[np.int16], float]:
        """Rows of all records for this request, from the disk if they were computed before."""
        path = private_directory(self.directory / "rows") / f"{digest.hex()}.npz"
        if not path.exists():
            rows, clipped = gradient_rows(request, self._stock.records)
            buffer = io.BytesIO()
            np.savez(buffer, rows=rows, clipped=np.float64(clipped))
            write_atomically(path, buffer.getvalue())
        with np.load(path, allow_pickle=False) as saved:
            return saved["rows"], float(saved["clipped"])

    def _row_tree(self, digest: Digest, rows: NDArray[np.int16]) -> MerkleTree:
        return build_row_tree(self._secret, digest, rows.astype(">i2").tobytes(), rows.shape[1])

    def _random(self, digest: Digest) -> bytes:
        return self.secrets.once(f"random.{digest.hex()}", lambda: secrets.token_bytes(32))

    # --- audit (PROTOCOL 5) ----------------------------------------------------------------------------------------

    def _open(self, envelope: Envelope, selection: Selection) -> None:
        found = self.journal.intent(f"evaluation:{selection.evaluation.hex()}")
        if found is None:
            raise UnexpectedMessage("No such evaluation was made", found=selection.evaluation.hex())
        digest = Digest(bytes.fromhex(found))
        request = self._stored_request(digest)
        if request.buyer != envelope.sender:
            raise FieldMismatch("The evaluation is another buyer's", expected=request.buyer, found=envelope.sender)
        earlier = self.journal.once(f"selection-of:{digest.hex()}", lambda: envelope.digest)
        if earlier != envelope.digest:
            raise UnexpectedMessage("A selection was made from this evaluation already", found=envelope.digest.hex())
        self.journal.once(f"selection:{envelope.digest.hex()}", envelope.to_bytes)

        def openings() -> Openings:
            self._check_selection(request, selection)
            random = self._random(digest)
            drawn = draw(selection.buyer_random, random, selection.evaluation, selection.records, selection.audit_rows)
            self._ledger.spend_openings(envelope.digest, len(drawn))
            rows, _ = self._rows(digest, request)
            tree = self._row_tree(digest, rows)
            opened = tuple(self._opened(record, digest, rows[record], tree.path(record)) for record in drawn)
            return Openings(envelope.digest, random, selection.price, opened)

        self.send(f"openings:{envelope.digest.hex()}", envelope.sender, openings)

    def _check_selection(self, request: Request, selection: Selection) -> None:
        terms, count = self._stock.terms, len(selection.records)
        if commit_buyer_randomness(selection.buyer_random) != request.buyer_commitment:
            raise FieldMismatch("The buyer's number is not the one it committed to")
        if selection.records[-1] >= self.manifest.record_count:
            raise FieldMismatch(
                "A selected record does not exist",
                expected=f"< {self.manifest.record_count}",
                found=selection.records[-1],
            )
        if selection.token not in terms.tokens:
            raise FieldMismatch("The listing does not take this token", expected=terms.tokens, found=selection.token)
        if selection.price < terms.reserve_price * count:
            raise FieldMismatch(
                "The price is under the reserve", expected=f">= {terms.reserve_price * count}", found=selection.price
            )
        largest = int(terms.opened_share * count)
        if selection.audit_rows > largest:
            raise OfferTooSmall(
                "The audit would open more of the selection than the listing gives away",
                expected=f"<= {largest} of {count}",
                found=selection.audit_rows,
                hint="select more records, or audit fewer rows",
            )

    def _opened(
        self, record: RecordIndex, digest: Digest, row: NDArray[np.int16], row_path: tuple[Digest, ...]
    ) -> OpenedRecord:
        chunks = self.dataset.chunks_of(record)
        return OpenedRecord(
            record=record,
            chunks=tuple(self.dataset.chunks[j] for j in chunks),
            chunk_paths=tuple(self.dataset.tree.path(j) for j in chunks),
            row_leaf=row_leaf(row_salt(self._secret, digest, record), record, [int(entry) for entry in row]),
            row_path=row_path,
        )

    def _stored_request(self, digest: Digest) -> Request:
        stored = self.journal.get(f"request:{digest.hex()}")
        message = read(stored or b"", domain=self.domain)[1]
        assert isinstance(message, Request)  # noqa: S101 - only requests are stored under this name
        return message

    # --- delivery and offer (PROTOCOL 6) ---------------------------------------------------------------------------

    def _deliver(self, envelope: Envelope, agreement: Agreement) -> None:
        name = agreement.selection.hex()
        stored = self.journal.get(f"selection:{name}")
        opened = self.journal.get(f"message:openings:{name}")
        if stored is None or opened is None:
            raise UnexpectedMessage("No selection of this number was opened", found=name)
        selected, selection = read(stored, domain=self.domain)
        assert isinstance(selection, Selection)  # noqa: S101
        if selected.sender != envelope.sender:
            raise FieldMismatch("The selection is another buyer's", expected=selected.sender, found=envelope.sender)
        if agreement.price != selection.price:
            raise FieldMismatch("This is not the price", expected=selection.price, found=agreement.price)
        bond = Wei(int(selection.price * self._policy.bond_share))
        if self.journal.get(f"sent:delivery:{name}") is None:
            self._orders.provide_bond(name, selection.token, bond)
        self.send(
            f"delivery:{name}", envelope.sender, lambda: self._delivery(agreement.selection, selection, envelope, bond)
        )

    def _delivery(self, selected: Digest, selection: Selection, envelope: Envelope, bond: Wei) -> Delivery:
        digest = Digest(bytes.fromhex(self.journal.intent(f"evaluation:{selection.evaluation.hex()}") or ""))
        request = self._stored_request(digest)
        key = DeliveryKey(self.secrets.once(f"key.{selected.hex()}", new_delivery_key))
        encrypted = self._encrypted(selection.records, key)
        offer = Offer(
            listing=self.listing,
            evaluation=selection.evaluation,
            delivery_root=encrypted.root,
            key_commitment=key_commitment(key),
            chunk_count=len(encrypted.ciphertexts),
            chunk_size=self._stock.chunk_size,
            seller=self.address,
            buyer=envelope.sender,
            token=selection.token,
            price=selection.price,
            bond=bond,
            reveal_window=self._policy.reveal_window,
            dispute_window=self._policy.dispute_window,
            expiry=Timestamp(self.exchange.now() + self._policy.offer_validity),
            nonce=secrets.randbits(256),
        )
        return Delivery(
            selection=selected,
            offer=offer,
            offer_signature=sign_offer(offer, self.domain, self.private_key),
            sealed=seal(
                request.buyer_hpke,
                delivery_info(selection.evaluation, encrypted.root),
                pack_delivery(selection.records, encrypted.ciphertexts),
            ),
        )

    def _encrypted(self, records: Sequence[RecordIndex], key: DeliveryKey) -> EncryptedDelivery:
        return encrypt_delivery(self.dataset, records, key)
