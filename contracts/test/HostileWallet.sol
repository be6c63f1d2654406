// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title A contract wallet that trades through its owner and misbehaves, when money comes, in the way it is told to
/// @notice It signs by EIP-1271: with its owner's key, or by answering whatever it is told to answer.
contract HostileWallet is IERC1271 {
    enum Behaviour {
        TakesMoney,
        /// Reverts with a reason.
        Refuses,
        /// Reverts with much data.
        RefusesAtLength,
        /// Takes the money, answers with much data.
        AnswersAtLength,
        /// Uses up all the gas that it is given.
        BurnsGas,
        /// Makes the calls it was given, once, and takes the money whatever becomes of them.
        CallsBack
    }

    struct Call {
        address target;
        uint256 value;
        bytes data;
    }

    error Refused();

    /// @notice What became of a call that was made when money came.
    event CalledBack(bool success, bytes answer);

    address public immutable owner;
    Behaviour public behaviour;
    bytes public signatureAnswer;
    Call[] private _calls;

    constructor() payable {
        owner = msg.sender;
    }

    function behave(Behaviour next, Call[] calldata calls) external {
        behaviour = next;
        delete _calls;
        for (uint256 i; i < calls.length; ++i) {
            _calls.push(calls[i]);
        }
    }

    /// @notice What `isValidSignature` answers from now on, byte by byte; empty for an honest answer.
    function answerSignatures(bytes calldata answer) external {
        signatureAnswer = answer;
    }

    function execute(address target, uint256 value, bytes calldata data) external {
        (bool success, bytes memory answer) = target.call{value: value}(data);
        if (!success) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        bytes memory answer = signatureAnswer;
        if (answer.length != 0) {
            assembly {
                return(add(answer, 32), mload(answer))
            }
        }
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        return signer == owner ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    receive() external payable {
        _react();
    }

    /// @dev A token that calls its holders ends here.
    fallback() external payable {
        _react();
    }

    function _react() private {
        if (behaviour == Behaviour.Refuses) revert Refused();
        if (behaviour == Behaviour.RefusesAtLength) {
            assembly {
                revert(0, 100000)
            }
        }
        if (behaviour == Behaviour.AnswersAtLength) {
            assembly {
                return(0, 100000)
            }
        }
        if (behaviour == Behaviour.BurnsGas) {
            assembly {
                invalid()
            }
        }
        if (behaviour == Behaviour.CallsBack) {
            behaviour = Behaviour.TakesMoney;
            for (uint256 i; i < _calls.length; ++i) {
                Call memory each = _calls[i];
                (bool success, bytes memory answer) = each.target.call{value: each.value}(each.data);
                emit CalledBack(success, answer);
            }
        }
    }
}
