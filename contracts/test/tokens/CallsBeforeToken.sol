// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HolderCalls} from "./HolderCalls.sol";
import {HostileToken} from "./HostileToken.sol";

/// @title A token that calls sender and receiver before the money moves, as ERC-777 calls its senders
contract CallsBeforeToken is HostileToken {
    function _misbehave(address from, address to, uint256 amount) internal override {
        HolderCalls.tell(from, to);
        _move(from, to, amount);
    }
}
