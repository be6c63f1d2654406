// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HolderCalls} from "./HolderCalls.sol";
import {HostileToken} from "./HostileToken.sol";

/// @title A token that calls somebody when it is shown a permit, and gives no allowance by it
contract CallsOnPermitToken is HostileToken {
    /// @notice Calls the party that `misbehave` named.
    function permit(address, address, uint256, uint256, uint8, bytes32, bytes32) external {
        HolderCalls.tell(target, msg.sender);
    }

    function _misbehave(address from, address to, uint256 amount) internal override {
        _move(from, to, amount);
    }
}
