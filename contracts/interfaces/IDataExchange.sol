// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Blindfair's escrow: money against the key of a committed delivery
/// @notice A seller commits a data set, a buyer locks the price of a delivery that it already holds encrypted, the
/// seller reveals the key, and the buyer either pays or proves with one chunk that the delivery is not what was
/// committed. PROTOCOL 3, 6 and 7 are normative.
/// @dev No owner, no upgrade, no pause, no fee. Acting is allowed while `now <= deadline` and undoing when
/// `now > deadline`, so that no instant allows both. Token `address(0)` is ether.
///
/// Money leaves in two ways. `refund`, `release`, `claim` and `dispute` push it to the party; a push that fails
/// (a receiver that reverts, a token that blocks it) becomes a free balance of that party, so that it holds up nobody.
/// `withdraw` pays a free balance to whatever address its owner names, and `refundTo`, `claimTo` and `disputeTo` push
/// the caller's own money there at once.
interface IDataExchange {
    /// @notice What a seller signs (EIP-712) and a buyer accepts.
    /// @param listing The committed data set: `keccak256(abi.encode(seller, listingRoot, manifestHash))`.
    /// @param evaluation Digest of the blind evaluation that led to this offer.
    /// @param deliveryRoot RFC 9162 root over leaf data `SHA-256(ciphertext chunk) || listing leaf hash`.
    /// @param keyCommitment `keccak256` of the 32-byte ChaCha20 key.
    /// @param chunkCount Leaves under `deliveryRoot`, at least 1.
    /// @param chunkSize Largest length of a chunk in bytes, its 16-byte salt included: 1024, 4096 or 16384.
    /// @param seller Who committed the listing, signs the offer and is paid.
    /// @param buyer The only account that may accept.
    /// @param token The money's ERC-20 contract, or zero for ether.
    /// @param price What the buyer locks, in the token's smallest unit.
    /// @param bond What the seller loses to the buyer when it fails, from its free balance in the same token.
    /// @param revealWindow Seconds after the accept in which the key may be revealed.
    /// @param disputeWindow Seconds after the reveal in which a fault may be proven.
    /// @param expiry Last second at which the offer may be accepted.
    /// @param nonce Makes offers that are otherwise equal different orders.
    struct Offer {
        bytes32 listing;
        bytes32 evaluation;
        bytes32 deliveryRoot;
        bytes32 keyCommitment;
        uint32 chunkCount;
        uint32 chunkSize;
        address seller;
        address buyer;
        address token;
        uint128 price;
        uint128 bond;
        uint32 revealWindow;
        uint32 disputeWindow;
        uint64 expiry;
        uint256 nonce;
    }

    /// @notice Where an order stands; the last three are final.
    enum State {
        None,
        Locked,
        Revealed,
        Refunded,
        Released,
        Cancelled
    }

    /// @notice What moves an order; `Release` by the buyer's own call or by its signature.
    enum Action {
        Accept,
        Cancel,
        Reveal,
        Refund,
        Release,
        Claim,
        Dispute
    }

    /// @notice Something that may happen to an order now.
    /// @param action What.
    /// @param by Who alone may do it; zero means anyone.
    /// @param until The last second at which it may be done; the largest number means that time does not end it.
    struct Possible {
        Action action;
        address by;
        uint64 until;
    }

    /// @notice A token holder's signature that lets the contract take its tokens (EIP-2612).
    /// @param value The allowance that it gives.
    /// @param deadline The last second at which the token takes it.
    /// @param v Recovery value of the signature.
    /// @param r First half of the signature.
    /// @param s Second half of the signature.
    struct Permit {
        uint256 value;
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice A token holder's signature that pays the price of one order (EIP-3009): of
    /// `ReceiveWithAuthorization(from, to, value, validAfter, validBefore, nonce)` in the token's domain, with the buyer,
    /// this contract, the price, 0, `expiry + 1` and the order's identifier.
    /// @param v Recovery value of the signature.
    /// @param r First half of the signature.
    /// @param s Second half of the signature.
    struct Authorization {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice A data set was committed.
    /// @param listing The listing's identifier.
    /// @param seller Who committed it.
    /// @param listingRoot RFC 9162 root over the data set's chunks.
    /// @param manifestHash SHA-256 of the manifest.
    event Committed(bytes32 indexed listing, address indexed seller, bytes32 listingRoot, bytes32 manifestHash);
    /// @notice The price and the bond of an order are locked.
    /// @param orderId The order's identifier, `hashStruct(offer)`.
    /// @param listing The committed data set that the delivery is of.
    /// @param buyer Who paid the price.
    /// @param seller Whose bond is locked.
    /// @param evaluation Digest of the blind evaluation that led to the offer.
    /// @param token The money's contract, or zero for ether.
    /// @param price What is locked, in the token's smallest unit.
    event Accepted(
        bytes32 indexed orderId,
        bytes32 indexed listing,
        address indexed buyer,
        address seller,
        bytes32 evaluation,
        address token,
        uint256 price
    );
    /// @notice The offer can never be accepted.
    /// @param orderId The order's identifier, `hashStruct(offer)`.
    event Cancelled(bytes32 indexed orderId);
    /// @notice The key of the delivery is public.
    /// @param orderId The order's identifier, `hashStruct(offer)`.
    /// @param key The delivery's ChaCha20 key.
    event Revealed(bytes32 indexed orderId, bytes32 key);
    /// @notice Price and bond went to the buyer, or where it said.
    /// @param orderId The order's identifier, `hashStruct(offer)`.
    event Refunded(bytes32 indexed orderId);
    /// @notice The price went to the seller, or where it said, and the bond to its free balance.
    /// @param orderId The order's identifier, `hashStruct(offer)`.
    event Released(bytes32 indexed orderId);
    /// @notice Delivery chunk `index` is proven not to be the committed one; `Refunded` follows.
    /// @param orderId The order's identifier, `hashStruct(offer)`.
    /// @param index Number of the chunk in the delivery, from 0.
    event Disputed(bytes32 indexed orderId, uint256 index);
    /// @notice A free balance grew by money brought in.
    /// @param owner Whose balance grew.
    /// @param token The money's contract, or zero for ether.
    /// @param amount By how much, in the token's smallest unit.
    event Deposited(address indexed owner, address indexed token, uint256 amount);
    /// @notice A free balance grew by money that could not be pushed to its owner.
    /// @param owner Whose balance grew.
    /// @param token The money's contract, or zero for ether.
    /// @param amount By how much, in the token's smallest unit.
    event Credited(address indexed owner, address indexed token, uint256 amount);
    /// @notice A free balance was paid out to `to`.
    /// @param owner Whose balance shrank.
    /// @param token The money's contract, or zero for ether.
    /// @param amount By how much, in the token's smallest unit.
    /// @param to Who was paid.
    event Withdrawn(address indexed owner, address indexed token, uint256 amount, address to);

    /// @notice This listing is committed already.
    error AlreadyCommitted(bytes32 listing);
    /// @notice The order is not in the state that the call asks for.
    error WrongState(bytes32 orderId, State expected, State found);
    /// @notice Only the offer's buyer may do this.
    error NotBuyer(address expected, address found);
    /// @notice Only the offer's seller may do this.
    error NotSeller(address expected, address found);
    /// @notice The offer's time to be accepted is over.
    error OfferExpired(uint64 expiry, uint256 time);
    /// @notice The time to act on the order is over.
    error DeadlinePassed(bytes32 orderId, uint64 deadline, uint256 time);
    /// @notice The counterparty still has time to act on the order.
    error DeadlineNotPassed(bytes32 orderId, uint64 deadline, uint256 time);
    /// @notice The listing was not committed, or by another account.
    error ListingNotOfSeller(bytes32 listing, address expected, address found);
    /// @notice The chunk size is none of 1024, 4096 and 16384.
    error ChunkSizeUnsupported(uint32 found);
    /// @notice A delivery has at least one chunk.
    error NoChunks();
    /// @notice A window is shorter than `MIN_WINDOW` or longer than `MAX_WINDOW`.
    error WindowOutOfBounds(uint32 min, uint32 max, uint32 found);
    /// @notice Neither a key's signature by this account, nor one that its contract takes.
    error InvalidSignature(address signer, bytes32 digest);
    /// @notice The ether sent along is not the amount due, which is none when the money is a token.
    error WrongPayment(uint256 expected, uint256 found);
    /// @notice There is no contract here, or none that tells what it holds for whom.
    error NotAToken(address token);
    /// @notice The token brought another amount than the one due.
    error WrongTransfer(address token, uint256 expected, uint256 found);
    /// @notice The amount is larger than any order can be.
    error AmountTooLarge(uint256 max, uint256 found);
    /// @notice The free balance does not cover the amount.
    error FreeBalanceTooLow(address owner, address token, uint256 expected, uint256 found);
    /// @notice Money sent there would be lost.
    error InvalidRecipient(address to);
    /// @notice The key does not hash to the offer's commitment.
    error WrongKey(bytes32 expected, bytes32 found);
    /// @notice The delivery has no chunk of this number.
    error ChunkIndexOutOfRange(uint256 chunkCount, uint256 found);
    /// @notice No chunk of this length can be part of the delivery.
    error ChunkLengthOutOfRange(uint256 min, uint256 max, uint256 found);
    /// @notice The path does not have the length that the index and the number of chunks demand.
    error WrongPathLength(uint256 expected, uint256 found);
    /// @notice The path leads elsewhere: these are not the delivery's ciphertext and listing leaf hash at this index.
    error WrongRoot(bytes32 expected, bytes32 found);
    /// @notice The chunk decrypts to what was committed.
    error ChunkIsHonest(uint256 index, bytes32 leafHash);
    /// @notice None of the orders could be claimed now.
    error NothingToClaim(uint256 orders);
    /// @notice The transaction leaves too little gas to pay a party without a risk of cutting it short.
    error GasTooLow(uint256 expected, uint256 found);

    /// @notice Records the caller as the seller of a data set, once.
    /// @param listingRoot RFC 9162 root over the data set's chunks.
    /// @param manifestHash SHA-256 of the manifest.
    /// @return listing The listing's identifier.
    function commit(bytes32 listingRoot, bytes32 manifestHash) external returns (bytes32 listing);

    /// @notice Adds to the caller's free balance, from which bonds are taken.
    /// @param token The money's contract, or zero for ether.
    /// @param amount What arrives; for ether what is sent along.
    /// @dev Warning: a token that takes a fee on transfer is refused, since less than `amount` arrives.
    function deposit(address token, uint256 amount) external payable;

    /// @notice Pays `amount` of the caller's free balance to `to`; reverts when the payment does not succeed.
    /// @param token The money's contract, or zero for ether.
    /// @param amount How much, in the token's smallest unit.
    /// @param to Who is paid; neither zero nor this contract.
    function withdraw(address token, uint256 amount, address to) external;

    /// @notice Locks the price of an offer and the seller's bond. Only the offer's buyer, until `expiry`.
    /// @param offer What the seller signed.
    /// @param signature The seller's over the EIP-712 digest: 65 bytes, 64 bytes (EIP-2098), or as EIP-1271 takes it.
    /// @return orderId The order's identifier, `hashStruct(offer)`.
    /// @dev Warning: the contract cannot know what the delivery holds. A buyer that accepts without having rebuilt
    /// `deliveryRoot` from its own selection and the whole ciphertext (PROTOCOL 6.6) buys whatever the seller put there.
    function accept(Offer calldata offer, bytes calldata signature) external payable returns (bytes32 orderId);

    /// @notice `accept` of an offer in a token, with the allowance given by signature: one transaction pays.
    /// @param offer What the seller signed.
    /// @param signature The seller's, as for `accept`.
    /// @param permit The buyer's, for this contract. Where it is refused, because somebody has already used it, the
    /// allowance that is there counts.
    /// @return orderId The order's identifier, `hashStruct(offer)`.
    /// @dev The token is called before the order is looked at.
    function acceptWithPermit(Offer calldata offer, bytes calldata signature, Permit calldata permit)
        external
        returns (bytes32 orderId);

    /// @notice `accept` of an offer in a token that takes authorizations: one transaction pays, and no allowance is given.
    /// @param offer What the seller signed.
    /// @param signature The seller's, as for `accept`.
    /// @param authorization The buyer's. It pays for this order alone, until the offer expires, and only this contract
    /// can use it: nothing that somebody does with it beforehand can stop the accept.
    /// @return orderId The order's identifier, `hashStruct(offer)`.
    function acceptByAuthorization(Offer calldata offer, bytes calldata signature, Authorization calldata authorization)
        external
        returns (bytes32 orderId);

    /// @notice Makes sure that an offer which is not accepted yet never will be. Only its seller.
    /// @param offer The offer that is withdrawn.
    function cancel(Offer calldata offer) external;

    /// @notice Makes the key public and starts the dispute window. Anyone that has the key, until the reveal deadline.
    /// @param offer The order's offer, as it was signed.
    /// @param key The delivery's ChaCha20 key, which hashes to `keyCommitment`.
    /// @dev Warning: the key is public from the moment the transaction is broadcast. A seller that sends it before the
    /// accept is final, or so late that it may miss the deadline, can lose key and price.
    function reveal(Offer calldata offer, bytes32 key) external;

    /// @notice Returns the price, and pays the bond, to the buyer of an order whose key was not revealed in time. Anyone.
    /// @param offer The order's offer, as it was signed.
    function refund(Offer calldata offer) external;

    /// @notice `refund` by the buyer itself, which may have its money sent elsewhere.
    /// @param offer The order's offer, as it was signed.
    /// @param to Where price and bond go; when they cannot be pushed there they become the buyer's free balance.
    function refundTo(Offer calldata offer, address to) external;

    /// @notice Pays the seller before the dispute window is over. Only the buyer.
    /// @param offer The order's offer, as it was signed.
    function release(Offer calldata offer) external;

    /// @notice `release` by whoever has the buyer's word for it, so that the buyer needs no gas.
    /// @param offer The order's offer, as it was signed.
    /// @param signature The buyer's over the EIP-712 digest of `Release(bytes32 order)`: in the forms of `accept`.
    /// @dev Warning: the signature does not expire. A buyer that gives it away before it has the key and has seen the
    /// whole delivery decrypt to what was committed gives up its dispute.
    function releaseBySig(Offer calldata offer, bytes calldata signature) external;

    /// @notice Pays the seller of every order whose dispute window is over without a dispute, and passes over those that
    /// are not there yet or no longer. Anyone.
    /// @param offers The orders' offers, as they were signed.
    /// @dev Reverts when nothing at all could be claimed.
    function claim(Offer[] calldata offers) external;

    /// @notice `claim` by the seller itself, which may have its money sent elsewhere. All orders must be the caller's.
    /// @param offers The orders' offers, as they were signed.
    /// @param to Where the prices go; what cannot be pushed there becomes the seller's free balance.
    function claimTo(Offer[] calldata offers, address to) external;

    /// @notice Proves that one chunk of a revealed delivery does not decrypt to what was committed, and returns price
    /// and bond to the buyer. Anyone, until the dispute deadline, so that a buyer may leave it to a watchtower.
    /// @param offer The order's offer, as it was signed.
    /// @param key The delivery's ChaCha20 key.
    /// @param index Number of the chunk in the delivery, from 0.
    /// @param chunk Its ciphertext.
    /// @param leafHash The listing leaf hash delivered beside it.
    /// @param path RFC 9162 path from the leaf with data `SHA-256(chunk) || leafHash` to `deliveryRoot`, leaf to root.
    /// @dev Warning: the chunk becomes public.
    function dispute(
        Offer calldata offer,
        bytes32 key,
        uint256 index,
        bytes calldata chunk,
        bytes32 leafHash,
        bytes32[] calldata path
    ) external;

    /// @notice `dispute` by the buyer itself, which may have its money sent elsewhere.
    /// @param offer The order's offer, as it was signed.
    /// @param key The delivery's ChaCha20 key.
    /// @param index Number of the chunk in the delivery, from 0.
    /// @param chunk Its ciphertext.
    /// @param leafHash The listing leaf hash delivered beside it.
    /// @param path RFC 9162 path, as for `dispute`.
    /// @param to Where price and bond go; when they cannot be pushed there they become the buyer's free balance.
    function disputeTo(
        Offer calldata offer,
        bytes32 key,
        uint256 index,
        bytes calldata chunk,
        bytes32 leafHash,
        bytes32[] calldata path,
        address to
    ) external;

    /// @notice The seller of a committed listing, else zero.
    /// @param listing The listing's identifier.
    /// @return Who committed it.
    function sellerOf(bytes32 listing) external view returns (address);

    /// @notice What `owner` may withdraw or post as bonds.
    /// @param owner Whose balance.
    /// @param token The money's contract, or zero for ether.
    /// @return The balance in the token's smallest unit.
    function freeBalance(address owner, address token) external view returns (uint256);

    /// @notice Where an order stands.
    /// @param orderId The order's identifier, `hashStruct(offer)`.
    /// @return state The state.
    /// @return deadline The last second to reveal in `Locked`, to dispute in `Revealed`; zero in all others.
    function orderOf(bytes32 orderId) external view returns (State state, uint64 deadline);

    /// @notice What may happen to an order now, by whom, until when; nothing once it has ended.
    /// @param offer The order's offer.
    /// @return state Where the order stands.
    /// @return actions What may happen now.
    /// @dev It knows state and time. Whether an accept would be refused for the offer's terms, its signature or the
    /// payment shows only when the accept is tried out.
    function possibleActions(Offer calldata offer) external view returns (State state, Possible[] memory actions);

    /// @notice `hashStruct(offer)` of EIP-712, the identifier of its order.
    /// @param offer Any offer whose fields fit their types.
    /// @return orderId The identifier.
    function hashOffer(Offer calldata offer) external view returns (bytes32);

    /// @notice The EIP-712 domain separator of `("Blindfair", "1")` here; it follows the chain id through a fork.
    /// @return The separator.
    function domainSeparator() external view returns (bytes32);

    /// @notice The shortest window of an offer: 10 minutes.
    /// @return Seconds.
    function MIN_WINDOW() external view returns (uint32);

    /// @notice The longest window of an offer: 30 days.
    /// @return Seconds.
    function MAX_WINDOW() external view returns (uint32);

    /// @notice Gas that must be left at the moment when a party is paid, for a push that nobody can cut short.
    /// @dev What is not used is given back. A batch needs it once, on top of what its orders use.
    /// @return Units of gas.
    function PAYOUT_GAS() external view returns (uint256);
}
