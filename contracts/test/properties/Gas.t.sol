// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../../interfaces/IDataExchange.sol";
import {PermitToken} from "../tokens/PermitToken.sol";
import {Market} from "./Market.sol";
import {Reference} from "./Reference.sol";

/// @title Gas of every call, held in snapshots/DataExchange.json to the unit
/// @dev Of the call alone, without the transaction's own price and its calldata, which docs/explanation/escrow.md has.
contract GasTest is Market {
    address private constant ELSEWHERE = address(0xe15e);

    function test_gas_of_a_sale() public {
        for (uint256 i; i < 2; ++i) {
            Sale memory sale = _sale(_money(i));
            string memory money = i == 0 ? " in ether" : " in a token";
            vm.prank(other);
            exchange.deposit{value: i == 0 ? 5 : 0}(sale.offer.token, 5);
            _taken("deposit", money);
            _accept(sale.offer);
            _taken("accept", money);
            uint256 locked = vm.snapshotState();
            _late(sale.offer);
            vm.prank(buyer);
            exchange.refundTo(sale.offer, ELSEWHERE);
            _taken("refundTo", money);
            vm.revertToState(locked);
            exchange.reveal(sale.offer, sale.delivery.key);
            _taken("reveal", money);
            _endings(sale, money);
            sale.offer.nonce = 2;
            sale.offer.expiry = uint64(block.timestamp);
            vm.prank(seller);
            exchange.cancel(sale.offer);
            _taken("cancel", money);
            sale.offer.nonce = 3;
            _accept(sale.offer);
            _late(sale.offer);
            exchange.refund(sale.offer);
            _taken("refund", money);
            vm.prank(other);
            exchange.withdraw(sale.offer.token, 5, other);
            _taken("withdraw", money);
        }
    }

    function test_gas_of_a_signed_payment() public {
        IDataExchange.Offer memory offer = _offer(address(token));
        bytes memory signature = _offerSignature(offer);
        IDataExchange.Authorization memory authorization = _authorization(BUYER_KEY, offer);
        vm.prank(buyer);
        exchange.acceptByAuthorization(offer, signature, authorization);
        _taken("acceptByAuthorization", " in a token");
        PermitToken permitted = new PermitToken();
        permitted.mint(buyer, MONEY);
        offer.token = address(permitted);
        offer.bond = 0;
        signature = _offerSignature(offer);
        IDataExchange.Permit memory permit = _permit(permitted, BUYER_KEY, offer.price);
        vm.prank(buyer);
        exchange.acceptWithPermit(offer, signature, permit);
        _taken("acceptWithPermit", " in a token, without a bond");
    }

    function test_gas_of_a_commit() public {
        vm.prank(other);
        exchange.commit(LISTING_ROOT, MANIFEST);
        _taken("commit", "");
    }

    /// @dev Every way in which a revealed order ends; the last is left as it is.
    function _endings(Sale memory sale, string memory money) private {
        uint256 revealed = vm.snapshotState();
        vm.prank(buyer);
        exchange.release(sale.offer);
        _taken("release", money);
        vm.revertToState(revealed);
        exchange.releaseBySig(sale.offer, _releaseSignature(BUYER_KEY, sale.offer));
        _taken("releaseBySig", money);
        vm.revertToState(revealed);
        _dispute(sale, 1);
        _taken("dispute of 100 bytes among 3", money);
        vm.revertToState(revealed);
        Delivery memory delivery = sale.delivery;
        bytes32[] memory path = Reference.path(delivery.nodes, 1);
        vm.prank(buyer);
        exchange.disputeTo(
            sale.offer, delivery.key, 1, delivery.ciphertexts[1], delivery.leaves[1], path, ELSEWHERE
        );
        _taken("disputeTo of 100 bytes among 3", money);
        vm.revertToState(revealed);
        _late(sale.offer);
        vm.prank(seller);
        exchange.claimTo(_one(sale.offer), ELSEWHERE);
        _taken("claimTo", money);
        vm.revertToState(revealed);
        _late(sale.offer);
        exchange.claim(_one(sale.offer));
        _taken("claim", money);
    }

    function _taken(string memory what, string memory money) private {
        vm.snapshotGasLastCall("DataExchange", string.concat(what, money));
    }
}
