// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataExchange} from "../../interfaces/IDataExchange.sol";
import {Market} from "./Market.sol";
import {Reference} from "./Reference.sol";

/// @title Gas of every call, held in snapshots/DataExchange.json to the unit
/// @dev Of the call alone, without the transaction's own price and its calldata, which docs/escrow.md has.
contract GasTest is Market {
    function test_gas_of_a_sale() public {
        for (uint256 i; i < 2; ++i) {
            Sale memory sale = _sale(_money(i));
            string memory money = i == 0 ? " in ether" : " in a token";
            vm.prank(other);
            exchange.deposit{value: i == 0 ? 5 : 0}(sale.offer.token, 5);
            _taken("deposit", money);
            _accept(sale.offer);
            _taken("accept", money);
            exchange.reveal(sale.offer, sale.delivery.key);
            _taken("reveal", money);
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
            _late(sale.offer);
            exchange.claim(_one(sale.offer));
            _taken("claim", money);
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
        IDataExchange.Offer memory authorized = _offer(address(token));
        bytes memory signature = _offerSignature(authorized);
        IDataExchange.Authorization memory given = _authorization(BUYER_KEY, authorized);
        authorized.nonce = 4;
        signature = _offerSignature(authorized);
        given = _authorization(BUYER_KEY, authorized);
        vm.prank(buyer);
        exchange.acceptByAuthorization(authorized, signature, given);
        _taken("acceptByAuthorization", " in a token");
        vm.prank(other);
        exchange.commit(LISTING_ROOT, MANIFEST);
        _taken("commit", "");
    }

    function _taken(string memory what, string memory money) private {
        vm.snapshotGasLastCall("DataExchange", string.concat(what, money));
    }
}
