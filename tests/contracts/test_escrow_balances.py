"""Committing, and free balances: what goes in comes out, to whom its owner says (PROTOCOL 3, 7)."""

from dataclasses import replace

import pytest
from escrow_world import (
    BOND,
    DEPOSIT,
    LISTING_ROOT,
    MANIFEST_HASH,
    PRICE,
    Contract,
    Ledger,
    World,
    address_of,
    artifact,
)

from blindfair.protocol.errors import ContractReverted
from blindfair.protocol.hashing import sha256
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Wei

LARGEST = 2**128 - 1


def test_a_listing_is_its_committers_and_committed_once(ether_world: World) -> None:
    world, other = ether_world, address_of(ether_world.other)
    receipt = world.send(world.other, world.exchange.commit(LISTING_ROOT, MANIFEST_HASH))
    ((name, fields),) = world.events(receipt)
    assert (name, fields["seller"].lower()) == ("Committed", other)
    assert (fields["listingRoot"], fields["manifestHash"]) == (LISTING_ROOT, MANIFEST_HASH)
    assert fields["listing"] == world.listing(other)
    # The same data, committed by two: each its own listing, so that nobody can take another's away.
    for account in (world.seller, world.other):
        assert world.exchange.seller_of(world.listing(address_of(account))) == address_of(account)
        with pytest.raises(ContractReverted) as caught:
            world.send(account, world.exchange.commit(LISTING_ROOT, MANIFEST_HASH))
        listing = world.listing(address_of(account))
        assert (caught.value.error_name, caught.value.values) == ("AlreadyCommitted", {"listing": listing})
    assert world.exchange.seller_of(world.listing(address_of(world.buyer))) is None
    assert world.refusal(other, world.exchange.commit(LISTING_ROOT, sha256(b"other manifest"))) is None


def test_a_deposit_is_its_senders(world: World) -> None:
    ledger, buyer = Ledger(world), address_of(world.buyer)
    receipt = world.send(world.buyer, world.exchange.deposit(world.token, Wei(12_345)))
    assert ledger.changes() == {buyer: -12_345, f"{buyer} free": 12_345}
    ((name, fields),) = world.events(receipt)
    assert (name, fields["owner"].lower(), fields["token"].lower()) == ("Deposited", buyer, world.token)
    assert fields["amount"] == 12_345
    world.check_solvent()


def test_a_withdrawal_goes_where_its_owner_says(world: World) -> None:
    ledger, seller, other = Ledger(world), address_of(world.seller), address_of(world.other)
    receipt = world.send(world.seller, world.exchange.withdraw(world.token, Wei(DEPOSIT - 1), other))
    assert ledger.changes() == {other: DEPOSIT - 1, f"{seller} free": 1 - DEPOSIT}
    ((name, fields),) = world.events(receipt)
    assert (name, fields["owner"].lower(), fields["to"].lower()) == ("Withdrawn", seller, other)
    assert (fields["token"].lower(), fields["amount"]) == (world.token, DEPOSIT - 1)
    world.check_solvent()
    world.send(world.seller, world.exchange.withdraw(world.token, Wei(1), seller))
    assert world.free(seller) == 0


@pytest.mark.parametrize("excess", [1, 2**255])
def test_nobody_withdraws_more_than_is_free(world: World, excess: int) -> None:
    seller = address_of(world.seller)
    call = world.exchange.withdraw(world.token, Wei(DEPOSIT + excess), seller)
    refusal = world.refusal(seller, call)
    assert refusal and (refusal.error_name, refusal.values) == (
        "FreeBalanceTooLow",
        {"owner": seller, "token": world.token, "expected": DEPOSIT + excess, "found": DEPOSIT},
    )
    # And nobody but the owner withdraws at all.
    refusal = world.refusal(address_of(world.buyer), world.exchange.withdraw(world.token, Wei(1), seller))
    assert refusal and refusal.error_name == "FreeBalanceTooLow"


def test_a_bond_at_stake_cannot_be_withdrawn(world: World) -> None:
    world.bring_to(OrderState.LOCKED, world.sale())
    seller = address_of(world.seller)
    refusal = world.refusal(seller, world.exchange.withdraw(world.token, DEPOSIT, seller))
    assert refusal and (refusal.error_name, refusal.values["found"]) == ("FreeBalanceTooLow", DEPOSIT - BOND)
    world.send(world.seller, world.exchange.withdraw(world.token, Wei(DEPOSIT - BOND), seller))
    world.check_solvent()


def test_money_cannot_be_withdrawn_into_nothing(world: World) -> None:
    for lost in (ETHER, world.exchange.address):
        call = world.exchange.withdraw(world.token, Wei(1), lost)
        refusal = world.refusal(address_of(world.seller), call)
        assert refusal and (refusal.error_name, refusal.values) == ("InvalidRecipient", {"to": lost})


def test_a_deposit_is_what_is_sent_along(world: World) -> None:
    call = world.exchange.deposit(world.token, Wei(1_000))
    expected = 1_000 if world.token == ETHER else 0
    for value in {0, 1, 999, 1_000, 1_001} - {expected}:
        refusal = world.refusal(address_of(world.seller), replace(call, value=Wei(value)))
        assert refusal and (refusal.error_name, refusal.values) == (
            "WrongPayment",
            {"expected": expected, "found": value},
        )


def test_a_deposit_has_bounds_and_a_token_a_contract(ether_world: World) -> None:
    world, seller = ether_world, address_of(ether_world.seller)
    nothing = Address("0x" + "77" * 20)
    refusal = world.refusal(seller, world.exchange.deposit(nothing, Wei(1)))
    assert refusal and (refusal.error_name, refusal.values) == ("NotAToken", {"token": nothing})
    refusal = world.refusal(seller, world.exchange.deposit(nothing, Wei(LARGEST + 1)))
    assert refusal and (refusal.error_name, refusal.values) == (
        "AmountTooLarge",
        {"max": LARGEST, "found": LARGEST + 1},
    )


def test_the_contract_takes_no_ether_that_is_for_nobody(ether_world: World) -> None:
    world = ether_world
    for data in (b"", b"\x12\x34\x56\x78"):
        call = replace(world.exchange.deposit(ETHER, Wei(1)), data=data)
        assert world.refusal(address_of(world.seller), call) is not None
    for call in (
        world.exchange.commit(LISTING_ROOT, sha256(b"other")),
        world.exchange.withdraw(ETHER, Wei(1), address_of(world.seller)),
        world.exchange.cancel(world.sale().offer),
    ):
        assert world.refusal(address_of(world.seller), call) is None
        assert world.refusal(address_of(world.seller), replace(call, value=Wei(1))) is not None


def test_invariant_1_a_gift_is_nobodys_and_stays(worlds: dict[str, World]) -> None:
    """Tokens that somebody sends unasked: more is held than is owed, and no order and no balance notices."""
    world, gift = worlds["token"], 1_000
    world.rewind()
    escrow, sale = world.exchange.address, world.sale()
    token = Contract(world.token, artifact("TestToken")["abi"])
    held = world.exchange.balance(escrow, world.token)
    world.send(world.other, token.call("transfer", escrow, gift))
    assert world.exchange.balance(escrow, world.token) == held + gift
    assert world.free(address_of(world.other)) == 0
    ledger = Ledger(world)
    world.bring_to(OrderState.RELEASED, sale)
    assert ledger.changes() == {sale.offer.buyer: -PRICE, sale.offer.seller: PRICE}
    world.send(world.seller, world.exchange.withdraw(world.token, DEPOSIT, sale.offer.seller))
    assert world.exchange.balance(escrow, world.token) == gift


def test_a_deposit_without_an_allowance_is_refused(worlds: dict[str, World]) -> None:
    world = worlds["token"]
    world.rewind()
    refusal = world.refusal(address_of(world.deployer), world.exchange.deposit(world.token, Wei(1)))
    assert refusal and refusal.error_name == "ERC20InsufficientAllowance"


def test_free_balances_of_two_monies_are_apart(worlds: dict[str, World]) -> None:
    world = worlds["token"]
    world.rewind()
    seller = address_of(world.seller)
    world.send(world.seller, world.exchange.deposit(ETHER, Wei(7)))
    assert (world.free(seller, ETHER), world.free(seller)) == (7, DEPOSIT)
    refusal = world.refusal(seller, world.exchange.withdraw(ETHER, Wei(8), seller))
    assert refusal and refusal.error_name == "FreeBalanceTooLow"
