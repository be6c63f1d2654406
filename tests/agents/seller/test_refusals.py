"""What a seller says when it says no holds nothing that was computed from its records: no digest of its rows, no
number, no word that would be another one for other records. No budget counts refusals (PROTOCOL 4, 8)."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bad_questions import BAD_REQUESTS, BAD_SELECTIONS, classes, said_to, taken_out
from sealed_messages import forged, put_in, sealed_messages_to
from trade import OFFERED, PRICE, Parties, World, listing_spec, make_parties, table

from blindfair.agents.seller import scoring
from blindfair.agents.store.steps import WRITTEN
from blindfair.blind import estimate
from blindfair.blind.parameters import parameter_set
from blindfair.protocol.errors import CannotWrite
from blindfair.protocol.messages import Agreement, Message, Refusal, Request
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Digest, Wei
from blindfair.protocol.records import encode_row

RECORDS = tuple(
    tuple(encode_row(row) for row in sorted(rows, key=lambda row: str(row[-1]), reverse=upside_down))
    for rows, upside_down in ((table()[:OFFERED], False), (table()[OFFERED : 2 * OFFERED], True))
)
"""Those of two sellers; the first record of each class has other numbers."""

DIGEST = re.compile(r"(?=[0-9]*[a-f])[0-9a-f]{16,}")
TIME = re.compile(r"\b\d{10}\b")


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As sellers of many records score."""
    for module in (scoring, estimate):
        monkeypatch.setattr(module, "IN_MEMORY_BLOCKS", 0)


def asked(world: World, records: tuple[bytes, ...]) -> Parties:
    """A seller of these records, and a buyer that has sent its request."""
    parties = make_parties(world, goods=listing_spec(records))
    while "request" not in parties.buyer.sizes():
        parties.seller.step()
        parties.buyer.step()
    return parties


def says(parties: Parties, message: Message) -> Message:
    """Let the seller take a message, and the buyer its answer; what the buyer says to that."""
    put_in(parties.world, parties.seller, forged(parties.buyer, message))
    parties.seller.step()
    assert [
        answer for _, answer in sealed_messages_to(parties.world, parties.buyer) if isinstance(answer, Refusal)
    ] == []
    parties.buyer.step()
    answer: Message = taken_out(parties)
    return answer


def left_by_a_killed_seller(parties: Parties, request: Request) -> None:
    """An evaluation of the same query on other rows."""
    rows = np.random.default_rng(1).integers(-9, 10, (OFFERED, request.dimension)).astype(np.int16)
    earlier = scoring.Scoring(parties.seller.directory / "scoring", lambda *_: None)
    draws = np.zeros((1, len(rows)), dtype=np.uint8)
    earlier.scores(parameter_set(request.parameters), request.query, request.bits, rows, draws)


def refused(parties: Parties) -> tuple[list[str], str]:
    """Everything that a hostile buyer is refused from request to agreement, and all that it knew already."""
    request = taken_out(parties)
    requests: dict[str, Message] = {name: replace(request, **change) for name, (change, _) in BAD_REQUESTS.items()}
    requests["a class that some records do not have"] = replace(request, **classes(0, 7))
    said_to(parties, parties.buyer, requests)
    left_by_a_killed_seller(parties, request)
    selection = says(parties, request)
    selections = {name: replace(selection, **change) for name, (change, _) in BAD_SELECTIONS.items()}
    said_to(parties, parties.buyer, selections)
    agreement = says(parties, selection)
    assert isinstance(agreement, Agreement)
    agreements: dict[str, Message] = {
        "another price": replace(agreement, price=Wei(PRICE - 1)),
        "no selection": replace(agreement, selection=Digest(b"\x01" * 32)),
        "the rest": replace(agreement, part=PartName.REST),
    }
    said_to(parties, parties.buyer, agreements)
    sent = [request, selection, agreement, *requests.values(), *selections.values(), *agreements.values()]
    known = b"".join(forged(parties.buyer, message) for message in sent) + repr(parties.seller.manifest).encode()
    words = []
    for step, _ in parties.seller.journal.done(WRITTEN, "refusal:"):
        refusal = parties.seller.mail.stored(WRITTEN.of(step))[1]
        assert isinstance(refusal, Refusal)
        words.append(f"{refusal.error}: {refusal.reason}")
    assert len(words) == len(requests) + len(selections) + len(agreements)
    return words, known.decode("latin-1")


@pytest.mark.usefixtures("on_disk")
def test_no_refusal_tells_of_the_records(tmp_path: Path) -> None:
    said = []
    for name, records in zip("ab", RECORDS, strict=True):
        world = World(tmp_path / name)
        words, known = refused(asked(world, records))
        world.close()
        assert [digest for text in words for digest in DIGEST.findall(text) if digest not in known] == []
        said.append(sorted(TIME.sub("then", DIGEST.sub("what you sent", text)) for text in words))
    assert said[0] == said[1]


@pytest.mark.usefixtures("on_disk")
def test_trouble_with_the_sellers_disk_is_not_the_buyers_business(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    parties = make_parties(at("requested"))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": scoring.RESERVE})())
        for _ in range(2):
            with pytest.raises(CannotWrite):
                parties.seller.step()
    assert list(sealed_messages_to(parties.world, parties.buyer)) == []
    # The sealed message waits, and is answered once there is space.
    parties.seller.step()
    assert [envelope.type for envelope, _ in sealed_messages_to(parties.world, parties.buyer)] == ["reply"]
