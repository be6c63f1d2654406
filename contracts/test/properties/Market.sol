// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../../interfaces/IDataExchange.sol";
import {AuthorizedToken} from "../tokens/AuthorizedToken.sol";
import {PermitToken} from "../tokens/PermitToken.sol";
import {Cheats, Vm} from "./Cheats.sol";
import {Reference} from "./Reference.sol";

/// @title What the tests stand on: the escrow, a token, a seller, a buyer, somebody else, and sales of a few chunks
/// @dev The escrow is the one whose code the Python package ships, unless BLINDFAIR_CODE in the environment names a folder
/// with another, as where mutants are tried, or says `compiled`: the runner's own, as where coverage is counted.
abstract contract Market is Cheats {
    IDataExchange.State internal constant NONE = IDataExchange.State.None;
    IDataExchange.State internal constant LOCKED = IDataExchange.State.Locked;
    IDataExchange.State internal constant REVEALED = IDataExchange.State.Revealed;
    IDataExchange.State internal constant REFUNDED = IDataExchange.State.Refunded;
    IDataExchange.State internal constant RELEASED = IDataExchange.State.Released;
    IDataExchange.State internal constant CANCELLED = IDataExchange.State.Cancelled;

    uint256 internal constant SELLER_KEY = 0x5e11e4;
    uint256 internal constant BUYER_KEY = 0xb0e4;
    uint256 internal constant OTHER_KEY = 0x07e4;
    uint128 internal constant PRICE = 7 ether + 3;
    uint128 internal constant BOND = 0.9 ether + 17;
    uint128 internal constant DEPOSIT = 5 ether;
    uint256 internal constant MONEY = 100 ether;
    uint256 internal constant START = 1_800_000_000;
    bytes32 internal constant LISTING_ROOT = keccak256("listing root");
    bytes32 internal constant MANIFEST = keccak256("manifest");
    bytes32 private constant OFFER_TYPEHASH = keccak256(
        "Offer(bytes32 listing,bytes32 evaluation,bytes32 deliveryRoot,bytes32 keyCommitment,uint32 chunkCount,"
        "uint32 chunkSize,address seller,address buyer,address token,uint128 price,uint128 bond,uint32 revealWindow,"
        "uint32 disputeWindow,uint64 expiry,uint256 nonce)"
    );
    bytes32 private constant RELEASE_TYPEHASH = keccak256("Release(bytes32 order)");

    struct Delivery {
        bytes32 key;
        bytes[] ciphertexts;
        bytes32[] leaves;
        bytes32[] nodes;
        bytes32 root;
    }

    struct Sale {
        IDataExchange.Offer offer;
        Delivery delivery;
    }

    IDataExchange internal exchange;
    AuthorizedToken internal token;
    address internal seller;
    address internal buyer;
    address internal other;
    bytes32 internal listing;
    /// @dev A delivery that most sales are of: to encrypt one in every run would be most of the time.
    Delivery private _common;

    function setUp() public virtual {
        vm.warp(START);
        _common = _delivery(3, 1, 100, 1);
        exchange = IDataExchange(_deploy("DataExchange", "offchain/blindfair/chain/artifacts/"));
        token = new AuthorizedToken();
        (seller, buyer, other) = (vm.addr(SELLER_KEY), vm.addr(BUYER_KEY), vm.addr(OTHER_KEY));
        address[3] memory parties = [seller, buyer, other];
        for (uint256 i; i < 3; ++i) {
            vm.deal(parties[i], MONEY);
            token.mint(parties[i], MONEY);
            vm.prank(parties[i]);
            token.approve(address(exchange), type(uint256).max);
        }
        vm.prank(seller);
        listing = exchange.commit(LISTING_ROOT, MANIFEST);
        vm.prank(seller);
        exchange.deposit{value: DEPOSIT}(address(0), DEPOSIT);
        vm.prank(seller);
        exchange.deposit(address(token), DEPOSIT);
    }

    function _deploy(string memory name, string memory shipped) internal returns (address) {
        string memory code = vm.envOr("BLINDFAIR_CODE", "shipped");
        if (keccak256(bytes(code)) == keccak256("compiled")) {
            return vm.deployCode(string.concat(name, ".sol:", name));
        }
        return vm.deployCode(
            string.concat(keccak256(bytes(code)) == keccak256("shipped") ? shipped : code, name, ".json")
        );
    }

    // --- sales ------------------------------------------------------------------------------------------------------

    /// @dev An offer in `money` of the common delivery: three chunks, of which the second is not what was committed.
    function _offer(address money) internal view returns (IDataExchange.Offer memory) {
        return _offerOf(money, _common.root, _common.key, 3);
    }

    function _sale(address money) internal view returns (Sale memory) {
        return Sale(_offer(money), _common);
    }

    function _saleOf(Delivery memory delivery) internal view returns (Sale memory) {
        return Sale(_offerOf(address(0), delivery.root, delivery.key, delivery.nodes.length), delivery);
    }

    function _delivery(uint256 chunks, uint256 faulty, uint256 length, uint256 seed)
        internal
        pure
        returns (Delivery memory made)
    {
        made.key = keccak256(abi.encode("key", seed));
        made.ciphertexts = new bytes[](chunks);
        (made.leaves, made.nodes) = (new bytes32[](chunks), new bytes32[](chunks));
        for (uint256 i; i < chunks; ++i) {
            bytes memory plain = noise(uint256(keccak256(abi.encode(seed, i))), length);
            made.leaves[i] = Reference.leaf(plain);
            if (i == faulty) plain[seed % length] ^= bytes1(uint8(1 << (seed % 8)));
            made.ciphertexts[i] = Reference.crypt(made.key, uint64(i), plain);
            made.nodes[i] = Reference.leaf(abi.encodePacked(sha256(made.ciphertexts[i]), made.leaves[i]));
        }
        made.root = Reference.root(made.nodes, 0, chunks);
    }

    function _offerOf(address money, bytes32 root, bytes32 key, uint256 chunks)
        private
        view
        returns (IDataExchange.Offer memory)
    {
        return IDataExchange.Offer({
            listing: listing,
            evaluation: keccak256("evaluation"),
            deliveryRoot: root,
            keyCommitment: keccak256(abi.encode(key)),
            chunkCount: uint32(chunks),
            chunkSize: 1024,
            seller: seller,
            buyer: buyer,
            token: money,
            price: PRICE,
            bond: BOND,
            revealWindow: 1 hours,
            disputeWindow: 2 hours,
            expiry: uint64(block.timestamp + 3 hours),
            nonce: 1
        });
    }

    function _orderId(IDataExchange.Offer memory offer) internal pure returns (bytes32) {
        return keccak256(abi.encode(OFFER_TYPEHASH, offer));
    }

    function _digest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Blindfair"),
                keccak256("1"),
                block.chainid,
                address(exchange)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _signed(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _digest(structHash));
        return abi.encodePacked(r, s, v);
    }

    function _offerSignature(IDataExchange.Offer memory offer) internal view returns (bytes memory) {
        return _signed(SELLER_KEY, _orderId(offer));
    }

    function _releaseSignature(uint256 key, IDataExchange.Offer memory offer) internal view returns (bytes memory) {
        return _signed(key, keccak256(abi.encode(RELEASE_TYPEHASH, _orderId(offer))));
    }

    function _authorization(uint256 key, IDataExchange.Offer memory offer)
        internal
        view
        returns (IDataExchange.Authorization memory)
    {
        bytes32 body = keccak256(
            abi.encode(
                keccak256(
                    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
                    "uint256 validBefore,bytes32 nonce)"
                ),
                offer.buyer,
                address(exchange),
                uint256(offer.price),
                0,
                uint256(offer.expiry) + 1,
                _orderId(offer)
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), body)));
        return IDataExchange.Authorization(v, r, s);
    }

    /// @dev An allowance for the escrow with the buyer's name on it.
    function _permit(PermitToken permitted, uint256 key, uint256 value)
        internal
        view
        returns (IDataExchange.Permit memory)
    {
        bytes32 typehash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        uint256 end = block.timestamp + 1;
        bytes32 body = keccak256(
            abi.encode(typehash, buyer, address(exchange), value, permitted.nonces(buyer), end)
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", permitted.DOMAIN_SEPARATOR(), body)));
        return IDataExchange.Permit(value, end, v, r, s);
    }

    // --- stages -----------------------------------------------------------------------------------------------------

    function _value(IDataExchange.Offer memory offer) internal pure returns (uint256) {
        return offer.token == address(0) ? offer.price : 0;
    }

    function _accept(IDataExchange.Offer memory offer) internal {
        bytes memory signature = _offerSignature(offer);
        vm.prank(offer.buyer);
        exchange.accept{value: _value(offer)}(offer, signature);
    }

    function _reveal(Sale memory sale) internal {
        _accept(sale.offer);
        exchange.reveal(sale.offer, sale.delivery.key);
    }

    function _late(IDataExchange.Offer memory offer) internal {
        (, uint64 deadline) = exchange.orderOf(_orderId(offer));
        vm.warp(uint256(deadline) + 1);
    }

    function _dispute(Sale memory sale, uint256 index) internal {
        Delivery memory delivery = sale.delivery;
        exchange.dispute(
            sale.offer,
            delivery.key,
            index,
            delivery.ciphertexts[index],
            delivery.leaves[index],
            Reference.path(delivery.nodes, index)
        );
    }

    function _one(IDataExchange.Offer memory offer) internal pure returns (IDataExchange.Offer[] memory offers) {
        offers = new IDataExchange.Offer[](1);
        offers[0] = offer;
    }

    // --- what is looked at ------------------------------------------------------------------------------------------

    function _isIn(IDataExchange.Offer memory offer, IDataExchange.State expected) internal view {
        (IDataExchange.State found, uint64 deadline) = exchange.orderOf(_orderId(offer));
        same(uint256(found), uint256(expected), "state");
        yes(expected == LOCKED || expected == REVEALED || deadline == 0, "what is over has no deadline");
    }

    function _held(address owner, address money) internal view returns (uint256) {
        return money == address(0) ? owner.balance : token.balanceOf(owner);
    }

    /// @dev Ether or the token, as drawn.
    function _money(uint256 drawn) internal view returns (address) {
        return drawn % 2 == 0 ? address(0) : address(token);
    }

    /// @dev The event of a call that has one.
    function _onlyLog() internal returns (Vm.Log memory) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, 1, "events");
        return logs[0];
    }

    /// @dev The last event of the escrow, whatever a token said after it.
    function _lastLog() internal returns (Vm.Log memory log) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter == address(exchange)) log = logs[i];
        }
    }

    function _wrongState(
        IDataExchange.Offer memory offer,
        IDataExchange.State expected,
        IDataExchange.State found
    ) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDataExchange.WrongState.selector, _orderId(offer), expected, found);
    }
}
