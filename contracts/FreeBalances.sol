// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IDataExchange} from "./interfaces/IDataExchange.sol";
import {Payout} from "./libraries/Payout.sol";
import {SignedPayment} from "./libraries/SignedPayment.sol";

/// @title Money that comes in, lies free, and goes out (PROTOCOL 7); nothing here knows of orders
/// @dev What a token brings in is measured around the one transfer and must be exact: money that moves meanwhile, by a
/// call which comes back, makes the outer call fail instead of being counted twice.
abstract contract FreeBalances is IDataExchange {
    using SafeERC20 for IERC20;

    address private constant ETHER = address(0);

    /// @inheritdoc IDataExchange
    uint256 public constant PAYOUT_GAS = Payout.GAS_LEFT;

    /// @inheritdoc IDataExchange
    mapping(address owner => mapping(address token => uint256)) public freeBalance;

    /// @inheritdoc IDataExchange
    function deposit(address token, uint256 amount) external payable {
        // No larger than a price, so that no sum of balances can overflow and stop a payout.
        if (amount > type(uint128).max) revert AmountTooLarge(type(uint128).max, amount);
        freeBalance[msg.sender][token] += amount;
        emit Deposited(msg.sender, token, amount);
        _collect(token, amount);
    }

    /// @inheritdoc IDataExchange
    function withdraw(address token, uint256 amount, address to) external {
        _requireRecipient(to);
        _debit(msg.sender, token, amount);
        emit Withdrawn(msg.sender, token, amount, to);
        if (token == ETHER) _send(to, amount);
        else IERC20(token).safeTransfer(to, amount);
    }

    function _requireRecipient(address to) internal view {
        if (to == address(0) || to == address(this)) revert InvalidRecipient(to);
    }

    /// @dev Takes exactly `amount` from the caller, or reverts.
    function _collect(address token, uint256 amount) internal {
        uint256 due = token == ETHER ? amount : 0;
        if (msg.value != due) revert WrongPayment(due, msg.value);
        if (token == ETHER) return;
        uint256 before = _held(token);
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        _requireBrought(token, amount, before);
    }

    /// @dev Takes exactly `amount` of a token from the caller, who authorized it under `nonce` until before `end`.
    function _collectAuthorized(
        address token,
        uint256 amount,
        uint256 end,
        bytes32 nonce,
        Authorization calldata authorization
    ) internal {
        uint256 before = _held(token);
        SignedPayment.receiveAuthorized(token, amount, end, nonce, authorization);
        _requireBrought(token, amount, before);
    }

    /// @dev That the contract holds exactly `amount` more than `before`.
    function _requireBrought(address token, uint256 amount, uint256 before) private view {
        uint256 afterwards = _held(token);
        unchecked {
            uint256 brought = afterwards > before ? afterwards - before : 0;
            if (brought != amount) revert WrongTransfer(token, amount, brought);
        }
    }

    /// @dev `balanceOf(this)`. What does not answer, as an account without code, brings nothing in: what it holds is not
    /// known.
    function _held(address token) private view returns (uint256 held) {
        bytes4 selector = IERC20.balanceOf.selector;
        bool answered;
        assembly ("memory-safe") {
            mstore(0, selector)
            mstore(4, address())
            if iszero(staticcall(gas(), token, 0, 36, 0, 32)) {
                let reason := mload(0x40)
                returndatacopy(reason, 0, returndatasize())
                revert(reason, returndatasize())
            }
            answered := gt(returndatasize(), 31)
            held := mload(0)
        }
        if (!answered) revert NotAToken(token);
    }

    /// @dev Sends ether, or reverts with what `to` says.
    function _send(address to, uint256 amount) private {
        assembly ("memory-safe") {
            if iszero(call(gas(), to, amount, 0, 0, 0, 0)) {
                let reason := mload(0x40)
                returndatacopy(reason, 0, returndatasize())
                revert(reason, returndatasize())
            }
        }
    }

    /// @dev Pushes `amount` to `to`, which is `owner` or whom it named; what cannot be pushed becomes the owner's.
    function _pay(address token, address owner, address to, uint256 amount) internal {
        if (gasleft() < Payout.GAS_LEFT) revert GasTooLow(Payout.GAS_LEFT, gasleft());
        if (Payout.tryPush(token, to, amount)) return;
        freeBalance[owner][token] += amount;
        emit Credited(owner, token, amount);
    }

    /// @dev Zero costs nothing: an order without a bond leaves the balance alone.
    function _credit(address owner, address token, uint256 amount) internal {
        if (amount != 0) freeBalance[owner][token] += amount;
    }

    function _debit(address owner, address token, uint256 amount) internal {
        if (amount == 0) return;
        uint256 balance = freeBalance[owner][token];
        if (balance < amount) revert FreeBalanceTooLow(owner, token, amount, balance);
        unchecked {
            freeBalance[owner][token] = balance - amount;
        }
    }
}
