// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LibraryHarness} from "../LibraryHarness.sol";
import {Market} from "./Market.sol";
import {Reference} from "./Reference.sol";

/// @title The libraries against the standards as they are written
contract LibrariesTest is Market {
    LibraryHarness private harness;

    function setUp() public override {
        harness = LibraryHarness(_deploy("LibraryHarness", "tests/contracts/artifacts/"));
    }

    function test_chacha20_is_rfc_8439(bytes32 key, uint64 index, uint256 length, uint256 seed) public view {
        bytes memory text = noise(seed, within(length, 0, 200));
        same(keccak256(harness.decrypt(key, index, text)), keccak256(Reference.crypt(key, index, text)), "text");
    }

    /// @dev Lanes of all ones carry the most; the counter's second byte is reached.
    function test_chacha20_carries_in_no_lane() public view {
        bytes memory text = new bytes(16_384);
        bytes32 key = bytes32(type(uint256).max);
        bytes memory found = harness.decrypt(key, type(uint64).max, text);
        uint32[4] memory counters = [uint32(0), 1, 2, 255];
        for (uint256 i; i < 4; ++i) {
            bytes memory expected = Reference.block_(key, type(uint64).max, counters[i]);
            for (uint256 j; j < 64; ++j) {
                same(uint8(found[64 * counters[i] + j]), uint8(expected[j]), "byte");
            }
        }
    }

    function test_a_leafs_hash_is_rfc_9162s(uint256 length, uint256 seed) public view {
        bytes memory data = noise(seed, within(length, 0, 2_000));
        same(harness.leafHash(data), Reference.leaf(data), "leaf");
    }

    /// @dev A hash for which there is no gas ends the call: at no limit is there another answer.
    /// forge-config: default.fuzz.runs = 8
    /// forge-config: ci.fuzz.runs = 8
    function test_hashing_without_gas_ends_the_call(uint256 gas_) public view {
        bytes memory data = new bytes(100_000);
        bytes32 expected = Reference.leaf(data);
        bytes memory asked = abi.encodeCall(LibraryHarness.leafHash, (data));
        for (uint256 i; i < 60; ++i) {
            uint256 limit = i == 0 ? within(gas_, 30_000, 200_000) : 30_000 + 3_000 * i;
            (bool success, bytes memory answer) = address(harness).staticcall{gas: limit}(asked);
            if (success) same(abi.decode(answer, (bytes32)), expected, "leaf");
        }
    }

    function test_a_path_of_any_tree_leads_to_its_root(uint256 size, uint256 index, uint256 seed) public view {
        size = within(size, 1, 70);
        index = within(index, 0, size - 1);
        bytes32[] memory leaves = new bytes32[](size);
        for (uint256 i; i < size; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
        bytes32[] memory path = Reference.path(leaves, index);
        (uint256 length, bytes32 root) = harness.climb(leaves[index], index, size, path);
        same(length, path.length, "length");
        same(root, Reference.root(leaves, 0, size), "root");
    }

    function test_the_length_of_every_path_in_small_trees_is_the_rfcs() public view {
        for (uint256 size = 1; size <= 70; ++size) {
            for (uint256 index; index < size; ++index) {
                (uint256 length,) = harness.climb(0, index, size, new bytes32[](0));
                same(length, Reference.pathLength(index, size), "length");
            }
        }
    }

    function test_a_path_in_the_largest_trees_is_the_rfcs(uint32 size, uint32 index, uint256 seed) public view {
        vm.assume(size != 0);
        uint256 place = within(index, 0, size - 1);
        (uint256 length,) = harness.climb(0, place, size, new bytes32[](0));
        bytes32[] memory path = new bytes32[](length);
        for (uint256 i; i < length; ++i) {
            path[i] = keccak256(abi.encode(seed, i));
        }
        (bool complete, bytes32 expected) = Reference.climb(bytes32(seed), place, size, path);
        (, bytes32 root) = harness.climb(bytes32(seed), place, size, path);
        yes(complete, "the length is the one that the RFC's loop takes");
        same(root, expected, "root");
    }

    function test_a_changed_path_leads_elsewhere(uint256 size, uint256 index, uint256 which, uint8 bit, uint256 seed)
        public
        view
    {
        size = within(size, 2, 70);
        index = within(index, 0, size - 1);
        bytes32[] memory leaves = new bytes32[](size);
        for (uint256 i; i < size; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
        bytes32[] memory path = Reference.path(leaves, index);
        bytes32 root = Reference.root(leaves, 0, size);
        which = within(which, 0, path.length);
        bytes32 changed = bytes32(uint256(1) << bit);
        if (which < path.length) path[which] ^= changed;
        (, bytes32 found) =
            harness.climb(which < path.length ? leaves[index] : leaves[index] ^ changed, index, size, path);
        yes(found != root, "the root");
    }

    // --- signatures -------------------------------------------------------------------------------------------------

    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function test_a_keys_signature_counts_in_both_lengths(uint256 key, bytes32 digest) public view {
        key = within(key, 1, ORDER - 1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        yes(harness.signed(vm.addr(key), digest, abi.encodePacked(r, s, v)), "65 bytes");
        bytes32 vs = bytes32(uint256(s) | uint256(v - 27) << 255);
        yes(harness.signed(vm.addr(key), digest, abi.encodePacked(r, vs)), "64 bytes");
    }

    function test_no_other_signature_counts(uint256 key, bytes32 digest, uint256 place, uint8 bit) public view {
        key = within(key, 1, ORDER - 1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        bytes memory long = abi.encodePacked(r, s, v);
        bytes memory twin = abi.encodePacked(r, bytes32(ORDER - uint256(s)), 55 - v);
        address signer = vm.addr(key);
        yes(!harness.signed(signer, digest, twin), "the malleable twin");
        // Accounts without a key or code: nobody, and one whose number is small.
        for (uint160 i; i < 2; ++i) {
            yes(!harness.signed(address(i), digest, twin), "nobody's");
            yes(!harness.signed(address(i), digest, new bytes(65)), "nobody's, of nothing");
            yes(!harness.signed(address(i), digest, new bytes(66)), "nobody's, too long");
        }
        yes(!harness.signed(address(uint160(signer) ^ 1), digest, long), "another's");
        yes(!harness.signed(signer, digest ^ bytes32(uint256(1)), long), "of something else");
        yes(!harness.signed(signer, digest, bytes.concat(long, hex"00")), "66 bytes");
        yes(!harness.signed(signer, digest, abi.encodePacked(r, s, v - 27)), "parity without 27");
        place = within(place, 0, 64);
        long[place] ^= bytes1(uint8(1 << (bit % 8)));
        yes(!harness.signed(signer, digest, long), "with a changed bit");
    }

    /// @dev The largest `s` that counts is half of the curve's order: one more, and the other of the two counts.
    function test_the_border_between_the_two_twins() public view {
        bytes32 s = bytes32(ORDER / 2);
        bytes32 r = bytes32(uint256(keccak256("r")) >> 1);
        for (uint256 i; i < 64; ++i) {
            r = bytes32(uint256(r) + 1);
            address signer = ecrecover(keccak256("digest"), 27, r, s);
            if (signer == address(0)) continue;
            yes(harness.signed(signer, keccak256("digest"), abi.encodePacked(r, s, uint8(27))), "at the border");
            bytes32 above = bytes32(uint256(s) + 1);
            signer = ecrecover(keccak256("digest"), 27, r, above);
            yes(!harness.signed(signer, keccak256("digest"), abi.encodePacked(r, above, uint8(27))), "above it");
            return;
        }
        revert Failed("no point found");
    }
}
