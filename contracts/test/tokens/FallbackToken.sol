// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that takes every call that it does not know, and does nothing, as wrapped ether does
/// @dev Whoever believes that a permit or an authorization was carried out because the call succeeded, is deceived.
contract FallbackToken is ERC20 {
    constructor() ERC20("Fallback", "FLB") {}

    /// @notice Creates `amount` out of nothing for `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    fallback() external {}
}
