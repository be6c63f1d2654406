// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileToken} from "./HostileToken.sol";

/// @title A token that uses up all the gas that it is given
contract BurningToken is HostileToken {
    function _misbehave(address, address, uint256) internal pure override {
        assembly {
            invalid()
        }
    }
}
