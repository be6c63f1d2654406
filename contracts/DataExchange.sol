// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Domain} from "./Domain.sol";
import {FreeBalances} from "./FreeBalances.sol";
import {IDataExchange} from "./interfaces/IDataExchange.sol";
import {AccountSignature} from "./libraries/AccountSignature.sol";
import {ChaCha20} from "./libraries/ChaCha20.sol";
import {MerkleProof9162} from "./libraries/MerkleProof9162.sol";
import {OfferHash, Terms} from "./libraries/OfferHash.sol";
import {OrderSlot, orderSlot} from "./libraries/OrderSlot.sol";
import {PossibleActions} from "./libraries/PossibleActions.sol";
import {SignedPayment} from "./libraries/SignedPayment.sol";

/// @title DataExchange, the escrow of PROTOCOL 7; what its calls promise is told in `IDataExchange`
/// @dev There is no reentrancy lock. An order is checked, and its next state and its bond are written, before its money
/// moves, so that whoever calls back then finds it in its next state; after that only a push that failed is credited. Two
/// calls go out earlier. A contract wallet is asked for its signature by a call that can change nothing. And
/// `acceptWithPermit` shows the token the permit first of all: what a token does then, it could have done in a transaction
/// before, since nothing has been looked at yet.
contract DataExchange is IDataExchange, Domain, FreeBalances {
    uint256 private constant SALT_LENGTH = 16;
    bytes32 private constant RELEASE_TYPEHASH = keccak256("Release(bytes32 order)");

    /// @inheritdoc IDataExchange
    uint32 public constant MIN_WINDOW = 10 minutes;
    /// @inheritdoc IDataExchange
    uint32 public constant MAX_WINDOW = 30 days;

    /// @inheritdoc IDataExchange
    mapping(bytes32 listing => address) public sellerOf;
    /// @dev One storage slot an order; everything else is in the offer, whose hash is the key.
    mapping(bytes32 orderId => OrderSlot) private _orders;

    /// @inheritdoc IDataExchange
    function commit(bytes32 listingRoot, bytes32 manifestHash) external returns (bytes32 listing) {
        listing = keccak256(abi.encode(msg.sender, listingRoot, manifestHash));
        if (sellerOf[listing] != address(0)) revert AlreadyCommitted(listing);
        sellerOf[listing] = msg.sender;
        emit Committed(listing, msg.sender, listingRoot, manifestHash);
    }

    /// @inheritdoc IDataExchange
    function accept(Offer calldata given, bytes calldata signature) external payable returns (bytes32) {
        (Terms calldata offer, bytes32 orderId) = _lock(given, signature);
        _collect(_account(offer.token), offer.price);
        return orderId;
    }

    /// @inheritdoc IDataExchange
    function acceptWithPermit(Offer calldata given, bytes calldata signature, Permit calldata permit)
        external
        returns (bytes32)
    {
        // Whoever saw the permit may have used it before: then it fails, and the allowance that it gave is there.
        SignedPayment.tryPermit(given.token, permit);
        (Terms calldata offer, bytes32 orderId) = _lock(given, signature);
        _collect(_account(offer.token), offer.price);
        return orderId;
    }

    /// @inheritdoc IDataExchange
    function acceptByAuthorization(Offer calldata given, bytes calldata signature, Authorization calldata authorization)
        external
        returns (bytes32)
    {
        (Terms calldata offer, bytes32 orderId) = _lock(given, signature);
        unchecked {
            // An expiry has 64 bits.
            _collectAuthorized(_account(offer.token), offer.price, offer.expiry + 1, orderId, authorization);
        }
        return orderId;
    }

    /// @inheritdoc IDataExchange
    function cancel(Offer calldata given) external {
        (Terms calldata offer, bytes32 orderId) = OfferHash.read(given);
        if (msg.sender != _account(offer.seller)) revert NotSeller(_account(offer.seller), msg.sender);
        _requireState(orderId, State.None);
        _orders[orderId] = orderSlot(State.Cancelled, 0);
        emit Cancelled(orderId);
    }

    /// @inheritdoc IDataExchange
    function reveal(Offer calldata given, bytes32 key) external {
        (Terms calldata offer, bytes32 orderId) = OfferHash.read(given);
        _requireBefore(orderId, _requireState(orderId, State.Locked));
        _requireKey(offer, key);
        unchecked {
            // A window has 32 bits.
            _orders[orderId] = orderSlot(State.Revealed, block.timestamp + offer.disputeWindow);
        }
        emit Revealed(orderId, key);
    }

    /// @inheritdoc IDataExchange
    function refund(Offer calldata given) external {
        (Terms calldata offer, bytes32 orderId) = OfferHash.read(given);
        _refund(orderId, offer, _account(offer.buyer));
    }

    /// @inheritdoc IDataExchange
    function refundTo(Offer calldata given, address to) external {
        (Terms calldata offer, bytes32 orderId) = OfferHash.read(given);
        _requireBuyer(offer);
        _requireRecipient(to);
        _refund(orderId, offer, to);
    }

    /// @inheritdoc IDataExchange
    function release(Offer calldata given) external {
        (Terms calldata offer, bytes32 orderId) = OfferHash.read(given);
        _requireBuyer(offer);
        _requireState(orderId, State.Revealed);
        _paySeller(orderId, offer, _account(offer.seller));
    }

    /// @inheritdoc IDataExchange
    function releaseBySig(Offer calldata given, bytes calldata signature) external {
        (Terms calldata offer, bytes32 orderId) = OfferHash.read(given);
        _requireState(orderId, State.Revealed);
        _requireSignature(_account(offer.buyer), keccak256(abi.encode(RELEASE_TYPEHASH, orderId)), signature);
        _paySeller(orderId, offer, _account(offer.seller));
    }

    /// @inheritdoc IDataExchange
    function claim(Offer[] calldata offers) external {
        bool claimed;
        for (uint256 i; i < offers.length; ++i) {
            (Terms calldata offer, bytes32 orderId) = OfferHash.read(offers[i]);
            if (_claim(orderId, offer, _account(offer.seller))) claimed = true;
        }
        if (!claimed) revert NothingToClaim(offers.length);
    }

    /// @inheritdoc IDataExchange
    function claimTo(Offer[] calldata offers, address to) external {
        _requireRecipient(to);
        bool claimed;
        for (uint256 i; i < offers.length; ++i) {
            (Terms calldata offer, bytes32 orderId) = OfferHash.read(offers[i]);
            if (msg.sender != _account(offer.seller)) revert NotSeller(_account(offer.seller), msg.sender);
            if (_claim(orderId, offer, to)) claimed = true;
        }
        if (!claimed) revert NothingToClaim(offers.length);
    }

    /// @inheritdoc IDataExchange
    function dispute(
        Offer calldata given,
        bytes32 key,
        uint256 index,
        bytes calldata chunk,
        bytes32 leafHash,
        bytes32[] calldata path
    ) external {
        (Terms calldata offer, bytes32 orderId) = OfferHash.read(given);
        _requireFault(orderId, offer, key, index, chunk, leafHash, path);
        _payBuyer(orderId, offer, _account(offer.buyer));
    }

    /// @inheritdoc IDataExchange
    function disputeTo(
        Offer calldata given,
        bytes32 key,
        uint256 index,
        bytes calldata chunk,
        bytes32 leafHash,
        bytes32[] calldata path,
        address to
    ) external {
        (Terms calldata offer, bytes32 orderId) = OfferHash.read(given);
        _requireBuyer(offer);
        _requireRecipient(to);
        _requireFault(orderId, offer, key, index, chunk, leafHash, path);
        _payBuyer(orderId, offer, to);
    }

    /// @inheritdoc IDataExchange
    function orderOf(bytes32 orderId) external view returns (State state, uint64 deadline) {
        OrderSlot order = _orders[orderId];
        return (order.state(), order.deadline());
    }

    /// @inheritdoc IDataExchange
    function possibleActions(Offer calldata given) external view returns (State state, Possible[] memory actions) {
        (Terms calldata offer, bytes32 orderId) = OfferHash.read(given);
        OrderSlot order = _orders[orderId];
        return (order.state(), PossibleActions.list(offer, order));
    }

    /// @inheritdoc IDataExchange
    function hashOffer(Offer calldata offer) external pure returns (bytes32 orderId) {
        (, orderId) = OfferHash.read(offer);
    }

    /// @inheritdoc IDataExchange
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparator();
    }

    /// @dev All of an accept but the payment, which must follow.
    function _lock(Offer calldata given, bytes calldata signature)
        private
        returns (Terms calldata offer, bytes32 orderId)
    {
        (offer, orderId) = OfferHash.read(given);
        _requireState(orderId, State.None);
        _requireBuyer(offer);
        if (block.timestamp > offer.expiry) revert OfferExpired(uint64(offer.expiry), block.timestamp);
        (address seller, address token) = (_account(offer.seller), _account(offer.token));
        _requireTerms(offer, seller);
        _requireSignature(seller, orderId, signature);

        unchecked {
            // A window has 32 bits.
            _orders[orderId] = orderSlot(State.Locked, block.timestamp + offer.revealWindow);
        }
        _debit(seller, token, offer.bond);
        emit Accepted(orderId, offer.listing, msg.sender, seller, offer.evaluation, token, offer.price);
    }

    function _refund(bytes32 orderId, Terms calldata offer, address to) private {
        uint64 deadline = _requireState(orderId, State.Locked);
        if (block.timestamp <= deadline) revert DeadlineNotPassed(orderId, deadline, block.timestamp);
        _payBuyer(orderId, offer, to);
    }

    function _claim(bytes32 orderId, Terms calldata offer, address to) private returns (bool due) {
        OrderSlot order = _orders[orderId];
        due = order.isIn(State.Revealed) && block.timestamp > order.deadline();
        if (due) _paySeller(orderId, offer, to);
    }

    /// @dev `_account` of a field of `Terms`, which has no bits above.
    function _account(uint256 word) private pure returns (address) {
        return address(uint160(word));
    }

    function _requireBuyer(Terms calldata offer) private view {
        if (msg.sender != _account(offer.buyer)) revert NotBuyer(_account(offer.buyer), msg.sender);
    }

    function _requireState(bytes32 orderId, State expected) private view returns (uint64 deadline) {
        OrderSlot order = _orders[orderId];
        if (!order.isIn(expected)) revert WrongState(orderId, expected, order.state());
        return order.deadline();
    }

    function _requireBefore(bytes32 orderId, uint64 deadline) private view {
        if (block.timestamp > deadline) revert DeadlinePassed(orderId, deadline, block.timestamp);
    }

    function _requireSignature(address signer, bytes32 structHash, bytes calldata signature) private view {
        bytes32 digest = _digest(structHash);
        if (!AccountSignature.isValid(signer, digest, signature)) revert InvalidSignature(signer, digest);
    }

    function _requireKey(Terms calldata offer, bytes32 key) private pure {
        bytes32 found;
        assembly ("memory-safe") {
            mstore(0, key)
            found := keccak256(0, 32)
        }
        if (found != offer.keyCommitment) revert WrongKey(offer.keyCommitment, found);
    }

    /// @dev That the buyer is not zero follows from its being the caller.
    function _requireTerms(Terms calldata offer, address seller) private view {
        address committer = sellerOf[offer.listing];
        if (committer == address(0) || committer != seller) {
            revert ListingNotOfSeller(offer.listing, seller, committer);
        }
        uint256 size = offer.chunkSize;
        if (size != 1024 && size != 4096 && size != 16384) revert ChunkSizeUnsupported(uint32(size));
        if (offer.chunkCount == 0) revert NoChunks();
        _requireWindows(offer.revealWindow, offer.disputeWindow);
    }

    function _requireWindows(uint256 first, uint256 second) private pure {
        unchecked {
            // One comparison for both bounds: what is below the lower becomes huge.
            bool outside = first - MIN_WINDOW > MAX_WINDOW - MIN_WINDOW;
            if (outside || second - MIN_WINDOW > MAX_WINDOW - MIN_WINDOW) {
                revert WindowOutOfBounds(MIN_WINDOW, MAX_WINDOW, uint32(outside ? first : second));
            }
        }
    }

    /// @dev That chunk `index` of a revealed delivery does not decrypt to what was committed, and is in time.
    function _requireFault(
        bytes32 orderId,
        Terms calldata offer,
        bytes32 key,
        uint256 index,
        bytes calldata chunk,
        bytes32 leafHash,
        bytes32[] calldata path
    ) private {
        _requireBefore(orderId, _requireState(orderId, State.Revealed));
        _requireKey(offer, key);
        _requireDelivered(offer, index, chunk, leafHash, path);
        // The index is below chunkCount, which has 32 bits.
        bytes memory plain = ChaCha20.decrypt(key, uint64(index), chunk);
        if (MerkleProof9162.leafHash(plain) == leafHash) revert ChunkIsHonest(index, leafHash);
        emit Disputed(orderId, index);
    }

    /// @dev That this ciphertext and this leaf hash are chunk `index` of the delivery.
    function _requireDelivered(
        Terms calldata offer,
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

    function _payBuyer(bytes32 orderId, Terms calldata offer, address to) private {
        _orders[orderId] = orderSlot(State.Refunded, 0);
        emit Refunded(orderId);
        unchecked {
            // Both have 128 bits.
            _pay(_account(offer.token), _account(offer.buyer), to, offer.price + offer.bond);
        }
    }

    function _paySeller(bytes32 orderId, Terms calldata offer, address to) private {
        (address seller, address token) = (_account(offer.seller), _account(offer.token));
        _orders[orderId] = orderSlot(State.Released, 0);
        _credit(seller, token, offer.bond);
        emit Released(orderId);
        _pay(token, seller, to, offer.price);
    }
}
