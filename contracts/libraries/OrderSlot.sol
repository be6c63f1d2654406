// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../interfaces/IDataExchange.sol";

/// @dev An order in one storage slot: its state in the lowest byte, its deadline in the 64 bits above.
type OrderSlot is uint256;

using {isIn, state, deadline} for OrderSlot global;

/// @dev A slot that is written as a whole need not be read before.
function orderSlot(IDataExchange.State reached, uint256 until) pure returns (OrderSlot) {
    return OrderSlot.wrap(uint256(reached) | until << 8);
}

/// @dev Compares the bytes: both are states for certain, and need no check of being one.
function isIn(OrderSlot order, IDataExchange.State expected) pure returns (bool same) {
    assembly ("memory-safe") {
        same := eq(and(order, 0xff), expected)
    }
}

function state(OrderSlot order) pure returns (IDataExchange.State) {
    return IDataExchange.State(uint8(OrderSlot.unwrap(order)));
}

function deadline(OrderSlot order) pure returns (uint64) {
    return uint64(OrderSlot.unwrap(order) >> 8);
}
