// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Sending money to somebody who may not want the sender to succeed
/// @notice Never reverts because of the receiver or the token: the answer says whether the money has gone.
/// @dev The callee gets a bounded amount of gas and none of its return data is copied beyond one word, so that neither
/// can use up the caller's gas, which may have others to pay.
library Payout {
    /// @notice Gas the receiver or the token gets: several new storage slots, no more.
    uint256 internal constant GAS = 200_000;

    /// @notice Gas that must be left so that the callee really gets `GAS`: it is given at most 63/64 of what remains
    /// after the price of the call itself, 36 600 for ether to a new account (EIP-150, EIP-2929). Without this rule
    /// whoever pays for the transaction could choose to make the payment fail.
    uint256 internal constant GAS_LEFT = 300_000;

    /// @notice Sends `amount` of `token`, ether when it is zero, to `to`.
    function tryPush(address token, address to, uint256 amount) internal returns (bool paid) {
        if (token == address(0)) {
            assembly ("memory-safe") {
                paid := call(GAS, to, amount, 0, 0, 0, 0)
            }
        } else {
            bytes memory data = abi.encodeCall(IERC20.transfer, (to, amount));
            assembly ("memory-safe") {
                paid := call(GAS, token, 0, add(data, 32), mload(data), 0, 32)
                // A token answers `true`, or nothing at all; an account without code answers nothing either.
                switch returndatasize()
                case 0 { paid := and(paid, iszero(iszero(extcodesize(token)))) }
                default { paid := and(paid, and(gt(returndatasize(), 31), eq(mload(0), 1))) }
            }
        }
    }
}
