"""Records so large that one message cannot open all that an audit draws (PROTOCOL 5.6): both parties know it beforehand
from the manifest, and the drawn ones are bought as a sample.

Messages of openings are made small here, so that records of some kilobytes are large; those of true size take a minute.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from cheated import ended
from grouped import CHOSEN, SIZE
from large_records import AUDITED, GROUPS, SELECTED, noted, valuer
from sampled import states
from sealed_messages import forged, put_in, sealed_messages_to, take_out
from trade import (
    BUYER_POLICY,
    OFFERED,
    PER_RECORD,
    Parties,
    World,
    feature_schema,
    make_parties,
)

from blindfair.agents.buyer.checks import audit_openings
from blindfair.agents.seller.budget_ledger import spent_budget
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.seller.seller import Seller
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.steps import Step
from blindfair.protocol import free_units as rule
from blindfair.protocol.errors import BlindfairError, FieldMismatch, PathInvalid
from blindfair.protocol.free_units import MESSAGE_SIZE, opening_size
from blindfair.protocol.messages import LIMITS, Delivery, Openings, Selection
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import Digest, Wei
from blindfair.protocol.sealing import sealed_size
from blindfair.protocol.units import Units

pytestmark = pytest.mark.deep


def trading(
    world: World,
    disclosure: str,
    *,
    goods: ListingSpec | None = None,
    seller_type: type[Seller] = Seller,
    **policy: Any,
) -> Parties:
    defaults: dict[str, Any] = {"audit_rows": AUDITED[disclosure], "max_sample_share": Fraction(1)}
    return make_parties(
        world,
        seller_type=seller_type,
        goods=goods or noted(disclosure),
        valuer=valuer(disclosure),
        buyer_policy=replace(BUYER_POLICY, budget=Wei(OFFERED * PER_RECORD), **(defaults | policy)),
    )


def hold(patch: pytest.MonkeyPatch, limit: int) -> None:
    """Messages of openings hold so many bytes, and the parties know."""
    patch.setattr(rule, "OPENINGS_LIMIT", limit)
    patch.setitem(LIMITS, "openings", limit)


def counted(parties: Parties, disclosure: str, number: int) -> int:
    """The bytes that a message with the largest of the selection counts, so many of them."""
    manifest, k = parties.seller.manifest, feature_schema().width
    units = Units.named(disclosure, OFFERED)
    sizes = sorted(opening_size(manifest, units, unit, k) for unit in units.of(SELECTED[disclosure]))
    return MESSAGE_SIZE + sum(sizes[-number:])


# --- honest trades ---


def test_what_no_message_holds_is_bought_first_and_nobody_is_accused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = trading(world, GROUPS)
    hold(monkeypatch, counted(parties, GROUPS, AUDITED[GROUPS]) - 1)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == (Ending.RELEASED, None)
    assert states(parties) == {"sample": OrderState.RELEASED, "rest": OrderState.RELEASED}
    price = len(SELECTED[GROUPS]) * PER_RECORD
    assert parties.deltas() == (-price, price)
    assert [number for number, _ in parties.buyer.bought()] == list(SELECTED[GROUPS])
    assert parties.buyer.refusals() == parties.seller.refusals() == ()
    assert not (parties.buyer.directory / "evidence").exists()
    assert (parties.buyer.audited_rows, spent_budget(parties.seller.journal)[2]) == (AUDITED[GROUPS], 0)


@pytest.mark.parametrize(("disclosure", "less"), [(GROUPS, 0), ("per-record", 0), ("per-record", 1)])
def test_the_drawn_are_opened_where_a_message_holds_the_largest_and_bought_where_it_does_not(
    world: World, monkeypatch: pytest.MonkeyPatch, disclosure: str, less: int
) -> None:
    parties = trading(world, disclosure)
    hold(monkeypatch, counted(parties, disclosure, AUDITED[disclosure]) - less)
    parties.run(lambda: parties.buyer.audited_rows > 0 or parties.buyer.sampled_for is not None)
    assert parties.buyer.audited_rows == AUDITED[disclosure] * (1 - less)
    assert (parties.buyer.sampled_for is None) == (not less)
    assert (spent_budget(parties.seller.journal)[2] > 0) == (not less)


def test_the_seller_counts_once_and_not_for_every_agreement(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting a large selection takes seconds, and a buyer may send agreements as often as it likes."""

    def again(*_: object) -> int:
        raise AssertionError

    parties = trading(world, GROUPS)
    parties.run(lambda: parties.buyer.audited_rows > 0)
    monkeypatch.setattr("blindfair.agents.seller.selections.free_units", again)
    parties.run()
    assert parties.buyer.outcome is not None
    assert parties.buyer.outcome.final == Ending.RELEASED


def test_fewer_are_opened_free_where_fewer_will_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    parties = trading(world, GROUPS, min_audit_rows=1)
    hold(monkeypatch, counted(parties, GROUPS, 2))
    parties.run(lambda: parties.buyer.audited_rows > 0)
    assert (parties.buyer.audited_rows, parties.buyer.sampled_for) == (2, None)


@pytest.mark.deep
def test_records_of_hundreds_of_megabytes_are_traded(world: World) -> None:
    """Nothing is made small: any draw of four of the five groups takes more than a message of openings holds."""
    goods = noted(GROUPS, characters=8_000_000, chunk_size=16384)
    parties = trading(world, GROUPS, goods=goods, audit_rows=4)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None
    assert (outcome.final, outcome.error) == (Ending.RELEASED, None)
    assert parties.buyer.bought() == tuple((number, goods.records[number]) for number in SELECTED[GROUPS])
    assert (parties.buyer.audited_rows, spent_budget(parties.seller.journal)[2]) == (4, 0)


@pytest.mark.parametrize("less", [0, 1])
def test_a_buyer_of_no_samples_asks_nothing_where_no_audit_fits_in_a_message(
    world: World, monkeypatch: pytest.MonkeyPatch, less: int
) -> None:
    """What is looked at is the smallest group: where that is too large for a message, no selection can be audited."""
    parties = trading(world, GROUPS, buys_sample=False)
    manifest, k = parties.seller.manifest, feature_schema().width
    units = Units.named(GROUPS, OFFERED)
    smallest = min(opening_size(manifest, units, unit, k) for unit in range(OFFERED // SIZE))
    hold(monkeypatch, MESSAGE_SIZE + smallest - less)
    world.run(*parties.both, until=lambda: parties.buyer.outcome is not None)
    outcome = ended(parties)
    assert outcome.error == "OfferTooSmall"
    # Its choice is of larger ones: then an evaluation is spent, and still nothing is selected.
    assert ("nothing was asked" in outcome.reason) == bool(less)
    assert spent_budget(parties.seller.journal)[0] == 1 - less
    assert "selection" not in parties.buyer.sizes()


# --- parties that do not keep to it ---


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    """A message that opens as much as it holds waits for the buyer, and is taken out and put in again."""
    world = World(tmp_path_factory.mktemp("opened") / "world")
    parties = trading(world, GROUPS)
    with pytest.MonkeyPatch.context() as patch:
        hold(patch, counted(parties, GROUPS, AUDITED[GROUPS]))
        world.run(*parties.both, until=lambda: "selection" in parties.buyer.sizes())
        parties.seller.step()
        yield parties
    parties.close()
    world.close()


def test_openings_over_the_limit_are_refused_and_the_true_ones_awaited(
    opened: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = take_out(opened.world, opened.buyer)
    for limit, refused in ((len(true) - 1, 1), (len(true), 1)):
        assert opened.buyer.audited_rows == 0
        monkeypatch.setitem(LIMITS, "openings", limit)
        put_in(opened.world, opened.buyer, true)
        opened.buyer.step()
        assert [refusal["error"] for refusal in opened.buyer.refusals()] == ["MessageTooLarge"] * refused
    assert opened.buyer.audited_rows == AUDITED[GROUPS]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda items: (), FieldMismatch),
        (lambda items: items[:-SIZE], FieldMismatch),
        (lambda items: (*items, *items[-SIZE:]), FieldMismatch),
        (lambda items: (*items[:SIZE], *items), FieldMismatch),
        (lambda items: (*items[:SIZE], *items[:SIZE], *items[2 * SIZE :]), FieldMismatch),
        (lambda items: (replace(items[0], chunks=items[0].chunks[:-1], chunk_paths=items[0].chunk_paths[:-1]),
                        *items[1:]), FieldMismatch),
        (lambda items: (replace(items[0], chunks=(*items[0].chunks, b""), chunk_paths=(*items[0].chunk_paths, ())),
                        *items[1:]), FieldMismatch),
        (lambda items: (replace(items[0], chunks=(*items[0].chunks[:-1], items[0].chunks[-1] + b"x")),
                        *items[1:]), PathInvalid),
    ],
    ids=["as if too large", "a group left out", "a group twice", "the first twice", "one for another",
         "a chunk left out", "a chunk more", "a chunk longer"],
)  # fmt: skip
def test_a_seller_that_opens_other_than_what_fits_is_caught(
    opened: Parties, change: Callable[[Any], Any], error: type[BlindfairError]
) -> None:
    evaluated, (selected, selection) = opened.buyer.review(), opened.buyer.mail.stored(Step("message:selection"))
    _, answer = opened.seller.mail.stored(Step(f"message:openings:{selected.digest.hex()}"))
    assert isinstance(selection, Selection)
    assert isinstance(answer, Openings)
    audit_openings(evaluated, selection, answer)
    with pytest.raises(error):
        audit_openings(evaluated, selection, replace(answer, opened=tuple(change(answer.opened))))


def test_a_buyer_that_asks_for_more_than_a_message_holds_is_opened_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = trading(world, GROUPS)
    hold(monkeypatch, counted(parties, GROUPS, AUDITED[GROUPS]))
    world.run(*parties.both, until=lambda: "selection" in parties.buyer.sizes())
    _, selection = parties.buyer.mail.stored(Step("message:selection"))
    assert isinstance(selection, Selection)
    take_out(world, parties.seller)
    put_in(world, parties.seller, forged(parties.buyer, replace(selection, audit_rows=AUDITED[GROUPS] + 1)))
    parties.seller.step()
    [(_, openings)] = sealed_messages_to(world, parties.buyer)
    assert isinstance(openings, Openings)
    assert openings.opened == ()
    assert spent_budget(parties.seller.journal)[2] == 0


def largest_part(parties: Parties, t: int) -> int:
    """The content of the largest delivery of a sample of `t` groups, whichever, or of the rest; of the whole if 0."""
    dataset, groups = parties.seller.dataset, Units.named(GROUPS, OFFERED).parted(CHOSEN, SELECTED[GROUPS])
    chunks = {record: [dataset.chunks[j] for j in dataset.chunks_of(record)] for record in SELECTED[GROUPS]}
    sizes = sorted(sum(8 + sum(4 + len(chunk) for chunk in chunks[record]) for record in group) for group in groups)
    return max(sum(sizes[-t:]), sum(sizes[t:])) if t else sum(sizes)


@pytest.mark.parametrize(("sampled", "less"), [(0, 1), (AUDITED[GROUPS], 0), (AUDITED[GROUPS], 1)])
def test_a_selection_is_refused_of_which_a_delivery_might_not_hold_a_part(
    world: World, monkeypatch: pytest.MonkeyPatch, sampled: int, less: int
) -> None:
    """Before a record is opened or a price paid: later it would not be refused, and not be delivered either."""
    parties = trading(world, GROUPS)
    hold(monkeypatch, counted(parties, GROUPS, AUDITED[GROUPS]) - bool(sampled))
    limit = sealed_size(largest_part(parties, sampled)) + 4096 - less
    monkeypatch.setattr(Delivery, "LIMIT", limit)
    monkeypatch.setitem(LIMITS, "delivery", limit)
    if less:
        parties.run(lambda: parties.buyer.outcome is not None)
        outcome = ended(parties)
        assert (outcome.error, "MessageTooLarge" in outcome.reason) == ("Refused", True)
        assert spent_budget(parties.seller.journal)[2] == 0
    else:
        parties.run(lambda: bool(parties.seller.offers))
        assert parties.seller.refusals() == ()


class ForthcomingSeller(Seller):
    """Opens a group although the drawn ones are to be bought."""

    def _opened(self, drawn: Sequence[int], digest: Digest, request: Any) -> Any:
        return super()._opened(drawn or CHOSEN[-1:], digest, request)


def test_records_that_are_opened_although_they_are_to_be_bought_end_the_trade(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = trading(world, GROUPS, seller_type=ForthcomingSeller)
    hold(monkeypatch, counted(parties, GROUPS, AUDITED[GROUPS]) - 1)
    parties.run(lambda: parties.buyer.outcome is not None)
    assert ended(parties).error == "FieldMismatch"
