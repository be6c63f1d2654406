// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IDataExchange} from "./interfaces/IDataExchange.sol";
import {ChaCha20} from "./libraries/ChaCha20.sol";
import {MerkleProof9162} from "./libraries/MerkleProof9162.sol";
import {OfferHash} from "./libraries/OfferHash.sol";
import {Payout} from "./libraries/Payout.sol";
import {SellerSignature} from "./libraries/SellerSignature.sol";

/// @title DataExchange, the escrow of PROTOCOL 7; what its calls promise is told in `IDataExchange`
/// @dev There is no reentrancy lock: every call writes all state before it calls out, so that a call which comes back
/// finds the order in its next state. What a token brings in is measured around the one transfer and must be exact:
/// money that moves meanwhile, by a call which comes back, makes the outer call fail instead of being counted twice.
contract DataExchange is IDataExchange, EIP712 {
    using SafeERC20 for IERC20;

    /// @dev One storage slot; everything else is in the offer, whose hash is the key.
    struct Order {
        State state;
        uint64 deadline;
    }

    address private constant ETHER = address(0);
    uint256 private constant SALT_LENGTH = 16;

    /// @inheritdoc IDataExchange
    uint32 public constant MIN_WINDOW = 10 minutes;
    /// @inheritdoc IDataExchange
    uint32 public constant MAX_WINDOW = 30 days;
    /// @inheritdoc IDataExchange
    uint256 public constant PAYOUT_GAS = Payout.GAS_LEFT;

    /// @inheritdoc IDataExchange
    mapping(bytes32 listing => address) public sellerOf;
    /// @inheritdoc IDataExchange
    mapping(address owner => mapping(address token => uint256)) public freeBalance;
    /// @inheritdoc IDataExchange
    mapping(bytes32 orderId => Order) public orderOf;

    constructor() EIP712("Blindfair", "1") {}

    /// @inheritdoc IDataExchange
    function commit(bytes32 listingRoot, bytes32 manifestHash) external returns (bytes32 listing) {
        listing = keccak256(abi.encode(msg.sender, listingRoot, manifestHash));
        if (sellerOf[listing] != address(0)) revert AlreadyCommitted(listing);
        sellerOf[listing] = msg.sender;
        emit Committed(listing, msg.sender, listingRoot, manifestHash);
    }

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
        if (to == address(0) || to == address(this)) revert InvalidRecipient(to);
        _debit(msg.sender, token, amount);
        emit Withdrawn(msg.sender, token, amount, to);
        if (token == ETHER) Address.sendValue(payable(to), amount);
        else IERC20(token).safeTransfer(to, amount);
    }

    /// @inheritdoc IDataExchange
    function accept(Offer calldata offer, bytes calldata signature) external payable returns (bytes32 orderId) {
        orderId = OfferHash.hash(offer);
        _requireState(orderId, State.None);
        if (msg.sender != offer.buyer) revert NotBuyer(offer.buyer, msg.sender);
        if (block.timestamp > offer.expiry) revert OfferExpired(offer.expiry, block.timestamp);
        _requireTerms(offer);
        bytes32 digest = _hashTypedDataV4(orderId);
        if (!SellerSignature.isValid(offer.seller, digest, signature)) revert InvalidSignature(offer.seller, digest);

        orderOf[orderId] = Order(State.Locked, uint64(block.timestamp) + offer.revealWindow);
        _debit(offer.seller, offer.token, offer.bond);
        emit Accepted(
            orderId, offer.listing, offer.buyer, offer.seller, offer.evaluation, offer.token, offer.price
        );
        _collect(offer.token, offer.price);
    }

    /// @inheritdoc IDataExchange
    function cancel(Offer calldata offer) external {
        if (msg.sender != offer.seller) revert NotSeller(offer.seller, msg.sender);
        bytes32 orderId = OfferHash.hash(offer);
        _requireState(orderId, State.None);
        orderOf[orderId] = Order(State.Cancelled, 0);
        emit Cancelled(orderId);
    }

    /// @inheritdoc IDataExchange
    function reveal(Offer calldata offer, bytes32 key) external {
        bytes32 orderId = OfferHash.hash(offer);
        _requireBefore(orderId, _requireState(orderId, State.Locked));
        _requireKey(offer, key);
        orderOf[orderId] = Order(State.Revealed, uint64(block.timestamp) + offer.disputeWindow);
        emit Revealed(orderId, key);
    }

    /// @inheritdoc IDataExchange
    function refund(Offer calldata offer) external {
        bytes32 orderId = OfferHash.hash(offer);
        uint64 deadline = _requireState(orderId, State.Locked);
        if (block.timestamp <= deadline) revert DeadlineNotPassed(orderId, deadline, block.timestamp);
        _payBuyer(orderId, offer);
    }

    /// @inheritdoc IDataExchange
    function release(Offer calldata offer) external {
        if (msg.sender != offer.buyer) revert NotBuyer(offer.buyer, msg.sender);
        bytes32 orderId = OfferHash.hash(offer);
        _requireState(orderId, State.Revealed);
        _paySeller(orderId, offer);
    }

    /// @inheritdoc IDataExchange
    function claim(Offer[] calldata offers) external {
        bool claimed;
        for (uint256 i; i < offers.length; ++i) {
            bytes32 orderId = OfferHash.hash(offers[i]);
            Order memory order = orderOf[orderId];
            if (order.state == State.Revealed && block.timestamp > order.deadline) {
                _paySeller(orderId, offers[i]);
                claimed = true;
            }
        }
        if (!claimed) revert NothingToClaim(offers.length);
    }

    /// @inheritdoc IDataExchange
    function dispute(
        Offer calldata offer,
        bytes32 key,
        uint256 index,
        bytes calldata chunk,
        bytes32 leafHash,
        bytes32[] calldata path
    ) external {
        bytes32 orderId = OfferHash.hash(offer);
        _requireBefore(orderId, _requireState(orderId, State.Revealed));
        _requireKey(offer, key);
        _requireDelivered(offer, index, chunk, leafHash, path);
        // The index is below chunkCount, which has 32 bits.
        bytes memory plain = ChaCha20.decrypt(key, uint64(index), chunk);
        if (MerkleProof9162.leafHash(plain) == leafHash) revert ChunkIsHonest(index, leafHash);
        emit Disputed(orderId, index);
        _payBuyer(orderId, offer);
    }

    /// @inheritdoc IDataExchange
    function hashOffer(Offer calldata offer) external pure returns (bytes32) {
        return OfferHash.hash(offer);
    }

    /// @inheritdoc IDataExchange
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function _requireState(bytes32 orderId, State expected) private view returns (uint64 deadline) {
        Order memory order = orderOf[orderId];
        if (order.state != expected) revert WrongState(orderId, expected, order.state);
        return order.deadline;
    }

    function _requireBefore(bytes32 orderId, uint64 deadline) private view {
        if (block.timestamp > deadline) revert DeadlinePassed(orderId, deadline, block.timestamp);
    }

    function _requireKey(Offer calldata offer, bytes32 key) private pure {
        bytes32 found = keccak256(abi.encode(key));
        if (found != offer.keyCommitment) revert WrongKey(offer.keyCommitment, found);
    }

    /// @dev That the buyer is not zero follows from its being the caller.
    function _requireTerms(Offer calldata offer) private view {
        address seller = sellerOf[offer.listing];
        if (seller == address(0) || seller != offer.seller) {
            revert ListingNotOfSeller(offer.listing, offer.seller, seller);
        }
        if (offer.chunkSize != 1024 && offer.chunkSize != 4096 && offer.chunkSize != 16384) {
            revert ChunkSizeUnsupported(offer.chunkSize);
        }
        if (offer.chunkCount == 0) revert NoChunks();
        _requireWindow(offer.revealWindow);
        _requireWindow(offer.disputeWindow);
    }

    function _requireWindow(uint32 window) private pure {
        if (window < MIN_WINDOW || window > MAX_WINDOW) revert WindowOutOfBounds(MIN_WINDOW, MAX_WINDOW, window);
    }

    /// @dev That this ciphertext and this leaf hash are chunk `index` of the delivery.
    function _requireDelivered(
        Offer calldata offer,
        uint256 index,
        bytes calldata chunk,
        bytes32 leafHash,
        bytes32[] calldata path
    ) private view {
        if (index >= offer.chunkCount) revert ChunkIndexOutOfRange(offer.chunkCount, index);
        if (chunk.length < SALT_LENGTH || chunk.length > offer.chunkSize) {
            revert ChunkLengthOutOfRange(SALT_LENGTH, offer.chunkSize, chunk.length);
        }
        uint256 length = MerkleProof9162.pathLength(index, offer.chunkCount);
        if (path.length != length) revert WrongPathLength(length, path.length);
        bytes32 leaf = MerkleProof9162.leafHash(abi.encode(sha256(chunk), leafHash));
        bytes32 root = MerkleProof9162.rootFrom(leaf, index, offer.chunkCount, path);
        if (root != offer.deliveryRoot) revert WrongRoot(offer.deliveryRoot, root);
    }

    function _payBuyer(bytes32 orderId, Offer calldata offer) private {
        orderOf[orderId] = Order(State.Refunded, 0);
        emit Refunded(orderId);
        _pay(offer.token, offer.buyer, uint256(offer.price) + offer.bond);
    }

    function _paySeller(bytes32 orderId, Offer calldata offer) private {
        orderOf[orderId] = Order(State.Released, 0);
        if (offer.bond != 0) freeBalance[offer.seller][offer.token] += offer.bond;
        emit Released(orderId);
        _pay(offer.token, offer.seller, offer.price);
    }

    function _pay(address token, address to, uint256 amount) private {
        if (gasleft() < Payout.GAS_LEFT) revert GasTooLow(Payout.GAS_LEFT, gasleft());
        if (Payout.tryPush(token, to, amount)) return;
        freeBalance[to][token] += amount;
        emit Credited(to, token, amount);
    }

    function _debit(address owner, address token, uint256 amount) private {
        if (amount == 0) return;
        uint256 balance = freeBalance[owner][token];
        if (balance < amount) revert FreeBalanceTooLow(owner, token, amount, balance);
        unchecked {
            freeBalance[owner][token] = balance - amount;
        }
    }

    /// @dev Takes exactly `amount` from the caller, or reverts.
    function _collect(address token, uint256 amount) private {
        uint256 due = token == ETHER ? amount : 0;
        if (msg.value != due) revert WrongPayment(due, msg.value);
        if (token == ETHER) return;
        if (token.code.length == 0) revert NotAToken(token);
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 afterwards = IERC20(token).balanceOf(address(this));
        uint256 brought = afterwards > before ? afterwards - before : 0;
        if (brought != amount) revert WrongTransfer(token, amount, brought);
    }
}
