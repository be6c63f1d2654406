"""Several transactions of one account wait at a node at once: each has a number of its own, and each is paid once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from chain_support import HardhatNetwork, Party, exchange_on
from web3.types import RPCEndpoint

from blindfair.agents.settlement.wallet import Wallet
from blindfair.agents.store.journal import Journal
from blindfair.agents.store.steps import CallName, Step
from blindfair.agents.waiting import Waiting
from blindfair.chain.exchange import Finality
from blindfair.chain.sender import PreparedTransaction
from blindfair.protocol.errors import InsufficientFunds
from blindfair.protocol.quantities import ETHER, Wei

DEPOSIT = Wei(10**18)
GWEI = 10**9
STEPS = ("deposit:first", "deposit:second", "deposit:third")


class Payer:
    """An account that deposits; every try is a new process with the same journal."""

    def __init__(self, network: HardhatNetwork, path: Path) -> None:
        self.party, self.exchange, self.path = Party(network), exchange_on(network), path

    def tries(self, step: str, *, may_send: Callable[[], bool] = lambda: True) -> bool:
        """Whether the step is in a block."""
        journal, wallet = self._opened()
        try:
            wallet.execute(CallName(step), lambda: self.exchange.deposit(ETHER, DEPOSIT), "deposits", may_send=may_send)
        except Waiting:
            return False
        finally:
            journal.close()
        return True

    def numbers(self) -> dict[str, int]:
        """The account's number in every transaction that was signed, by step."""
        journal, wallet = self._opened()
        names = list(wallet.hashes())
        signed = {
            name: PreparedTransaction.from_bytes(journal.get(Step(f"transaction:{name}")) or b"") for name in names
        }
        journal.close()
        return {name: prepared.nonce for name, prepared in signed.items()}

    def deposited(self) -> int:
        return int(self.exchange.free_balance(self.party.address, ETHER))

    def _opened(self) -> tuple[Journal, Wallet]:
        journal = Journal(self.path)
        return journal, Wallet(journal, self.exchange, self.party.account, Finality(1), lambda *_, **__: None)


@pytest.fixture
def payer(hardhat: HardhatNetwork, tmp_path: Path) -> Payer:
    return Payer(hardhat, tmp_path / "journal" / "journal.sqlite")


def test_transactions_that_wait_have_numbers_of_their_own(payer: Payer, hardhat: HardhatNetwork) -> None:
    first = payer.party.sender.web3.eth.get_transaction_count(payer.party.account.address)
    with hardhat.blocks_by_hand():
        assert [payer.tries(step) for step in STEPS] == [False] * 3
        assert payer.numbers() == {step: first + place for place, step in enumerate(STEPS)}
        hardhat.mine(1)
        assert [payer.tries(step) for step in STEPS] == [True] * 3
    # One block, three deposits: a number that was used twice would have cost one of them its place.
    assert payer.deposited() == 3 * DEPOSIT
    assert set(payer.numbers()) == set(STEPS)


def test_a_transaction_that_no_node_has_keeps_no_number_from_the_next(payer: Payer, hardhat: HardhatNetwork) -> None:
    """A process died right before it sent: with a gap in its numbers the next transaction would wait for ever. Both
    make the same call for the same amount, and are two transactions all the same."""
    assert not payer.tries(STEPS[0], may_send=lambda: False)
    assert payer.tries(STEPS[1])
    assert payer.deposited() == DEPOSIT
    hardhat.mine(2)
    # The first will never be included now, and is made anew; both are paid once.
    assert payer.tries(STEPS[0])
    assert payer.deposited() == 2 * DEPOSIT


def test_a_transaction_that_a_node_dropped_keeps_no_later_one_waiting(payer: Payer, hardhat: HardhatNetwork) -> None:
    """A reveal that gas became too dear for, and that is not safe to send any more: the reveals of other orders must
    not wait behind it."""
    with hardhat.blocks_by_hand():
        assert [payer.tries(step) for step in STEPS[:2]] == [False, False]
        journal, wallet = payer._opened()
        dropped = wallet.hashes()[STEPS[0]]
        journal.close()
        payer.exchange.web3.provider.make_request(RPCEndpoint("hardhat_dropTransaction"), [dropped])
        assert not payer.tries(STEPS[0], may_send=lambda: False)
        assert not payer.tries(STEPS[2])
        hardhat.mine(1)
        assert [payer.tries(step) for step in STEPS[1:]] == [True, True]
    assert payer.deposited() == 2 * DEPOSIT


def test_money_of_transactions_that_wait_is_not_offered_twice(payer: Payer, hardhat: HardhatNetwork) -> None:
    """Nodes count both together, and one that was signed for more than is left would never be taken."""
    hardhat.set_base_fee(10 * GWEI)
    hardhat.mine(1)
    one = payer.party.sender.prepare(payer.exchange.deposit(ETHER, DEPOSIT))
    hardhat.fund(payer.party.address, Wei(2 * DEPOSIT + (one.max_cost - DEPOSIT) * 5 // 4))
    with hardhat.blocks_by_hand():
        assert not payer.tries(STEPS[0])
        with pytest.raises(InsufficientFunds, match="deposit") as caught:
            payer.tries(STEPS[1])
        assert "on its way" in str(caught.value.found)
        assert set(payer.numbers()) == {STEPS[0]}
        hardhat.mine(1)
        assert payer.tries(STEPS[0])
        assert not payer.tries(STEPS[1])
        hardhat.mine(1)
        assert payer.tries(STEPS[1])
    hardhat.set_base_fee(GWEI)
    hardhat.mine(1)
    assert payer.deposited() == 2 * DEPOSIT
