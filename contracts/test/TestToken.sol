// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A plain ERC-20 token that anyone may mint, for demos and tests
contract TestToken is ERC20 {
    constructor(string memory name, string memory symbol) ERC20(name, symbol) {}

    /// @notice Creates `amount` out of nothing for `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
