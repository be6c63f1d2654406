// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../../interfaces/IDataExchange.sol";
import {PayoutHarness} from "../PayoutHarness.sol";
import {BurningToken} from "../tokens/BurningToken.sol";
import {FalseToken} from "../tokens/FalseToken.sol";
import {GenerousToken} from "../tokens/GenerousToken.sol";
import {HostileToken} from "../tokens/HostileToken.sol";
import {LongToken} from "../tokens/LongToken.sol";
import {RebasingToken} from "../tokens/RebasingToken.sol";
import {RevertingToken} from "../tokens/RevertingToken.sol";
import {ShortToken} from "../tokens/ShortToken.sol";
import {SilentToken} from "../tokens/SilentToken.sol";
import {TwoToken} from "../tokens/TwoToken.sol";
import {Vm} from "./Cheats.sol";
import {Market} from "./Market.sol";

/// @title A receiver of ether, and a token, that says no, with words
contract Unwilling {
    error NotToday();

    function balanceOf(address) external pure returns (uint256) {
        revert NotToday();
    }

    receive() external payable {
        revert NotToday();
    }
}

/// @title A receiver of ether that knows no call
contract Willing {
    receive() external payable {}
}

/// @title Money in, lying free, and out
contract BalancesTest is Market {
    PayoutHarness private harness;

    function setUp() public override {
        super.setUp();
        harness = PayoutHarness(_deploy("PayoutHarness", "tests/contracts/artifacts/"));
    }

    function test_a_deposit_is_withdrawn_in_any_parts(uint256 drawn, uint128 amount, uint256 part, address to)
        public
    {
        address money = _money(drawn);
        amount = uint128(within(amount, 1, MONEY));
        vm.assume(uint160(to) > 0xffff && to.code.length == 0 && to != other);
        vm.recordLogs();
        vm.prank(other);
        exchange.deposit{value: money == address(0) ? amount : 0}(money, amount);
        Vm.Log memory log = _lastLog();
        same(log.topics[0], IDataExchange.Deposited.selector, "event");
        same(log.topics[1], bytes32(uint256(uint160(other))), "owner in the event");
        same(log.topics[2], bytes32(uint256(uint160(money))), "token in the event");
        same(abi.decode(log.data, (uint256)), amount, "amount in the event");
        same(exchange.freeBalance(other, money), amount, "free");
        part = within(part, 0, amount);
        uint256 before = _held(to, money);
        vm.recordLogs();
        vm.prank(other);
        exchange.withdraw(money, part, to);
        log = _lastLog();
        same(log.topics[0], IDataExchange.Withdrawn.selector, "event of the withdrawal");
        same(log.topics[1], bytes32(uint256(uint160(other))), "owner in the event");
        same(keccak256(log.data), keccak256(abi.encode(part, to)), "data of the event");
        same(_held(to, money) - before, part, "paid");
        same(exchange.freeBalance(other, money), amount - part, "left");
        vm.prank(other);
        bytes4 selector = IDataExchange.FreeBalanceTooLow.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, other, money, amount - part + 1, amount - part));
        exchange.withdraw(money, amount - part + 1, to);
    }

    function test_no_deposit_is_larger_than_a_price(uint256 amount) public {
        amount = within(amount, uint256(type(uint128).max) + 1, type(uint256).max);
        token.mint(other, type(uint128).max);
        vm.prank(other);
        exchange.deposit(address(token), type(uint128).max);
        vm.prank(other);
        vm.expectRevert(
            abi.encodeWithSelector(IDataExchange.AmountTooLarge.selector, type(uint128).max, amount)
        );
        exchange.deposit(address(token), amount);
    }

    function test_the_ether_of_a_deposit_is_its_amount(uint128 sent) public {
        vm.assume(sent != 5 && sent < MONEY);
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(IDataExchange.WrongPayment.selector, 5, uint256(sent)));
        exchange.deposit{value: sent}(address(0), 5);
    }

    function test_money_is_not_withdrawn_into_nothing(uint256 drawn) public {
        address money = _money(drawn);
        address[2] memory nothing = [address(0), address(exchange)];
        for (uint256 i; i < 2; ++i) {
            vm.prank(seller);
            vm.expectRevert(abi.encodeWithSelector(IDataExchange.InvalidRecipient.selector, nothing[i]));
            exchange.withdraw(money, 1, nothing[i]);
        }
    }

    function test_a_withdrawal_that_is_refused_says_why_and_costs_nothing() public {
        address unwilling = address(new Unwilling());
        vm.prank(seller);
        vm.expectRevert(abi.encodeWithSelector(Unwilling.NotToday.selector));
        exchange.withdraw(address(0), 1, unwilling);
        same(exchange.freeBalance(seller, address(0)), DEPOSIT, "free");
    }

    function test_a_token_that_tells_no_balance_says_why() public {
        address unwilling = address(new Unwilling());
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(Unwilling.NotToday.selector));
        exchange.deposit(unwilling, 1);
    }

    /// @dev What cannot be paid by a push, is not; and a push does not revert.
    function test_a_push_says_whether_the_money_went(uint256 amount) public {
        HostileToken[8] memory tokens = [
            new SilentToken(),
            HostileToken(new LongToken()),
            HostileToken(new FalseToken()),
            HostileToken(new TwoToken()),
            HostileToken(new ShortToken()),
            HostileToken(new RevertingToken()),
            HostileToken(new BurningToken()),
            HostileToken(new FalseToken())
        ];
        for (uint256 i; i < 8; ++i) {
            tokens[i].mint(address(harness), amount);
            tokens[i].misbehave(i != 7, address(0));
            bool paid = harness.tryPush(address(tokens[i]), other, amount);
            yes(paid == (i < 2 || i == 7), "the answer");
            same(tokens[i].balanceOf(other), paid ? amount : 0, "the money");
        }
        yes(!harness.tryPush(address(0xdead), other, amount), "an account without code moves nothing");
        vm.deal(address(harness), 1 ether);
        yes(harness.tryPush(address(0), address(0xb0b), 1 ether), "ether");
        same(address(0xb0b).balance, 1 ether, "ether has gone");
        yes(!harness.tryPush(address(0), address(0xb0b), 1), "ether that is not there");
        vm.deal(address(harness), 1 ether);
        yes(!harness.tryPush(address(0), address(new Unwilling()), 1), "a receiver that says no");
        yes(harness.tryPush(address(0), address(new Willing()), 1), "a receiver without a fallback");
    }

    function test_what_comes_in_is_exact(bool more) public {
        HostileToken bad = more ? HostileToken(new GenerousToken()) : new RebasingToken();
        bad.mint(other, MONEY);
        bad.mint(address(exchange), MONEY);
        bad.misbehave(true, address(0));
        vm.prank(other);
        bad.approve(address(exchange), MONEY);
        vm.prank(other);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDataExchange.WrongTransfer.selector, address(bad), uint256(1_000), more ? 2_000 : uint256(0)
            )
        );
        exchange.deposit(address(bad), 1_000);
    }
}
