// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Did this account sign this digest?
/// @notice A key's signature of 65 bytes or of 64 (EIP-2098), low `s` only, or whatever a contract wallet takes (EIP-1271).
/// @dev The key comes first, whether or not the account has code: an account that delegates to code (EIP-7702) still
/// signs with its key, and the code it delegates to need not know EIP-1271.
library AccountSignature {
    /// @dev Half of secp256k1's order: of the two values of `s` that fit one signature, the lower counts (EIP-2).
    uint256 private constant LARGEST_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    function isValid(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        address recovered = _recover(digest, signature);
        // Zero is what no signature recovers to, and an account that nobody has.
        if (recovered == signer && signer != address(0)) return true;
        return SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }

    function _recover(bytes32 digest, bytes calldata signature) private pure returns (address) {
        uint256 s;
        uint256 v;
        if (signature.length == 64) {
            s = uint256(_word(signature, 32));
            // EIP-2098: the parity is in the top bit.
            v = 27 + (s >> 255);
            s &= type(uint256).max >> 1;
        } else if (signature.length == 65) {
            s = uint256(_word(signature, 32));
            v = uint256(_word(signature, 64)) >> 248;
        } else {
            return address(0);
        }
        if (s > LARGEST_S) return address(0);
        return ecrecover(digest, uint8(v), _word(signature, 0), bytes32(s));
    }

    function _word(bytes calldata data, uint256 place) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, place))
        }
    }
}
