// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileToken} from "./HostileToken.sol";

/// @title A token with a list of accounts that may neither send nor receive
contract BlockingToken is HostileToken {
    error Blocked(address account);

    function _misbehave(address from, address to, uint256 amount) internal override {
        if (from == target || to == target) revert Blocked(target);
        _move(from, to, amount);
    }
}
