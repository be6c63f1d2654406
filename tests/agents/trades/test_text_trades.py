"""Whole trades of texts: real encryption, real blocks, a real transformer on both sides.

Scores are those in the clear with the committed noise, and the bought texts are byte for byte what was listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from texts import ODD, PICKED, HandTextValuer, corpus, offered, rounded, rows_of, text_goods, text_parties
from trade import PER_RECORD, UNIFORM, assert_scores_of

from blindfair.agents.buyer.text_valuer import TextValuer
from blindfair.influence.corpus.corpus import Corpus
from blindfair.influence.text import BaseModel
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.records import RecordEncoding, Row


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


@dataclass(frozen=True)
class WaryValuer(HandTextValuer):
    """Chooses by hand, and looks at opened texts as the product's buyer does."""

    def check_opened(
        self, units: Sequence[int], records: Sequence[Row], scores: NDArray[np.int64], manifest: Manifest
    ) -> tuple[str, ...]:
        own = (["the dog saw a cat"], None)
        return TextValuer(self.base, own, own, pricing=UNIFORM, seed=0).check_opened(units, records, scores, manifest)


def test_a_form_filled_in_again_and_again_is_not_paid_for(bases: dict[str, BaseModel], tmp_path: Path) -> None:
    base = bases["gpt2"]
    words = offered()[20].split()
    forms = [(" ".join([*words[:-1], offered()[number].split()[-1], str(number)]),) for number in range(60)]
    goods = replace(text_goods(base), records=Corpus(("text",), tuple(forms), "text").encoded(1024))
    parties = text_parties(tmp_path / "world", base, goods=goods, valuer=WaryValuer(base))
    parties.run()
    outcome = parties.buyer.outcome
    assert outcome is not None and (outcome.final, outcome.error) == ("NoOrder", "DuplicatesOpened")
    assert "repeat one another" in outcome.reason and parties.deltas() == (0, 0)
    parties.close()
    parties.world.close()
