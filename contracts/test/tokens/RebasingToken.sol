// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileToken} from "./HostileToken.sol";

/// @title A token whose balances change by themselves: with a transfer, or when somebody says so
contract RebasingToken is HostileToken {
    /// @notice Takes a share of somebody's balance away.
    function rebase(address account, uint256 percentLeft) external {
        balanceOf[account] = balanceOf[account] * percentLeft / 100;
    }

    function _misbehave(address from, address to, uint256 amount) internal override {
        _move(from, to, amount);
        balanceOf[to] -= amount + 1;
    }
}
