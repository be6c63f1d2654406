// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../interfaces/IDataExchange.sol";
import {Terms} from "./OfferHash.sol";
import {OrderSlot} from "./OrderSlot.sol";

/// @title The table of PROTOCOL 7 as an answer: what may happen to an order now, by whom, until when
library PossibleActions {
    uint64 private constant NO_END = type(uint64).max;

    function list(Terms calldata offer, OrderSlot order)
        internal
        view
        returns (IDataExchange.Possible[] memory actions)
    {
        bool none = order.isIn(IDataExchange.State.None);
        bool locked = order.isIn(IDataExchange.State.Locked);
        if (!none && !locked && !order.isIn(IDataExchange.State.Revealed)) return actions;
        uint64 until = none ? uint64(offer.expiry) : order.deadline();
        bool late = block.timestamp > until;
        actions = new IDataExchange.Possible[](locked || (none && late) ? 1 : 2);
        // Whom an action's `by` does not name: anyone.
        IDataExchange.Possible memory item = actions[0];
        if (!locked) {
            // What one party alone may do, time does not end.
            item.action = none ? IDataExchange.Action.Cancel : IDataExchange.Action.Release;
            item.by = address(uint160(none ? offer.seller : offer.buyer));
            item.until = NO_END;
            if (none && late) return actions;
            item = actions[1];
        }
        if (none) {
            item.action = IDataExchange.Action.Accept;
            item.by = address(uint160(offer.buyer));
        } else if (late) {
            item.action = locked ? IDataExchange.Action.Refund : IDataExchange.Action.Claim;
            until = NO_END;
        } else {
            item.action = locked ? IDataExchange.Action.Reveal : IDataExchange.Action.Dispute;
        }
        item.until = until;
    }
}
