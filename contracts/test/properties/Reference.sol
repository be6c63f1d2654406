// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The standards written down as they are read, slow and plain, for the contract's libraries to be held against
library Reference {
    // --- RFC 8439 ---------------------------------------------------------------------------------------------------

    /// @notice Sections 2.3 and 2.4, with nonce `00000000 || u64(index)` and the counter from 0.
    function crypt(bytes32 key, uint64 index, bytes memory text) internal pure returns (bytes memory out) {
        out = new bytes(text.length);
        for (uint256 i; i < text.length; i += 64) {
            bytes memory stream = block_(key, index, uint32(i / 64));
            for (uint256 j; j < 64 && i + j < text.length; ++j) {
                out[i + j] = text[i + j] ^ stream[j];
            }
        }
    }

    function block_(bytes32 key, uint64 index, uint32 counter) internal pure returns (bytes memory out) {
        uint32[16] memory start;
        (start[0], start[1], start[2], start[3]) = (0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
        for (uint256 i; i < 8; ++i) {
            start[4 + i] = _little(uint32(uint256(key) >> (224 - 32 * i)));
        }
        start[12] = counter;
        start[14] = _little(uint32(index >> 32));
        start[15] = _little(uint32(index));
        uint32[16] memory s;
        for (uint256 i; i < 16; ++i) {
            s[i] = start[i];
        }
        for (uint256 i; i < 10; ++i) {
            _quarter(s, 0, 4, 8, 12);
            _quarter(s, 1, 5, 9, 13);
            _quarter(s, 2, 6, 10, 14);
            _quarter(s, 3, 7, 11, 15);
            _quarter(s, 0, 5, 10, 15);
            _quarter(s, 1, 6, 11, 12);
            _quarter(s, 2, 7, 8, 13);
            _quarter(s, 3, 4, 9, 14);
        }
        out = new bytes(64);
        unchecked {
            for (uint256 i; i < 64; ++i) {
                out[i] = bytes1(uint8((s[i / 4] + start[i / 4]) >> (8 * (i % 4))));
            }
        }
    }

    function _quarter(uint32[16] memory s, uint256 a, uint256 b, uint256 c, uint256 d) private pure {
        unchecked {
            s[a] += s[b];
            s[d] = _left(s[d] ^ s[a], 16);
            s[c] += s[d];
            s[b] = _left(s[b] ^ s[c], 12);
            s[a] += s[b];
            s[d] = _left(s[d] ^ s[a], 8);
            s[c] += s[d];
            s[b] = _left(s[b] ^ s[c], 7);
        }
    }

    function _left(uint32 x, uint256 n) private pure returns (uint32) {
        return uint32((uint256(x) << n) | (uint256(x) >> (32 - n)));
    }

    function _little(uint32 x) private pure returns (uint32) {
        return x >> 24 | (x >> 8 & 0xff00) | (x << 8 & 0xff0000) | x << 24;
    }

    // --- RFC 9162, section 2.1 --------------------------------------------------------------------------------------

    function leaf(bytes memory data) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0), data));
    }

    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }

    /// @notice MTH of the leaves from `start` to before `end`, section 2.1.1, given their hashes.
    function root(bytes32[] memory leaves, uint256 start, uint256 end) internal pure returns (bytes32) {
        if (end - start == 1) return leaves[start];
        uint256 middle = start + split(end - start);
        return node(root(leaves, start, middle), root(leaves, middle, end));
    }

    /// @notice PATH, section 2.1.3.1, from leaf to root.
    function path(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory) {
        return _path(leaves, index, 0, leaves.length);
    }

    function _path(bytes32[] memory leaves, uint256 index, uint256 start, uint256 end)
        private
        pure
        returns (bytes32[] memory out)
    {
        if (end - start == 1) return out;
        uint256 middle = start + split(end - start);
        bytes32[] memory rest =
            index < middle ? _path(leaves, index, start, middle) : _path(leaves, index, middle, end);
        out = new bytes32[](rest.length + 1);
        for (uint256 i; i < rest.length; ++i) {
            out[i] = rest[i];
        }
        out[rest.length] = index < middle ? root(leaves, middle, end) : root(leaves, start, middle);
    }

    /// @notice The largest power of two below `size`.
    function split(uint256 size) internal pure returns (uint256 k) {
        for (k = 1; 2 * k < size; k *= 2) {}
    }

    /// @notice How many steps section 2.1.3.2 takes until `sn` is 0.
    function pathLength(uint256 index, uint256 size) internal pure returns (uint256 count) {
        (uint256 fn, uint256 sn) = (index, size - 1);
        for (; sn != 0; ++count) {
            if (fn & 1 == 1 || fn == sn) {
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            }
            fn >>= 1;
            sn >>= 1;
        }
    }

    /// @notice Section 2.1.3.2, step by step: whether the path has the right length, and where it leads.
    function climb(bytes32 hash, uint256 index, uint256 size, bytes32[] memory path_)
        internal
        pure
        returns (bool complete, bytes32 r)
    {
        (uint256 fn, uint256 sn) = (index, size - 1);
        r = hash;
        for (uint256 i; i < path_.length; ++i) {
            if (sn == 0) return (false, r);
            if (fn & 1 == 1 || fn == sn) {
                r = node(path_[i], r);
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                r = node(r, path_[i]);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return (sn == 0, r);
    }
}
