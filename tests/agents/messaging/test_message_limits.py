"""How large a reply may be: what would fit in no message is neither asked for nor computed, and what is larger than it
may be, or than was asked for, is not taken (PROTOCOL 8, 9)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from bad_questions import said_to, taken_out
from cheated import answered, ended
from sealed_messages import put_in, take_out
from trade import OFFERED, Parties, World, feature_schema, make_parties

from blindfair.agents.seller import checks
from blindfair.blind import plan as planning
from blindfair.blind.plan import SETS, plan
from blindfair.blind.query import query_size
from blindfair.blind.reply import reply_size
from blindfair.protocol.errors import TooCostly
from blindfair.protocol.messages import LIMITS, Reply

K = feature_schema().width


@pytest.mark.parametrize("queries", [1, 16])
def test_the_largest_reply_fits_in_a_message_and_a_block_more_is_not_asked_for(queries: int) -> None:
    each = min(reply_size(chosen, chosen.ring_degree, 1) for chosen in SETS)
    degree = SETS[0].ring_degree
    records = planning.MESSAGE_LIMIT // (each * queries) * degree
    found = plan(records, 4, queries)
    assert found.estimate.download_bytes + 2**20 < Reply.LIMIT
    with pytest.raises(TooCostly, match="fits in no message"):
        plan(records + 2 * degree, 4, queries)


@pytest.mark.parametrize("less", [1, 0])
def test_a_buyer_does_not_ask_for_a_reply_that_no_message_holds(
    at: Callable[[str], World], monkeypatch: pytest.MonkeyPatch, less: int
) -> None:
    smallest = min(max(query_size(chosen, K, 1), reply_size(chosen, OFFERED, 1)) for chosen in SETS)
    monkeypatch.setattr(planning, "MESSAGE_LIMIT", smallest - less)
    parties = make_parties(at("listed"))
    parties.buyer.step()
    assert ("request" in parties.buyer.sizes()) == (not less)
    if less:
        assert ended(parties).error == "TooCostly"


@pytest.mark.parametrize(("less", "answers"), [(1, {"asked": "TooCostly"}), (0, {"reply": "reply"})])
def test_a_seller_does_not_compute_a_reply_that_no_message_holds(
    beside: Callable[[str], World], monkeypatch: pytest.MonkeyPatch, less: int, answers: dict[str, str]
) -> None:
    parties = make_parties(beside("requested"))
    request = taken_out(parties)
    [chosen] = (chosen for chosen in SETS if chosen.name == request.parameters)
    monkeypatch.setattr(checks, "MESSAGE_LIMIT", reply_size(chosen, OFFERED, 1) - less)
    assert said_to(parties, parties.buyer, {"asked": request}) == answers
    assert (parties.seller.directory / "rows").exists() == (not less)


@pytest.mark.parametrize("less", [1, 0])
def test_a_reply_over_the_limit_is_refused_and_the_true_one_awaited(
    beside: Callable[[str], World], monkeypatch: pytest.MonkeyPatch, less: int
) -> None:
    parties = make_parties(beside("replied"))
    true = take_out(parties.world, parties.buyer)
    put_in(parties.world, parties.buyer, true)
    with monkeypatch.context() as patch:
        patch.setitem(LIMITS, "reply", len(true) - less)
        parties.buyer.step()
    assert [refusal["error"] for refusal in parties.buyer.refusals()] == ["MessageTooLarge"] * less
    put_in(parties.world, parties.buyer, true)
    parties.buyer.step()
    assert "selection" in parties.buyer.sizes()


@pytest.mark.parametrize("longer", [1, 8, 2**20])
def test_a_reply_longer_than_was_asked_for_ends_the_trade(beside: Callable[[str], World], longer: int) -> None:
    def lengthened(reply: Reply, _: Parties) -> Reply:
        return replace(reply, scores=reply.scores + bytes(longer))

    assert answered(make_parties(beside("replied")), lengthened).error == "MalformedCiphertext"
