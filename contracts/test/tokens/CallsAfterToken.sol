// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HolderCalls} from "./HolderCalls.sol";
import {HostileToken} from "./HostileToken.sol";

/// @title A token that calls sender and receiver after the money moved, as ERC-777 calls its receivers
contract CallsAfterToken is HostileToken {
    function _misbehave(address from, address to, uint256 amount) internal override {
        _move(from, to, amount);
        HolderCalls.tell(from, to);
    }
}
