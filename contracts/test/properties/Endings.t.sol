// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../../interfaces/IDataExchange.sol";
import {BlockingToken} from "../tokens/BlockingToken.sol";
import {Vm} from "./Cheats.sol";
import {Market} from "./Market.sol";

/// @title Revealing, and every way in which an order ends but the dispute
contract EndingsTest is Market {
    function test_the_key_is_revealed_in_time(uint32 wait, bytes32 wrong) public {
        Sale memory sale = _sale(address(0));
        bytes32 key = sale.delivery.key;
        vm.expectRevert(_wrongState(sale.offer, LOCKED, NONE));
        exchange.reveal(sale.offer, key);
        _accept(sale.offer);
        (, uint64 deadline) = exchange.orderOf(_orderId(sale.offer));
        vm.assume(wrong != key);
        bytes32 found = keccak256(abi.encode(wrong));
        vm.expectRevert(abi.encodeWithSelector(IDataExchange.WrongKey.selector, sale.offer.keyCommitment, found));
        exchange.reveal(sale.offer, wrong);
        vm.warp(uint256(deadline) + 1);
        bytes4 selector = IDataExchange.DeadlinePassed.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, _orderId(sale.offer), deadline, uint256(deadline) + 1));
        exchange.reveal(sale.offer, key);
        vm.warp(deadline - wait % 1 hours);
        vm.recordLogs();
        exchange.reveal(sale.offer, key);
        Vm.Log memory log = _onlyLog();
        same(log.topics[0], IDataExchange.Revealed.selector, "event");
        same(log.topics[1], _orderId(sale.offer), "order in the event");
        same(abi.decode(log.data, (bytes32)), key, "key in the event");
        (IDataExchange.State state, uint64 next) = exchange.orderOf(_orderId(sale.offer));
        same(uint256(state), uint256(REVEALED), "state");
        same(next, block.timestamp + sale.offer.disputeWindow, "next deadline");
    }

    function test_a_refund_comes_after_the_deadline(uint256 drawn, uint32 late, bool named) public {
        address money = _money(drawn);
        IDataExchange.Offer memory offer = _offer(money);
        _accept(offer);
        (, uint64 deadline) = exchange.orderOf(_orderId(offer));
        vm.warp(deadline);
        bytes4 selector = IDataExchange.DeadlineNotPassed.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, _orderId(offer), deadline, uint256(deadline)));
        exchange.refund(offer);
        vm.warp(uint256(deadline) + 1 + late);
        address to = named ? address(0xb0b) : buyer;
        uint256 before = _held(to, money);
        vm.recordLogs();
        if (named) {
            vm.expectRevert(abi.encodeWithSelector(IDataExchange.NotBuyer.selector, buyer, address(this)));
            exchange.refundTo(offer, to);
            _refusesRecipients(abi.encodeCall(IDataExchange.refundTo, (offer, address(0))), buyer, address(0));
            vm.prank(buyer);
            exchange.refundTo(offer, to);
        } else {
            exchange.refund(offer);
        }
        same(_lastLog().topics[0], IDataExchange.Refunded.selector, "event");
        same(_held(to, money) - before, PRICE + BOND, "price and bond");
        same(exchange.freeBalance(seller, money), DEPOSIT - BOND, "the seller's bond is gone");
        _isIn(offer, REFUNDED);
        vm.expectRevert(_wrongState(offer, LOCKED, REFUNDED));
        exchange.refund(offer);
    }

    function test_a_release_pays_the_seller(uint256 drawn, uint32 wait, bool signed) public {
        Sale memory sale = _sale(_money(drawn));
        IDataExchange.Offer memory offer = sale.offer;
        bytes memory signature = _releaseSignature(BUYER_KEY, offer);
        _accept(offer);
        vm.prank(buyer);
        vm.expectRevert(_wrongState(offer, REVEALED, LOCKED));
        exchange.release(offer);
        vm.expectRevert(_wrongState(offer, REVEALED, LOCKED));
        exchange.releaseBySig(offer, signature);
        exchange.reveal(offer, sale.delivery.key);
        vm.warp(block.timestamp + wait);
        uint256 before = _held(seller, offer.token);
        vm.recordLogs();
        if (signed) {
            bytes memory forged = _releaseSignature(OTHER_KEY, offer);
            vm.prank(buyer);
            vm.expectRevert();
            exchange.releaseBySig(offer, forged);
            exchange.releaseBySig(offer, signature);
        } else {
            vm.expectRevert(abi.encodeWithSelector(IDataExchange.NotBuyer.selector, buyer, address(this)));
            exchange.release(offer);
            vm.prank(buyer);
            exchange.release(offer);
        }
        same(_lastLog().topics[0], IDataExchange.Released.selector, "event");
        same(_held(seller, offer.token) - before, PRICE, "price");
        same(exchange.freeBalance(seller, offer.token), DEPOSIT, "the bond is free again");
        _isIn(offer, RELEASED);
        vm.prank(buyer);
        vm.expectRevert(_wrongState(offer, REVEALED, RELEASED));
        exchange.release(offer);
    }

    /// @dev The smallest and the largest are drawn for certain.
    function test_a_bond_of_any_size_comes_back(uint128 drawn) public {
        uint128[4] memory bonds = [0, 1, DEPOSIT, uint128(within(drawn, 0, DEPOSIT))];
        for (uint256 i; i < 4; ++i) {
            Sale memory sale = _sale(address(0));
            (sale.offer.bond, sale.offer.nonce) = (bonds[i], 20 + i);
            _reveal(sale);
            same(exchange.freeBalance(seller, address(0)), DEPOSIT - bonds[i], "posted");
            vm.prank(buyer);
            exchange.release(sale.offer);
            same(exchange.freeBalance(seller, address(0)), DEPOSIT, "back");
        }
    }

    function test_a_word_for_another_order_releases_nothing(uint256 nonce) public {
        Sale memory sale = _sale(address(0));
        _reveal(sale);
        IDataExchange.Offer memory second = _offer(address(0));
        vm.assume(nonce != second.nonce);
        second.nonce = nonce;
        bytes memory signature = _releaseSignature(BUYER_KEY, second);
        vm.expectRevert();
        exchange.releaseBySig(sale.offer, signature);
        bytes memory ofTheOffer = _signed(BUYER_KEY, _orderId(sale.offer));
        vm.expectRevert();
        exchange.releaseBySig(sale.offer, ofTheOffer);
    }

    function test_a_claim_pays_those_that_are_due(uint256 drawn, bool named) public {
        Sale memory sale = _sale(_money(drawn));
        IDataExchange.Offer[] memory offers = new IDataExchange.Offer[](3);
        for (uint256 i; i < 3; ++i) {
            offers[i] = _offer(sale.offer.token);
            offers[i].nonce = 10 + i;
        }
        // The first is revealed late, the third is not accepted.
        _accept(offers[1]);
        exchange.reveal(offers[1], sale.delivery.key);
        (, uint64 deadline) = exchange.orderOf(_orderId(offers[1]));
        vm.warp(deadline);
        _claims(offers, named, abi.encodeWithSelector(IDataExchange.NothingToClaim.selector, 3));
        vm.warp(uint256(deadline) + 1);
        offers[0].expiry = uint64(block.timestamp);
        _accept(offers[0]);
        exchange.reveal(offers[0], sale.delivery.key);
        address to = named ? address(0xb0b) : seller;
        uint256 before = _held(to, sale.offer.token);
        if (named) {
            vm.expectRevert(abi.encodeWithSelector(IDataExchange.NotSeller.selector, seller, address(this)));
            exchange.claimTo(offers, to);
            _refusesRecipients(
                abi.encodeCall(IDataExchange.claimTo, (offers, address(0))), seller, address(0)
            );
        }
        vm.recordLogs();
        _claims(offers, named, "");
        same(_lastLog().topics[1], _orderId(offers[1]), "order in the event");
        same(_held(to, sale.offer.token) - before, PRICE, "one price");
        _isIn(offers[0], REVEALED);
        _isIn(offers[1], RELEASED);
        _isIn(offers[2], NONE);
        same(exchange.freeBalance(seller, sale.offer.token), DEPOSIT - BOND, "one bond is free again");
        _claims(offers, named, abi.encodeWithSelector(IDataExchange.NothingToClaim.selector, 3));
        _late(offers[0]);
        _claims(offers, named, "");
        _isIn(offers[0], RELEASED);
    }

    function test_nothing_is_nothing_to_claim() public {
        IDataExchange.Offer[] memory none;
        _claims(none, false, abi.encodeWithSelector(IDataExchange.NothingToClaim.selector, 0));
        _claims(none, true, abi.encodeWithSelector(IDataExchange.NothingToClaim.selector, 0));
    }

    function _claims(IDataExchange.Offer[] memory offers, bool named, bytes memory reason) private {
        if (named) vm.prank(seller);
        if (reason.length != 0) vm.expectRevert(reason);
        if (named) exchange.claimTo(offers, address(0xb0b));
        else exchange.claim(offers);
    }

    function _refusesRecipients(bytes memory data, address who, address to) private {
        vm.prank(who);
        (bool success, bytes memory answer) = address(exchange).call(data);
        yes(!success, "money is not sent into nothing");
        bytes memory reason = abi.encodeWithSelector(IDataExchange.InvalidRecipient.selector, to);
        same(keccak256(answer), keccak256(reason), "reason");
    }

    // --- what cannot be pushed --------------------------------------------------------------------------------------

    function test_what_a_party_cannot_be_paid_becomes_its_free_balance(bool toTheBuyer, bool withBond) public {
        BlockingToken blocking = new BlockingToken();
        blocking.mint(buyer, MONEY);
        blocking.mint(seller, MONEY);
        vm.prank(buyer);
        blocking.approve(address(exchange), MONEY);
        vm.prank(seller);
        blocking.approve(address(exchange), MONEY);
        vm.prank(seller);
        exchange.deposit(address(blocking), DEPOSIT);
        Sale memory sale = _sale(address(blocking));
        if (!withBond) sale.offer.bond = 0;
        uint256 bond = sale.offer.bond;
        _accept(sale.offer);
        blocking.misbehave(true, toTheBuyer ? buyer : seller);
        vm.recordLogs();
        if (toTheBuyer) {
            _late(sale.offer);
            exchange.refund(sale.offer);
            same(exchange.freeBalance(buyer, address(blocking)), PRICE + bond, "the buyer's");
        } else {
            exchange.reveal(sale.offer, sale.delivery.key);
            _late(sale.offer);
            exchange.claim(_one(sale.offer));
            same(exchange.freeBalance(seller, address(blocking)), DEPOSIT + PRICE, "the seller's");
        }
        Vm.Log memory log = _lastLog();
        same(log.topics[0], IDataExchange.Credited.selector, "event");
        same(log.topics[1], bytes32(uint256(uint160(toTheBuyer ? buyer : seller))), "owner in the event");
        same(log.topics[2], bytes32(uint256(uint160(address(blocking)))), "token in the event");
        same(abi.decode(log.data, (uint256)), toTheBuyer ? PRICE + bond : PRICE, "amount in the event");
    }

    /// @dev 63/64 of what is left goes to the payee: with less than the promised rest the call is refused.
    function test_a_payment_needs_gas_left(uint256 gas_) public {
        IDataExchange.Offer memory offer = _offer(address(0));
        _accept(offer);
        _late(offer);
        same(exchange.PAYOUT_GAS(), 300_000, "promised");
        uint256 before = buyer.balance;
        gas_ = within(gas_, 60_000, 600_000);
        try exchange.refund{gas: gas_}(offer) {
            same(buyer.balance - before, PRICE + BOND, "paid");
            same(exchange.freeBalance(buyer, address(0)), 0, "in full");
            yes(gas_ > 300_000, "enough was left");
        } catch {
            _isIn(offer, LOCKED);
            yes(gas_ < 350_000, "too little was left");
        }
    }

    // --- what may happen --------------------------------------------------------------------------------------------

    function test_what_may_happen_is_told(uint32 wait) public {
        Sale memory sale = _sale(address(0));
        IDataExchange.Offer memory offer = sale.offer;
        uint64 never = type(uint64).max;
        IDataExchange.Possible[] memory told = _told(offer, NONE, 2);
        _may(told[0], IDataExchange.Action.Cancel, seller, never);
        _may(told[1], IDataExchange.Action.Accept, buyer, offer.expiry);
        vm.warp(offer.expiry);
        _told(offer, NONE, 2);
        vm.warp(uint256(offer.expiry) + 1 + wait);
        _may(_told(offer, NONE, 1)[0], IDataExchange.Action.Cancel, seller, never);
        vm.warp(START);
        _accept(offer);
        (, uint64 deadline) = exchange.orderOf(_orderId(offer));
        _may(_told(offer, LOCKED, 1)[0], IDataExchange.Action.Reveal, address(0), deadline);
        _late(offer);
        _may(_told(offer, LOCKED, 1)[0], IDataExchange.Action.Refund, address(0), never);
        vm.warp(deadline);
        exchange.reveal(offer, sale.delivery.key);
        (, deadline) = exchange.orderOf(_orderId(offer));
        told = _told(offer, REVEALED, 2);
        _may(told[0], IDataExchange.Action.Release, buyer, never);
        _may(told[1], IDataExchange.Action.Dispute, address(0), deadline);
        _late(offer);
        told = _told(offer, REVEALED, 2);
        _may(told[0], IDataExchange.Action.Release, buyer, never);
        _may(told[1], IDataExchange.Action.Claim, address(0), never);
        exchange.claim(_one(offer));
        _told(offer, RELEASED, 0);
    }

    function _told(IDataExchange.Offer memory offer, IDataExchange.State expected, uint256 count)
        private
        view
        returns (IDataExchange.Possible[] memory told)
    {
        IDataExchange.State state;
        (state, told) = exchange.possibleActions(offer);
        same(uint256(state), uint256(expected), "state");
        same(told.length, count, "actions");
    }

    function _may(
        IDataExchange.Possible memory told,
        IDataExchange.Action action,
        address by,
        uint64 until
    ) private pure {
        same(uint256(told.action), uint256(action), "action");
        same(told.by, by, "by");
        same(told.until, until, "until");
    }
}
