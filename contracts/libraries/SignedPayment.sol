// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IDataExchange} from "../interfaces/IDataExchange.sol";
import {IERC3009} from "../interfaces/IERC3009.sol";

/// @title What a token is asked to do on the caller's signature: give an allowance, or pay
/// @dev The caller's signature goes from the calldata to the token as it is; it is the token that reads and checks it.
library SignedPayment {
    /// @notice Shows the caller's permit to `token`, whatever becomes of it.
    function tryPermit(address token, IDataExchange.Permit calldata permit) internal {
        bytes4 selector = IERC20Permit.permit.selector;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, selector)
            mstore(add(data, 4), caller())
            mstore(add(data, 36), address())
            calldatacopy(add(data, 68), permit, 160)
            pop(call(gas(), token, 0, data, 228, 0, 0))
        }
    }

    /// @notice Has `token` bring `amount` from the caller, who authorized it once, under `nonce`, until before `end`.
    function receiveAuthorized(
        address token,
        uint256 amount,
        uint256 end,
        bytes32 nonce,
        IDataExchange.Authorization calldata authorization
    ) internal {
        bytes4 selector = IERC3009.receiveWithAuthorization.selector;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, selector)
            mstore(add(data, 4), caller())
            mstore(add(data, 36), address())
            mstore(add(data, 68), amount)
            mstore(add(data, 100), 0)
            mstore(add(data, 132), end)
            mstore(add(data, 164), nonce)
            calldatacopy(add(data, 196), authorization, 96)
            if iszero(call(gas(), token, 0, data, 292, 0, 0)) {
                returndatacopy(data, 0, returndatasize())
                revert(data, returndatasize())
            }
        }
    }
}
