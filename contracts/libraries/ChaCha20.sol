// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ChaCha20, RFC 8439 section 2.4, for disputes
/// @notice Decrypts one delivery chunk: nonce bytes `00000000 || u64(index)`, block counter from 0 (PROTOCOL 6.2).
/// @dev Two blocks at once. A row of the 4 x 4 state is one word of eight 32-bit lanes; counted from the top, lane
/// `2w` is word `w` of the first block and lane `2w + 1` that of the second, so that turning a row by one column is a
/// rotation of the whole word by 64 bits and serves both blocks. The helpers are cut so that the optimizer inlines
/// them, which is worth a third of the gas: hence constants as arguments.
library ChaCha20 {
    /// @dev "expand 32-byte k" as four words, each twice (RFC 8439 section 2.3).
    uint256 private constant CONSTANTS = 0x61707865617078653320646e3320646e79622d3279622d326b2065746b206574;

    /// @dev The counters 0 and 1 of the first two blocks, and what the next two add to them.
    uint256 private constant FIRST_COUNTERS = 0x0000000000000001000000000000000000000000000000000000000000000000;
    uint256 private constant NEXT_COUNTERS = 0x0000000200000002000000000000000000000000000000000000000000000000;

    /// @dev In every lane the top bit, and all the others.
    uint256 private constant TOP = 0x8000000080000000800000008000000080000000800000008000000080000000;
    uint256 private constant LOW = 0x7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff;

    /// @dev In every lane all bits but the lowest 16, 12, 8 and 7.
    uint256 private constant ABOVE_16 = 0xffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000;
    uint256 private constant ABOVE_12 = 0xfffff000fffff000fffff000fffff000fffff000fffff000fffff000fffff000;
    uint256 private constant ABOVE_8 = 0xffffff00ffffff00ffffff00ffffff00ffffff00ffffff00ffffff00ffffff00;
    uint256 private constant ABOVE_7 = 0xffffff80ffffff80ffffff80ffffff80ffffff80ffffff80ffffff80ffffff80;

    /// @notice The plaintext of `text`, of the same length.
    function decrypt(bytes32 key, uint64 index, bytes calldata text) internal pure returns (bytes memory plain) {
        (uint256 pointer, uint256 end) = (0, 0);
        (uint256 low, uint256 top, uint256 above16, uint256 above7) = (0, 0, 0, 0);
        assembly ("memory-safe") {
            plain := mload(0x40)
            pointer := add(plain, 32)
            // Two blocks are written whole: the memory set aside is a multiple of 128 bytes.
            end := add(pointer, and(add(text.length, 127), not(127)))
            mstore(0x40, end)
            mstore(plain, text.length)
            // The masks that are used most go by way of memory, where the optimizer loses sight of them, to the stack:
            // from there each use takes one byte of code instead of 33.
            mstore(end, LOW)
            mstore(add(end, 32), TOP)
            mstore(add(end, 64), ABOVE_16)
            mstore(add(end, 96), ABOVE_7)
            calldatacopy(pointer, text.offset, text.length)
            low := mload(end)
            top := mload(add(end, 32))
            above16 := mload(add(end, 64))
            above7 := mload(add(end, 96))
        }
        uint256 words = _swap(uint256(key));
        uint256 upperKey = _spread(words >> 128);
        uint256 lowerKey = _spread(words & type(uint128).max);
        uint256 counters = FIRST_COUNTERS | _spread(_swap(index));
        unchecked {
            for (; pointer < end; pointer += 128) {
                (uint256 a, uint256 b, uint256 c, uint256 d) =
                    _twoBlocks(upperKey, lowerKey, counters, low, top, above16, above7);
                _mix(pointer, ((a >> 128) << 128) | (b >> 128));
                _mix(pointer + 32, ((c >> 128) << 128) | (d >> 128));
                _mix(pointer + 64, (a << 128) | ((b << 128) >> 128));
                _mix(pointer + 96, (c << 128) | ((d << 128) >> 128));
                counters += NEXT_COUNTERS;
            }
        }
    }

    /// @dev The block function of RFC 8439 section 2.3 for two counters: the four rows of the key stream, with the first
    /// block's bytes in their upper halves and the second's in their lower. The last four arguments are masks.
    function _twoBlocks(
        uint256 upperKey,
        uint256 lowerKey,
        uint256 counters,
        uint256 low,
        uint256 top,
        uint256 above16,
        uint256 above7
    ) private pure returns (uint256 a, uint256 b, uint256 c, uint256 d) {
        (a, b, c, d) = (CONSTANTS, upperKey, lowerKey, counters);
        assembly ("memory-safe") {
            // Addition modulo 2^32 in every lane; the top bits are added apart, so that no carry leaves its lane.
            function sum(x, y, others, tops) -> z {
                z := xor(add(and(y, others), and(x, others)), and(xor(y, x), tops))
            }
            // Every lane rotated to the left; the mask has ones where the bits shifted to the left belong.
            function turn(x, left, right, mask) -> z {
                z := shr(right, x)
                z := xor(z, and(xor(z, shl(left, x)), mask))
            }
            for { let i := 5 } i { i := sub(i, 1) } {
                // A quarter round (section 2.1) on every column.
                a := sum(a, b, low, top)
                d := turn(xor(d, a), 16, 16, above16)
                c := sum(c, d, low, top)
                b := turn(xor(b, c), 12, 20, ABOVE_12)
                a := sum(a, b, low, top)
                d := turn(xor(d, a), 8, 24, ABOVE_8)
                c := sum(c, d, low, top)
                b := turn(xor(b, c), 7, 25, above7)
                // On every diagonal: with the rows turned, a column.
                b := or(shl(64, b), shr(192, b))
                c := or(shl(128, c), shr(128, c))
                d := or(shl(192, d), shr(64, d))
                a := sum(a, b, low, top)
                d := turn(xor(d, a), 16, 16, above16)
                c := sum(c, d, low, top)
                b := turn(xor(b, c), 12, 20, ABOVE_12)
                a := sum(a, b, low, top)
                d := turn(xor(d, a), 8, 24, ABOVE_8)
                c := sum(c, d, low, top)
                b := turn(xor(b, c), 7, 25, above7)
                b := or(shl(192, b), shr(64, b))
                c := or(shl(128, c), shr(128, c))
                d := or(shl(64, d), shr(192, d))
                // The same again: half the turns of the loop cost less.
                a := sum(a, b, low, top)
                d := turn(xor(d, a), 16, 16, above16)
                c := sum(c, d, low, top)
                b := turn(xor(b, c), 12, 20, ABOVE_12)
                a := sum(a, b, low, top)
                d := turn(xor(d, a), 8, 24, ABOVE_8)
                c := sum(c, d, low, top)
                b := turn(xor(b, c), 7, 25, above7)
                b := or(shl(64, b), shr(192, b))
                c := or(shl(128, c), shr(128, c))
                d := or(shl(192, d), shr(64, d))
                a := sum(a, b, low, top)
                d := turn(xor(d, a), 16, 16, above16)
                c := sum(c, d, low, top)
                b := turn(xor(b, c), 12, 20, ABOVE_12)
                a := sum(a, b, low, top)
                d := turn(xor(d, a), 8, 24, ABOVE_8)
                c := sum(c, d, low, top)
                b := turn(xor(b, c), 7, 25, above7)
                b := or(shl(192, b), shr(64, b))
                c := or(shl(128, c), shr(128, c))
                d := or(shl(64, d), shr(192, d))
            }
        }
        a = _serialise(_add(a, CONSTANTS, LOW, TOP));
        b = _serialise(_add(b, upperKey, LOW, TOP));
        c = _serialise(_add(c, lowerKey, LOW, TOP));
        d = _serialise(_add(d, counters, LOW, TOP));
    }

    /// @dev Addition modulo 2^32 in every lane.
    function _add(uint256 x, uint256 y, uint256 low, uint256 top) internal pure returns (uint256) {
        unchecked {
            return ((x & low) + (y & low)) ^ ((x ^ y) & top);
        }
    }

    /// @dev The bits of `x` where `mask` has ones and those of `y` where it has zeros. Of a word shifted to the left and
    /// to the right it makes the rotation of every lane.
    function _pick(uint256 x, uint256 y, uint256 mask) internal pure returns (uint256) {
        return y ^ ((x ^ y) & mask);
    }

    /// @dev Reverses the bytes of every lane: the words of ChaCha20 are little-endian.
    function _swap(uint256 x) internal pure returns (uint256) {
        x = _pick(x << 8, x >> 8, 0xff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00);
        return _pick(x << 16, x >> 16, ABOVE_16);
    }

    /// @dev The four words in the lower half of `x`, each in two neighbouring lanes.
    function _spread(uint256 x) internal pure returns (uint256) {
        x = ((x & 0xffffffffffffffff0000000000000000) << 64) | (x & 0xffffffffffffffff);
        x = ((x & 0xffffffff000000000000000000000000ffffffff00000000) << 32)
            | (x & 0x00ffffffff000000000000000000000000ffffffff);
        return x | (x << 32);
    }

    /// @dev The bytes of a row: the first block's words in the upper half, the second's in the lower.
    function _serialise(uint256 row) internal pure returns (uint256) {
        row = _swap(row);
        uint256 moved = (row ^ (row >> 32)) & 0xffffffff000000000000000000000000ffffffff00000000;
        row ^= moved ^ (moved << 32);
        moved = (row ^ (row >> 64)) & 0xffffffffffffffff0000000000000000;
        return row ^ moved ^ (moved << 64);
    }

    function _mix(uint256 pointer, uint256 stream) private pure {
        assembly ("memory-safe") {
            mstore(pointer, xor(mload(pointer), stream))
        }
    }
}
