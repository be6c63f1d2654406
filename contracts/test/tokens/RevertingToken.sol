// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileToken} from "./HostileToken.sol";

/// @title A token that moves nothing and reverts with much data
contract RevertingToken is HostileToken {
    function _misbehave(address, address, uint256) internal pure override {
        assembly {
            revert(0, 100000)
        }
    }
}
