// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../interfaces/IDataExchange.sol";

/// @title The EIP-712 struct hash of an offer, which is also the key of its order (PROTOCOL 6.5, 7)
library OfferHash {
    bytes32 internal constant TYPEHASH = keccak256(
        "Offer(bytes32 listing,bytes32 evaluation,bytes32 deliveryRoot,bytes32 keyCommitment,uint32 chunkCount,"
        "uint32 chunkSize,address seller,address buyer,address token,uint128 price,uint128 bond,uint32 revealWindow,"
        "uint32 disputeWindow,uint64 expiry,uint256 nonce)"
    );

    /// @notice `hashStruct(offer)`.
    /// @dev `abi.encode` refuses a field with bits above its type, so that no two byte strings are the same offer.
    function hash(IDataExchange.Offer calldata offer) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, offer));
    }
}
