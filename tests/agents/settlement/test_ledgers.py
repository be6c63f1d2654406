"""What an account paid, by its directory: to the wei as the chain says, failed transactions too."""

from collections.abc import Callable
from functools import partial

import pytest
from trade import BOND, PRICE, World, fees_of, make_parties
from watched import Watch, accepted, reveal

from blindfair.api.ledger import read_ledger
from blindfair.chain.transactions import read_cost
from blindfair.protocol.errors import FileMissing


def test_both_parties_of_a_trade_account_for_every_wei(at: Callable[[str], World]) -> None:
    world = at("delivered")
    parties = make_parties(world)
    parties.run()
    cost_of, domain = partial(read_cost, world.chain.web3), parties.seller.domain
    for agent, calls in (
        (parties.seller, ["commit", "deposit", "reveal", "release", "withdraw"]),
        (parties.buyer, ["accept"]),
    ):
        ledger = read_ledger(world.directory / agent.role, domain, cost_of)
        assert (ledger.account, ledger.is_complete) == (agent.address, True)
        assert ledger.fees == fees_of(world, agent.address) > 0
        assert [entry.call for entry in ledger.entries] == calls
        (order,) = ledger.orders
        assert (order.offer.price, order.offer.bond, order.ending) == (PRICE, BOND, "Released")
    assert ledger.sent == PRICE
    # Without a node, where each call was sent once and has its receipt, the journal knows the same.
    offline = read_ledger(world.directory / "buyer", domain)
    assert (offline.fees, offline.is_complete) == (ledger.fees, True)
    parties.close()


def test_a_transaction_that_failed_is_paid_for_and_listed(at: Callable[[str], World]) -> None:
    """The watcher's dispute was in flight behind the buyer's own."""
    parties, package = accepted(at("opened"), cheats=True)
    watch = Watch(parties.world)
    watch.take(package)
    reveal(parties, package)
    sender, held = watch.watcher.wallet._sender, list[bytes]()
    broadcast, sender.broadcast = sender.broadcast, held.append  # type: ignore[method-assign,assignment]
    watch.watcher.step()
    sender.broadcast = broadcast  # type: ignore[method-assign]
    parties.buyer.step()
    broadcast(held[0])
    watch.run()
    ledger = read_ledger(watch.watcher.directory, None, partial(read_cost, parties.world.chain.web3))
    assert [(entry.call, entry.state) for entry in ledger.entries] == [("dispute", "failed")]
    assert ledger.fees == watch.paid() > 0
    assert ledger.sent == 0
    blind = read_ledger(watch.watcher.directory)
    assert (blind.is_complete, blind.fees) == (False, 0)
    with pytest.raises(FileMissing):
        read_ledger(watch.watcher.directory / "packages")
    watch.close()
    parties.close()
