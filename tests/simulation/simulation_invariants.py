"""What must hold of a simulation, whatever went wrong in it. Each check reads the chain, the post and the parties'
directories, and trusts no agent's word about itself."""

from collections.abc import Iterator

from escrow_model import decode_call, offer_of
from simulated_chain import TOKENS, decode_transaction
from simulated_goods import GRANT, SELLING, records
from simulated_party import Party
from simulated_watch import WatchingAgent
from simulated_world import FINAL_DEPTH, SimulatedWorld

from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.settlement.ending import Ending
from blindfair.agents.store.purchase_steps import OPENED_REPLY, accept_refused, bought
from blindfair.agents.store.steps import SIGNED, accept_call
from blindfair.agents.watch.ending import WatchEnding
from blindfair.agents.watch.package import SUFFIX, find_fault
from blindfair.protocol.cipher import key_commitment
from blindfair.protocol.offer import Offer
from blindfair.protocol.order import Order, OrderState
from blindfair.protocol.parts import PartName
from blindfair.protocol.quantities import ETHER, Address, DeliveryKey

ENDED = (OrderState.REFUNDED, OrderState.RELEASED, OrderState.CANCELLED)
PAID = (OrderState.RELEASED, OrderState.REVEALED)
"""For a buyer: what is revealed at the end is the seller's to take."""

ACCUSED = (
    "BadSignature", "CommitmentError", "CommittedGarbage", "FaultProven", "FieldMismatch", "MalformedCiphertext",
    "OfferRejected", "PathInvalid", "RootMismatch", "RowsDisagree", "ScoresDisagree",
)  # fmt: skip
"""Errors that say that a seller cheats."""

DAMAGED = ("JournalDamaged", "JournalVersion", "SecretDamaged", "InsecureStore", "StoreInUse")


class Violation(AssertionError):
    """Something that must always hold does not."""


def require(holds: bool, what: str) -> None:
    """Raises Violation."""
    if not holds:
        raise Violation(what)


def watch_keys(world: SimulatedWorld) -> set[bytes]:
    """Look at each call that an honest seller shows to its node: a key must not be in it before its order's accept is
    final on the chain that counts. Gives the orders whose keys were shown, as they are."""
    shown: set[bytes] = set()

    def look(party: Party, method: str, data: bytes) -> None:
        if not party.is_honest or party not in world.sellers:
            return
        call = decode_transaction(data).data if method == "eth_sendRawTransaction" else data
        name, arguments = decode_call(call)
        if name != "reveal":
            return
        order = offer_of(arguments[0]).struct_hash()
        shown.add(order)
        heights = [
            block.number
            for block, one in world.chain.included()
            for log in one.logs
            if log.name == "Accepted" and log.values["orderId"] == order
        ]
        final = bool(heights) and heights[0] <= world.chain.latest.number - FINAL_DEPTH
        require(final, f"{party.name} shows a key although its order is not locked for good")

    world.seen.append(look)
    return shown


def check(world: SimulatedWorld, shown: set[bytes]) -> None:
    """Check a simulation that has ended. Raises Violation."""
    _check_orders(world)
    _check_conservation(world)
    for party in world.parties:
        if party.is_honest:
            for error in party.errors:
                require(not error.startswith(DAMAGED), f"{party.name} finds its own directory unusable: {error}")
    for seller in world.sellers:
        if seller.is_honest:
            _check_seller(world, seller, shown)
    for number, watcher in world.watchers.items():
        _check_watched(world, watcher, number)
    for number, buyer in enumerate(world.buyers):
        if buyer.is_honest and world.scenario.buyers[number].seller in world.listings:
            _check_buyer(world, buyer, number)


def orders(world: SimulatedWorld, party: Party) -> list[Order]:
    """The orders of a party on the chain."""
    found = world.chain.latest.state.orders.values()
    return [order for order in found if party.address in (order.offer.seller, order.offer.buyer)]


def is_over(world: SimulatedWorld, order: Order) -> bool:
    """Whether an order has ended, or is a hostile seller's to be paid for: the buyer has what it pays for."""
    return order.state in ENDED or (order.state is OrderState.REVEALED and order.offer.seller not in _honest(world))


def _honest(world: SimulatedWorld) -> set[Address]:
    return {party.address for party in world.parties if party.is_honest}


def _check_orders(world: SimulatedWorld) -> None:
    for party in world.parties:
        for order in orders(world, party) if party.is_honest else ():
            require(is_over(world, order), f"an order of {party.name} is left {order.state.name}")


def _check_conservation(world: SimulatedWorld) -> None:
    state = world.chain.latest.state
    fees = sum(world.chain.fees_of(address) for address in state.numbers)
    locked = [order for order in state.orders.values() if order.state in (OrderState.LOCKED, OrderState.REVEALED)]
    for token in (ETHER, *TOKENS):
        balances, burnt = (state.balances, fees) if token == ETHER else (state.tokens[token].balances, 0)
        require(sum(balances.values()) + burnt == GRANT * (len(world.parties) + 1), f"money was made or lost: {token}")
        owed = sum(order.offer.price + order.offer.bond for order in locked if order.offer.token == token)
        owed += sum(amount for (_, kept), amount in state.free.items() if kept == token)
        require(state.held(world.chain.domain.contract, token) == owed, "the contract does not hold what it owes")


def _wealth(world: SimulatedWorld, party: Party, token: Address) -> int:
    """What an account has more of the token than at the beginning, outside the contract, gas added back.

    Raises Violation where it has more or less of any other money.
    """
    state, gas = world.chain.latest.state, world.chain.fees_of(party.address)
    changes = {
        each: state.held(party.address, each) + (gas if each == ETHER else 0) - GRANT for each in (ETHER, *TOKENS)
    }
    mine = changes.pop(token)
    require(not any(changes.values()), f"{party.name} has other money than it traded in: {changes}")
    return mine


def _sum(found: list[Order], states: tuple[OrderState, ...], what: str) -> int:
    return sum(getattr(order.offer, what) for order in found if order.state in states)


def _check_seller(world: SimulatedWorld, seller: Party, shown: set[bytes]) -> None:
    found = [order for order in orders(world, seller) if order.offer.seller == seller.address]
    for order in found:
        require(order.state is not OrderState.REFUNDED, f"{seller.name} lost an order although it kept to everything")
        if order.offer.struct_hash() in shown:
            require(order.state is OrderState.RELEASED, f"{seller.name} showed a key and was not paid")
    kept = [world.chain.latest.state.free_of(seller.address, token) for token in (ETHER, *TOKENS)]
    require(not any(kept), f"{seller.name} left money in the contract")
    expected = _sum(found, (OrderState.RELEASED,), "price")
    has = _wealth(world, seller, world.scenario.sellers[world.sellers.index(seller)].token)
    require(has == expected, f"{seller.name} has {has} and not {expected}")
    for block in world.chain.blocks:
        bonds = sum(
            order.offer.bond
            for order in block.state.orders.values()
            if order.offer.seller == seller.address and order.state not in (*ENDED, OrderState.NONE)
        )
        require(bonds <= SELLING.max_bonds, f"{seller.name} has more in bonds than it allowed itself")


def _accepted(buyer: Party) -> Iterator[tuple[PartName, Offer]]:
    """Every offer that a buyer signed an accept for."""
    assert isinstance(buyer.agent, Buyer)
    for name, _ in buyer.agent.journal.done(SIGNED):
        for part in PartName:
            if name.partition("+")[0].partition(".")[0] == accept_call(part):
                raw = buyer.agent.journal.get(SIGNED.of(name))
                assert raw is not None
                yield part, offer_of(decode_call(decode_transaction(raw).data)[1][0])


def _check_buyer(world: SimulatedWorld, buyer: Party, number: int) -> None:
    agent, wish = buyer.agent, world.scenario.buyers[number].wish
    require(isinstance(agent, Buyer) and agent.outcome is not None, f"{buyer.name} has no outcome")
    assert isinstance(agent, Buyer)
    found = {order.offer.struct_hash(): order for order in orders(world, buyer)}
    paid = _sum([*found.values()], PAID, "price")
    expected = _sum([*found.values()], (OrderState.REFUNDED,), "bond") - paid
    has = _wealth(world, buyer, wish.token)
    require(has == expected, f"{buyer.name} has {has} and not {expected}")
    require(paid <= wish.price, f"{buyer.name} paid {paid}, more than its budget of {wish.price}")
    parts: dict[bytes, PartName] = {offer.struct_hash(): part for part, offer in _accepted(buyer)}
    for order_id, order in found.items():
        require(order_id in parts, f"{buyer.name} pays for an order that is not in its journal")
        if parts[order_id] is PartName.EVALUATION:
            require(order.offer.price <= agent.policy.max_evaluation_fee, f"{buyer.name} pays a fee beyond its limit")
        if order.state in PAID:
            _check_goods(buyer, agent, parts[order_id])
    require(len({parts[each] for each in found}) == len(found), f"{buyer.name} pays for one thing twice")
    outcome = agent.outcome
    if world.sellers[world.scenario.buyers[number].seller].is_honest and outcome is not None:
        require(outcome.error not in ACCUSED, f"{buyer.name} takes an honest seller for a cheat: {outcome.error}")
        for part in PartName:
            refused = agent.journal.intent(accept_refused(part))
            # A node that is behind refuses for now.
            require(
                refused is None or part in {parts[each] for each in found},
                f"{buyer.name} cannot accept an honest seller's offer{refused}",
            )
    if outcome is not None and outcome.final is Ending.RELEASED and outcome.error is None:
        complete = tuple(number for number, _ in agent.bought()) == wish.records
        require(complete, f"{buyer.name} takes its trade for complete, with {len(agent.bought())} records")
        require(paid == wish.price, f"{buyer.name} paid {paid} for what costs {wish.price}")


def _check_watched(world: SimulatedWorld, watcher: Party, number: int) -> None:
    """A watched buyer has its money back, or good chunks under a public key, be it gone or not."""
    require(_wealth(world, watcher, ETHER) == 0, f"{watcher.name} paid or got more than its gas")
    if isinstance(watcher.agent, WatchingAgent):
        missed = [end for end in watcher.agent.watcher.ended() if end.ending is WatchEnding.MISSED]
        require(not missed, f"{watcher.name} was late: {missed}")
    for order in orders(world, world.buyers[number]):
        order_id = order.offer.struct_hash()
        require(order.state in (*ENDED, OrderState.REVEALED), f"{watcher.name} leaves an order {order.state.name}")
        package = world.handed(number) / f"{order_id.hex()}{SUFFIX}"
        require(package.exists(), f"{world.buyers[number].name} paid for an order that it did not hand over")
        if order.state in PAID:
            key = next(key for key, log_id in _keys(world) if log_id == order_id)
            require(find_fault(package, key) is None, f"{watcher.name} lets a wrong delivery be paid")


def _keys(world: SimulatedWorld) -> Iterator[tuple[DeliveryKey, bytes]]:
    """The keys on the chain, with their orders."""
    for _, one in world.chain.included():
        for log in one.logs:
            if log.name == "Revealed":
                yield DeliveryKey(log.values["key"]), log.values["orderId"]


def _check_goods(buyer: Party, agent: Buyer, part: PartName) -> None:
    """What was paid for is there, and is what it should be."""
    if part is PartName.EVALUATION:
        require(agent.journal.get(OPENED_REPLY) is not None, f"{buyer.name} paid a fee and has no reply")
        return
    require(agent.journal.get(bought(part)) is not None, f"{buyer.name} paid for the {part} and has no records")
    for number, data in agent.bought():
        require(records()[number] == data, f"{buyer.name} paid for record {number} and has another")


def revealed_keys(world: SimulatedWorld) -> set[bytes]:
    """Commitments to all keys that are public on the chain."""
    return {key_commitment(key) for key, _ in _keys(world)}
