// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IERC3009} from "../../interfaces/IERC3009.sol";

/// @title A token whose payments can be authorized by signature (EIP-3009), that anyone may mint
contract AuthorizedToken is ERC20, EIP712, IERC3009 {
    bytes32 private constant TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
        "bytes32 nonce)"
    );

    mapping(address authorizer => mapping(bytes32 nonce => bool)) public authorizationState;

    error NotPayee(address payee, address caller);
    error NotYetOrNoLonger(uint256 validAfter, uint256 validBefore);
    error Used(address authorizer, bytes32 nonce);
    error NotSigned(address authorizer);

    constructor() ERC20("Authorized", "AUT") EIP712("Authorized", "1") {}

    /// @notice Creates `amount` out of nothing for `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @inheritdoc IERC3009
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        if (msg.sender != to) revert NotPayee(to, msg.sender);
        if (block.timestamp <= validAfter || block.timestamp >= validBefore) {
            revert NotYetOrNoLonger(validAfter, validBefore);
        }
        if (authorizationState[from][nonce]) revert Used(from, nonce);
        bytes32 digest =
            _hashTypedDataV4(keccak256(abi.encode(TYPEHASH, from, to, value, validAfter, validBefore, nonce)));
        if (ECDSA.recover(digest, v, r, s) != from) revert NotSigned(from);
        authorizationState[from][nonce] = true;
        _transfer(from, to, value);
    }

    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparatorV4();
    }
}
