"""The typed client over whole orders, with the same assertions on both kinds of chain."""

import pytest
from chain_support import ONE_ETHER, WINDOW, Network, Party, Trade, new_trade
from web3 import Web3

from blindfair.chain.artifacts import load_artifact
from blindfair.chain.calls import Call
from blindfair.chain.exchange import DataExchange, Finality
from blindfair.protocol.errors import ContractReverted, InvalidOption, WrongContract
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import (
    ETHER,
    Address,
    BlockNumber,
    Digest,
    ListingId,
    OrderId,
    Root,
    Seconds,
    Signature,
    Wei,
)


def refused(party: Party, call: Call) -> ContractReverted:
    with pytest.raises(ContractReverted) as caught:
        party.sender.prepare(call)
    return caught.value


def test_an_honest_order_pays_the_seller_to_the_wei(trade: Trade) -> None:
    exchange, seller, buyer, offer = trade.exchange, trade.seller, trade.buyer, trade.offer
    order_id = offer.struct_hash()
    before = exchange.balance(seller.address), exchange.balance(buyer.address)
    held = exchange.balance(exchange.address)

    accept = trade.accepted()
    view = exchange.order(order_id)
    assert (view.state, view.deadline) == (OrderState.LOCKED, accept.timestamp + WINDOW)
    assert exchange.balance(exchange.address) == held + offer.price

    reveal = trade.revealed()
    assert exchange.order(order_id).deadline == reveal.timestamp + WINDOW
    assert exchange.revealed_key(order_id) == trade.key

    release = buyer.do(exchange.release(offer))
    assert exchange.order(order_id).state is OrderState.RELEASED
    assert exchange.free_balance(seller.address, ETHER) == offer.bond

    withdraw = seller.do(exchange.withdraw(ETHER, offer.bond, seller.address))
    assert exchange.balance(exchange.address) == held - offer.bond
    assert exchange.balance(seller.address) == before[0] + offer.price + offer.bond - reveal.fee - withdraw.fee
    assert exchange.balance(buyer.address) == before[1] - offer.price - accept.fee - release.fee


def test_a_proven_fault_returns_price_and_bond(trade: Trade) -> None:
    trade = trade.corrupted()
    before = trade.exchange.balance(trade.buyer.address)
    fees: int = trade.accepted().fee
    trade.revealed()
    honest = refused(trade.buyer, trade.dispute(0))
    assert (honest.error_name, honest.values["index"]) == ("ChunkIsHonest", 0)
    fees += trade.buyer.do(trade.dispute(1)).fee
    assert trade.exchange.order(trade.offer.struct_hash()).state is OrderState.REFUNDED
    assert trade.exchange.balance(trade.buyer.address) == before + trade.offer.bond - fees
    assert trade.exchange.free_balance(trade.seller.address, ETHER) == 0


def test_no_key_in_time_returns_the_money(trade: Trade) -> None:
    exchange, order_id = trade.exchange, trade.offer.struct_hash()
    trade.accepted()
    deadline = exchange.order(order_id).deadline
    early = refused(trade.buyer, exchange.refund(trade.offer))
    assert early.error_name == "DeadlineNotPassed"
    assert early.values["orderId"] == order_id
    assert early.values["deadline"] == deadline
    trade.network.advance(Seconds(WINDOW + 1))
    late = refused(trade.seller, exchange.reveal(trade.offer, trade.key))
    assert late.error_name == "DeadlinePassed"
    # Anyone may do it; the money goes to the buyer.
    before = exchange.balance(trade.buyer.address)
    Party(trade.network).do(exchange.refund(trade.offer))
    assert exchange.order(order_id).state is OrderState.REFUNDED
    assert exchange.balance(trade.buyer.address) == before + trade.offer.price + trade.offer.bond
    assert exchange.revealed_key(order_id) is None


def test_the_clock_pays_for_several_orders_at_once(trade: Trade) -> None:
    exchange, seller = trade.exchange, trade.seller
    seller.do(exchange.deposit(ETHER, trade.offer.bond))
    second, never = trade.again(nonce=2), trade.again(nonce=3)
    for each in (trade, second):
        each.accepted()
        each.revealed()
    refusal = refused(seller, exchange.claim([trade.offer, second.offer]))
    assert (refusal.error_name, refusal.values) == ("NothingToClaim", {"orders": 2})
    trade.network.advance(Seconds(WINDOW + 60))
    before = exchange.balance(seller.address)
    fee = seller.do(exchange.claim([never.offer, trade.offer, second.offer])).fee
    assert exchange.balance(seller.address) == before + 2 * trade.offer.price - fee
    assert exchange.order(second.offer.struct_hash()).state is OrderState.RELEASED
    assert exchange.order(never.offer.struct_hash()).state is OrderState.NONE


def test_a_cancelled_offer_is_never_accepted(trade: Trade) -> None:
    assert refused(trade.buyer, trade.exchange.cancel(trade.offer)).values == {
        "expected": trade.seller.address,
        "found": trade.buyer.address,
    }
    trade.seller.do(trade.exchange.cancel(trade.offer))
    assert trade.exchange.order(trade.offer.struct_hash()).state is OrderState.CANCELLED
    refusal = refused(trade.buyer, trade.exchange.accept(trade.offer, trade.signature))
    assert refusal.error_name == "WrongState"
    assert refusal.values["found"] == OrderState.CANCELLED.value


def test_refusals_carry_the_contracts_name_and_values(trade: Trade) -> None:
    exchange, offer = trade.exchange, trade.offer
    wrong_payment = Call("accept", exchange.address, exchange.accept(offer, trade.signature).data, Wei(5))
    stranger = Party(trade.network)
    cases: list[tuple[Party, Call, str, dict[str, object]]] = [
        (stranger, exchange.accept(offer, trade.signature), "NotBuyer", {"expected": offer.buyer}),
        (trade.buyer, wrong_payment, "WrongPayment", {"expected": offer.price, "found": 5}),
        (trade.buyer, exchange.accept(offer, Signature(b"\x01" * 65)), "InvalidSignature", {"signer": offer.seller}),
        (trade.seller, exchange.reveal(offer, trade.key), "WrongState", {"orderId": offer.struct_hash()}),
        (trade.seller, exchange.commit(trade.dataset.root, Digest(exchange.listings()[-1].manifest_hash)),
         "AlreadyCommitted", {"listing": offer.listing}),
        (trade.seller, exchange.withdraw(ETHER, Wei(1), ETHER), "InvalidRecipient", {"to": ETHER}),
    ]  # fmt: skip
    for party, call, name, values in cases:
        error = refused(party, call)
        assert error.error_name == name
        assert values.items() <= error.values.items()
        assert name in str(error)


def test_events_say_who_when_and_how_much(trade: Trade) -> None:
    exchange, offer, order_id = trade.exchange, trade.offer, trade.offer.struct_hash()
    assert exchange.accepted_at(order_id) is None
    assert exchange.revealed_key(order_id) is None
    receipt = trade.accepted()
    accepted = exchange.accepted_at(order_id)
    assert accepted is not None
    assert (accepted.listing, accepted.buyer, accepted.seller) == (offer.listing, offer.buyer, offer.seller)
    assert (accepted.token, accepted.price, accepted.evaluation) == (ETHER, offer.price, offer.evaluation)
    assert (accepted.block_number, accepted.timestamp) == (receipt.block_number, receipt.timestamp)
    assert accepted.transaction == receipt.hash
    assert exchange.accepted_at(OrderId(b"\x00" * 32)) is None


def test_listings_are_found_with_their_sellers(trade: Trade) -> None:
    exchange, second = trade.exchange, Party(trade.network)
    receipt = second.do(exchange.commit(Root(b"\x01" * 32), Digest(b"\x02" * 32)))
    first, last = exchange.listings()[-2:]
    assert (first.listing, first.seller) == (trade.offer.listing, trade.seller.address)
    assert (last.seller, last.listing_root, last.manifest_hash) == (second.address, b"\x01" * 32, b"\x02" * 32)
    assert exchange.seller_of(last.listing) == second.address
    assert exchange.seller_of(ListingId(b"\x09" * 32)) is None
    found = exchange.commitment(last.listing)
    assert found is not None
    assert found.block_number == receipt.block_number
    assert exchange.commitment(ListingId(b"\x09" * 32)) is None


def test_a_trade_in_tokens(network: Network, exchange: DataExchange) -> None:
    artifact = load_artifact("TestToken")
    # Two empty texts: their offsets, then their lengths.
    arguments = b"".join(word.to_bytes(32, "big") for word in (64, 96, 0, 0))
    maker = Party(network)
    token = maker.do(Call("deploy", None, artifact.bytecode + arguments)).contract
    assert token is not None
    trade = new_trade(network, exchange, token=token)
    for party in (trade.seller, trade.buyer):
        mint = Web3.keccak(text="mint(address,uint256)")[:4]
        arguments = bytes.fromhex(party.address[2:]).rjust(32, b"\x00") + (3 * ONE_ETHER).to_bytes(32, "big")
        maker.do(Call("mint", token, bytes(mint) + arguments))

    poor = refused(trade.seller, exchange.deposit(token, trade.offer.bond))
    assert poor.error_name == "ERC20InsufficientAllowance"
    assert poor.values == {"spender": exchange.address, "allowance": 0, "needed": trade.offer.bond}
    trade.seller.do(exchange.approve(token, trade.offer.bond))
    assert exchange.allowance(trade.seller.address, token) == trade.offer.bond
    trade.seller.do(exchange.deposit(token, trade.offer.bond))

    trade.buyer.do(exchange.approve(token, trade.offer.price))
    assert exchange.accept(trade.offer, trade.signature).value == 0
    trade.accepted()
    trade.revealed()
    trade.buyer.do(exchange.release(trade.offer))
    assert exchange.balance(trade.buyer.address, token) == 2 * ONE_ETHER
    assert exchange.balance(trade.seller.address, token) == 4 * ONE_ETHER - trade.offer.bond
    assert exchange.free_balance(trade.seller.address, token) == trade.offer.bond


def test_an_address_without_a_contract_answers_by_name(exchange: DataExchange) -> None:
    nowhere = Address("0x" + "77" * 20)
    with pytest.raises(WrongContract):
        exchange.balance(exchange.address, nowhere)
    with pytest.raises(WrongContract):
        DataExchange(exchange.web3, nowhere).order(OrderId(b"\x01" * 32))


def test_a_block_is_final_when_enough_lie_on_it(trade: Trade) -> None:
    receipt = trade.accepted()
    assert trade.exchange.height() == receipt.block_number
    assert trade.exchange.is_final(receipt.block_number, Finality(0))
    assert not trade.exchange.is_final(receipt.block_number, Finality(2))
    assert not trade.exchange.is_final(BlockNumber(receipt.block_number + 1), Finality(0))
    trade.network.mine(1)
    assert not trade.exchange.is_final(receipt.block_number, Finality(2))
    trade.network.mine(1)
    assert trade.exchange.is_final(receipt.block_number, Finality(2))
    # Longer than the chain: nothing is final, not even the first block.
    assert not trade.exchange.is_final(BlockNumber(0), Finality(10**9))


def test_the_time_to_finality_is_that_between_the_blocks(trade: Trade) -> None:
    trade.accepted()
    latest, before = (trade.exchange.web3.eth.get_block(trade.exchange.height() - back)["timestamp"] for back in (0, 2))
    assert trade.exchange.time_to_final(Finality(2)) == latest - before
    assert trade.exchange.time_to_final(Finality(0)) == 0
    assert trade.exchange.time_to_final(Finality(10**9)) is None
    trade.network.advance(Seconds(5_000))
    assert (trade.exchange.time_to_final(Finality(1)) or 0) >= 5_000


def test_a_negative_depth_is_refused() -> None:
    with pytest.raises(InvalidOption):
        Finality(-1)
