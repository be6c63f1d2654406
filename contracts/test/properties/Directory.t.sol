// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IListingDirectory} from "../../interfaces/IListingDirectory.sol";
import {Market} from "./Market.sol";
import {Vm} from "./Cheats.sol";

/// @title The directory as it is shipped
abstract contract DirectoryWorld is Market {
    uint256 internal constant MOST = 512;
    IListingDirectory internal directory;

    function setUp() public override {
        directory = IListingDirectory(_deploy("ListingDirectory", "offchain/blindfair/chain/artifacts/"));
    }
}

/// @title The directory: one event a call, of the caller and of nobody else, and nothing kept
contract DirectoryTest is DirectoryWorld {
    /// @dev Any bytes, UTF-8 or not: what a URI means is for readers.
    function test_an_announcement_is_its_callers_words(
        address caller,
        address exchange_,
        bytes32 listing_,
        uint256 seed,
        uint256 length
    ) public {
        string memory uri = string(noise(seed, within(length, 0, MOST)));
        vm.recordLogs();
        vm.prank(caller);
        directory.announce(exchange_, listing_, uri);
        Vm.Log memory log = _onlyLog();
        same(log.emitter, address(directory), "emitter");
        same(log.topics.length, 4, "topics");
        same(log.topics[0], keccak256("Announced(address,bytes32,address,string)"), "event");
        same(log.topics[1], bytes32(uint256(uint160(exchange_))), "exchange");
        same(log.topics[2], listing_, "listing");
        same(log.topics[3], bytes32(uint256(uint160(caller))), "announcer");
        same(keccak256(log.data), keccak256(abi.encode(uri)), "uri");
    }

    function test_a_uri_is_bounded(uint256 seed, uint256 length) public {
        length = within(length, MOST + 1, 4 * MOST);
        string memory uri = string(noise(seed, length));
        vm.expectRevert(abi.encodeWithSelector(IListingDirectory.UriTooLong.selector, MOST, length));
        directory.announce(address(exchange), LISTING_ROOT, uri);
        same(directory.MAX_URI_LENGTH(), MOST, "limit");
    }

    function test_the_bound_itself_is_allowed_and_one_byte_more_is_not() public {
        directory.announce(address(exchange), LISTING_ROOT, string(noise(1, MOST)));
        vm.expectRevert(abi.encodeWithSelector(IListingDirectory.UriTooLong.selector, MOST, MOST + 1));
        directory.announce(address(exchange), LISTING_ROOT, string(noise(1, MOST + 1)));
    }

    function test_an_announcement_takes_no_money(uint256 value) public {
        value = within(value, 1, MONEY);
        vm.deal(address(this), MONEY);
        (bool success,) = address(directory).call{value: value}(
            abi.encodeCall(IListingDirectory.announce, (address(exchange), LISTING_ROOT, ""))
        );
        yes(!success, "money for an announcement");
        (success,) = address(directory).call{value: value}("");
        yes(!success, "money without a call");
    }

    function test_nothing_is_kept(bytes32 slot) public {
        directory.announce(address(exchange), LISTING_ROOT, "https://data.example.org");
        same(vm.load(address(directory), slot), 0, "storage");
        same(vm.load(address(directory), 0), 0, "the first slot");
    }
}

/// @title Gas of an announcement, held in snapshots/ListingDirectory.json to the unit
contract DirectoryGasTest is DirectoryWorld {
    function test_gas_of_an_announcement() public {
        directory.announce(address(exchange), LISTING_ROOT, "https://data.example.org:8440");
        vm.snapshotGasLastCall("ListingDirectory", "announce 29 bytes");
        directory.announce(address(exchange), LISTING_ROOT, "");
        vm.snapshotGasLastCall("ListingDirectory", "withdraw");
        directory.announce(address(exchange), LISTING_ROOT, string(noise(1, MOST)));
        vm.snapshotGasLastCall("ListingDirectory", "announce 512 bytes");
    }
}
