// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A token that behaves as any other until it is told to misbehave; how it then does is told in a file for each kind
abstract contract HostileToken {
    /// @notice Whether it misbehaves now.
    bool public hostile;
    /// @notice Whom it misbehaves towards, if it makes a difference.
    address public target;
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function misbehave(bool now_, address towards) external {
        hostile = now_;
        target = towards;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _transfer(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        _transfer(from, to, amount);
        return true;
    }

    /// @dev What a hostile token does in place of a transfer; it may end the call with an answer of its own.
    function _misbehave(address from, address to, uint256 amount) internal virtual;

    function _move(address from, address to, uint256 amount) internal {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }

    /// @dev Ends the call with `length` bytes, of which the first 32 are `word`.
    function _answer(uint256 length, uint256 word) internal pure {
        assembly {
            mstore(0, word)
            return(0, length)
        }
    }

    function _transfer(address from, address to, uint256 amount) private {
        if (hostile) _misbehave(from, to, amount);
        else _move(from, to, amount);
    }
}
