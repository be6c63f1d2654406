// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileToken} from "./HostileToken.sol";

/// @title A token that moves nothing and answers false
contract FalseToken is HostileToken {
    function _misbehave(address, address, uint256) internal pure override {
        _answer(32, 0);
    }
}
