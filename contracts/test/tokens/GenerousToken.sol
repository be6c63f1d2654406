// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileToken} from "./HostileToken.sol";

/// @title A token that brings twice what was sent
contract GenerousToken is HostileToken {
    function _misbehave(address from, address to, uint256 amount) internal override {
        balanceOf[from] -= amount;
        balanceOf[to] += 2 * amount;
    }
}
