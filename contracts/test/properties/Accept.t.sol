// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../../interfaces/IDataExchange.sol";
import {AuthorizedToken} from "../tokens/AuthorizedToken.sol";
import {FallbackToken} from "../tokens/FallbackToken.sol";
import {FeeToken} from "../tokens/FeeToken.sol";
import {PermitToken} from "../tokens/PermitToken.sol";
import {Vm} from "./Cheats.sol";
import {Market} from "./Market.sol";

/// @title Listing, accepting in its three ways, cancelling
contract AcceptTest is Market {
    function test_a_listing_is_committed_once_by_whoever_comes(address who, bytes32 root, bytes32 manifest) public {
        vm.assume(who != seller && who != address(0));
        bytes32 expected = keccak256(abi.encode(who, root, manifest));
        vm.recordLogs();
        vm.prank(who);
        same(exchange.commit(root, manifest), expected, "listing");
        Vm.Log memory log = _onlyLog();
        same(log.topics[0], IDataExchange.Committed.selector, "event");
        same(log.topics[1], expected, "listing in the event");
        same(log.topics[2], bytes32(uint256(uint160(who))), "seller in the event");
        same(keccak256(log.data), keccak256(abi.encode(root, manifest)), "data of the event");
        same(exchange.sellerOf(expected), who, "seller");
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(IDataExchange.AlreadyCommitted.selector, expected));
        exchange.commit(root, manifest);
    }

    function test_an_order_is_known_by_its_struct_hash(IDataExchange.Offer calldata offer) public view {
        same(exchange.hashOffer(offer), _orderId(offer), "order");
    }

    /// @dev Every field from the fifth to the last but one, its first bit too many for certain.
    function test_a_field_wider_than_its_type_is_refused(uint256 excess) public view {
        uint16[10] memory widths = [uint16(32), 32, 160, 160, 160, 128, 128, 32, 32, 64];
        (bool before,) = address(exchange).staticcall(_hashing(0, 0));
        yes(before, "as it is");
        for (uint256 field; field < 10; ++field) {
            _refusesBit(4 + field, widths[field]);
            _refusesBit(4 + field, within(excess, widths[field], 255));
        }
    }

    function _refusesBit(uint256 field, uint256 bit) private view {
        (bool success, bytes memory answer) = address(exchange).staticcall(_hashing(field, 1 << bit));
        yes(!success, "with another bit");
        same(answer.length, 0, "without a word");
    }

    /// @dev The call that hashes the common offer, with further bits in a field.
    function _hashing(uint256 field, uint256 bits) private view returns (bytes memory data) {
        data = abi.encodeCall(IDataExchange.hashOffer, (_offer(address(0))));
        uint256 place = 36 + 32 * field;
        assembly ("memory-safe") {
            mstore(add(data, place), or(mload(add(data, place)), bits))
        }
    }

    function test_an_accept_locks_price_and_bond(uint256 drawn, uint128 price, uint128 bond, uint32 wait) public {
        address money = _money(drawn);
        IDataExchange.Offer memory offer = _offer(money);
        offer.price = uint128(within(price, 0, MONEY));
        offer.bond = uint128(within(bond, 0, DEPOSIT));
        vm.warp(START + wait % 3 hours);
        uint256 held = _held(address(exchange), money);
        bytes memory signature = _offerSignature(offer);
        vm.recordLogs();
        vm.prank(buyer);
        bytes32 orderId = exchange.accept{value: _value(offer)}(offer, signature);
        Vm.Log memory log = _lastLog();
        same(log.topics[0], IDataExchange.Accepted.selector, "event");
        same(log.topics[1], orderId, "order in the event");
        same(log.topics[2], offer.listing, "listing in the event");
        same(log.topics[3], bytes32(uint256(uint160(buyer))), "buyer in the event");
        bytes memory data = abi.encode(seller, offer.evaluation, money, uint256(offer.price));
        same(keccak256(log.data), keccak256(data), "data of the event");
        same(orderId, _orderId(offer), "order");
        (IDataExchange.State state, uint64 deadline) = exchange.orderOf(orderId);
        same(uint256(state), uint256(LOCKED), "state");
        same(deadline, block.timestamp + offer.revealWindow, "deadline");
        same(_held(address(exchange), money) - held, offer.price, "price");
        same(exchange.freeBalance(seller, money), DEPOSIT - offer.bond, "what is left of the deposit");
        vm.deal(buyer, offer.price);
        vm.prank(buyer);
        vm.expectRevert(_wrongState(offer, NONE, LOCKED));
        exchange.accept{value: _value(offer)}(offer, signature);
    }

    // --- what is refused --------------------------------------------------------------------------------------------

    function test_only_the_offers_buyer_accepts(address who) public {
        IDataExchange.Offer memory offer = _offer(address(0));
        vm.assume(who != buyer);
        vm.deal(who, PRICE);
        _refused(offer, who, PRICE, abi.encodeWithSelector(IDataExchange.NotBuyer.selector, buyer, who));
    }

    function test_an_offer_ends(uint64 after_) public {
        IDataExchange.Offer memory offer = _offer(address(0));
        vm.warp(offer.expiry);
        uint256 before = vm.snapshotState();
        _accept(offer);
        vm.revertToState(before);
        uint256 time = within(after_, uint256(offer.expiry) + 1, type(uint64).max);
        vm.warp(time);
        _refused(offer, buyer, PRICE, abi.encodeWithSelector(IDataExchange.OfferExpired.selector, offer.expiry, time));
    }

    function test_the_listing_is_the_sellers() public {
        IDataExchange.Offer memory offer = _offer(address(0));
        offer.listing = keccak256("none");
        bytes4 selector = IDataExchange.ListingNotOfSeller.selector;
        _refused(offer, buyer, PRICE, abi.encodeWithSelector(selector, offer.listing, seller, address(0)));
        offer.seller = address(0);
        _refused(offer, buyer, PRICE, abi.encodeWithSelector(selector, offer.listing, address(0), address(0)));
        (offer.listing, offer.seller) = (listing, other);
        _refused(offer, buyer, PRICE, abi.encodeWithSelector(selector, listing, other, seller));
    }

    function test_chunks_are_of_three_sizes(uint32 size) public {
        IDataExchange.Offer memory offer = _offer(address(0));
        uint32[3] memory sizes = [uint32(1024), 4096, 16384];
        for (uint256 i; i < 3; ++i) {
            offer.chunkSize = sizes[i];
            offer.nonce = 100 + i;
            _accept(offer);
            _isIn(offer, LOCKED);
            vm.assume(size != sizes[i]);
        }
        offer.chunkSize = size;
        _refused(offer, buyer, PRICE, abi.encodeWithSelector(IDataExchange.ChunkSizeUnsupported.selector, size));
        (offer.chunkSize, offer.chunkCount) = (1024, 0);
        _refused(offer, buyer, PRICE, abi.encodeWithSelector(IDataExchange.NoChunks.selector));
    }

    function test_windows_have_bounds(uint32 window, bool ofReveal) public {
        IDataExchange.Offer memory offer = _offer(address(0));
        (uint32 low, uint32 high) = (exchange.MIN_WINDOW(), exchange.MAX_WINDOW());
        same(low, 10 minutes, "shortest");
        same(high, 30 days, "longest");
        uint32[5] memory windows = [low, high, low - 1, high + 1, window];
        for (uint256 i; i < 5; ++i) {
            offer.nonce = 200 + i;
            if (ofReveal) offer.revealWindow = windows[i];
            else offer.disputeWindow = windows[i];
            if (windows[i] >= low && windows[i] <= high) {
                _accept(offer);
                _isIn(offer, LOCKED);
            } else {
                bytes4 selector = IDataExchange.WindowOutOfBounds.selector;
                _refused(offer, buyer, PRICE, abi.encodeWithSelector(selector, low, high, windows[i]));
            }
        }
    }

    function test_the_seller_signs(uint256 key) public {
        IDataExchange.Offer memory offer = _offer(address(0));
        key = within(key, 1, type(uint128).max);
        vm.assume(key != SELLER_KEY);
        bytes memory signature = _signed(key, _orderId(offer));
        vm.prank(buyer);
        vm.expectRevert(
            abi.encodeWithSelector(IDataExchange.InvalidSignature.selector, seller, _digest(_orderId(offer)))
        );
        exchange.accept{value: PRICE}(offer, signature);
    }

    function test_after_a_fork_signatures_are_for_the_new_chain(uint64 chain) public {
        vm.assume(chain != block.chainid && chain != 0);
        IDataExchange.Offer memory offer = _offer(address(0));
        bytes memory old = _offerSignature(offer);
        bytes32 separator = exchange.domainSeparator();
        vm.chainId(chain);
        yes(separator != exchange.domainSeparator(), "another domain");
        vm.prank(buyer);
        vm.expectRevert(
            abi.encodeWithSelector(IDataExchange.InvalidSignature.selector, seller, _digest(_orderId(offer)))
        );
        exchange.accept{value: PRICE}(offer, old);
        _accept(offer);
        _isIn(offer, LOCKED);
    }

    function test_the_domain_is_told() public {
        (bool success, bytes memory answer) = address(exchange).staticcall(abi.encodeWithSignature("eip712Domain()"));
        yes(success, "eip712Domain");
        (bytes1 fields, string memory name, string memory version, uint256 chain, address contract_, bytes32 salt,) =
            abi.decode(answer, (bytes1, string, string, uint256, address, bytes32, uint256[]));
        same(bytes32(fields), bytes32(bytes1(0x0f)), "fields");
        same(keccak256(bytes(name)), keccak256("Blindfair"), "name");
        same(keccak256(bytes(version)), keccak256("1"), "version");
        same(chain, block.chainid, "chain");
        same(contract_, address(exchange), "contract");
        same(salt, 0, "salt");
        bytes32 typehash =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 expected =
            keccak256(abi.encode(typehash, keccak256("Blindfair"), keccak256("1"), block.chainid, address(exchange)));
        same(exchange.domainSeparator(), expected, "separator");
    }

    function test_the_bond_must_be_there(uint128 bond, uint256 drawn) public {
        IDataExchange.Offer memory offer = _offer(_money(drawn));
        offer.bond = uint128(within(bond, DEPOSIT + 1, type(uint128).max));
        bytes4 selector = IDataExchange.FreeBalanceTooLow.selector;
        _refused(
            offer, buyer, _value(offer), abi.encodeWithSelector(selector, seller, offer.token, offer.bond, DEPOSIT)
        );
    }

    function test_the_ether_sent_is_the_price(uint256 sent) public {
        IDataExchange.Offer memory offer = _offer(address(0));
        sent = within(sent, 0, MONEY);
        vm.assume(sent != PRICE);
        _refused(offer, buyer, sent, abi.encodeWithSelector(IDataExchange.WrongPayment.selector, PRICE, sent));
        offer.token = address(token);
        vm.assume(sent != 0);
        _refused(offer, buyer, sent, abi.encodeWithSelector(IDataExchange.WrongPayment.selector, 0, sent));
    }

    function test_what_has_no_code_or_does_not_answer_is_no_token(address nobody) public {
        vm.assume(nobody.code.length == 0 && uint160(nobody) > 0xffff);
        IDataExchange.Offer memory offer = _offer(nobody);
        offer.bond = 0;
        _refused(offer, buyer, 0, abi.encodeWithSelector(IDataExchange.NotAToken.selector, nobody));
        // It has code and no `balanceOf`.
        offer.token = address(exchange);
        _refused(offer, buyer, 0, "");
    }

    // --- paid by signature ------------------------------------------------------------------------------------------

    function test_an_authorization_pays_its_order_alone(uint128 price) public {
        IDataExchange.Offer memory offer = _offer(address(token));
        offer.price = uint128(within(price, 0, MONEY));
        vm.prank(buyer);
        token.approve(address(exchange), 0);
        bytes memory signature = _offerSignature(offer);
        IDataExchange.Authorization memory given = _authorization(BUYER_KEY, offer);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IDataExchange.NotBuyer.selector, buyer, other));
        exchange.acceptByAuthorization(offer, signature, given);
        IDataExchange.Authorization memory forged = _authorization(OTHER_KEY, offer);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(AuthorizedToken.NotSigned.selector, buyer));
        exchange.acceptByAuthorization(offer, signature, forged);
        vm.prank(buyer);
        same(exchange.acceptByAuthorization(offer, signature, given), _orderId(offer), "order");
        _isIn(offer, LOCKED);
        same(token.balanceOf(buyer), MONEY - offer.price, "what the buyer has left");
        offer.nonce += 1;
        signature = _offerSignature(offer);
        vm.prank(buyer);
        vm.expectRevert();
        exchange.acceptByAuthorization(offer, signature, given);
    }

    function test_a_token_that_takes_every_call_must_bring_the_money() public {
        FallbackToken wrapped = new FallbackToken();
        IDataExchange.Offer memory offer = _offer(address(wrapped));
        offer.bond = 0;
        bytes memory signature = _offerSignature(offer);
        vm.prank(buyer);
        vm.expectRevert(
            abi.encodeWithSelector(IDataExchange.WrongTransfer.selector, address(wrapped), uint256(PRICE), 0)
        );
        exchange.acceptByAuthorization(offer, signature, IDataExchange.Authorization(27, 0, 0));
    }

    function test_a_token_must_bring_exactly_the_price(uint128 price) public {
        FeeToken fee = new FeeToken();
        fee.mint(buyer, MONEY);
        fee.misbehave(true, address(0));
        vm.prank(buyer);
        fee.approve(address(exchange), MONEY);
        IDataExchange.Offer memory offer = _offer(address(fee));
        (offer.bond, offer.price) = (0, uint128(within(price, 100, MONEY)));
        uint256 brought = offer.price - offer.price / 100;
        bytes4 selector = IDataExchange.WrongTransfer.selector;
        _refused(offer, buyer, 0, abi.encodeWithSelector(selector, address(fee), uint256(offer.price), brought));
    }

    function test_a_permit_is_tried_and_the_allowance_counts(uint128 price, bool ahead, bool good) public {
        PermitToken permitted = new PermitToken();
        permitted.mint(buyer, MONEY);
        IDataExchange.Offer memory offer = _offer(address(permitted));
        (offer.bond, offer.price) = (0, uint128(within(price, 1, MONEY)));
        IDataExchange.Permit memory permit = _permit(permitted, good ? BUYER_KEY : OTHER_KEY, offer.price);
        if (ahead && good) {
            permitted.permit(
                buyer, address(exchange), permit.value, permit.deadline, permit.v, permit.r, permit.s
            );
        }
        bytes memory signature = _offerSignature(offer);
        vm.prank(buyer);
        if (!good) vm.expectRevert();
        exchange.acceptWithPermit(offer, signature, permit);
        _isIn(offer, good ? LOCKED : NONE);
    }

    // --- cancel -----------------------------------------------------------------------------------------------------

    function test_a_cancelled_offer_is_never_accepted(address who) public {
        IDataExchange.Offer memory offer = _offer(address(0));
        vm.assume(who != seller);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(IDataExchange.NotSeller.selector, seller, who));
        exchange.cancel(offer);
        vm.recordLogs();
        vm.prank(seller);
        exchange.cancel(offer);
        Vm.Log memory log = _onlyLog();
        same(log.topics[0], IDataExchange.Cancelled.selector, "event");
        same(log.topics[1], _orderId(offer), "order in the event");
        _isIn(offer, CANCELLED);
        _refused(offer, buyer, PRICE, _wrongState(offer, NONE, CANCELLED));
        vm.prank(seller);
        vm.expectRevert(_wrongState(offer, NONE, CANCELLED));
        exchange.cancel(offer);
    }

    function _refused(IDataExchange.Offer memory offer, address who, uint256 value, bytes memory reason) private {
        bytes memory signature = _offerSignature(offer);
        vm.prank(who);
        if (reason.length == 0) vm.expectRevert();
        else vm.expectRevert(reason);
        exchange.accept{value: value}(offer, signature);
    }
}
