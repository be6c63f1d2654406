// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";

/// @title The EIP-712 domain `("Blindfair", "1", chainId, this contract)` (PROTOCOL 6.5)
/// @dev Its separator is computed once; when a fork changes the chain id, with every signature.
abstract contract Domain is IERC5267 {
    string private constant NAME = "Blindfair";
    string private constant VERSION = "1";
    bytes32 private constant TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    uint256 private immutable _chainId = block.chainid;
    bytes32 private immutable _separator = _computeSeparator();

    /// @notice The domain, for wallets and explorers (EIP-5267).
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"0f", NAME, VERSION, block.chainid, address(this), bytes32(0), new uint256[](0));
    }

    /// @dev What is signed for a struct of this hash.
    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(_domainSeparator(), structHash);
    }

    function _domainSeparator() internal view returns (bytes32) {
        return block.chainid == _chainId ? _separator : _computeSeparator();
    }

    function _computeSeparator() private view returns (bytes32) {
        return keccak256(
            abi.encode(TYPEHASH, keccak256(bytes(NAME)), keccak256(bytes(VERSION)), block.chainid, address(this))
        );
    }
}
