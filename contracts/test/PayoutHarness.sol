// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Payout} from "../libraries/Payout.sol";

/// @title The library that pushes money, as a call
contract PayoutHarness {
    function tryPush(address token, address to, uint256 amount) external returns (bool) {
        // Scratch memory may hold anything: here what a token would answer if it meant yes.
        assembly {
            mstore(0, 1)
        }
        return Payout.tryPush(token, to, amount);
    }
}
