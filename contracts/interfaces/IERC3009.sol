// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The one call of EIP-3009 that the escrow makes: a payment that its payee alone can call in
interface IERC3009 {
    /// @notice Moves `value` from `from`, who signed all of this, to `to`, the caller; each `nonce` of `from` once.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;
}
