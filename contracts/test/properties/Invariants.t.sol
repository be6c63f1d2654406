// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../../interfaces/IDataExchange.sol";
import {Cheats} from "./Cheats.sol";
import {Traders} from "./Traders.sol";

/// @title Those of tests/contracts/INVARIANTS.md that are about traces of calls, by number, after every step of random trades
/// @dev Gas is counted in none of them: the traders pay no fees.
contract InvariantsTest is Cheats {
    uint256 private constant ORDERS = 6;

    Traders private traders;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        vm.warp(1_800_000_000);
        traders = new Traders();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(traders);
    }

    /// @dev Dear steps come more often than waiting.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(traders), new bytes4[](10));
        targets[0].selectors[0] = Traders.waits.selector;
        targets[0].selectors[1] = Traders.deposits.selector;
        targets[0].selectors[2] = Traders.withdraws.selector;
        targets[0].selectors[3] = Traders.accepts.selector;
        targets[0].selectors[4] = Traders.cancels.selector;
        targets[0].selectors[5] = Traders.reveals.selector;
        targets[0].selectors[6] = Traders.refunds.selector;
        targets[0].selectors[7] = Traders.releases.selector;
        targets[0].selectors[8] = Traders.claims.selector;
        targets[0].selectors[9] = Traders.disputes.selector;
    }

    /// @dev One campaign for all: each step of each trace is looked at under every number.
    function invariant_all_by_number() external {
        _invariant_1_the_contract_holds_exactly_what_it_owes();
        _invariant_2_state_and_deadline_are_the_models();
        _invariant_3_nobody_gains_or_loses_but_by_the_table();
        _invariant_4_an_order_pays_all_it_took_in_and_once();
        _invariant_5_no_transition_but_those_of_the_table();
        _invariant_6_whatever_is_open_somebody_can_end();
        _invariant_7_no_instant_allows_an_act_and_its_undoing();
    }

    function _invariant_1_the_contract_holds_exactly_what_it_owes() private view {
        IDataExchange escrow = traders.escrow();
        for (uint256 m; m < 2; ++m) {
            address money = traders.money(m);
            uint256 owed;
            for (uint256 i; i < 3; ++i) {
                owed += escrow.freeBalance(traders.account(i), money);
            }
            for (uint256 i; i < ORDERS; ++i) {
                IDataExchange.Offer memory offer = traders.offerOf(i);
                IDataExchange.State state = traders.orderOf(i).state;
                bool open = state == IDataExchange.State.Locked || state == IDataExchange.State.Revealed;
                if (open && offer.token == money) owed += uint256(offer.price) + offer.bond;
            }
            same(traders.held(address(escrow), money), owed, "what is held");
        }
    }

    function _invariant_2_state_and_deadline_are_the_models() private view {
        for (uint256 i; i < ORDERS; ++i) {
            Traders.Order memory order = traders.orderOf(i);
            IDataExchange.Offer memory offer = traders.offerOf(i);
            (IDataExchange.State state, uint64 deadline) =
                traders.escrow().orderOf(traders.escrow().hashOffer(offer));
            same(uint256(state), uint256(order.state), "state");
            same(deadline, order.deadline, "deadline");
        }
    }

    function _invariant_3_nobody_gains_or_loses_but_by_the_table() private view {
        for (uint256 i; i < 6; ++i) {
            (address account, address money) = (traders.account(i / 2), traders.money(i));
            same(traders.held(account, money), traders.outside(account, money), "outside");
            same(traders.escrow().freeBalance(account, money), traders.free(account, money), "free");
        }
    }

    function _invariant_4_an_order_pays_all_it_took_in_and_once() private view {
        for (uint256 i; i < ORDERS; ++i) {
            Traders.Order memory order = traders.orderOf(i);
            bool ended = order.state == IDataExchange.State.Refunded || order.state == IDataExchange.State.Released;
            same(order.paid, ended ? order.taken : 0, "paid");
        }
    }

    function _invariant_5_no_transition_but_those_of_the_table() private view {
        // None -> Locked, Cancelled; Locked -> Revealed, Refunded; Revealed -> Refunded, Released.
        uint256 table = 1 << 1 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 15 | 1 << 16;
        same(traders.seen() & ~table, 0, "others");
    }

    function _invariant_6_whatever_is_open_somebody_can_end() private {
        uint256 before = vm.snapshotState();
        IDataExchange escrow = traders.escrow();
        for (uint256 i; i < ORDERS; ++i) {
            IDataExchange.Offer memory offer = traders.offerOf(i);
            (IDataExchange.State state, uint64 deadline) = escrow.orderOf(escrow.hashOffer(offer));
            bool locked = state == IDataExchange.State.Locked;
            if (!locked && state != IDataExchange.State.Revealed) continue;
            if (block.timestamp <= deadline) vm.warp(uint256(deadline) + 1);
            IDataExchange.Offer[] memory offers = new IDataExchange.Offer[](1);
            offers[0] = offer;
            vm.prank(address(0xa11));
            if (locked) escrow.refund(offer);
            else escrow.claim(offers);
            (state,) = escrow.orderOf(escrow.hashOffer(offer));
            yes(uint256(state) > uint256(IDataExchange.State.Revealed), "ended");
        }
        vm.revertToState(before);
    }

    function _invariant_7_no_instant_allows_an_act_and_its_undoing() private view {
        for (uint256 i; i < ORDERS; ++i) {
            (, IDataExchange.Possible[] memory told) = traders.escrow().possibleActions(traders.offerOf(i));
            uint256 all;
            for (uint256 j; j < told.length; ++j) {
                all |= 1 << uint256(told[j].action);
                yes(block.timestamp <= told[j].until, "what is told is possible now");
            }
            uint256 reveal = 1 << uint256(IDataExchange.Action.Reveal) | 1 << uint256(IDataExchange.Action.Refund);
            uint256 dispute = 1 << uint256(IDataExchange.Action.Dispute) | 1 << uint256(IDataExchange.Action.Claim);
            yes(all & reveal != reveal && all & dispute != dispute, "both at once");
        }
    }
}
