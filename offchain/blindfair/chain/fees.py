"""The price of a unit of gas on the chain now: the base fee of the latest block, and a tip for whoever includes it.

Nodes need not have a method for the tip. Where one is missing, it follows from what others paid.
"""

from collections.abc import Callable

from web3 import Web3
from web3.exceptions import Web3RPCError

from blindfair.chain.node import asking, number_of, request
from blindfair.protocol.errors import InvalidOption, NodeFailure

MIN_TIP = 10**9
"""Wei. What is offered where past blocks show that nobody paid a tip: most chains take no less."""

_BLOCKS = 10
_PERCENTILE = 50.0


def base_fee(web3: Web3) -> int:
    """The base fee of the latest block, in wei. Raises NodeFailure, and InvalidOption for a chain without one."""
    with asking("the latest block"):
        block = web3.eth.get_block("latest")
        number, fee = int(block["number"]), block.get("baseFeePerGas")
        if fee is None:
            raise InvalidOption(
                "the chain has no base fee (EIP-1559), and the contract does not run on chains as old as that",
                expected="a base fee in the latest block",
                found=f"none in block {number}",
                hint="trade on a chain with EIP-1559 and the rules of Prague: `rpc=URL` of one of its nodes",
            )
        return int(fee)


def fees(web3: Web3) -> tuple[int, int]:
    """Base fee and tip, in wei. Raises what `base_fee` raises."""
    base = base_fee(web3)
    tip = _tip(web3, base)
    if base < 0 or tip < 0:
        raise NodeFailure(
            "the price of gas is negative",
            expected="at least 0 wei",
            found=f"{base} and {tip} wei",
            hint="use another node: `rpc=URL`",
        )
    return base, tip


def _tip(web3: Web3, base: int) -> int:
    # Not by web3, which warns on the screen where the first of these is missing.
    ways: tuple[Callable[[], int], ...] = (
        lambda: number_of(request(web3, "eth_maxPriorityFeePerGas")),
        lambda: _paid_before(web3),
        # Every node has this one: base fee and tip together.
        lambda: max(0, number_of(request(web3, "eth_gasPrice")) - base),
    )
    with asking("the price of gas"):
        for way in ways[:-1]:
            try:
                return way()
            except Web3RPCError:
                continue
        return ways[-1]()


def _paid_before(web3: Web3) -> int:
    """The mean tip of the latest blocks, as far as any was paid."""
    history = request(web3, "eth_feeHistory", hex(_BLOCKS), "latest", [_PERCENTILE])
    paid = [tip for tip in (number_of(rewards[0]) for rewards in history["reward"] or ()) if tip > 0]
    return max(MIN_TIP, sum(paid) // len(paid)) if paid else MIN_TIP
