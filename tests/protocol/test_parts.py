"""The parts in which a selection is ordered: whole, or the sample and then the rest (PROTOCOL 5.6)."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindfair.protocol.documents import canonical
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.free_units import free_openings
from blindfair.protocol.manifest import Terms
from blindfair.protocol.messages import Agreement, Envelope, Selection
from blindfair.protocol.parts import Part, PartName, divide, sample_price
from blindfair.protocol.quantities import ETHER, Address, Digest, RecordIndex, Signature, Wei
from blindfair.protocol.units import Units
from protocol.vector_files import Case, each, outcome

TERMS = Terms(
    tokens=(ETHER,),
    reserve_price=Wei(1),
    record_bits=100,
    bits_per_record=4,
    free_bits=500,
    evaluation_fee=Wei(7),
    disclosed_bits=10**6,
    opened_records=100,
    opened_share=0.5,
    disclosures=("per-record",),
    own_models=False,
)
RECORDS = Units.named("per-record", 2**53)
prices = st.integers(0, 2**128 - 1)
sizes = st.integers(1, 60)


def numbers(values: list[int]) -> tuple[RecordIndex, ...]:
    return tuple(RecordIndex(value) for value in values)


def whole(price: int, size: int) -> Part:
    return Part(PartName.WHOLE, Digest(bytes(32)), ETHER, Wei(price), numbers(list(range(size))))


@each("draw/parts.json")
def test_parts_are_those_of_the_protocol(case: Case) -> None:
    selection = Selection(
        evaluation=Digest(bytes.fromhex(case["evaluation"])),
        buyer_random=bytes.fromhex(case["buyer"]),
        token=ETHER,
        price=Wei(int(case["price"])),
        audit_rows=case["t"],
        records=numbers(case["selection"]),
    )
    free = free_openings(replace(TERMS, opened_share=case["opened_share"]), len(case["selection"]))
    fee = Wei(int(case.get("fee", 0)))
    parts = outcome(case, lambda: selection.ordered(bytes.fromhex(case["seller"]), RECORDS, free, fee))
    if parts is not None:
        assert [
            {"part": part.name.value, "records": list(part.records), "price": str(part.price)} for part in parts
        ] == case["parts"]
        assert {(part.evaluation, part.token) for part in parts} == {(selection.evaluation, ETHER)}


@each("offers/agreements.json")
def test_an_agreement_names_its_part(case: Case) -> None:
    body = case["body"]
    envelope = Envelope(Address("0x" + "11" * 20), "agreement", body, {}, canonical(body), Signature(bytes(65)))
    agreement = outcome(case, lambda: Agreement.from_envelope(envelope))
    if agreement is not None:
        assert agreement.to_body() == body


@given(prices, sizes, st.data())
def test_the_parts_are_all_of_the_selection_and_all_of_its_price(price: int, size: int, data: st.DataObject) -> None:
    drawn = data.draw(st.sets(st.integers(0, size - 1), min_size=1).map(sorted))
    parts = divide(whole(price, size), numbers(drawn))
    assert sorted(record for part in parts for record in part.records) == list(range(size))
    assert sum(part.price for part in parts) == price
    assert all(part.price >= 0 for part in parts)
    assert [part.name for part in parts] == [PartName.SAMPLE, PartName.REST][: len(parts)]
    assert (len(parts) == 1) == (len(drawn) == size)


@given(prices, sizes, sizes)
def test_a_sample_costs_its_share_and_less_than_a_unit_more(price: int, first: int, second: int) -> None:
    drawn, selected = sorted((first, second))
    share = Fraction(price * drawn, selected)
    assert 0 <= sample_price(Wei(price), drawn, selected) - share < 1


@given(st.integers(0, 2**64), sizes, sizes)
def test_neither_part_goes_under_a_reserve_that_the_whole_keeps(reserve: int, first: int, second: int) -> None:
    drawn, selected = sorted((first, second))
    price = reserve * selected
    sample = sample_price(Wei(price), drawn, selected)
    assert (sample, price - sample) == (reserve * drawn, reserve * (selected - drawn))


@pytest.mark.parametrize(("drawn", "selected"), [(0, 5), (6, 5), (-1, 5), (1, 0), (0, 0)])
def test_what_is_no_part_has_no_price(drawn: int, selected: int) -> None:
    with pytest.raises(InvalidOption):
        sample_price(Wei(10), drawn, selected)


def test_an_empty_sample_is_none() -> None:
    with pytest.raises(InvalidOption):
        divide(whole(10, 5), ())


@pytest.mark.parametrize(
    ("share", "selected", "opened"),
    [(0, 1000, 0), (1, 7, 7), (0.5, 7, 3), (0.2, 4, 0), (0.2, 295, 59), (0.29, 100, 28)],
)
def test_a_share_is_rounded_down_as_one_product_of_doubles(share: float, selected: int, opened: int) -> None:
    assert free_openings(replace(TERMS, opened_share=share), selected) == opened
