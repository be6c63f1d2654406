// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Payout} from "../libraries/Payout.sol";

/// @title The library that pushes money, as a call
contract PayoutHarness {
    function tryPush(address token, address to, uint256 amount) external returns (bool) {
        return Payout.tryPush(token, to, amount);
    }
}
