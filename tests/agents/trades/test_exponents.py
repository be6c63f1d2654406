"""Rows with heavy tails: exponents are disclosed, counted, audited, and bring the scores back to one scale (PROTOCOL
4.2, SCORING requirement 6)."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from cheated import ended
from trade import OFFERED, HandValuer, World, assert_scores_of, listing_spec, make_parties, offered_records

from blindfair.agents.evaluation.rows import real_rows
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.influence.quantise import QuantisedRows, quantise_rows
from blindfair.protocol.messages import Envelope, Reply, Request
from blindfair.protocol.quantities import Digest
from blindfair.protocol.records import decode_row

pytestmark = pytest.mark.deep

BITS = 4
HEAVY = HandValuer(changes={"row_scale": 200.0 * 2**9, "exponent_bits": BITS})
COUNTED = listing_spec(disclosed_bits=(3 + BITS) * OFFERED)


def test_a_trade_with_exponents_ends_in_the_right_scores(world: World) -> None:
    parties = make_parties(world, valuer=HEAVY, goods=COUNTED)
    parties.run()
    assert parties.buyer.outcome is not None and parties.buyer.outcome.final == Ending.RELEASED
    found = parties.buyer.review()
    real = real_rows(found.request, [decode_row(record) for record in offered_records()])
    rows = quantise_rows(real, found.request.row_scale, BITS)
    assert len(set(found.exponents.tolist())) > 2 and rows.clipped == 0.0
    assert_scores_of(parties, rows)
    assert parties.seller.disclosure(found.request).total_bits <= COUNTED.terms.disclosed_bits


def test_exponents_count_against_the_listings_budget(world: World) -> None:
    parties = make_parties(
        world, valuer=HEAVY, goods=listing_spec(disclosed_bits=COUNTED.terms.disclosed_bits - OFFERED)
    )
    parties.run()
    assert ended(parties).error == "Refused" and "BudgetExhausted" in ended(parties).reason


class InflatingExponents(Seller):
    """Leaves its rows as they are and claims that they stand for four times as much."""

    def _rows(self, digest: Digest, request: Request) -> QuantisedRows:
        rows = super()._rows(digest, request)
        return replace(rows, exponents=np.minimum(rows.exponents + 2, 2**BITS - 1).astype(np.uint8))


class UnderstatingExponents(Seller):
    """Clips the rows of its worst records, whose bad scores come out smaller."""

    def _rows(self, digest: Digest, request: Request) -> QuantisedRows:
        rows = super()._rows(digest, request)
        low = np.maximum(rows.exponents, 3) - 3
        entries = np.clip(rows.entries.astype(np.int64) << (rows.exponents - low)[:, np.newaxis], -2047, 2047)
        return QuantisedRows(entries.astype(np.int16), low.astype(np.uint8), rows.clipped)


@pytest.mark.parametrize("seller_type", [InflatingExponents, UnderstatingExponents])
def test_exponents_that_are_not_the_rows_fail_the_audit(world: World, seller_type: Callable[..., Seller]) -> None:
    parties = make_parties(world, valuer=HEAVY, goods=COUNTED, seller_type=seller_type)
    parties.run()
    assert ended(parties).error == "RowsDisagree" and "exponent" in ended(parties).reason
    assert not parties.buyer.has_paid


@pytest.mark.parametrize("exponents", [b"", bytes(OFFERED - 1), bytes(OFFERED + 1), bytes(OFFERED - 1) + b"\x10"])
def test_wrong_exponents_end_the_trade_before_a_selection(world: World, exponents: bytes) -> None:
    class WrongExponents(Seller):
        def _reply(self, envelope: Envelope, request: Request) -> Reply:
            return replace(super()._reply(envelope, request), exponents=exponents)

    parties = make_parties(world, valuer=HEAVY, goods=COUNTED, seller_type=WrongExponents)
    parties.run()
    assert ended(parties).error == "MalformedMessage"
    assert "selection" not in parties.buyer.sizes()


def test_exponents_that_were_not_asked_for_are_refused(world: World) -> None:
    class Talkative(Seller):
        def _reply(self, envelope: Envelope, request: Request) -> Reply:
            return replace(super()._reply(envelope, request), exponents=bytes(OFFERED))

    parties = make_parties(world, seller_type=Talkative)
    parties.run()
    assert ended(parties).error == "MalformedMessage"
