// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../interfaces/IDataExchange.sol";
import {Terms} from "./OfferHash.sol";
import {OrderSlot} from "./OrderSlot.sol";

/// @title The table of PROTOCOL 7 as an answer: what may happen to an order now, by whom, until when
library PossibleActions {
    address private constant ANYONE = address(0);
    uint64 private constant NO_END = type(uint64).max;

    function list(Terms calldata offer, OrderSlot order)
        internal
        view
        returns (IDataExchange.Possible[] memory actions)
    {
        (address seller, address buyer) = (address(uint160(offer.seller)), address(uint160(offer.buyer)));
        uint64 until = order.isIn(IDataExchange.State.None) ? uint64(offer.expiry) : order.deadline();
        bool late = block.timestamp > until;
        if (order.isIn(IDataExchange.State.None)) {
            actions = new IDataExchange.Possible[](late ? 1 : 2);
            actions[0] = IDataExchange.Possible(IDataExchange.Action.Cancel, seller, NO_END);
            if (!late) actions[1] = IDataExchange.Possible(IDataExchange.Action.Accept, buyer, until);
        } else if (order.isIn(IDataExchange.State.Locked)) {
            actions = new IDataExchange.Possible[](1);
            actions[0] = late
                ? IDataExchange.Possible(IDataExchange.Action.Refund, ANYONE, NO_END)
                : IDataExchange.Possible(IDataExchange.Action.Reveal, ANYONE, until);
        } else if (order.isIn(IDataExchange.State.Revealed)) {
            actions = new IDataExchange.Possible[](2);
            actions[0] = IDataExchange.Possible(IDataExchange.Action.Release, buyer, NO_END);
            actions[1] = late
                ? IDataExchange.Possible(IDataExchange.Action.Claim, ANYONE, NO_END)
                : IDataExchange.Possible(IDataExchange.Action.Dispute, ANYONE, until);
        }
    }
}
