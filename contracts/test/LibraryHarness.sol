// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountSignature} from "../libraries/AccountSignature.sol";
import {ChaCha20} from "../libraries/ChaCha20.sol";
import {MerkleProof9162} from "../libraries/MerkleProof9162.sol";

/// @title The libraries as calls, so that published vectors can be put to them, and what the contract never asks them
contract LibraryHarness {
    function decrypt(bytes32 key, uint64 index, bytes calldata text) external pure returns (bytes memory) {
        return ChaCha20.decrypt(key, index, text);
    }

    function leafHash(bytes calldata data) external view returns (bytes32) {
        return MerkleProof9162.leafHash(data);
    }

    /// @notice The length that the path should have, and the root to which it leads.
    function climb(bytes32 leaf, uint256 index, uint256 size, bytes32[] calldata path)
        external
        view
        returns (uint256 length, bytes32 root)
    {
        return (MerkleProof9162.pathLength(index, size), MerkleProof9162.rootFrom(leaf, index, size, path));
    }

    function signed(address signer, bytes32 digest, bytes calldata signature) external view returns (bool) {
        return AccountSignature.isValid(signer, digest, signature);
    }
}
