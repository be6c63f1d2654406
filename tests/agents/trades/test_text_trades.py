"""Whole trades of texts: real encryption, real blocks, a real transformer on both sides.

Scores are those in the clear with the committed noise, and the bought texts are byte for byte what was listed.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from texts import (
    ODD,
    PICKED,
    HandTextValuer,
    corpus,
    offered,
    preprocessing,
    rounded,
    rows_of,
    text_goods,
    text_parties,
)
from trade import PER_RECORD, UNIFORM, Parties, assert_scores_of

from blindfair.agents.buyer.text_valuer import TextValuer
from blindfair.agents.seller.listing_spec import ListingSpec
from blindfair.agents.store.journal_summary import buyer_summary
from blindfair.api.parties import BuyerParty
from blindfair.api.turns import RealTime
from blindfair.cli.buyer.distrust import check_trusted, remember_failure
from blindfair.cli.buyer.report import show_near_duplicates
from blindfair.cli.lines import Lines
from blindfair.influence.corpus.corpus import Corpus
from blindfair.influence.text import BaseModel
from blindfair.influence.text.network import TextNetwork
from blindfair.pricing.texts.delivered import DeliveredRepetition
from blindfair.protocol.documents import Document
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import RecordIndex
from blindfair.protocol.records import RecordEncoding, Row


@dataclass(frozen=True)
class LateValuer(HandTextValuer):
    """Sees near-duplicates in the delivery alone, as where the audit happened to open one text of each pair."""

    def check_delivered(
        self, numbers: Sequence[RecordIndex], records: Sequence[bytes], manifest: Manifest
    ) -> DeliveredRepetition | None:
        own = ([offered()[PICKED[1]]], None)
        valuer = TextValuer(self.base, own, own, pricing=UNIFORM, seed=0)
        return valuer.check_delivered(numbers, records, manifest)


@pytest.mark.parametrize(
    ("alone", "kind"), [(True, "gpt2"), (False, "llama")], ids=["texts alone", "with columns beside them"]
)
def test_a_trade_of_texts_scores_and_delivers_what_was_listed(
    alone: bool, kind: str, bases: dict[str, BaseModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin, twins = TextNetwork.twin, list[TextNetwork]()

    def counted(network: TextNetwork) -> TextNetwork:
        twins.append(network)
        return twin(network)

    monkeypatch.setattr(TextNetwork, "twin", counted)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    base = bases[kind]
    goods = text_goods(base, alone=alone)
    assert goods.encoding is (RecordEncoding.TEXT if alone else RecordEncoding.CBOR_ROW)
    parties = text_parties(tmp_path / "world", base, goods=goods, valuer=LateValuer(base))
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
    # Two for all rows of the seller, and two for those of the audit or of the delivery.
    assert len(twins) >= 4
    # A text like the buyer's own is told of, and is no lie of the listing's.
    told = near_duplicates_of(parties)
    assert (told["compared"], told["unnamed"], told["like_own_records"]) == (len(PICKED), 0, [PICKED[1]])
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


def near_duplicates_of(parties: Parties) -> Document:
    summary = buyer_summary(parties.buyer.directory)
    assert summary is not None and summary.near_duplicates is not None
    return summary.near_duplicates


def changed(text: str) -> str:
    """A text with its last word twice."""
    return f"{text} {text.split()[-1]}"


def listed_twice(base: BaseModel, pairs: int) -> ListingSpec:
    """A listing that hides near-duplicates: of the picked texts, the first `pairs` come again in place of the last."""
    texts = list(offered())
    for place in range(pairs):
        texts[PICKED[-1 - place]] = changed(texts[PICKED[4 + place]])
    rows = tuple((text,) for text in texts)
    return replace(text_goods(base), records=Corpus(("text",), rows, "text").encoded(1024))


@pytest.mark.deep
def test_near_duplicates_that_the_audit_did_not_see_are_found_in_the_delivery(
    bases: dict[str, BaseModel], tmp_path: Path
) -> None:
    base = bases["gpt2"]
    goods = listed_twice(base, 4)
    parties = text_parties(tmp_path / "world", base, goods=goods, valuer=LateValuer(base))
    parties.run()
    outcome, price = parties.buyer.outcome, len(PICKED) * PER_RECORD
    # What is paid stays paid: the texts are the committed ones, so the clock pays the seller and the buyer has them.
    assert outcome is not None and (outcome.final, outcome.error) == ("Released", "DuplicatesOpened")
    assert "8 of 20 delivered texts" in outcome.reason and parties.deltas() == (-price, price)
    assert len(parties.buyer.bought()) == len(PICKED) and "release" not in parties.buyer.sizes()
    finding = json.loads((parties.buyer.directory / "evidence" / "finding.json").read_text())
    assert finding["error"] == "DuplicatesOpened"
    remember_failure(tmp_path / "keystore.json", parties.buyer.listing, outcome, Lines(Console()))
    with pytest.raises(InvalidOption, match="its list is false"):
        check_trusted(tmp_path / "keystore.json", parties.buyer.listing)
    told = near_duplicates_of(parties)
    assert told == BuyerParty(parties.buyer, LateValuer(base), RealTime()).near_duplicates
    screen = io.StringIO()
    show_near_duplicates(Lines(Console(file=screen, width=400)), told)
    assert "8 of 20 delivered texts are near-duplicates" in screen.getvalue()
    assert "4 of them add little" in screen.getvalue() and "1 of 20 delivered texts repeat the" in screen.getvalue()
    assert (told["unnamed"], told["superfluous"], told["list_is_false"]) == (8, 4, True)
    assert told["clusters"] == [[PICKED[4 + place], PICKED[-1 - place]] for place in range(4)]
    # Where the listing names the later ones, nothing was hidden.
    manifest = parties.buyer.review().listing.manifest
    named = replace(preprocessing(base), near_duplicates=tuple(sorted(PICKED[-4:])))
    numbers, records = zip(*parties.buyer.bought(), strict=True)
    honest = LateValuer(base).check_delivered(numbers, records, replace(manifest, preprocessing=named.to_document()))
    assert honest is not None and (honest.compared, honest.unnamed) == (16, 0)
    parties.close()
    parties.world.close()


@pytest.mark.deep
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
