// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A token that misbehaves in the way it is told to
/// @notice Balances move as in any token, except where the behaviour says otherwise.
contract HostileToken {
    enum Behaviour {
        Honest,
        /// Moves the money and answers nothing, as some old tokens do.
        AnswersNothing,
        /// Moves nothing and answers false.
        AnswersFalse,
        /// Moves nothing and answers 2, which is neither true nor false.
        AnswersTwo,
        /// Moves nothing and answers 31 zero bytes: one less than a word.
        AnswersShort,
        /// Moves the money and answers true, followed by much more.
        AnswersAtLength,
        /// Moves nothing, reverts with much data.
        RevertsAtLength,
        /// Keeps a part of the money.
        TakesFee,
        /// Brings more money than was sent.
        Multiplies,
        /// Tells a balance that shrinks with every transfer.
        Shrinks,
        /// Uses up all the gas that it is given.
        BurnsGas,
        /// Moves nothing for the blocked account, reverts.
        Blocks,
        /// Calls sender and receiver before the money moves, as ERC-777 calls its senders.
        CallsBefore,
        /// Calls sender and receiver after the money moved, as ERC-777 calls its receivers.
        CallsAfter
    }

    error Blocked(address account);

    Behaviour public behaviour;
    address public blocked;
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function behave(Behaviour next, address account) external {
        behaviour = next;
        blocked = account;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
        return true;
    }

    function _move(address from, address to, uint256 amount) private {
        if (behaviour == Behaviour.AnswersFalse) _answer(32, 0, false);
        if (behaviour == Behaviour.AnswersTwo) _answer(32, 2, false);
        if (behaviour == Behaviour.AnswersShort) _answer(31, 0, false);
        if (behaviour == Behaviour.RevertsAtLength) _answer(100_000, 0, true);
        if (behaviour == Behaviour.Blocks && (from == blocked || to == blocked)) revert Blocked(blocked);
        if (behaviour == Behaviour.BurnsGas) {
            assembly {
                invalid()
            }
        }

        if (behaviour == Behaviour.CallsBefore) _call(from, to);
        balanceOf[from] -= amount;
        if (behaviour == Behaviour.TakesFee) amount -= amount / 100;
        if (behaviour == Behaviour.Multiplies) amount *= 2;
        balanceOf[to] += amount;
        if (behaviour == Behaviour.Shrinks) balanceOf[to] -= amount + 1;
        if (behaviour == Behaviour.CallsAfter) _call(from, to);

        if (behaviour == Behaviour.AnswersNothing) _answer(0, 0, false);
        if (behaviour == Behaviour.AnswersAtLength) _answer(100_000, 1, false);
    }

    /// @dev Ends the call with `length` bytes, of which the first 32 are `word`.
    function _answer(uint256 length, uint256 word, bool asError) private pure {
        assembly {
            mstore(0, word)
            if asError { revert(0, length) }
            return(0, length)
        }
    }

    function _call(address from, address to) private {
        // Whatever they answer: a token that let its holders stop a transfer would only be the blocking one.
        if (from.code.length != 0 && from != msg.sender) _try(from);
        if (to.code.length != 0 && to != msg.sender) _try(to);
    }

    function _try(address party) private {
        (bool ignored,) = party.call(abi.encodeWithSignature("tokensMove()"));
        ignored;
    }
}
