// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileToken} from "./HostileToken.sol";

/// @title A token that moves nothing and answers 31 zero bytes, one less than a word
contract ShortToken is HostileToken {
    function _misbehave(address, address, uint256) internal pure override {
        _answer(31, 0);
    }
}
