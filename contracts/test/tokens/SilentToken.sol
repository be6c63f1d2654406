// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileToken} from "./HostileToken.sol";

/// @title A token that moves the money and answers nothing, as some old ones do
contract SilentToken is HostileToken {
    function _misbehave(address from, address to, uint256 amount) internal override {
        _move(from, to, amount);
        _answer(0, 0);
    }
}
