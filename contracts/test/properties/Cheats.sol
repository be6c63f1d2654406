// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the test runner does beyond the chain's rules, as far as these tests ask it
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function chainId(uint256 number) external;
    function deal(address account, uint256 balance) external;
    function deployCode(string calldata artifact) external returns (address);
    function envOr(string calldata name, string calldata otherwise) external view returns (string memory);
    function expectRevert(bytes calldata reason) external;
    function expectRevert() external;
    function getRecordedLogs() external returns (Log[] memory);
    function load(address account, bytes32 slot) external view returns (bytes32);
    function prank(address caller) external;
    function recordLogs() external;
    function revertToState(uint256 id) external returns (bool);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function snapshotState() external returns (uint256);
    function warp(uint256 time) external;
}

/// @title What a test says; a failed assertion reverts with the reason
abstract contract Cheats {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error Unequal(string what, bytes32 expected, bytes32 found);
    error Failed(string what);

    function same(uint256 found, uint256 expected, string memory what) internal pure {
        if (found != expected) revert Unequal(what, bytes32(expected), bytes32(found));
    }

    function same(bytes32 found, bytes32 expected, string memory what) internal pure {
        if (found != expected) revert Unequal(what, expected, found);
    }

    function same(address found, address expected, string memory what) internal pure {
        same(uint256(uint160(found)), uint256(uint160(expected)), what);
    }

    function yes(bool condition, string memory what) internal pure {
        if (!condition) revert Failed(what);
    }

    /// @dev A number from `low` to `high`, both possible; small ones and the ends as they are drawn.
    function within(uint256 drawn, uint256 low, uint256 high) internal pure returns (uint256) {
        if (drawn >= low && drawn <= high) return drawn;
        uint256 span = high - low;
        return span == type(uint256).max ? drawn : low + drawn % (span + 1);
    }

    /// @dev Bytes that follow from a seed.
    function noise(uint256 seed, uint256 length) internal pure returns (bytes memory out) {
        out = new bytes(length);
        for (uint256 i; i < length; i += 32) {
            bytes32 word = keccak256(abi.encode(seed, i));
            for (uint256 j; j < 32 && i + j < length; ++j) {
                out[i + j] = word[j];
            }
        }
    }
}
