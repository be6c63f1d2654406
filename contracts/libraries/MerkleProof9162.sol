// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Merkle Tree Hash and audit paths of RFC 9162 section 2.1, with SHA-256
/// @notice A path is taken from leaf to root; the index, never the prover, says on which side each of its hashes goes.
/// @dev Leaf `index` and the last leaf, `size - 1`, have the same ancestors from some height on: the number of bits
/// below their highest differing one. Up to there, bit `i` of the index says whether the node at height `i` is a right
/// child. From there on the node lies on the tree's right edge, where levels at which it is a lone left child are
/// passed over: every remaining hash is a left sibling, one for each remaining set bit of the index. This is what the
/// loop of section 2.1.3.2 does step by step.
library MerkleProof9162 {
    /// @notice The hash of a leaf: `SHA-256(00 || data)`.
    /// @dev Without a copy: while it is hashed, the prefix stands in the last byte of the length before the data.
    function leafHash(bytes memory data) internal view returns (bytes32 leaf) {
        assembly ("memory-safe") {
            let length := mload(data)
            mstore8(add(data, 31), 0)
            if iszero(staticcall(gas(), 2, add(data, 31), add(length, 1), 0, 32)) { revert(0, 0) }
            leaf := mload(0)
            mstore(data, length)
        }
    }

    /// @notice How many hashes the path of leaf `index` has in a tree of `size` leaves; `index < size`.
    function pathLength(uint256 index, uint256 size) internal pure returns (uint256 length) {
        length = _inner(index, size);
        for (uint256 rest = index >> length; rest != 0; rest &= rest - 1) {
            ++length;
        }
    }

    /// @notice The root to which `path` leads from `leaf`, leaf `index` of a tree of `size` leaves.
    /// @dev Warning: means something only when `index < size` and `path` has `pathLength(index, size)` hashes.
    function rootFrom(bytes32 leaf, uint256 index, uint256 size, bytes32[] calldata path)
        internal
        view
        returns (bytes32 root)
    {
        root = leaf;
        uint256 inner = _inner(index, size);
        for (uint256 i; i < path.length; ++i) {
            bool isLeftChild = i < inner && (index >> i) & 1 == 0;
            root = isLeftChild ? _node(root, path[i]) : _node(path[i], root);
        }
    }

    function _inner(uint256 index, uint256 size) private pure returns (uint256) {
        uint256 differing = index ^ (size - 1);
        return differing == 0 ? 0 : Math.log2(differing) + 1;
    }

    /// @dev `SHA-256(01 || left || right)`. A failed call, for want of gas, must end everything: going on with whatever
    /// lies in memory would let a prover choose the hash.
    function _node(bytes32 left, bytes32 right) private view returns (bytes32 node) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 1)
            mstore(add(free, 1), left)
            mstore(add(free, 33), right)
            if iszero(staticcall(gas(), 2, free, 65, 0, 32)) { revert(0, 0) }
            node := mload(0)
        }
    }
}
