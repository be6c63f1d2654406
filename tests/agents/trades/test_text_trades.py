"""Whole trades of texts: real encryption, real blocks, a real transformer on both sides.

Scores are those in the clear with the committed noise, and the bought texts are byte for byte what was listed.
"""

from pathlib import Path

import pytest
from texts import ODD, PICKED, HandTextValuer, corpus, rounded, rows_of, text_goods, text_parties
from trade import PER_RECORD, assert_scores_of

from blindfair.influence.text import BaseModel
from blindfair.protocol.records import RecordEncoding


@pytest.mark.parametrize(
    ("alone", "kind"), [(True, "gpt2"), (False, "llama")], ids=["texts alone", "with columns beside them"]
)
def test_a_trade_of_texts_scores_and_delivers_what_was_listed(
    alone: bool, kind: str, bases: dict[str, BaseModel], tmp_path: Path
) -> None:
    base = bases[kind]
    goods = text_goods(base, alone=alone)
    assert goods.encoding is (RecordEncoding.TEXT if alone else RecordEncoding.CBOR_ROW)
    parties = text_parties(tmp_path / "world", base, goods=goods)
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None and (outcome.final, outcome.error) == ("Released", None)
    price = len(PICKED) * PER_RECORD
    assert parties.deltas() == (-price, price)
    assert parties.buyer.audited_rows == 10
    assert_scores_of(parties, rounded(rows_of(base, HandTextValuer(base).projection())))
    bought, listed = parties.buyer.bought(), corpus(alone=alone).rows
    assert [number for number, _ in bought] == list(PICKED)
    for number, data in bought:
        assert goods.decode(data) == listed[number]
        if number in ODD:
            assert ODD[number] in goods.decode(data)
    assert parties.buyer.refusals() == parties.seller.refusals() == ()
    parties.close()
    parties.world.close()
