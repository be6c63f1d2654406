"""`buyer evaluate --fee`: what an evaluation tells and costs is shown, and only an agreed fee is paid."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from command import Ended, Inside
from local_chain import LocalChain, shell, wait_for
from test_disclosure_option import PURCHASE

from blindfair.agents.buyer.evaluation_cost import EvaluationCost
from blindfair.api.amounts import show_ether
from blindfair.cli.buyer.fee import agreed_fee, bits_text
from blindfair.cli.party.screen import PartyScreen
from blindfair.protocol.errors import InvalidOption
from blindfair.protocol.quantities import Wei

LABEL = "cens"
"""Of the tables that `blindfair testnet` writes."""

COST = EvaluationCost(bits=4, record_bits=109, unit="record", fee=Wei(5 * 10**16))


class Terminal(io.StringIO):
    """Standard input with a person at it."""

    def isatty(self) -> bool:
        return True


def asked(monkeypatch: pytest.MonkeyPatch, *, answer: bool) -> list[str]:
    """Somebody at a terminal, who gives this answer; what was asked."""
    questions: list[str] = []

    def confirm(question: str, *, err: bool) -> bool:
        assert err
        questions.append(question)
        return answer

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(typer, "confirm", confirm)
    return questions


def test_bits_stand_beside_what_a_record_holds_and_the_fee_beside_both(capsys: pytest.CaptureFixture[str]) -> None:
    agreed_fee(COST, replace(PURCHASE, fee="0"), PartyScreen(), confirmed=False)
    told = " ".join(capsys.readouterr().err.split())
    assert "this evaluation tells at most 4 bits of about 109 a record (4 %)" in told
    assert "free of charge if the listing has free bits left, else at most 0.05 ether, credited" in told
    assert "(the fee is 5 % of the budget)" in told


@pytest.mark.parametrize(
    ("fee", "never", "words"),
    [
        ("0.1", False, "--fee lets at most 0.1 ether be paid for it"),
        ("0.01", False, "your --fee of 0.01 ether does not cover that: only a free evaluation is asked"),
        ("0.01", True, "your --fee of 0.01 ether does not cover that: nothing is asked"),
        (None, True, "it is never free, since it tells more than the listing's free bits: it costs 0.05 ether"),
        (None, True, "nobody can be asked whether to pay it (--fee, --yes): nothing is asked"),
    ],
)
def test_a_stated_fee_and_an_evaluation_that_is_never_free_are_told_before_asking(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fee: str | None, never: bool, words: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    cost, purchase = replace(COST, may_be_free=not never), replace(PURCHASE, fee=fee)
    if never:
        with pytest.raises(InvalidOption, match="never free, and its fee is not agreed to") as caught:
            agreed_fee(cost, purchase, PartyScreen(), confirmed=False)
        assert "in the same directory with `fee='0.05'`" in caught.value.hint
    else:
        agreed_fee(cost, purchase, PartyScreen(), confirmed=False)
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("answer", [True, False])
def test_of_what_is_never_free_a_person_is_asked_for_the_price(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    questions, cost = asked(monkeypatch, answer=answer), replace(COST, may_be_free=False)
    if answer:
        assert agreed_fee(cost, PURCHASE, PartyScreen(), confirmed=False) == cost.fee
    else:
        with pytest.raises(InvalidOption, match="not agreed to"):
            agreed_fee(cost, PURCHASE, PartyScreen(), confirmed=False)
    assert questions == ["Pay 0.05 ether for it?"]


def test_what_is_never_free_and_beyond_the_budget_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = replace(COST, fee=Wei(10**18 + 1), may_be_free=False)
    asked(monkeypatch, answer=True)
    with pytest.raises(InvalidOption, match="not agreed to") as caught:
        agreed_fee(cost, PURCHASE, PartyScreen(), confirmed=True)
    assert "`fee='1.000000000000000001'` and `budget` of at least 1.000000000000000001 ether" in caught.value.hint


def test_one_bit_is_one_bit() -> None:
    assert bits_text(replace(COST, bits=1)) == "at most 1 bit of about 109 a record (1 %)"


def test_of_a_group_no_share_of_a_record_is_said() -> None:
    assert bits_text(replace(COST, unit="group")) == "at most 4 bits of a group of records; a record holds about 109"


@pytest.mark.parametrize(("fee", "limit"), [("0", 0), ("0.02", 2 * 10**16), ("0.05", 5 * 10**16), ("1", 10**18)])
@pytest.mark.parametrize("confirmed", [True, False])
def test_an_amount_that_is_stated_is_not_asked_about(
    monkeypatch: pytest.MonkeyPatch, fee: str, limit: int, confirmed: bool
) -> None:
    questions = asked(monkeypatch, answer=True)
    assert agreed_fee(COST, replace(PURCHASE, fee=fee), PartyScreen(), confirmed=confirmed) == limit
    assert questions == []


@pytest.mark.parametrize("answer", [True, False])
def test_without_an_amount_a_person_is_asked(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    questions = asked(monkeypatch, answer=answer)
    assert agreed_fee(COST, PURCHASE, PartyScreen(), confirmed=False) == (COST.fee if answer else 0)
    assert questions == ["Pay up to 0.05 ether if it is not free?"]


def test_yes_agrees_to_the_listings_fee_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = asked(monkeypatch, answer=False)
    assert agreed_fee(COST, PURCHASE, PartyScreen(), confirmed=True) == COST.fee
    assert questions == []


def test_yes_alone_never_agrees_to_more_than_half_of_the_budget(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(monkeypatch, answer=True)
    half, more = replace(COST, fee=Wei(10**18 // 2)), replace(COST, fee=Wei(89 * 10**16))
    assert agreed_fee(half, PURCHASE, PartyScreen(), confirmed=True) == half.fee
    with pytest.raises(InvalidOption, match="The fee is 89 % of the budget") as caught:
        agreed_fee(more, PURCHASE, PartyScreen(), confirmed=True)
    assert caught.value.found == "0.89 ether; nothing was asked"
    assert "in the same directory with `fee='0.89'`" in caught.value.hint
    # Who names the amount, or sees the share and answers, has agreed.
    assert agreed_fee(more, replace(PURCHASE, fee="0.89"), PartyScreen(), confirmed=True) == more.fee
    assert agreed_fee(more, PURCHASE, PartyScreen(), confirmed=False) == more.fee
    assert "the fee is 89 % of the budget" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_fee_over_the_budget_is_never_agreed_to(monkeypatch: pytest.MonkeyPatch, confirmed: bool) -> None:
    questions = asked(monkeypatch, answer=True)
    assert agreed_fee(replace(COST, fee=Wei(10**18 + 1)), PURCHASE, PartyScreen(), confirmed=confirmed) == 0
    assert questions == []


def test_a_listing_without_a_fee_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = asked(monkeypatch, answer=True)
    assert agreed_fee(replace(COST, fee=Wei(0)), PURCHASE, PartyScreen(), confirmed=True) == 0
    assert questions == []


@pytest.mark.parametrize("fee", ["-1", "much", "1.0000000000000000001", "", "1.1"])
def test_a_fee_that_is_no_amount_within_the_budget_is_refused(fee: str) -> None:
    with pytest.raises(InvalidOption, match="`fee`"):
        replace(PURCHASE, fee=fee).check()


# --- the commands on a real node ---


@pytest.fixture
def served(testnet: LocalChain, tmp_path: Path, inside: Inside) -> tuple[Path, list[object]]:
    """A seller's directory whose listing gives no bits away, and what all commands are told."""
    for name in ("seller", "buyer", "thrifty"):
        testnet.party(tmp_path / name)
    place: list[object] = ["--mail", tmp_path / "mail", "--rpc", testnet.url, "--deployment", testnet.deployment]
    place += ["--password-file", tmp_path / "password"]
    listed = inside(
        "seller", "list", "--directory", tmp_path / "seller", *place,
        "--records", testnet.home / "testnet" / "seller.csv",
        "--label", LABEL, "--price-per-record", "0.001", "--licence", "any", "--consent", "public",
        "--free-share", "0", "--json", tmp_path / "listing.json",
    )  # fmt: skip
    assert listed.code == 0, listed.err
    return tmp_path, place


@pytest.mark.deep
def test_an_evaluation_is_paid_for_by_command(
    testnet: LocalChain, inside: Inside, served: tuple[Path, list[object]]
) -> None:
    home, place = served
    listing = json.loads((home / "listing.json").read_text())["listing"]
    serving = (
        f"exec blindfair seller serve --directory {home / 'seller'} --password-file {home / 'password'} --poll 0.2"
    )

    def evaluate(directory: str, *more: object) -> Ended:
        return inside(
            "buyer", "evaluate", "--directory", home / directory, *place, "--listing", listing, "--own",
            testnet.home / "testnet" / "buyer.csv", "--label", LABEL, "--budget", "0.2", "--audit-rows", "10",
            "--poll", "0.2", *more,
        )  # fmt: skip

    with shell(serving, home, home / "seller.told") as process:
        wait_for("serves", home / "seller.told", process)
        # Nobody is there to be asked, and the listing gives no bits away: nothing is sent that would be refused.
        thrifty = evaluate("thrifty")
        assert thrifty.code == InvalidOption.exit_code
        assert "nothing was asked" in thrifty.err
        assert "in the same directory with --fee 0." in " ".join(thrifty.err.split())
        # The directory takes another fee as long as nothing was asked, and none once it was.
        kept = (home / "thrifty" / "settings.json").read_bytes()
        evaluate("thrifty", "--fee", "0.1", "--seed", "7").failed(InvalidOption, "was begun with other options")
        assert (home / "thrifty" / "settings.json").read_bytes() == kept, "what is refused changes nothing"
        stingy = evaluate("thrifty", "--fee", "0.000000001")
        assert "This evaluation is never free" in stingy.err and "0.000000001 ether" in stingy.err
        # It takes another budget as long.
        small = evaluate("thrifty", "--budget", "0.000000001")
        assert small.code == InvalidOption.exit_code and "0.000000001" in small.err
        assert json.loads((home / "thrifty" / "settings.json").read_text()) != json.loads(kept)
        assert "the request" not in (home / "seller.told").read_text()

        paid = evaluate("buyer", "--yes", "--json", home / "evaluation.json")
        assert paid.code == 0, paid.err
        evaluate("buyer", "--budget", "0.3").failed(InvalidOption, "was begun with other options", "--budget = 0.2")
        evaluate("buyer", "--fee", "0.1").failed(
            InvalidOption, "was begun with other options", "no --fee", f"buyer resume --directory {home / 'buyer'}, "
        )

        # The same account, from another directory: the seller would refuse it, so it is not even asked.
        again = evaluate("again", "--keystore", home / "buyer" / "keystore.json", "--yes")
        assert again.code == InvalidOption.exit_code, again.err
        assert "nothing was asked" in again.err and f"an earlier one in {home / 'buyer'}" in again.err
        assert "asks for" not in again.err and "sends the request" not in again.err
        shown = " ".join(inside("buyer", "status", "--directory", home / "buyer").out.split())
        assert "stage scored; nothing is bought yet" in shown, shown
        assert "were paid for the evaluation" in shown and "next blindfair buyer buy --directory" in shown
        assert "add --password-file FILE" in shown
        done = inside(
            "buyer", "buy", "--directory", home / "buyer", "--password-file", home / "password", "--yes",
            "--poll", "0.2",
        )  # fmt: skip
        assert done.code == 0, done.err
    evaluation = json.loads((home / "evaluation.json").read_text())
    information, trust = evaluation["information"], evaluation["trust"]
    assert [type(trust[count]) for count in ("records", "duplicates")] == [int, int]
    fee = int(information["fee_paid_wei"])
    assert fee == int(information["listing_fee_wei"]) > 0
    assert information["bits"] < information["record_bits"]
    assert "it cost 0." in paid.out
    left = show_ether(int(json.loads((home / "evaluation.json").read_text())["price_wei"]) - fee)
    # Its table cannot say which numbers are codes; the listing does, and `buyer find` shows them.
    assert "columns that the listing marks as codes are read as categories" in " ".join((paid.out + paid.err).split())
    assert f"; with the fee credited, {left} ether" in " ".join(paid.out.split())
    assert f"pays {left} ether, locked until the records are verified" in " ".join(done.err.split())
    assert "the evaluation was paid for with" in done.out
    # The sample is an order of its own, and how it ended is told once.
    assert "for two orders" in done.err and "sample 10 records of" in " ".join(done.err.split())
    assert (done.out + done.err).count("Released: ") == 1
    assert "delivery of the sample" in done.err and "delivery:sample" not in done.err
    told = json.loads(inside("buyer", "status", "--directory", home / "buyer", "--json", "-").out)
    assert (told["final"], told["fee_wei"]) == ("Released", str(fee))
    standing = json.loads(inside("seller", "status", "--directory", home / "seller", "--json", "-").out)
    assert standing["fees_wei"] == str(fee)
    assert [order["for"] for order in standing["orders"]][:2] == ["evaluation", "records"]
    shown = inside("seller", "status", "--directory", home / "seller").out
    assert "earned with evaluations" in shown and "an evaluation for" in shown
