// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../../interfaces/IDataExchange.sol";
import {ChaCha20} from "../../libraries/ChaCha20.sol";
import {OrderSlot, orderSlot} from "../../libraries/OrderSlot.sol";

/// @title What holds for all inputs of a size, proven by halmos: each function must not fail, whatever its arguments
/// @dev The quarter round is put together of the library's lane operations as its assembly does; that assembly itself, ten
/// double rounds of it, is too large for a proof and held against the RFC by tests.
contract Lemmas {
    // --- the lanes of ChaCha20 --------------------------------------------------------------------------------------

    uint256 private constant LOW = 0x7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff;
    uint256 private constant TOP = 0x8000000080000000800000008000000080000000800000008000000080000000;

    function _lane(uint256 word, uint256 place) private pure returns (uint32) {
        return uint32(word >> (32 * place));
    }

    /// @notice Eight additions modulo 2^32 in one word: no carry leaves a lane.
    function check_lanes_are_added_each_by_itself(uint256 x, uint256 y) external pure {
        uint256 sum = ChaCha20._add(x, y, LOW, TOP);
        unchecked {
            for (uint256 i; i < 8; ++i) {
                assert(_lane(sum, i) == _lane(x, i) + _lane(y, i));
            }
        }
    }

    /// @notice The rotation of every lane by each of the cipher's four distances (RFC 8439 section 2.1).
    function check_lanes_are_rotated_each_by_itself(uint256 x) external pure {
        _rotated(x, 16, 0xffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000);
        _rotated(x, 12, 0xfffff000fffff000fffff000fffff000fffff000fffff000fffff000fffff000);
        _rotated(x, 8, 0xffffff00ffffff00ffffff00ffffff00ffffff00ffffff00ffffff00ffffff00);
        _rotated(x, 7, 0xffffff80ffffff80ffffff80ffffff80ffffff80ffffff80ffffff80ffffff80);
    }

    function _rotated(uint256 x, uint256 distance, uint256 above) private pure {
        uint256 turned = ChaCha20._pick(x << distance, x >> (32 - distance), above);
        for (uint256 i; i < 8; ++i) {
            uint32 lane = _lane(x, i);
            assert(_lane(turned, i) == (lane << uint32(distance)) | (lane >> uint32(32 - distance)));
        }
    }

    /// @notice A quarter round (RFC 8439 section 2.1), looked at in one lane: that none touches another is shown above.
    function check_a_quarter_round_is_the_rfcs(uint256 a, uint256 b, uint256 c, uint256 d) external pure {
        (uint32 w, uint32 x, uint32 y, uint32 z) = (_lane(a, 5), _lane(b, 5), _lane(c, 5), _lane(d, 5));
        a = ChaCha20._add(a, b, LOW, TOP);
        d = _turn(d ^ a, 16, 0xffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000);
        c = ChaCha20._add(c, d, LOW, TOP);
        b = _turn(b ^ c, 12, 0xfffff000fffff000fffff000fffff000fffff000fffff000fffff000fffff000);
        a = ChaCha20._add(a, b, LOW, TOP);
        d = _turn(d ^ a, 8, 0xffffff00ffffff00ffffff00ffffff00ffffff00ffffff00ffffff00ffffff00);
        c = ChaCha20._add(c, d, LOW, TOP);
        b = _turn(b ^ c, 7, 0xffffff80ffffff80ffffff80ffffff80ffffff80ffffff80ffffff80ffffff80);
        unchecked {
            w += x;
            z ^= w;
            z = z << 16 | z >> 16;
            y += z;
            x ^= y;
            x = x << 12 | x >> 20;
            w += x;
            z ^= w;
            z = z << 8 | z >> 24;
            y += z;
            x ^= y;
            x = x << 7 | x >> 25;
        }
        assert(_lane(a, 5) == w && _lane(b, 5) == x && _lane(c, 5) == y && _lane(d, 5) == z);
    }

    function _turn(uint256 x, uint256 distance, uint256 above) private pure returns (uint256) {
        return ChaCha20._pick(x << distance, x >> (32 - distance), above);
    }

    /// @notice The bytes of every lane are reversed.
    function check_bytes_are_reversed_in_each_lane(uint256 x) external pure {
        uint256 swapped = ChaCha20._swap(x);
        for (uint256 i; i < 32; ++i) {
            assert(uint8(swapped >> (8 * i)) == uint8(x >> (8 * (i ^ 3))));
        }
    }

    /// @notice Four words are put into two neighbouring lanes each.
    function check_words_are_spread_over_both_blocks(uint128 x) external pure {
        uint256 spread = ChaCha20._spread(x);
        for (uint256 i; i < 8; ++i) {
            assert(_lane(spread, i) == _lane(x, i / 2));
        }
    }

    /// @notice The words of the first block come before those of the second, each little-endian.
    function check_a_row_is_serialised_block_by_block(uint256 row) external pure {
        uint256 out = ChaCha20._serialise(row);
        for (uint256 i; i < 4; ++i) {
            assert(_lane(out, 4 + i) == _little(_lane(row, 2 * i + 1)));
            assert(_lane(out, i) == _little(_lane(row, 2 * i)));
        }
    }

    function _little(uint32 x) private pure returns (uint32) {
        return x >> 24 | (x >> 8 & 0xff00) | (x << 8 & 0xff0000) | x << 24;
    }

    // --- the paths of RFC 9162 --------------------------------------------------------------------------------------

    /// @dev The loop of section 2.1.3.2 without its hashes: how many there are, and on which sides (1: the sibling left).
    function _loop(uint256 index, uint256 size) private pure returns (uint256 length, uint256 sides) {
        (uint256 fn, uint256 sn) = (index, size - 1);
        while (sn != 0) {
            if (fn & 1 == 1 || fn == sn) {
                sides |= 1 << length;
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            }
            fn >>= 1;
            sn >>= 1;
            ++length;
        }
    }

    /// @notice No two leaves of a tree have paths of one length with the same sides: a proof for a wrong index, or of a
    /// wrong length, would be two inputs of SHA-256 with one hash. That the contract asks for the loop's length is tried for
    /// every leaf of every small tree (Libraries.t.sol): the solver does not get through a logarithm.
    function check_no_two_leaves_share_a_path(uint256 index, uint256 second, uint256 size) external pure {
        if (size > 32 || index >= size || second >= size || index == second) return;
        (uint256 length, uint256 sides) = _loop(index, size);
        (uint256 others, uint256 otherSides) = _loop(second, size);
        assert(length != others || sides != otherSides);
    }

    // --- the slot of an order ---------------------------------------------------------------------------------------

    /// @notice State and deadline come out of the slot as they went in.
    function check_a_slot_keeps_state_and_deadline(uint8 number, uint64 until) external pure {
        if (number > uint8(type(IDataExchange.State).max)) return;
        OrderSlot order = orderSlot(IDataExchange.State(number), until);
        assert(uint8(order.state()) == number && order.deadline() == until);
        assert(order.isIn(IDataExchange.State(number)));
        assert(number == 1 || !order.isIn(IDataExchange.State.Locked));
    }
}
