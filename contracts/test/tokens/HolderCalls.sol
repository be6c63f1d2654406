// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title How a token tells its holders that their money moves, whatever they answer
/// @dev A token that let its holders stop a transfer would only be one that blocks.
library HolderCalls {
    function tell(address from, address to) internal {
        if (from.code.length != 0 && from != msg.sender) _try(from);
        if (to.code.length != 0 && to != msg.sender) _try(to);
    }

    function _try(address party) private {
        (bool ignored,) = party.call(abi.encodeWithSignature("tokensMove()"));
        ignored;
    }
}
