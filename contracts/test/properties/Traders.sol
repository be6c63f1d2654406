// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../../interfaces/IDataExchange.sol";
import {Market} from "./Market.sol";
import {Reference} from "./Reference.sol";

/// @title Random traders, and a model of what each of their calls should do (PROTOCOL 7)
/// @dev Six orders, three accounts, ether and a token. Every call is made by anybody at any time; the model says
/// beforehand whether it succeeds, and what then becomes of order and money. Where the contract does otherwise, the call
/// reverts and the run fails.
contract Traders is Market {
    uint256 internal constant ORDERS = 6;

    struct Order {
        IDataExchange.State state;
        uint256 deadline;
        uint256 taken;
        uint256 paid;
    }

    IDataExchange.Offer[ORDERS] private _offers;
    Order[ORDERS] private _orders;
    /// @dev What an account should have of a money: outside of the contract, and free in it.
    mapping(address owner => mapping(address money => uint256)) public outside;
    mapping(address owner => mapping(address money => uint256)) public free;
    /// @dev Transitions that were seen, as bits `6 * from + to`.
    uint256 public seen;
    Delivery private _delivered;

    constructor() {
        setUp();
        _delivered = _delivery(3, 1, 64, 7);
        for (uint256 i; i < ORDERS; ++i) {
            IDataExchange.Offer memory offer = _offer(_money(i));
            (offer.deliveryRoot, offer.keyCommitment) = (_delivered.root, keccak256(abi.encode(_delivered.key)));
            (offer.nonce, offer.price, offer.bond) = (i, uint128(i * 1 ether), i % 3 == 0 ? 0 : uint128(i) * 1 ether);
            offer.expiry = uint64(START + (i + 1) * 1 hours);
            _offers[i] = offer;
        }
        address[3] memory accounts = [seller, buyer, other];
        for (uint256 i; i < 6; ++i) {
            (address owner, address in_) = (accounts[i / 2], _money(i));
            outside[owner][in_] = _held(owner, in_);
            free[owner][in_] = exchange.freeBalance(owner, in_);
        }
    }

    // --- what the invariants look at --------------------------------------------------------------------------------

    function escrow() external view returns (IDataExchange) {
        return exchange;
    }

    function offerOf(uint256 number) external view returns (IDataExchange.Offer memory) {
        return _offers[number];
    }

    function orderOf(uint256 number) external view returns (Order memory) {
        return _orders[number];
    }

    function account(uint256 number) public view returns (address) {
        return [seller, buyer, other][number % 3];
    }

    function money(uint256 number) public view returns (address) {
        return _money(number);
    }

    function held(address owner, address money_) external view returns (uint256) {
        return _held(owner, money_);
    }

    function key() external view returns (bytes32) {
        return _delivered.key;
    }

    // --- the calls --------------------------------------------------------------------------------------------------

    function waits(uint32 time) external {
        vm.warp(block.timestamp + time % 90 minutes);
    }

    function deposits(uint256 who, uint256 what, uint256 amount) external {
        (address by, address in_) = (account(who), money(what));
        amount = within(amount, 0, 3 ether);
        bool allowed = outside[by][in_] >= amount;
        bytes memory data = abi.encodeCall(IDataExchange.deposit, (in_, amount));
        if (!_calls(by, in_ == address(0) && allowed ? amount : 0, data, allowed || amount == 0)) return;
        outside[by][in_] -= amount;
        free[by][in_] += amount;
    }

    function withdraws(uint256 who, uint256 what, uint256 amount, uint256 whom) external {
        (address by, address in_, address to) = (account(who), money(what), account(whom));
        amount = within(amount, 0, 6 ether);
        bytes memory data = abi.encodeCall(IDataExchange.withdraw, (in_, amount, to));
        if (!_calls(by, 0, data, free[by][in_] >= amount)) return;
        free[by][in_] -= amount;
        outside[to][in_] += amount;
    }

    function accepts(uint256 number, uint256 who, uint256 way) external {
        number %= ORDERS;
        IDataExchange.Offer memory offer = _offers[number];
        address by = way % 4 == 0 ? account(who) : buyer;
        bool allowed = _orders[number].state == NONE && by == buyer && block.timestamp <= offer.expiry
            && free[seller][offer.token] >= offer.bond && outside[by][offer.token] >= offer.price;
        bytes memory signature = _offerSignature(offer);
        bytes memory data = abi.encodeCall(IDataExchange.accept, (offer, signature));
        if (way % 3 == 1) {
            IDataExchange.Authorization memory given = _authorization(BUYER_KEY, offer);
            data = abi.encodeCall(IDataExchange.acceptByAuthorization, (offer, signature, given));
            allowed = allowed && offer.token != address(0);
        }
        uint256 value = way % 3 == 1 || outside[by][address(0)] < offer.price ? 0 : _value(offer);
        if (!_calls(by, value, data, allowed)) return;
        _moves(number, LOCKED, block.timestamp + offer.revealWindow);
        free[seller][offer.token] -= offer.bond;
        outside[by][offer.token] -= offer.price;
        _orders[number].taken = uint256(offer.price) + offer.bond;
    }

    function cancels(uint256 number, uint256 who) external {
        number %= ORDERS;
        bool allowed = _orders[number].state == NONE && account(who) == seller;
        bytes memory data = abi.encodeCall(IDataExchange.cancel, (_offers[number]));
        if (_calls(account(who), 0, data, allowed)) _moves(number, CANCELLED, 0);
    }

    function reveals(uint256 number, uint256 who, bool wrong) external {
        number %= ORDERS;
        bytes32 key_ = wrong ? keccak256("wrong") : _delivered.key;
        bool allowed = _orders[number].state == LOCKED && block.timestamp <= _orders[number].deadline && !wrong;
        bytes memory data = abi.encodeCall(IDataExchange.reveal, (_offers[number], key_));
        if (!_calls(account(who), 0, data, allowed)) return;
        _moves(number, REVEALED, block.timestamp + _offers[number].disputeWindow);
    }

    function refunds(uint256 number, uint256 who, bool named) external {
        number %= ORDERS;
        (address by, IDataExchange.Offer memory offer) = (account(who), _offers[number]);
        bool allowed = _orders[number].state == LOCKED && block.timestamp > _orders[number].deadline;
        if (named) allowed = allowed && by == buyer;
        bytes memory data = named
            ? abi.encodeCall(IDataExchange.refundTo, (offer, other))
            : abi.encodeCall(IDataExchange.refund, (offer));
        if (_calls(by, 0, data, allowed)) _paysBuyer(number, named ? other : buyer);
    }

    function releases(uint256 number, uint256 who, uint256 way) external {
        number %= ORDERS;
        (address by, IDataExchange.Offer memory offer) = (account(who), _offers[number]);
        bool allowed = _orders[number].state == REVEALED;
        bytes memory data = abi.encodeCall(IDataExchange.release, (offer));
        if (way % 3 != 0) {
            bytes memory signature = _releaseSignature(way % 3 == 1 ? BUYER_KEY : OTHER_KEY, offer);
            data = abi.encodeCall(IDataExchange.releaseBySig, (offer, signature));
            allowed = allowed && way % 3 == 1;
        } else {
            allowed = allowed && by == buyer;
        }
        if (_calls(by, 0, data, allowed)) _paysSeller(number, seller);
    }

    function claims(uint256 number, uint256 second, uint256 who, bool named) external {
        uint256[2] memory numbers = [number % ORDERS, second % ORDERS];
        address by = account(who);
        IDataExchange.Offer[] memory offers = new IDataExchange.Offer[](2);
        bool allowed;
        for (uint256 i; i < 2; ++i) {
            offers[i] = _offers[numbers[i]];
            if (_isDue(numbers[i])) allowed = true;
        }
        if (named) allowed = allowed && by == seller;
        bytes memory data = named
            ? abi.encodeCall(IDataExchange.claimTo, (offers, other))
            : abi.encodeCall(IDataExchange.claim, (offers));
        if (!_calls(by, 0, data, allowed)) return;
        for (uint256 i; i < 2; ++i) {
            if (_isDue(numbers[i])) _paysSeller(numbers[i], named ? other : seller);
        }
    }

    function disputes(uint256 number, uint256 index, uint256 who, bool named) external {
        number %= ORDERS;
        index %= 4;
        (address by, Delivery memory it) = (account(who), _delivered);
        bool allowed =
            _orders[number].state == REVEALED && block.timestamp <= _orders[number].deadline && index == 1;
        if (named) allowed = allowed && by == buyer;
        uint256 chunk = index % 3;
        bytes32[] memory path = Reference.path(it.nodes, chunk);
        bytes memory data = named
            ? abi.encodeCall(
                IDataExchange.disputeTo,
                (_offers[number], it.key, index, it.ciphertexts[chunk], it.leaves[chunk], path, other)
            )
            : abi.encodeCall(
                IDataExchange.dispute,
                (_offers[number], it.key, index, it.ciphertexts[chunk], it.leaves[chunk], path)
            );
        if (_calls(by, 0, data, allowed)) _paysBuyer(number, named ? other : buyer);
    }

    // --- the model --------------------------------------------------------------------------------------------------

    function _calls(address by, uint256 value, bytes memory data, bool allowed) private returns (bool success) {
        vm.prank(by);
        (success,) = address(exchange).call{value: value}(data);
        yes(success == allowed, allowed ? "the contract refused what the table allows" : "the contract did it");
    }

    function _isDue(uint256 number) private view returns (bool) {
        return _orders[number].state == REVEALED && block.timestamp > _orders[number].deadline;
    }

    function _moves(uint256 number, IDataExchange.State state, uint256 deadline) private {
        seen |= 1 << (6 * uint256(_orders[number].state) + uint256(state));
        (_orders[number].state, _orders[number].deadline) = (state, deadline);
    }

    function _paysBuyer(uint256 number, address to) private {
        _moves(number, REFUNDED, 0);
        uint256 amount = uint256(_offers[number].price) + _offers[number].bond;
        outside[to][_offers[number].token] += amount;
        _orders[number].paid += amount;
    }

    function _paysSeller(uint256 number, address to) private {
        _moves(number, RELEASED, 0);
        IDataExchange.Offer memory offer = _offers[number];
        outside[to][offer.token] += offer.price;
        free[seller][offer.token] += offer.bond;
        _orders[number].paid += uint256(offer.price) + offer.bond;
    }
}
