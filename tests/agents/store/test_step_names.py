"""Steps of a journal: every one is made in one file, is spelled as ever, and is told to people in words."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest

import blindfair
from blindfair.agents.messaging.mail import Mail
from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store import purchase_steps, steps, watch_steps
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import CallName, MessageName, OfferName, Step, StepKind, TransactionName, step_text
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import Address, Digest, OrderId

PACKAGE = Path(blindfair.__file__).parent
HOMES = {*(PACKAGE / "agents" / "store").glob("*steps.py")}

TYPES = {"Step", "StepKind", "MessageName", "CallName", "TransactionName", "OfferName", "WatchedOrder"}

TAKERS = {
    "journal": {"once", "note", "get", "intent", "done"},
    "mail": {"write", "dispatch", "send", "was_sent", "stored"},
    "wallet": {"execute", "approve", "begun", "exposed", "executed"},
}
"""Methods that take a step first, by the name of what they are called on."""

DIGEST = Digest(b"\xab" * 32)
HEX = "ab" * 32
OFFER = OfferName(f"{HEX}-sample")
WATCHED = watch_steps.watched_order(OrderId(DIGEST))


def bare_steps(source: str) -> Iterator[int]:
    """Lines that spell a step themselves, or make one of a string."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.value if isinstance(node.func, ast.Subscript) else node.func
        if isinstance(called, ast.Name) and called.id in TYPES:
            yield node.lineno
        elif isinstance(called, ast.Attribute) and node.args:
            of = ast.unparse(called.value).rpartition(".")[2].lstrip("_")
            first = node.args[0]
            if called.attr in TAKERS.get(of, ()) and isinstance(first, ast.Constant | ast.JoinedStr | ast.BinOp):
                yield node.lineno


@pytest.mark.parametrize(
    "line",
    [
        'self._journal.get("account")',
        'journal.once(f"message:{step}", make)',
        'buyer.journal.note("end:" + part)',
        'agent.journal.done("sent:")',
        'seller.mail.stored("message:request")',
        'self.wallet.begun("commit")',
        'journal.get(Step("account"))',
        'journal.done(StepKind[str]("sent"))',
    ],
)
def test_a_bare_step_is_found(line: str) -> None:
    assert list(bare_steps(line)) == [1]


def test_no_part_spells_a_step_itself() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path not in HOMES
        for line in bare_steps(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_type_checking_refuses_a_bare_string() -> None:
    """`NewType` is a type of its own for mypy alone, which checks every call against these."""
    for method in (Journal.once, Journal.note, Journal.get, Journal.intent, Mail.stored):
        assert get_type_hints(method)["step"] is Step
    for sends in (Mail.write, Mail.dispatch, Mail.send, Mail.was_sent):
        assert get_type_hints(sends)["step"] is MessageName
    for calls in (Wallet.execute, Wallet.approve, Wallet.begun, Wallet.exposed, Wallet.executed):
        assert get_type_hints(calls)["step"] is CallName


@pytest.mark.parametrize(
    ("step", "on_disk"),
    [
        (steps.ACCOUNT, "account"),
        (purchase_steps.OPENED_REPLY, "opened:paid-reply"),
        (steps.WRITTEN.of(steps.REQUEST), "message:request"),
        (steps.SEALED.of(steps.reply_message(DIGEST)), f"sealed:reply:{HEX}"),
        (steps.SENT.of(steps.openings_message(DIGEST)), f"sent:openings:{HEX}"),
        (steps.WRITTEN.of(steps.refusal_message(DIGEST)), f"message:refusal:{HEX}"),
        (steps.WRITTEN.of(steps.refusal_message(DIGEST, for_now=True)), f"message:refusal:{HEX}:for-now"),
        (steps.SENT_AT.of(steps.part_message("release", PartName.REST)), "sent-at:release:rest"),
        (steps.ASKED_AT.of(steps.part_message("delivery", PartName.WHOLE)), "asked:delivery"),
        (steps.RECEIVED.of(steps.LISTING), "received:listing"),
        (steps.REFUSED_FOR_NOW.of(steps.part_message("openings", PartName.WHOLE)), "refused-for-now:openings"),
        (steps.REFUSED.of("handle"), "refused:handle"),
        (steps.WRITTEN.of(steps.offer_message(OFFER)), f"message:delivery:{HEX}-sample"),
        (
            steps.WRITTEN.of(steps.offer_message(steps.offer_name(DIGEST, PartName.EVALUATION))),
            f"message:priced-reply:{HEX}-evaluation",
        ),
        (steps.EXPOSED.of(steps.reveal_call(OFFER)), f"exposed:reveal:{HEX}-sample"),
        (steps.SIGNED.of(steps.attempt_of(steps.COMMIT, 0)), "transaction:commit"),
        (steps.SIGNED.of(steps.repriced(steps.attempt_of(steps.COMMIT, 2), 1)), "transaction:commit.2+1"),
        (steps.RECEIPT.of(steps.accept_call(PartName.EVALUATION)), "receipt:accept:evaluation"),
        (steps.RECEIPT.of(steps.approve_call(steps.accept_call(PartName.REST), 0)), "receipt:approve-accept:rest"),
        (steps.RECEIPT.of(steps.approve_call(steps.accept_call(PartName.WHOLE), 1)), "receipt:approve2-accept"),
        (steps.RECEIPT.of(steps.deposit_call(OFFER)), f"receipt:deposit:{HEX}-sample"),
        (steps.RECEIPT.of(steps.signed_release_call(OFFER)), f"receipt:release:{HEX}-sample"),
        (steps.RECEIPT.of(steps.claim_call(OFFER)), f"receipt:claim:{HEX}-sample"),
        (steps.RECEIPT.of(steps.withdraw_call(OFFER)), f"receipt:withdraw:{HEX}-sample"),
        (steps.RECEIPT.of(steps.withdraw_by_hand_call(3)), "receipt:withdraw-by-hand:3"),
        (purchase_steps.order_end(PartName.WHOLE), "end:whole"),
        (purchase_steps.accept_refused(PartName.WHOLE), "accept-refused"),
        (purchase_steps.fault_found(PartName.SAMPLE), "fault:sample"),
        (purchase_steps.bought(PartName.SAMPLE), "bought:sample"),
        (purchase_steps.verified(PartName.WHOLE), "verified"),
        (purchase_steps.complaint(PartName.REST), "complaint:rest"),
        (steps.OFFER.of(OFFER), f"offer:{HEX}-sample"),
        (steps.ENDED.of(OFFER), f"ended:{HEX}-sample"),
        (steps.ENDED_AT.of(OFFER), f"ended-at:{HEX}-sample"),
        (steps.RELEASED.of(OFFER), f"released:{HEX}-sample"),
        (steps.REST_OF.of(OFFER), f"rest-of:{HEX}-sample"),
        (steps.EVALUATION_OF.of(steps.evaluation_spent(Address("0x1"), DIGEST)), f"evaluation-of:0x1:{HEX}"),
        (steps.EVALUATION_OF.of(steps.evaluation_spent(Address("0x1"), DIGEST, 2)), f"evaluation-of:0x1:{HEX}:2"),
        (steps.OPENED_FOR.of(HEX), f"opened-for:{HEX}"),
        (steps.request_kept(DIGEST), f"request:{HEX}"),
        (steps.sealing_key_of(Address("0x1")), "hpke-of:0x1"),
        (steps.scoring_seconds(DIGEST), f"scoring-seconds:{HEX}"),
        (steps.evaluation_made(DIGEST), f"evaluation:{HEX}"),
        (steps.selection_from(DIGEST), f"selection-of:{HEX}"),
        (steps.selection_kept(DIGEST), f"selection:{HEX}"),
        (steps.selected_at(DIGEST), f"selected-at:{HEX}"),
        (steps.opened_free(DIGEST), f"free:{HEX}"),
        (steps.refused_by_buyer(DIGEST), f"refused-by-buyer:{HEX}"),
        (watch_steps.WATCH_VERDICT.of(WATCHED), f"watch-verdict:{HEX}"),
        (watch_steps.WATCH_LATE.of(WATCHED), f"watch-late:{HEX}"),
        (watch_steps.WATCH_END.of(WATCHED), f"watch-end:{HEX}"),
        (steps.RECEIPT.of(watch_steps.watch_dispute_call(WATCHED)), f"receipt:dispute:{HEX}"),
        (steps.RECEIPT.of(watch_steps.watch_refund_call(WATCHED)), f"receipt:refund:{HEX}"),
    ],
)
def test_a_journal_that_was_begun_keeps_its_names(step: Step, on_disk: str) -> None:
    assert step == on_disk


def test_every_kind_of_step_begins_differently() -> None:
    both = [*vars(steps).values(), *(value for name, value in vars(watch_steps).items() if name.isupper())]
    kinds = [value.prefix for value in both if isinstance(value, StepKind)]
    assert len(set(kinds)) == len(kinds) > 10


@pytest.mark.parametrize("transaction", ["commit", "commit.1", "commit+1", "commit.2+1"])
def test_a_transaction_says_which_call_it_makes(transaction: str) -> None:
    assert steps.call_of(TransactionName(transaction)) == "commit"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("delivery:sample", "delivery of the sample"),
        ("accept:evaluation", "accept of the evaluation"),
        ("approve-accept:rest", "approve-accept of the rest"),
        ("openings", "openings"),
        (f"reveal:{'ab' * 32}-sample", "reveal of the sample"),
        (f"reveal:{'ab' * 32}", "reveal"),
    ],
)
def test_a_step_is_told_without_digests_and_with_its_part_in_words(step: str, text: str) -> None:
    assert step_text(step) == text
