// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../../interfaces/IDataExchange.sol";
import {Vm} from "./Cheats.sol";
import {Market} from "./Market.sol";
import {Reference} from "./Reference.sol";

/// @title The dispute: what is faulty is proven, what is honest never is
contract DisputeTest is Market {
    /// @dev Of a delivery of any few chunks of any length, the faulty chunk and no other.
    function test_the_faulty_chunk_is_proven_and_no_other(uint256 chunks, uint256 faulty, uint256 length, uint256 seed)
        public
    {
        chunks = within(chunks, 1, 5);
        faulty = within(faulty, 0, chunks - 1);
        length = within(length, 16, 140);
        Sale memory sale = _saleOf(_delivery(chunks, faulty, length, seed));
        _reveal(sale);
        uint256 before = buyer.balance;
        for (uint256 i; i < chunks; ++i) {
            if (i == faulty) continue;
            vm.expectRevert(
                abi.encodeWithSelector(IDataExchange.ChunkIsHonest.selector, i, sale.delivery.leaves[i])
            );
            this.disputed(sale, i);
        }
        _isIn(sale.offer, REVEALED);
        vm.recordLogs();
        _dispute(sale, faulty);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, 2, "events");
        same(logs[0].topics[0], IDataExchange.Disputed.selector, "first event");
        same(logs[0].topics[1], _orderId(sale.offer), "order in the event");
        same(abi.decode(logs[0].data, (uint256)), faulty, "index in the event");
        same(logs[1].topics[0], IDataExchange.Refunded.selector, "second event");
        same(logs[1].topics[1], _orderId(sale.offer), "order in the second event");
        same(buyer.balance - before, PRICE + BOND, "price and bond");
        _isIn(sale.offer, REFUNDED);
    }

    function disputed(Sale memory sale, uint256 index) external {
        _dispute(sale, index);
    }

    function test_a_dispute_is_in_time(uint32 early, bool named) public {
        Sale memory sale = _sale(address(token));
        bytes32 orderId = _orderId(sale.offer);
        vm.expectRevert(_wrongState(sale.offer, REVEALED, NONE));
        this.disputed(sale, 1);
        _reveal(sale);
        (, uint64 deadline) = exchange.orderOf(orderId);
        vm.warp(uint256(deadline) + 1);
        bytes4 selector = IDataExchange.DeadlinePassed.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, orderId, deadline, uint256(deadline) + 1));
        this.disputed(sale, 1);
        vm.warp(deadline - early % 2 hours);
        address to = named ? address(0xb0b) : buyer;
        uint256 before = token.balanceOf(to);
        if (named) _disputeTo(sale, to);
        else _dispute(sale, 1);
        same(token.balanceOf(to) - before, PRICE + BOND, "price and bond");
        _isIn(sale.offer, REFUNDED);
    }

    function _disputeTo(Sale memory sale, address to) private {
        Delivery memory it = sale.delivery;
        bytes32[] memory path = Reference.path(it.nodes, 1);
        vm.expectRevert(abi.encodeWithSelector(IDataExchange.NotBuyer.selector, buyer, address(this)));
        exchange.disputeTo(sale.offer, it.key, 1, it.ciphertexts[1], it.leaves[1], path, to);
        address[2] memory nothing = [address(0), address(exchange)];
        for (uint256 i; i < 2; ++i) {
            vm.prank(buyer);
            vm.expectRevert(abi.encodeWithSelector(IDataExchange.InvalidRecipient.selector, nothing[i]));
            exchange.disputeTo(sale.offer, it.key, 1, it.ciphertexts[1], it.leaves[1], path, nothing[i]);
        }
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(IDataExchange.ChunkIsHonest.selector, 0, it.leaves[0]));
        exchange.disputeTo(
            sale.offer, it.key, 0, it.ciphertexts[0], it.leaves[0], Reference.path(it.nodes, 0), to
        );
        vm.prank(buyer);
        exchange.disputeTo(sale.offer, it.key, 1, it.ciphertexts[1], it.leaves[1], path, to);
    }

    // --- what proves nothing ----------------------------------------------------------------------------------------

    function test_the_key_is_the_revealed_one(bytes32 key) public {
        Sale memory sale = _sale(address(0));
        _reveal(sale);
        vm.assume(key != sale.delivery.key);
        sale.delivery.key = key;
        bytes32 found = keccak256(abi.encode(key));
        vm.expectRevert(abi.encodeWithSelector(IDataExchange.WrongKey.selector, sale.offer.keyCommitment, found));
        this.disputed(sale, 1);
    }

    function test_the_index_is_within_the_delivery(uint256 index) public {
        Sale memory sale = _sale(address(0));
        _reveal(sale);
        Delivery memory it = sale.delivery;
        bytes32[] memory path = Reference.path(it.nodes, 1);
        uint256[2] memory indices = [3, within(index, 3, type(uint256).max)];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDataExchange.ChunkIndexOutOfRange.selector, 3, indices[i]));
            exchange.dispute(sale.offer, it.key, indices[i], it.ciphertexts[1], it.leaves[1], path);
        }
    }

    function test_the_chunk_has_a_length_that_a_chunk_can_have(uint256 drawn) public {
        Sale memory sale = _sale(address(0));
        _reveal(sale);
        Delivery memory it = sale.delivery;
        bytes32[] memory path = Reference.path(it.nodes, 1);
        uint256[4] memory lengths = [15, 1025, within(drawn, 0, 15), within(drawn, 1025, 5000)];
        for (uint256 i; i < 4; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IDataExchange.ChunkLengthOutOfRange.selector, 16, 1024, lengths[i])
            );
            exchange.dispute(sale.offer, it.key, 1, new bytes(lengths[i]), it.leaves[1], path);
        }
    }

    /// @dev The shortest and the longest chunk, both faulty.
    function test_chunks_at_the_bounds_are_proven() public {
        uint256[2] memory lengths = [uint256(16), 1024];
        for (uint256 i; i < 2; ++i) {
            Sale memory sale = _saleOf(_delivery(1, 0, lengths[i], i));
            _reveal(sale);
            _dispute(sale, 0);
            _isIn(sale.offer, REFUNDED);
        }
    }

    function test_the_path_has_the_trees_length(uint256 length) public {
        Sale memory sale = _sale(address(0));
        _reveal(sale);
        Delivery memory it = sale.delivery;
        length = within(length, 0, 40);
        vm.assume(length != 2);
        vm.expectRevert(abi.encodeWithSelector(IDataExchange.WrongPathLength.selector, 2, length));
        exchange.dispute(sale.offer, it.key, 1, it.ciphertexts[1], it.leaves[1], new bytes32[](length));
    }

    /// @dev A changed bit in the chunk, the leaf hash or the path, or another index, leads to another root.
    function test_what_was_not_delivered_proves_nothing(uint256 what, uint256 place, uint8 bit) public {
        Sale memory sale = _sale(address(0));
        _reveal(sale);
        Delivery memory it = sale.delivery;
        bytes32[] memory path = Reference.path(it.nodes, 1);
        uint256 index = 1;
        what = within(what, 0, 3);
        if (what == 0) it.ciphertexts[1][place % 100] ^= bytes1(uint8(1 << (bit % 8)));
        if (what == 1) it.leaves[1] ^= bytes32(uint256(1) << bit);
        if (what == 2) path[place % 2] ^= bytes32(uint256(1) << bit);
        if (what == 3) index = 0;
        bytes32 leaf = Reference.leaf(abi.encodePacked(sha256(it.ciphertexts[1]), it.leaves[1]));
        (, bytes32 found) = Reference.climb(leaf, index, 3, path);
        vm.expectRevert(
            abi.encodeWithSelector(IDataExchange.WrongRoot.selector, sale.offer.deliveryRoot, found)
        );
        exchange.dispute(sale.offer, it.key, index, it.ciphertexts[1], it.leaves[1], path);
    }

    /// @dev A hash for which there is no gas ends the call: there is no limit at which an honest chunk loses.
    function test_at_no_limit_of_gas_is_an_honest_chunk_disputed(uint256 gas_) public {
        Sale memory sale = _sale(address(0));
        _reveal(sale);
        Delivery memory it = sale.delivery;
        bytes32[] memory path = Reference.path(it.nodes, 0);
        gas_ = within(gas_, 20_000, 500_000);
        (bool success,) = address(exchange).call{gas: gas_}(
            abi.encodeCall(
                IDataExchange.dispute, (sale.offer, it.key, 0, it.ciphertexts[0], it.leaves[0], path)
            )
        );
        yes(!success, "refused");
        _isIn(sale.offer, REVEALED);
    }
}
