// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IListingDirectory} from "./interfaces/IListingDirectory.sol";

/// @title ListingDirectory, where sellers announce listings; what an announcement means is told in `IListingDirectory`
/// @dev It does not ask the exchange who the listing's seller is: readers have to do that anyway, since the exchange could
/// be any contract.
contract ListingDirectory is IListingDirectory {
    /// @inheritdoc IListingDirectory
    uint256 public constant MAX_URI_LENGTH = 512;

    /// @inheritdoc IListingDirectory
    function announce(address exchange, bytes32 listing, string calldata uri) external {
        uint256 length = bytes(uri).length;
        if (length > MAX_URI_LENGTH) revert UriTooLong(MAX_URI_LENGTH, length);
        emit Announced(exchange, listing, msg.sender, uri);
    }
}
