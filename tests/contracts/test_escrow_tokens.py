"""Tokens that misbehave: on the way in they are refused, on the way out they hold up nobody but their own holders."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from escrow_world import BOND, DEPOSIT, MONEY, PRICE, Contract, Ledger, World, address_of

from blindfair.chain.calls import Call
from blindfair.protocol.errors import ContractReverted
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Timestamp, Wei
from deep import deep

ENOUGH = 1_000_000
"""Gas with which every call here succeeds, whatever a token does with what it is given."""


class TokenWorld:
    """A world whose money is a token that can be told to misbehave from now on, in the way of its kind."""

    def __init__(self, world: World, kind: str) -> None:
        self.world = world
        self.contract: Contract = world.new_token(kind)
        self.address = self.contract.address
        world.token = self.address
        world.send(world.seller, world.exchange.deposit(self.address, DEPOSIT))

    def misbehave(self, now: bool = True, towards: Address = ETHER) -> None:
        self.world.send(self.world.deployer, self.contract.call("misbehave", now, towards))


Make = Callable[[str], TokenWorld]


@pytest.fixture
def make(ether_world: World) -> Iterator[Make]:
    """Makes a token of the kind that a file in contracts/test/tokens describes."""
    yield partial(TokenWorld, ether_world)
    ether_world.token = ETHER


GOOD_ENOUGH = ("SilentToken", "LongToken", "CallsBeforeToken", "CallsAfterToken")
WAYS_IN: dict[str, Callable[[World], tuple[Address, Call]]] = {
    "deposit": lambda w: (address_of(w.seller), w.exchange.deposit(w.token, Wei(1_000))),
    "accept": lambda w: (address_of(w.buyer), w.accept(w.sale().offer)),
}


@pytest.mark.parametrize("kind", GOOD_ENOUGH)
def test_a_token_that_brings_the_money_is_taken_whatever_it_answers(make: Make, kind: str) -> None:
    token = make(kind)
    world, sale = token.world, token.world.sale()
    token.misbehave()
    ledger = Ledger(world)
    world.bring_to(OrderState.RELEASED, sale)
    assert ledger.changes() == {sale.offer.buyer: -PRICE, sale.offer.seller: PRICE}
    world.send(world.seller, world.exchange.withdraw(world.token, DEPOSIT, sale.offer.seller))
    world.check_solvent()


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("FalseToken", "SafeERC20FailedOperation"),
        ("TwoToken", "SafeERC20FailedOperation"),
        ("ShortToken", "SafeERC20FailedOperation"),
        ("RevertingToken", ""),
        ("FeeToken", "WrongTransfer"),
        ("GenerousToken", "WrongTransfer"),
        ("RebasingToken", "WrongTransfer"),
    ],
)
def test_a_token_that_does_not_bring_exactly_the_money_is_refused(
    make: Make, way: str, kind: str, expected: str
) -> None:
    token = make(kind)
    token.misbehave()
    refusal = token.world.refusal(*WAYS_IN[way](token.world))
    assert refusal is not None and refusal.error_name == expected
    amount = 1_000 if way == "deposit" else PRICE
    brought = {"FeeToken": amount - amount // 100, "GenerousToken": 2 * amount, "RebasingToken": 0}
    if expected == "WrongTransfer":
        assert refusal.values == {"token": token.address, "expected": amount, "found": brought[kind]}


def test_a_token_that_blocks_says_so_itself(make: Make) -> None:
    token = make("BlockingToken")
    token.misbehave(towards=address_of(token.world.buyer))
    refusal = token.world.refusal(*WAYS_IN["accept"](token.world))
    assert refusal is not None and refusal.found is not None


# --- on the way out --------------------------------------------------------------------------------------------------

NOT_PAID = ("FalseToken", "TwoToken", "ShortToken", "RevertingToken", "BurningToken")


def settle(world: World, way: str) -> tuple[Call, Address, int]:
    """An order one call before its end; the call, who is paid, and how much."""
    sale = world.sale()
    world.bring_to(OrderState.LOCKED if way == "refund" else OrderState.REVEALED, sale)
    if way in ("refund", "claim"):
        world.now_is(Timestamp(world.deadline(sale.offer) + 1))
    call = {
        "refund": world.exchange.refund(sale.offer),
        "release": world.exchange.release(sale.offer),
        "claim": world.exchange.claim([sale.offer]),
        "dispute": world.dispute(sale),
    }[way]
    if way in ("refund", "dispute"):
        return call, sale.offer.buyer, PRICE + BOND
    return call, sale.offer.seller, PRICE


@pytest.mark.parametrize("way", ["refund", "release", "claim", "dispute"])
@pytest.mark.parametrize("kind", [*NOT_PAID[:2], *deep(*NOT_PAID[2:])])
def test_money_that_cannot_be_pushed_becomes_a_free_balance(make: Make, way: str, kind: str) -> None:
    token = make(kind)
    world = token.world
    call, payee, amount = settle(world, way)
    before = world.free(payee)
    token.misbehave()
    caller = world.buyer
    receipt = world.send(caller, call, gas=ENOUGH)
    bond = BOND if way in ("release", "claim") else 0
    assert world.free(payee) == before + amount + bond
    credits = [fields for name, fields in world.events(receipt) if name == "Credited"]
    assert [(c["owner"].lower(), c["token"].lower(), c["amount"]) for c in credits] == [(payee, token.address, amount)]
    world.check_solvent()
    # Stuck only as long as the token is: afterwards all of it can be had.
    token.misbehave(False)
    owner = world.buyer if payee == address_of(world.buyer) else world.seller
    world.send(owner, world.exchange.withdraw(token.address, Wei(before + amount + bond), address_of(world.other)))
    assert world.wealth(address_of(world.other), token.address) == MONEY + before + amount + bond
    world.check_solvent()


def test_a_blocked_party_names_another_address(make: Make) -> None:
    token = make("BlockingToken")
    world = token.world
    call, payee, amount = settle(world, "refund")
    token.misbehave(towards=payee)
    world.send(world.other, call)
    assert world.free(payee) == amount
    refusal = world.refusal(payee, world.exchange.withdraw(token.address, Wei(amount), payee))
    assert refusal is not None
    world.send(world.buyer, world.exchange.withdraw(token.address, Wei(amount), address_of(world.deployer)))
    assert world.wealth(address_of(world.deployer), token.address) == amount
    world.check_solvent()


def test_a_token_that_starts_to_charge_does_not_lock_money(make: Make) -> None:
    """Outgoing transfers are not measured: what arrives is between the token and its holders."""
    token = make("FeeToken")
    world = token.world
    call, payee, amount = settle(world, "release")
    token.misbehave()
    before = world.wealth(payee, token.address)
    world.send(world.buyer, call)
    assert world.wealth(payee, token.address) == before + amount - amount // 100
    world.check_solvent()


@pytest.mark.parametrize("kind", ["FalseToken", "TwoToken", "ShortToken", "RevertingToken"])
def test_a_failed_withdrawal_costs_nothing(make: Make, kind: str) -> None:
    """The owner asked for the money and not for another credit: all stays as it was."""
    token = make(kind)
    world, seller = token.world, address_of(token.world.seller)
    token.misbehave()
    with pytest.raises(ContractReverted):
        world.send(world.seller, world.exchange.withdraw(token.address, Wei(1), seller), gas=ENOUGH)
    assert world.free(seller) == DEPOSIT


def test_an_account_without_code_is_no_token_that_pays(ether_world: World) -> None:
    """It answers every call with success and nothing, as some tokens do. `accept` refuses it; should a token's code
    ever vanish afterwards, the money must not count as paid."""
    world, nobody = ether_world, address_of(ether_world.other)
    harness = world.new_contract("PayoutHarness")
    assert world.answer(harness.call("tryPush", nobody, nobody, 1)) == bytes(32)
    honest = world.new_token("TestToken", "Test", "TST")
    assert world.answer(harness.call("tryPush", honest.address, nobody, 0)) == (1).to_bytes(32, "big")


def test_an_answer_that_is_cut_short_is_not_filled_up_with_what_lay_in_memory(make: Make) -> None:
    token = make("ShortToken")
    world, nobody = token.world, address_of(token.world.other)
    harness = world.new_contract("PayoutHarness")
    token.misbehave()
    assert world.answer(harness.call("tryPush", token.address, nobody, 0)) == bytes(32)


def test_one_bad_token_does_not_touch_another(make: Make) -> None:
    """A batch over three monies, one of them burning all gas that it is given."""
    token = make("BurningToken")
    world = token.world
    burning = world.sale(nonce=1)
    world.token = ETHER
    ether = world.sale(nonce=2)
    for sale in (burning, ether):
        world.bring_to(OrderState.REVEALED, sale)
    world.next_is(Timestamp(world.deadline(ether.offer) + 1))
    token.misbehave()
    before = world.wealth(ether.offer.seller, ETHER)
    receipt = world.send(world.other, world.exchange.claim([burning.offer, ether.offer]), gas=ENOUGH)
    assert receipt.gas_used < 400_000
    assert world.wealth(ether.offer.seller, ETHER) == before + PRICE
    assert world.free(burning.offer.seller, token.address) == DEPOSIT + PRICE
    world.check_solvent()


def test_a_token_whose_balances_shrink_leaves_only_its_own_holders_short(make: Make) -> None:
    """What is not there cannot be paid, and stays owed; ether is not touched."""
    token = make("RebasingToken")
    world = token.world
    sale = world.sale(nonce=1)
    world.bring_to(OrderState.REVEALED, sale)
    world.token = ETHER
    ether = world.sale(nonce=2)
    world.bring_to(OrderState.REVEALED, ether)
    world.send(world.deployer, token.contract.call("rebase", world.exchange.address, 50))
    world.next_is(Timestamp(world.deadline(ether.offer) + 1))
    before = world.wealth(ether.offer.seller, ETHER)
    world.send(world.other, world.exchange.claim([sale.offer, ether.offer]))
    assert world.wealth(ether.offer.seller, ETHER) == before + PRICE
    assert world.free(sale.offer.seller, token.address) == DEPOSIT + PRICE, "the push failed, the debt is there"
    held = world.exchange.balance(world.exchange.address, token.address)
    world.send(world.seller, world.exchange.withdraw(token.address, Wei(held), sale.offer.seller))


def test_amounts_of_any_token_stay_below_a_word(ether_world: World) -> None:
    """77 decimals: what is too large for an order is too large for a balance; sums that wrap around bring nothing."""
    world, largest = ether_world, 2**128 - 1
    token = world.new_contract("HugeToken")
    for account in (world.seller, world.buyer):
        world.send(account, token.call("mint", account.address, 2**255))
        world.send(
            account, Call("approve", token.address, token.call("approve", world.exchange.address, 2**256 - 1).data)
        )
    world.token = token.address
    try:
        world.send(world.seller, world.exchange.deposit(token.address, Wei(largest)))
        refusal = world.refusal(address_of(world.seller), world.exchange.deposit(token.address, Wei(largest + 1)))
        assert refusal and (refusal.error_name, refusal.values) == (
            "AmountTooLarge",
            {"max": largest, "found": largest + 1},
        )
        sale = world.sale(price=Wei(largest), bond=Wei(largest))
        world.bring_to(OrderState.RELEASED, sale)
        assert world.free(sale.offer.seller) == largest
        assert world.wealth(sale.offer.seller, token.address) == 2**255
        # Gifts until the contract's balance wraps around in the middle of a deposit: less than was brought is there.
        world.send(world.deployer, token.call("mint", world.exchange.address, 2**256 - 1 - largest))
        refusal = world.refusal(address_of(world.buyer), world.exchange.deposit(token.address, Wei(5)))
        assert refusal and (refusal.error_name, refusal.values["found"]) == ("WrongTransfer", 0)
    finally:
        world.token = ETHER
