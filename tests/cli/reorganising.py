"""`reorganising.py URL FINALITY SEED`: reorganisations of a development node under the feet of whoever trades on it.

It aims at transactions: the block of one gets 1 to FINALITY blocks deep, then it and all above are replaced by a longer
branch without it. Each reorganisation is a line of JSON. Ends when it is terminated, with a node that mines on.

`reorganising.py URL ledger`: the accounts that sent transactions, with the fees and the number of those that are in
blocks, and with their money, as one line of JSON.
"""

import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from web3 import Web3

from blindfair.chain.development import mine_every
from blindfair.chain.node import connect, request
from blindfair.cli.testnet.furnish import BLOCK_TIME
from blindfair.protocol.quantities import Seconds

LOOK = 0.1
AIMED = 0.6
"""Share of the transactions that are aimed at, each time that they are in a block."""

MOST = 24
"""Reorganisations, so that a trade comes to its end."""


@dataclass(frozen=True)
class Fork:
    """A moment that can be returned to."""

    snapshot: str
    height: int
    time: int


@dataclass
class Reorganiser:
    """Follows the chain block by block, and replaces its end now and then."""

    web3: Web3
    finality: int
    rng: random.Random
    forks: list[Fork] = field(default_factory=list)
    looked: int = 0
    done: int = 0

    @contextmanager
    def no_blocks(self) -> Iterator[None]:
        """Nothing is mined meanwhile, what is sent waits."""
        request(self.web3, "evm_setAutomine", False)
        mine_every(self.web3, Seconds(0))
        try:
            yield
        finally:
            request(self.web3, "evm_setAutomine", True)
            mine_every(self.web3, BLOCK_TIME)

    def remember(self) -> None:
        with self.no_blocks():
            head = self.web3.eth.get_block("latest")
            if not self.forks or self.forks[-1].height < head["number"]:
                snapshot = request(self.web3, "evm_snapshot")
                self.forks = [*self.forks[-4 * self.finality :], Fork(snapshot, head["number"], head["timestamp"])]

    def transactions(self, first: int, last: int) -> list[Any]:
        found = []
        for number in range(first, last + 1):
            block: Any = self.web3.eth.get_block(number, full_transactions=True)
            found += block["transactions"]
        return found

    def look(self) -> None:
        """Take notice of new blocks, and perhaps replace them."""
        height = self.web3.eth.block_number
        if height == self.looked:
            return
        hit = [each["blockNumber"] for each in self.transactions(self.looked + 1, height)]
        self.looked = height
        if self.done < MOST and any(self.rng.random() < AIMED for _ in hit):
            self.replace(before=min(hit), depth=self.rng.randint(1, self.finality))
        self.remember()

    def replace(self, before: int, depth: int) -> None:
        """Let the block lie so deep, then go back to before it, and mine another, longer branch."""
        usable = [fork for fork in self.forks if fork.height < before]
        if not usable:
            return
        fork = usable[-1]
        while self.web3.eth.block_number < fork.height + depth:
            time.sleep(LOOK)
        with self.no_blocks():
            top = self.web3.eth.block_number
            if top - fork.height > self.finality:
                return
            lost = self.transactions(fork.height + 1, top)
            assert request(self.web3, "evm_revert", fork.snapshot)
            # Another time makes other blocks; without it the node's clock would leap ahead with each going back.
            request(self.web3, "evm_setNextBlockTimestamp", hex(fork.time + 2))
            request(self.web3, "hardhat_mine", hex(top - fork.height + 1))
        self.forks = [each for each in self.forks if each.height < fork.height]
        self.looked = top + 1
        self.done += 1
        senders = Counter(each["from"].lower() for each in lost)
        print(json.dumps({"depth": top - fork.height, "lost": senders}), flush=True)


def reorganise(web3: Web3, finality: int, seed: int) -> None:
    ends: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ends.append(number))
    reorganiser = Reorganiser(web3, finality, random.Random(seed), looked=web3.eth.block_number)
    while not ends:
        reorganiser.look()
        time.sleep(LOOK)


def ledger(web3: Web3) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for number in range(1, web3.eth.block_number + 1):
        block: Any = web3.eth.get_block(number, full_transactions=True)
        for each in block["transactions"]:
            receipt = web3.eth.get_transaction_receipt(each["hash"])
            account = found.setdefault(each["from"].lower(), {"fees": 0, "transactions": 0})
            account["fees"] += int(receipt["gasUsed"] * receipt["effectiveGasPrice"])
            account["transactions"] += 1
    for address, account in found.items():
        account["balance"] = web3.eth.get_balance(Web3.to_checksum_address(address))
    return found


def main() -> None:
    web3 = connect(sys.argv[1])
    if sys.argv[2] == "ledger":
        print(json.dumps(ledger(web3)))
    else:
        reorganise(web3, int(sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    main()
