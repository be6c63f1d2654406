"""The answers to attacks, each taken out of a copy of the project: then each test that is named for it must fail.

    scripts/audit answers

An answer is a piece of a source and what would stand there without it. The tests run as they are, first against the
project unchanged, where they must pass. Contracts are compiled anew. docs/security/tests.md has the attacks in words,
and says which answers in the contract were taken out by hand. Not here: slips of the hand (`mutants.py`).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "node_modules")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to an attack."""

    source: str
    """The file that it stands in."""

    before: str
    """Its text there, wherever it stands."""

    after: str
    """What a program that never thought of the attack has instead."""

    tests: tuple[str, ...]
    """File and name of each test that fails then."""


SIGNATURES = "tests/contracts/test_escrow_signatures.py"

ANSWERS = (
    # --- in the contract ---
    Answer(
        "contracts/libraries/AccountSignature.sol",
        "recovered == signer && signer != address(0)",
        "recovered == signer",
        (f"{SIGNATURES}::test_nobody_has_signed_nothing",),
    ),
    Answer(
        "contracts/libraries/AccountSignature.sol",
        "return SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);",
        """(bool done, bytes memory said) =
            signer.staticcall(abi.encodeWithSelector(0x1626ba7e, digest, signature));
        return done && bytes4(said) == 0x1626ba7e;""",
        (f"{SIGNATURES}::test_a_contract_wallet_must_answer_exactly_yes",),
    ),
    Answer(
        "contracts/libraries/AccountSignature.sol",
        "recovered == signer && signer != address(0)",
        "signer.code.length == 0 && recovered == signer && signer != address(0)",
        (f"{SIGNATURES}::test_an_account_that_delegates_to_code_still_signs_with_its_key",),
    ),
    Answer(
        "contracts/Domain.sol",
        "keccak256(bytes(VERSION)), block.chainid, address(this))",
        # The first contract of the tests' chain, so that what is signed for it is good in all others, too.
        "keccak256(bytes(VERSION)), block.chainid, address(0xD7E66dE9202F0c8d5a314817f6Bd2418B6CFb8f5))",
        (f"{SIGNATURES}::test_a_second_contract_takes_no_signature_made_for_the_first",),
    ),
    Answer(
        "contracts/DataExchange.sol",
        "_orders[orderId]",
        "_orders[keccak256(abi.encode(orderId, block.chainid))]",
        (f"{SIGNATURES}::test_an_order_keeps_its_number_through_a_fork",),
    ),
    Answer(
        "contracts/DataExchange.sol",
        "        _requireState(orderId, State.None);\n        _requireBuyer(offer);",
        "        _requireBuyer(offer);",
        ("tests/contracts/test_escrow_table.py::test_only_the_rows_of_the_table_are_possible",),
    ),
    # --- in the agents: the key ---
    Answer(
        "offchain/blindfair/agents/seller/orders.py",
        "if accepted is None or not exchange.is_final(accepted.block_number, seller.finality):",
        "if accepted is None:",
        ("tests/agents/settlement/test_prudence.py::test_the_key_is_not_shown_before_the_accept_is_final",),
    ),
    Answer(
        "offchain/blindfair/agents/seller/orders.py",
        "(deadline if exposed else deadline - offer.reveal_window // 2)",
        "deadline",
        ("tests/agents/settlement/test_prudence.py::test_the_key_is_not_shown_in_the_last_half_of_the_window",),
    ),
    Answer(
        "offchain/blindfair/agents/seller/seller.py",
        'return DeliveryKey(self.secrets.once(f"key.{name}", new_delivery_key))',
        'return DeliveryKey(self.secrets.once(f"key.{name}", lambda: self._secret))',
        ("tests/agents/settlement/test_public_keys.py::test_the_same_records_are_never_encrypted_twice_under_one_key",),
    ),
    Answer(
        "offchain/blindfair/agents/seller/deliveries.py",
        "sealed, segments = seal(public, delivery_info(part.evaluation, encrypted.root), content), ()",
        "sealed, segments = content, ()",
        ("tests/agents/settlement/test_public_keys.py::test_the_key_is_of_no_use_to_whoever_keeps_the_messages",),
    ),
    # --- in the agents: what is checked before paying ---
    Answer(
        "offchain/blindfair/bulk/delivery.py",
        "check_roots(self._roots(done), expected.root)",
        "self._roots(done)",
        ("tests/bulk/test_delivery_folders.py::test_what_does_not_fit_the_offer_is_refused_before_paying",),
    ),
    Answer(
        "offchain/blindfair/agents/buyer/received.py",
        "check_leaves(chunks, leaves, manifest.chunk_count, delivery.proof, manifest.listing_root)",
        "del chunks",
        ("tests/agents/trades/test_segment_trades.py::test_leaves_that_are_not_the_listings_are_not_paid",),
    ),
    Answer(
        "offchain/blindfair/agents/buyer/checks.py",
        "check_delivery(ciphertexts, leaves, offer.delivery_root, manifest.chunk_size, part.records, "
        "manifest.first_chunks)",
        "del leaves",
        (
            "tests/agents/buyer/test_hostile_delivery.py::test_other_records_under_the_selected_numbers_are_not_paid",
            "tests/agents/buyer/test_hostile_delivery.py::test_a_delivery_that_is_not_the_agreed_one_is_not_paid",
        ),
    ),
    Answer(
        "offchain/blindfair/agents/buyer/purchase.py",
        "            warn_of_short_windows(buyer.exchange, buyer.finality, buyer.tell, *windows)\n",
        "",
        ("tests/agents/settlement/test_short_windows.py::test_a_buyer_is_warned_before_it_pays",),
    ),
    Answer(
        "offchain/blindfair/agents/seller/seller.py",
        "        warn_of_short_windows(self.exchange, self.finality, self.tell, *windows)\n",
        "        return\n",
        ("tests/agents/settlement/test_short_windows.py::test_a_seller_is_warned_before_its_offer_is_there_to_accept",),
    ),
    Answer(
        "offchain/blindfair/agents/seller/listing.py",
        "            warn_of_short_windows(seller.exchange, seller.finality, seller.tell, *windows)\n",
        "            pass\n",
        ("tests/agents/settlement/test_short_windows.py::test_a_seller_is_warned_before_it_commits",),
    ),
    # --- in the agents: the fee of an evaluation ---
    Answer(
        "offchain/blindfair/agents/buyer/fee_checks.py",
        "    if fee > request.fee:",
        "    if False:",
        ("tests/agents/buyer/test_fee_offers.py::test_a_fee_that_was_not_agreed_to_is_not_paid",),
    ),
    Answer(
        "offchain/blindfair/agents/buyer/fee_checks.py",
        "    check_offer_by_policy(priced.offer, priced.offer_signature, agreed, policy, now, domain)\n",
        "    del agreed\n",
        ("tests/agents/buyer/test_fee_offers.py::test_a_fee_offer_that_is_not_the_agreed_one_is_not_paid",),
    ),
    Answer(
        "offchain/blindfair/agents/buyer/fee_order.py",
        "                self._calls.dispute(opened, key)\n",
        "                pass\n",
        ("tests/agents/buyer/test_fee_cheats.py::test_a_wrong_chunk_of_the_reply_is_proven_and_the_fee_comes_back",),
    ),
    Answer(
        "offchain/blindfair/agents/seller/fees.py",
        "        if fee and not self._orders.is_sold(",
        "        if fee and False and not self._orders.is_sold(",
        ("tests/agents/trades/test_fee_credit.py::test_a_selection_before_the_fee_is_paid_is_refused",),
    ),
    Answer(
        "offchain/blindfair/agents/seller/budget_ledger.py",
        " and journal.intent(EXPOSED.of(reveal_call(offer))) is None",
        "",
        ("tests/agents/buyer/test_fee_cheats.py::test_a_wrong_chunk_of_the_reply_is_proven_and_the_fee_comes_back",),
    ),
    Answer(
        "offchain/blindfair/agents/settlement/order_calls.py",
        "wallet.check_means(offer.token, self._means, max(self._policy.gas_reserve, dispute), self._what)",
        "pass",
        (
            "tests/agents/settlement/test_means.py::test_a_buyer_without_money_sends_nothing_and_goes_on_once_it_has_some",
        ),
    ),
    Answer(
        "offchain/blindfair/agents/seller/bonds.py",
        'wallet.check_means(token, lacking, reserve, "the bond of an offer")',
        "del reserve",
        ("tests/agents/settlement/test_means.py::test_a_seller_without_its_bond_tells_its_owner_and_not_the_buyer",),
    ),
    # --- in the agents: what follows ---
    Answer(
        "offchain/blindfair/chain/sender.py",
        "if height is None or not self._number_used(prepared, height) or is_known(self.web3, prepared.hash):",
        "if is_known(self.web3, prepared.hash):",
        ("tests/chain/test_sender.py::test_a_node_that_is_behind_does_not_make_us_pay_twice",),
    ),
    Answer(
        "offchain/blindfair/chain/sender.py",
        "        if is_known(self.web3, prepared.hash):\n            return prepared.hash\n        if self._number",
        "        if self._number",
        ("tests/chain/test_sender.py::test_a_transaction_that_waits_is_not_handed_over_again",),
    ),
    Answer(
        "offchain/blindfair/agents/settlement/wallet.py",
        "name = attempt_of(step, attempt)",
        "name = attempt_of(step, self._journal.writes)",
        ("tests/agents/settlement/test_complaints.py::test_a_bond_that_is_paid_and_not_found_is_paid_once",),
    ),
    Answer(
        "offchain/blindfair/agents/buyer/order.py",
        'raise Waiting("the node does not show the order yet")',
        'return Outcome(Ending.NO_ORDER, "the order is not on the chain", "Expired")',
        ("tests/agents/settlement/test_complaints.py::test_an_order_that_is_paid_and_not_found_is_waited_for",),
    ),
    Answer(
        "offchain/blindfair/agents/buyer/answers.py",
        "            if self._journal.get(RECEIVED.of(step)) is None:\n                self._search",
        "            if True:\n                self._search",
        ("tests/agents/settlement/test_complaints.py::test_what_was_paid_for_is_in_the_buyers_own_hands",),
    ),
    Answer(
        "offchain/blindfair/agents/buyer/order.py",
        "self._calls.refund()",
        "pass",
        ("tests/agents/trades/test_trades.py::test_a_seller_that_never_reveals_loses_its_bond",),
    ),
    Answer(
        "offchain/blindfair/agents/buyer/order.py",
        "        wrong = self._find_fault(key, None if late else deadline)\n        if wrong is None:",
        "        wrong = None\n        if wrong is None:",
        ("tests/agents/trades/test_trades.py::test_a_corrupted_chunk_costs_the_seller_its_bond",),
    ),
    Answer(
        "offchain/blindfair/agents/seller/orders.py",
        'self._call(claim_call(name), lambda: self._claim(offer), "claims the price after the dispute window")',
        'raise Waiting("the buyer has not released yet")',
        ("tests/agents/trades/test_trades.py::test_a_silent_buyer_pays_by_the_clock",),
    ),
    Answer(
        "offchain/blindfair/agents/seller/orders.py",
        "        if signer != offer.buyer:",
        "        if False:",
        ("tests/agents/settlement/test_releases.py::test_a_release_that_another_signs_or_sends_releases_nothing",),
    ),
)


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the project, which can be spoilt."""
    with tempfile.TemporaryDirectory(prefix="blindfair-answers-") as folder:
        project = Path(folder) / "project"
        shutil.copytree(ROOT, project, ignore=LEFT_OUT)
        (project / "node_modules").symlink_to(ROOT / "node_modules")
        yield project


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A Python program in a copy, with the copy's own package."""
    environment = {**os.environ, "PYTHONPATH": str(project / "offchain"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(  # noqa: S603
        [sys.executable, *command], cwd=project, env=environment, capture_output=True, text=True, check=False
    )


def run_tests(project: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """Tests in a copy, those that fail told one a line."""
    return run(project, "-m", "pytest", "-rf", "--tb=short", "-p", "no:cacheprovider", *tests)


def take_out(answer: Answer, project: Path) -> str:
    """Change a copy; why that was not possible, or nothing."""
    source = project / answer.source
    text = source.read_text(encoding="utf-8")
    if answer.before not in text:
        return "its text is not there any more"
    source.write_text(text.replace(answer.before, answer.after), encoding="utf-8")
    if source.suffix == ".sol":
        done = run(project, "scripts/compile.py")
        return done.stderr if done.returncode else ""
    return ""


def overlooked(answer: Answer) -> list[str]:
    """What is wrong with an answer: a line for each test that does not fail without it."""
    with copied() as project:
        trouble = take_out(answer, project)
        if trouble:
            return [trouble]
        said = run_tests(project, answer.tests).stdout
    # A test that could not even begin is an ERROR, and has noticed nothing.
    failed = set(re.findall(r"^FAILED ([\w/.]+::\w+)", said, re.MULTILINE))
    return [f"{test} does not fail without it" for test in answer.tests if test not in failed]


def broken_before() -> str:
    """What the tests say of the project as it is; nothing where all of them pass."""
    with copied() as project:
        done = run_tests(project, dict.fromkeys(test for answer in ANSWERS for test in answer.tests))
    return done.stdout if done.returncode else ""
