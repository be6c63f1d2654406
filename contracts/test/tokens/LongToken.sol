// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileToken} from "./HostileToken.sol";

/// @title A token that moves the money and answers true, followed by much more
contract LongToken is HostileToken {
    function _misbehave(address from, address to, uint256 amount) internal override {
        _move(from, to, amount);
        _answer(100_000, 1);
    }
}
