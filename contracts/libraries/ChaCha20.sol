// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ChaCha20, RFC 8439 section 2.4, for disputes
/// @notice Decrypts one delivery chunk: nonce bytes `00000000 || u64(index)`, block counter from 0 (PROTOCOL 6.2).
/// @dev Two blocks at once. A row of the 4 x 4 state is one word of eight 32-bit lanes; counted from the top, lane
/// `2w` is word `w` of the first block and lane `2w + 1` that of the second, so that turning a row by one column is a
/// rotation of the whole word by 64 bits and serves both blocks.
library ChaCha20 {
    /// @notice The plaintext of `text`, of the same length.
    /// @dev Whole pairs of blocks are written: the memory set aside is a multiple of 128 bytes.
    function decrypt(bytes32 key, uint64 index, bytes calldata text) internal pure returns (bytes memory plain) {
        assembly ("memory-safe") {
            // Lane by lane addition modulo 2^32; the top bits are added apart, so that no carry leaves its lane.
            function add32(x, y) -> sum {
                let low := 0x7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff
                let top := 0x8000000080000000800000008000000080000000800000008000000080000000
                sum := xor(add(and(low, y), and(low, x)), and(top, xor(y, x)))
            }
            // Lane by lane rotation to the left by n; m has the upper 32 - n bits of every lane.
            function rotl32(x, n, m) -> turned {
                let right := shr(sub(32, n), x)
                turned := xor(right, and(xor(right, shl(n, x)), m))
            }
            function rotl256(x, n) -> turned {
                turned := or(shl(n, x), shr(sub(256, n), x))
            }
            // RFC 8439 section 2.1, on the four columns of both blocks.
            function quarters(a, b, c, d) -> e, f, g, h {
                e := add32(a, b)
                h := rotl32(xor(d, e), 16, 0xffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000)
                g := add32(c, h)
                f := rotl32(xor(b, g), 12, 0xfffff000fffff000fffff000fffff000fffff000fffff000fffff000fffff000)
                e := add32(e, f)
                h := rotl32(xor(h, e), 8, 0xffffff00ffffff00ffffff00ffffff00ffffff00ffffff00ffffff00ffffff00)
                g := add32(g, h)
                f := rotl32(xor(f, g), 7, 0xffffff80ffffff80ffffff80ffffff80ffffff80ffffff80ffffff80ffffff80)
            }
            // RFC 8439 section 2.3: columns, then diagonals, which are columns of the turned rows.
            function doubleRound(a, b, c, d) -> e, f, g, h {
                e, f, g, h := quarters(a, b, c, d)
                e, f, g, h := quarters(e, rotl256(f, 64), rotl256(g, 128), rotl256(h, 192))
                f := rotl256(f, 192)
                g := rotl256(g, 128)
                h := rotl256(h, 64)
            }
            // Reverses the bytes of every lane: the words of ChaCha20 are little-endian.
            function swap32(x) -> swapped {
                let m := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
                swapped := or(shl(8, and(x, m)), and(shr(8, x), m))
                m := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
                swapped := or(shl(16, and(swapped, m)), and(shr(16, swapped), m))
            }
            // The four words in the lower half of x, each in two neighbouring lanes.
            function spread(x) -> row {
                row := or(shl(64, and(x, 0xffffffffffffffff0000000000000000)), and(x, 0xffffffffffffffff))
                row := or(
                    shl(32, and(row, 0xffffffff000000000000000000000000ffffffff00000000)),
                    and(row, 0xffffffff000000000000000000000000ffffffff)
                )
                row := or(shl(32, row), row)
            }
            // The row as bytes, the first block's in the upper half and the second's in the lower.
            function serialise(row) -> parted {
                parted := swap32(row)
                let t := and(xor(parted, shr(32, parted)), 0xffffffff000000000000000000000000ffffffff00000000)
                parted := xor(parted, xor(t, shl(32, t)))
                t := and(xor(parted, shr(64, parted)), 0xffffffffffffffff0000000000000000)
                parted := xor(parted, xor(t, shl(64, t)))
            }
            function mix(pointer, stream) {
                mstore(pointer, xor(mload(pointer), stream))
            }

            plain := mload(0x40)
            mstore(plain, text.length)
            let pointer := add(plain, 0x20)
            let end := add(pointer, and(add(text.length, 127), not(127)))
            mstore(0x40, end)
            calldatacopy(pointer, text.offset, text.length)

            // "expand 32-byte k", every word twice; the key; the counters 0 and 1, a zero word and the index.
            let a0 := 0x61707865617078653320646e3320646e79622d3279622d326b2065746b206574
            let b0 := spread(shr(128, swap32(key)))
            let c0 := spread(shr(128, shl(128, swap32(key))))
            let d0 := or(shl(192, 1), spread(swap32(index)))

            for {} lt(pointer, end) { pointer := add(pointer, 128) } {
                let a := a0
                let b := b0
                let c := c0
                let d := d0
                for { let i := 0 } lt(i, 5) { i := add(i, 1) } {
                    a, b, c, d := doubleRound(a, b, c, d)
                    a, b, c, d := doubleRound(a, b, c, d)
                }
                a := serialise(add32(a, a0))
                b := serialise(add32(b, b0))
                c := serialise(add32(c, c0))
                d := serialise(add32(d, d0))
                mix(pointer, or(shl(128, shr(128, a)), shr(128, b)))
                mix(add(pointer, 32), or(shl(128, shr(128, c)), shr(128, d)))
                mix(add(pointer, 64), or(shl(128, a), shr(128, shl(128, b))))
                mix(add(pointer, 96), or(shl(128, c), shr(128, shl(128, d))))
                // Both counters, in lanes 0 and 1.
                d0 := add(d0, 0x0000000200000002000000000000000000000000000000000000000000000000)
            }
        }
    }
}
