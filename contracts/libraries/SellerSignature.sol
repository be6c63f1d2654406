// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Did this account sign this digest?
/// @notice A key's signature of 65 bytes or of 64 (EIP-2098), low `s` only, or whatever a contract wallet takes (EIP-1271).
/// @dev The key comes first, whether or not the account has code: an account that delegates to code (EIP-7702) still
/// signs with its key, and the code it delegates to need not know EIP-1271.
library SellerSignature {
    function isValid(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        (uint8 v, bytes32 r, bytes32 s) = ECDSA.parseCalldata(signature);
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, v, r, s);
        if (problem == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }
}
