"""The simulated chain says what the real contract says: what was sent in simulations is played again on py-evm, each
block at the same time, and has the same outcomes, errors, events and money."""

from typing import Any

import pytest
from eth_abi.abi import encode
from scenario import scenario_of
from simulated_chain import CONTRACT, DEPLOYER, PERMIT_TOKEN, PLAIN_TOKEN, TOKENS, Block, SimulatedChain
from simulated_world import simulated

from blindfair.chain.abi import decode_event, encode_call, event_topic, exchange_abi
from blindfair.chain.artifacts import load_artifact
from blindfair.chain.calls import Call
from blindfair.chain.deploy import deploy_once
from blindfair.chain.embedded import EMBEDDED_CHAIN_ID, EmbeddedChain
from blindfair.chain.reverts import decode_revert
from blindfair.chain.sender import Receipt, Sender
from blindfair.protocol.quantities import ETHER, Address, OrderId, Seconds, Timestamp, Wei

NAMES = ("Committed", "Accepted", "Cancelled", "Revealed", "Refunded", "Released", "Disputed", "Deposited", "Withdrawn")
TOPICS = {event_topic(exchange_abi(), name): name for name in NAMES}

Came = tuple[bool, str, list[tuple[str, dict[str, object]]]]
"""What came of a transaction: whether it succeeded, else the contract's error, and its events."""


class RealChain:
    """The contract on py-evm, with the accounts of a simulated chain."""

    def __init__(self, simulated: SimulatedChain) -> None:
        self.chain = EmbeddedChain(now=Timestamp(simulated.blocks[0].time - 1000))
        self.backend = self.chain._backend
        self.chain.fund(Address(DEPLOYER.address.lower()), Wei(10**18))
        self.exchange = deploy_once(self.chain.web3, DEPLOYER)
        assert (self.exchange.address, EMBEDDED_CHAIN_ID) == (CONTRACT, simulated.domain.chain_id)
        deployer = Sender(self.chain.web3, DEPLOYER)
        plain = encode(["string", "string"], ["Plain", "PLN"])
        for name, arguments, address in (("PermitToken", b"", PERMIT_TOKEN), ("TestToken", plain, PLAIN_TOKEN)):
            made = _sent(deployer, Call("deploy", None, load_artifact(name).bytecode + arguments))
            assert made.contract == address
        self.funds = simulated.blocks[0].state.balances
        for address, amount in self.funds.items():
            # Gas has another price here.
            self.chain.fund(address, Wei(2 * amount))
            for token in TOKENS:
                _sent(
                    deployer, Call("mint", token, encode_call(load_artifact("TestToken").abi, "mint", address, amount))
                )
        self.fees: dict[Address, int] = dict.fromkeys(self.funds, 0)

    def play(self, block: Block) -> list[Came]:
        """Put the transactions of a block into one of the same time."""
        self.backend._begin_block(Seconds(block.time - self.backend.latest().header.timestamp))
        came: list[Came] = []
        used = 0
        for one in block.included:
            base = self.backend.base_fee()
            _, receipt, computation = self.backend.chain.apply_transaction(self.backend.decode(one.transaction.raw))
            price = min(one.transaction.max_fee, base + one.transaction.max_tip)
            # A receipt counts the gas of its block so far.
            self.fees[one.transaction.sender] += (receipt.gas_used - used) * price
            used = receipt.gas_used
            error = decode_revert(computation.output)[0] if computation.is_error else ""
            events = [_event(log) for log in receipt.logs if log.address == bytes.fromhex(CONTRACT[2:])]
            came.append((not computation.is_error, error, events))
        self.backend.chain.mine_block()
        self.backend._begin_block(Seconds(1))
        return came

    def wealth(self, address: Address) -> int:
        """What an account has more than at the beginning, gas added back."""
        return self.exchange.balance(address) + self.fees[address] - 2 * self.funds[address]


def _sent(sender: Sender, call: Call) -> Receipt:
    prepared = sender.prepare(call)
    sender.broadcast(prepared.raw)
    return sender.wait(prepared.hash, pause=0.0)


def _event(log: Any) -> tuple[str, dict[str, object]]:
    topics = [topic.to_bytes(32, "big") for topic in log.topics]
    name = TOPICS[topics[0]]
    return name, decode_event(exchange_abi(), name, topics, log.data)


def same(seed: int) -> set[str]:
    """Play a simulation's transactions on py-evm; the names of the calls that succeeded."""
    with simulated(scenario_of(seed)) as world:
        world.run()
        chain = world.chain
    real = RealChain(chain)
    for block in chain.blocks:
        if block.included:
            expected = [
                (one.succeeded, one.error, [(log.name, log.values) for log in one.logs]) for one in block.included
            ]
            assert real.play(block) == expected, (seed, block.number)
    state = chain.latest.state
    for order_id, order in state.orders.items():
        found = real.exchange.order(OrderId(order_id))
        assert (found.state, found.deadline) == (order.state, order.deadline)
    for address in real.funds:
        for token in (ETHER, *TOKENS):
            assert real.exchange.free_balance(address, token) == state.free_of(address, token)
        for token in TOKENS:
            assert real.exchange.balance(address, token) == state.held(address, token)
            assert real.exchange.allowance(address, token) == state.tokens[token].allowances.get((address, CONTRACT), 0)
        assert real.wealth(address) == state.balances[address] + chain.fees_of(address) - real.funds[address]
    for token in (ETHER, *TOKENS):
        assert real.exchange.balance(CONTRACT, token) == state.held(CONTRACT, token)
    return {one.transaction.name for _, one in chain.included() if one.succeeded}


CALLS = {
    "accept", "acceptWithPermit", "approve", "claim", "commit", "deposit", "dispute", "refund", "release",
    "releaseBySig", "reveal", "withdraw",
}  # fmt: skip
"""Every call that agents make, of the contract and of tokens."""


def test_the_real_contract_does_the_same() -> None:
    seen: set[str] = set()
    for seed in (18, 19, 35, 52, 80):
        seen |= same(seed)
    assert seen == CALLS, f"other seeds are needed for {CALLS - seen}"


@pytest.mark.deep
def test_the_real_contract_does_the_same_in_a_hundred_simulations() -> None:
    for seed in range(1000, 1100):
        same(seed)
