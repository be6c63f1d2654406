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
    /// @dev What `keccak256(abi.encode(TYPEHASH, offer))` gives, for half the gas. As there, a field with bits above its
    /// type is refused, so that no two byte strings are the same offer.
    function hash(IDataExchange.Offer calldata offer) internal pure returns (bytes32 structHash) {
        bytes32 typehash = TYPEHASH;
        assembly ("memory-safe") {
            let excess := shr(32, or(calldataload(add(offer, 0x80)), calldataload(add(offer, 0xa0))))
            let parties := or(calldataload(add(offer, 0xc0)), calldataload(add(offer, 0xe0)))
            excess := or(excess, shr(160, or(parties, calldataload(add(offer, 0x100)))))
            excess := or(excess, shr(128, or(calldataload(add(offer, 0x120)), calldataload(add(offer, 0x140)))))
            excess := or(excess, shr(32, or(calldataload(add(offer, 0x160)), calldataload(add(offer, 0x180)))))
            excess := or(excess, shr(64, calldataload(add(offer, 0x1a0))))
            if excess { revert(0, 0) }
            let fields := mload(0x40)
            mstore(fields, typehash)
            calldatacopy(add(fields, 0x20), offer, 0x1e0)
            structHash := keccak256(fields, 0x200)
        }
    }
}
