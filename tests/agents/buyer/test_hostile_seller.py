"""A seller that cheats from listing to openings: every lie is found out by name and costs the buyer nothing (PROTOCOL 2
- 5)."""

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from cheated import answered, ended, told
from numpy.typing import NDArray
from sealed_messages import STRANGER_ADDRESS, forged, put_in, take_out
from trade import (
    BUYER_POLICY,
    SELECTED,
    HandValuer,
    Parties,
    World,
    any_listing_spec,
    listing_spec,
    make_parties,
    offered_records,
)

from blindfair.agents.seller.row_store import RowStore
from blindfair.agents.seller.seller import Seller
from blindfair.agents.store.steps import Step
from blindfair.blind.evaluate import encode_rows, evaluate
from blindfair.blind.parameters import parameter_set
from blindfair.cli.demo.hostile import add_to_reply
from blindfair.influence.quantise import QuantisedRows
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.merkle import MerkleTree, leaf_hash
from blindfair.protocol.messages import Listing, OpenedRecord, Openings, Refusal, Reply, Request, read
from blindfair.protocol.quantities import Digest, RecordIndex, Seconds, Wei
from blindfair.protocol.rows import row_leaf, row_salt

# --- listing ---


def test_another_listing_of_the_same_seller_is_not_the_answer(at: Callable[[str], World]) -> None:
    parties = make_parties(at("listed"))
    true = take_out(parties.world, parties.buyer)
    other = listing_spec(record_bits=99).manifest(
        parties.seller.dataset,
        parties.seller.domain,
        seller=parties.seller.address,
        seller_hpke=parties.seller.sealing_keys().public,
    )
    put_in(parties.world, parties.buyer, forged(parties.seller, Listing(other, parties.seller.dataset.leaf_hashes)))
    parties.buyer.step()
    assert [refusal["error"] for refusal in parties.buyer.refusals()] == ["UnexpectedMessage"]
    put_in(parties.world, parties.buyer, true)
    parties.buyer.step()
    assert "request" in parties.buyer.sizes()


def test_a_listing_that_was_never_committed_is_not_asked_about(world: World) -> None:
    """The node may be behind, so that the buyer waits as long as its patience lasts."""
    parties = make_parties(world)
    parties.buyer.step()
    manifest, leaves = parties.seller.manifest, parties.seller.dataset.leaf_hashes
    put_in(world, parties.buyer, forged(parties.seller, Listing(manifest, leaves)))
    parties.buyer.step()
    assert parties.buyer.outcome is None
    assert parties.buyer.waiting is not None and parties.buyer.waiting.until is not None
    world.chain.advance(Seconds(parties.buyer.waiting.until - world.chain.now()))
    parties.buyer.step()
    assert ended(parties).error == "FieldMismatch"
    assert "request" not in parties.buyer.sizes()


@pytest.mark.parametrize("change", [{"chain_id": 1}, {"contract": STRANGER_ADDRESS}])
def test_a_listing_of_another_chain_or_contract_is_not_asked_about(world: World, change: dict[str, Any]) -> None:
    """It is committed here all the same: what is bought from it could be settled somewhere else."""

    class ElsewhereSeller(Seller):
        @cached_property
        def manifest(self) -> Manifest:
            return replace(super().manifest, **change)

    parties = make_parties(world, seller_type=ElsewhereSeller)
    parties.run(lambda: parties.buyer.outcome is not None)
    assert ended(parties).error == "FieldMismatch"
    assert "another chain or contract" in ended(parties).reason
    assert "request" not in parties.buyer.sizes()


def test_a_listing_in_another_money_is_not_asked_about(at: Callable[[str], World]) -> None:
    parties = make_parties(at("listed"), buyer_policy=replace(BUYER_POLICY, token=STRANGER_ADDRESS))
    parties.buyer.step()
    assert ended(parties).error == "FieldMismatch"


# --- reply ---


class ForgetfulSeller(Seller):
    """Leaves out a record."""

    def _scores(self, digest: Digest, request: Request, rows: NDArray[np.int16]) -> bytes:
        return evaluate(encode_rows(parameter_set(request.parameters), rows[:-1]), request.query)


@pytest.mark.parametrize(("seller_type", "error"), [(ForgetfulSeller, "ShapeMismatch")])
def test_a_reply_that_cannot_be_the_answer_ends_the_trade(
    at: Callable[[str], World], seller_type: Callable[..., Seller], error: str
) -> None:
    parties = make_parties(at("requested"), seller_type=seller_type)
    parties.seller.step()
    parties.buyer.step()
    assert ended(parties).error == error
    assert told(parties) == [(error, "the buyer goes no further")]


@pytest.mark.parametrize(
    ("change", "error"),
    [(lambda scores: b"", "MalformedCiphertext"), (lambda scores: bytes(len(scores)), "MalformedCiphertext"),
     (lambda scores: scores[:-1], "MalformedCiphertext"),
     (lambda scores: scores[:46] + b"\xff" * (len(scores) - 46), "MalformedCiphertext"),
     (lambda scores: scores[:4] + b"bfv-8192-32-expanded".ljust(32, b"\0") + scores[36:], "MalformedCiphertext")],
)  # fmt: skip
def test_damaged_scores_end_the_trade(
    beside: Callable[[str], World], change: Callable[[bytes], bytes], error: str
) -> None:
    parties = make_parties(beside("replied"))

    def damaged(reply: Reply, _: Parties) -> Reply:
        return replace(reply, scores=change(reply.scores))

    assert answered(parties, damaged).error == error


def test_a_reply_to_another_request_is_no_answer(at: Callable[[str], World]) -> None:
    parties = make_parties(at("replied"))
    reply = read(take_out(parties.world, parties.buyer), domain=parties.buyer.domain)[1]
    assert isinstance(reply, Reply)
    put_in(parties.world, parties.buyer, forged(parties.seller, replace(reply, request=Digest(b"\x01" * 32))))
    parties.buyer.step()
    assert [refusal["error"] for refusal in parties.buyer.refusals()] == ["UnexpectedMessage"]
    assert parties.buyer.outcome is None


# --- rows and scores, found out by the audit ---


class OtherRowsSeller(Seller):
    """Commits to, and scores, rows that are not the records'."""

    def _rows(self, digest: Digest, request: Request) -> QuantisedRows:
        rows = super()._rows(digest, request)
        return replace(rows, entries=np.roll(rows.entries, 1, axis=0))


class NudgingSeller(Seller):
    """Adds 1 to one entry of every row, which is within the tolerance of each."""

    def _rows(self, digest: Digest, request: Request) -> QuantisedRows:
        rows = super()._rows(digest, request)
        entries = rows.entries.copy()
        entries[:, -1] += 1
        return replace(rows, entries=entries)


class LeaningSeller(Seller):
    """Adds to every score a little less than what an audit tolerates of one."""

    def _scores(self, digest: Digest, request: Request, rows: NDArray[np.int16]) -> bytes:
        little = np.full(len(rows), 800_000, dtype=np.int64)
        return add_to_reply(parameter_set(request.parameters), super()._scores(digest, request, rows), little)


class MisnumberingStore(RowStore):
    """Makes row leaves that name the record after theirs."""

    def leaf(self, digest: Digest, record: int, row: NDArray[np.int16]) -> bytes:
        salt = row_salt(self._secret, digest, RecordIndex(record))
        return row_leaf(salt, RecordIndex(record + 1), [int(entry) for entry in row])

    def tree(self, digest: Digest, rows: QuantisedRows) -> MerkleTree:
        return MerkleTree([leaf_hash(self.leaf(digest, record, row)) for record, row in enumerate(rows.entries)])


class MisnumberingSeller(Seller):
    """Commits to such leaves, and opens them."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._store: MisnumberingStore = MisnumberingStore(self.directory / "rows", self._secret)

    def _opened(self, drawn: Sequence[int], digest: Digest, request: Request) -> tuple[OpenedRecord, ...]:
        rows = self._rows(digest, request).entries
        return tuple(
            replace(item, row_leaf=self._store.leaf(digest, item.record, rows[item.record]))
            for item in super()._opened(drawn, digest, request)
        )


@pytest.mark.parametrize(
    ("seller_type", "error", "text"),
    [(OtherRowsSeller, "RowsDisagree", "is not the record's"), (NudgingSeller, "ScoresDisagree", "lean to one side"),
     (LeaningSeller, "ScoresDisagree", "does not match the recomputed one"),
     (MisnumberingSeller, "FieldMismatch", "another record's")],
)  # fmt: skip
def test_rows_and_scores_that_are_not_the_records_fail_the_audit(
    world: World, seller_type: Callable[..., Seller], error: str, text: str
) -> None:
    """Of exact scores, where a seller has least space: noise would cover what these add."""
    exact = HandValuer(changes={"bits": (32,)})
    parties = make_parties(world, seller_type=seller_type, valuer=exact, goods=listing_spec(disclosed_bits=10**6))
    parties.run(lambda: parties.buyer.outcome is not None)
    outcome = ended(parties)
    assert outcome.error == error
    assert text in outcome.reason
    # The name of the error and nothing else: a score in its text would tell the seller of the query.
    assert told(parties) == [(error, "the buyer goes no further")]


# --- openings ---


class RedrawingSeller(Seller):
    """Draws its number anew once it has replied, and opens honestly what that one draws: a seller that may do so tries
    numbers until the audit misses the records that it faked."""

    def _random(self, digest: Digest) -> bytes:
        kept = super()._random(digest)
        replied = self.journal.get(Step(f"message:reply:{digest.hex()}")) is not None
        return hashlib.sha256(kept).digest() if replied else kept


@pytest.mark.parametrize("rows", [10, 12], ids=["opened", "bought as a sample"])
def test_a_seller_that_changes_its_number_after_the_selection_fails_the_audit(
    at: Callable[[str], World], rows: int
) -> None:
    policy = replace(BUYER_POLICY, audit_rows=rows, max_sample_share=Fraction(1))
    parties = make_parties(at("requested"), seller_type=RedrawingSeller, buyer_policy=policy)
    for _ in range(2):
        parties.seller.step()
        parties.buyer.step()
    outcome = ended(parties)
    assert outcome.error == "FieldMismatch"
    assert "is not the one it committed to" in outcome.reason
    assert not any(step.startswith("agreement") for step in parties.buyer.sizes())


def swapped(openings: Openings, place: int, **changes: Any) -> Openings:
    """The openings with one record changed."""
    opened = list(openings.opened)
    opened[place] = replace(opened[place], **changes)
    return replace(openings, opened=tuple(opened))


def other_record(openings: Openings, parties: Parties) -> Openings:
    drawn = {item.record for item in openings.opened}
    spare = next(record for record in SELECTED if record not in drawn)
    return replace(openings, opened=(*openings.opened[:-1], replace(openings.opened[-1], record=spare)))


def altered_chunk(openings: Openings, parties: Parties) -> Openings:
    chunk = bytearray(openings.opened[2].chunks[0])
    chunk[20] ^= 1
    return swapped(openings, 2, chunks=(bytes(chunk),))


def two_chunks(openings: Openings, parties: Parties) -> Openings:
    item = openings.opened[0]
    return swapped(openings, 0, chunks=item.chunks * 2, chunk_paths=item.chunk_paths * 2)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (other_record, "FieldMismatch"),
        (lambda openings, _: replace(openings, opened=openings.opened[:-1]), "FieldMismatch"),
        (lambda openings, _: replace(openings, opened=()), "FieldMismatch"),
        (lambda openings, _: replace(openings, opened=openings.opened[::-1]), "FieldMismatch"),
        (lambda openings, _: replace(openings, seller_random=secrets.token_bytes(32)), "FieldMismatch"),
        (lambda openings, _: replace(openings, price=Wei(openings.price + 1)), "FieldMismatch"),
        (lambda openings, _: replace(openings, price=Wei(openings.price - 1)), "FieldMismatch"),
        (altered_chunk, "PathInvalid"),
        (two_chunks, "FieldMismatch"),
        (lambda openings, _: swapped(openings, 0, chunks=(bytes(15),)), "MalformedChunk"),
        (lambda openings, _: swapped(openings, 0, chunks=(bytes(1025),)), "MalformedChunk"),
        (lambda openings, _: swapped(openings, 1, row_leaf=openings.opened[0].row_leaf), "PathInvalid"),
        (lambda openings, _: swapped(openings, 1, row_path=openings.opened[0].row_path), "PathInvalid"),
        (lambda openings, _: swapped(openings, 1, row_path=()), "PathInvalid"),
        (lambda openings, _: swapped(openings, 1, chunk_paths=openings.opened[0].chunk_paths), "PathInvalid"),
    ],
)
def test_openings_that_are_not_those_drawn_fail_the_audit(
    beside: Callable[[str], World], change: Callable[[Openings, Parties], Openings], error: str
) -> None:
    parties = make_parties(beside("opened"))
    assert answered(parties, change).error == error
    assert "agreement" not in parties.buyer.sizes()
    finding = json.loads((parties.buyer.directory / "evidence" / "finding.json").read_text())
    assert finding["error"] == error


def test_a_refused_selection_is_a_failed_audit_with_evidence(beside: Callable[[str], World]) -> None:
    parties = make_parties(beside("opened"))

    def refusal(openings: Openings, _: Parties) -> Refusal:
        return Refusal(openings.selection, "Excuse", "the draw does not suit me")

    outcome = answered(parties, refusal)
    assert outcome.error == "Refused"
    assert "Excuse: the draw does not suit me" in outcome.reason
    evidence = parties.buyer.directory / "evidence"
    assert read((evidence / "openings.message").read_bytes(), domain=parties.buyer.domain)[1] == Refusal(
        parties.buyer.mail.stored(Step("message:selection"))[0].digest, "Excuse", "the draw does not suit me"
    )
    assert told(parties) == []


def test_a_seller_that_failed_an_audit_is_not_asked_again(at: Callable[[str], World]) -> None:
    parties = make_parties(at("requested"), seller_type=OtherRowsSeller)
    for _ in range(2):
        parties.seller.step()
        parties.buyer.step()
    outcome, sent = ended(parties), parties.buyer.sizes()
    parties.close()
    # Another valuer, another policy, the same directory: the listing is not evaluated again (PROTOCOL 5.3).
    again = make_parties(
        parties.world, valuer=HandValuer(records=SELECTED[1:]), buyer_policy=replace(BUYER_POLICY, audit_rows=1)
    )
    again.run()
    assert (again.buyer.outcome, again.buyer.sizes()) == (outcome, sent)


def test_equal_records_in_a_selection_fail_the_audit(world: World) -> None:
    records = offered_records()
    goods = any_listing_spec((*records[:-1], records[3]), opened_share=1.0)
    valuer = HandValuer(records=(*SELECTED[:-1], RecordIndex(len(records) - 1)))
    policy = replace(BUYER_POLICY, audit_rows=len(SELECTED))
    parties = make_parties(world, goods=goods, valuer=valuer, buyer_policy=policy)
    parties.run()
    outcome = ended(parties)
    assert outcome.error == "DuplicatesOpened"
    assert "3 and 119" in outcome.reason
