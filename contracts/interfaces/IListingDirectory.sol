// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Blindfair's directory: where sellers say at which URI a committed listing can be asked for
/// @notice Anyone may announce anything. The directory checks nothing, and its events prove nothing but who sent them.
/// Readers believe an announcement only where its announcer is `sellerOf(listing)` of that exchange, and where what is
/// behind the URI is a manifest with the hash that the listing was committed with.
/// @dev No storage, no owner, no upgrade, no money: it is one event. The newest announcement of an exchange, a listing and
/// an announcer counts, by the order of events on chain; an empty URI withdraws what was announced before.
interface IListingDirectory {
    /// @notice An account says where a listing can be asked for.
    /// @param exchange The escrow contract that the listing is said to be committed in.
    /// @param listing The listing's identifier there.
    /// @param announcer Who says so: its seller, or a stranger whom nobody should believe.
    /// @param uri Bytes that anybody chose, not even UTF-8 for certain; empty where the listing is announced no longer.
    event Announced(address indexed exchange, bytes32 indexed listing, address indexed announcer, string uri);

    /// @notice The URI is longer than `MAX_URI_LENGTH`.
    /// @param expected The most bytes that it may have.
    /// @param found The bytes that it has.
    error UriTooLong(uint256 expected, uint256 found);

    /// @notice Say where a listing can be asked for, in place of what the caller said before; an empty URI withdraws that.
    /// Emits `Announced`.
    /// @param exchange The escrow contract that the listing is committed in.
    /// @param listing The listing's identifier there.
    /// @param uri Where its seller answers: for Blindfair's programs, the URL of its HTTP service.
    function announce(address exchange, bytes32 listing, string calldata uri) external;

    /// @notice The most bytes of a URI.
    function MAX_URI_LENGTH() external view returns (uint256);
}
