"""Whose word the contract takes for an offer, and whose not (PROTOCOL 1, 6.5)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from escrow_world import BOND, LISTING_ROOT, MANIFEST_HASH, Contract, World, address_of
from eth_account import Account
from hexbytes import HexBytes
from web3 import Web3

from blindfair.chain.exchange import DataExchange
from blindfair.protocol.hashing import keccak256, sha256
from blindfair.protocol.offer import Offer, sign_offer
from blindfair.protocol.order import OrderState
from blindfair.protocol.quantities import ETHER, Address, Digest, Signature
from blindfair.protocol.signing import CURVE_ORDER, Domain, sign_message

SELECTOR = bytes.fromhex("1626ba7e")
"""`isValidSignature(bytes32,bytes)`: the answer that means yes (EIP-1271)."""


def error(world: World, offer: Offer, signature: bytes) -> str | None:
    """The name of the refusal of an offer with this signature; None if it is taken."""
    call = world.exchange.accept(offer, Signature(signature))
    refusal = world.refusal(address_of(world.buyer), call)
    if refusal is not None and refusal.error_name == "InvalidSignature":
        assert refusal.values == {"signer": offer.seller, "digest": offer.signing_digest(world.domain)}
    return None if refusal is None else refusal.error_name


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"price": 2**128 - 1, "bond": 2**128 - 1, "nonce": 2**256 - 1, "chunk_count": 2**32 - 1},
        {"expiry": 2**53 - 1, "reveal_window": 2**32 - 1, "dispute_window": 2**32 - 1, "token": "0x" + "ff" * 20},
    ],
    ids=["ordinary", "largest numbers", "longest times"],
)
def test_contract_and_package_agree_on_every_digest(ether_world: World, change: dict[str, Any]) -> None:
    offer = replace(ether_world.sale().offer, **change)
    assert ether_world.read("hashOffer", offer) == offer.struct_hash()
    assert ether_world.exchange.domain_separator() == ether_world.domain.typed({"Nothing": []}, {}).header


VECTORS = Path(__file__).parents[1] / "vectors" / "offers"


def vectors(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
    return loaded


def test_the_vectors_of_offers_and_releases_hold_on_chain(ether_world: World) -> None:
    """The same files that the package's own signing is tested with."""
    world, harness = ether_world, ether_world.new_contract("LibraryHarness")
    offers = [case for case in vectors("offers")["cases"] if case["expect"] == "ok"]
    for case in offers:
        assert world.read("hashOffer", Offer.from_document(case["offer"])).hex() == case["struct_hash"]
    for case in [*offers, *vectors("releases")["cases"], *vectors("messages")["cases"]]:
        signature, digest = bytes.fromhex(case["signature"]), bytes.fromhex(case["digest"])
        assert world.answer(harness.call("signed", case["signer"], digest, signature)) == (1).to_bytes(32, "big")
        assert world.answer(harness.call("signed", ETHER, digest, signature)) == bytes(32)


def test_the_vectors_of_bad_signatures_are_bad_on_chain(ether_world: World) -> None:
    world, harness, file = ether_world, ether_world.new_contract("LibraryHarness"), vectors("signatures")
    domain = Domain(file["domain"]["chain_id"], Address(file["domain"]["contract"]))
    offer = Offer.from_document(file["offer"])
    digest = offer.signing_digest(domain)
    for case in file["cases"]:
        signer = case.get("signer", offer.seller)
        found = world.answer(harness.call("signed", signer, digest, bytes.fromhex(case["signature"])))
        assert found == (case["expect"] == "ok").to_bytes(32, "big"), case["name"]


def test_every_field_is_signed(ether_world: World) -> None:
    """An offer changed in one field after signing is refused: the signature or the field's own check."""
    world, offer = ether_world, ether_world.sale().offer
    signature = world.sign(offer)
    assert error(world, offer, signature) is None
    for field in ("evaluation", "delivery_root", "key_commitment"):
        change: dict[str, Any] = {field: sha256(b"else")}
        assert error(world, replace(offer, **change), signature) == "InvalidSignature", field
    for field in ("chunk_count", "price", "bond", "reveal_window", "dispute_window", "expiry", "nonce"):
        change = {field: getattr(offer, field) - 1 if field != "nonce" else 1}
        changed = replace(offer, **change)
        call = replace(world.exchange.accept(changed, signature), value=changed.price)
        refusal = world.refusal(address_of(world.buyer), call)
        assert refusal and refusal.error_name == "InvalidSignature", field
    assert error(world, replace(offer, chunk_size=4096), signature) == "InvalidSignature"
    assert error(world, replace(offer, token=Address("0x" + "11" * 20)), signature) == "InvalidSignature"
    resold = replace(offer, buyer=address_of(world.other))
    refusal = world.refusal(resold.buyer, world.exchange.accept(resold, signature))
    assert refusal and refusal.error_name == "InvalidSignature"


def test_a_signature_for_elsewhere_is_refused(ether_world: World) -> None:
    offer, here = ether_world.sale().offer, ether_world.domain
    for domain in (
        Domain(here.chain_id + 1, here.contract),
        Domain(1, here.contract),
        Domain(here.chain_id, ETHER),
        Domain(here.chain_id, Address("0x" + "11" * 20)),
    ):
        assert error(ether_world, offer, sign_offer(offer, domain, bytes(ether_world.seller.key))) == "InvalidSignature"


def test_the_malleable_twin_of_a_signature_is_refused(ether_world: World) -> None:
    offer = ether_world.sale().offer
    signature = ether_world.sign(offer)
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - signature[64]])
    assert error(ether_world, offer, twin) == "InvalidSignature"


def test_a_compact_signature_is_taken(ether_world: World) -> None:
    """EIP-2098: the parity in the top bit of `s`."""
    world, parities = ether_world, set()
    for nonce in range(8):
        offer = world.sale(nonce=nonce).offer
        signature = world.sign(offer)
        parity = signature[64] - 27
        s = int.from_bytes(signature[32:64], "big")
        compact = signature[:32] + (s | parity << 255).to_bytes(32, "big")
        assert error(world, offer, compact) is None
        # With the other parity it is a signature by somebody else.
        assert error(world, offer, signature[:32] + (s | (1 - parity) << 255).to_bytes(32, "big")) == "InvalidSignature"
        parities.add(parity)
    assert parities == {0, 1}


@pytest.mark.parametrize("length", [0, 1, 32, 63, 66, 97, 130])
def test_a_signature_of_another_length_is_refused(ether_world: World, length: int) -> None:
    offer = ether_world.sale().offer
    signature = (ether_world.sign(offer) * 3)[:length]
    assert error(ether_world, offer, signature) == "InvalidSignature"


@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_another_recovery_value_is_refused(ether_world: World, v: int) -> None:
    offer = ether_world.sale().offer
    assert error(ether_world, offer, ether_world.sign(offer)[:64] + bytes([v])) == "InvalidSignature"


def test_a_signature_that_recovers_nobody_is_refused(ether_world: World) -> None:
    """`ecrecover` answers zero for nonsense."""
    offer = ether_world.sale().offer
    for nonsense in (bytes(64) + b"\x1b", b"\xff" * 32 + bytes(31) + b"\1\x1b", bytes(64)):
        assert error(ether_world, offer, nonsense) == "InvalidSignature"


def test_nobody_has_signed_nothing(ether_world: World) -> None:
    """An offer by the address zero is refused for its listing; the signature alone would not let it pass either."""
    world = ether_world
    harness = world.new_contract("LibraryHarness")
    offer = world.sale().offer
    digest = offer.signing_digest(world.domain)
    assert world.answer(harness.call("signed", offer.seller, digest, world.sign(offer))) == (1).to_bytes(32, "big")
    for nonsense in (bytes(64) + b"\x1b", bytes(64), b"", b"\xff" * 65):
        assert world.answer(harness.call("signed", ETHER, digest, nonsense)) == bytes(32)


def test_the_buyers_or_anybody_elses_signature_is_refused(ether_world: World) -> None:
    offer = ether_world.sale().offer
    for account in (ether_world.buyer, ether_world.other):
        signature = sign_offer(offer, ether_world.domain, bytes(account.key))
        assert error(ether_world, offer, signature) == "InvalidSignature"


def test_the_sellers_signature_of_a_message_is_not_one_of_an_offer(ether_world: World) -> None:
    """The hash of an offer, signed as the body of an ordinary protocol message."""
    world, offer = ether_world, ether_world.sale().offer
    body = Digest(offer.struct_hash())
    for kind in (sha256(b"Offer"), Digest(bytes(32)), body):
        assert (
            error(world, offer, sign_message(world.domain, kind, body, bytes(world.seller.key))) == "InvalidSignature"
        )


# --- contracts that sign ---------------------------------------------------------------------------------------------


@pytest.fixture
def wallet(ether_world: World) -> Contract:
    """A contract wallet, owned by the deployer, that has committed the listing and put up a bond."""
    world = ether_world
    wallet = world.new_contract("HostileWallet", value=BOND)
    for call in (
        world.exchange.commit(LISTING_ROOT, MANIFEST_HASH),
        world.exchange.deposit(ETHER, BOND),
    ):
        world.send(world.deployer, wallet.call("execute", call.to, call.value, call.data))
    return wallet


def offer_by(world: World, wallet: Contract) -> Offer:
    return world.sale(seller=wallet.address, listing=world.listing(wallet.address)).offer


def test_a_contract_wallet_signs_as_it_likes(ether_world: World, wallet: Contract) -> None:
    world, offer = ether_world, offer_by(ether_world, wallet)
    signature = sign_offer(offer, world.domain, bytes(world.deployer.key))
    assert error(world, offer, signature) is None
    assert error(world, offer, world.sign(offer)) == "InvalidSignature"
    # Its own format may have any length.
    world.send(world.other, wallet.call("answerSignatures", SELECTOR.ljust(32, b"\0")))
    for own in (b"", b"my word", signature * 5):
        assert error(world, offer, own) is None


@pytest.mark.parametrize(
    "answer",
    [
        bytes(32),
        b"\x00" * 28 + SELECTOR,
        b"\xff" * 32,
        SELECTOR,
        SELECTOR.ljust(31, b"\0"),
        SELECTOR + b"\0" * 27 + b"\1",
        (1).to_bytes(32, "big"),
    ],
    ids=["zero", "selector at the end", "ones", "four bytes", "31 bytes", "more than the selector", "true"],
)
def test_a_contract_wallet_must_answer_exactly_yes(ether_world: World, wallet: Contract, answer: bytes) -> None:
    world, offer = ether_world, offer_by(ether_world, wallet)
    world.send(world.other, wallet.call("answerSignatures", answer))
    assert error(world, offer, b"my word") == "InvalidSignature"


def test_an_account_without_code_answers_nothing(ether_world: World) -> None:
    world, seller = ether_world, address_of(ether_world.other)
    world.send(world.other, world.exchange.commit(LISTING_ROOT, MANIFEST_HASH))
    offer = world.sale(seller=seller, listing=world.listing(seller), bond=0).offer
    assert error(world, offer, b"my word") == "InvalidSignature"


def test_an_account_that_delegates_to_code_still_signs_with_its_key(ether_world: World) -> None:
    """EIP-7702: the seller's account has code from now on, of a contract that knows nothing of signatures."""
    world, offer = ether_world, ether_world.sale().offer
    delegate = world.deploy("LibraryHarness")
    nonce = world.web3.eth.get_transaction_count(world.seller.address)
    authorization = world.seller.sign_authorization(
        {"chainId": world.domain.chain_id, "address": HexBytes(delegate), "nonce": nonce}
    )
    signed = world.other.sign_transaction(
        {
            "chainId": world.domain.chain_id,
            "nonce": world.web3.eth.get_transaction_count(world.other.address),
            "to": Web3.to_checksum_address(address_of(world.other)),
            "gas": 200_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 0,
            # web3's type of a transaction does not know of it yet.
            "authorizationList": [authorization],  # type: ignore[list-item]
        }
    )
    world.web3.eth.send_raw_transaction(signed.raw_transaction)
    assert bytes(world.web3.eth.get_code(world.seller.address)) == b"\xef\x01\x00" + bytes(HexBytes(delegate))
    assert error(world, offer, world.sign(offer)) is None
    assert error(world, offer, b"my word") == "InvalidSignature"
    stranger = Account.from_key(keccak256(b"stranger"))
    assert error(world, offer, sign_offer(offer, world.domain, bytes(stranger.key))) == "InvalidSignature"


# --- forks -----------------------------------------------------------------------------------------------------------


def test_after_a_fork_only_signatures_for_the_new_chain_count(
    ether_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, offer = ether_world, ether_world.sale().offer
    old = world.domain
    signature = world.sign(offer)
    assert error(world, offer, signature) is None
    monkeypatch.setattr(world.chain._backend.chain, "chain_id", 7)
    world.chain.mine(1)
    new = Domain(7, old.contract)
    assert world.exchange.domain_separator() == new.typed({"Nothing": []}, {}).header
    assert world.read("hashOffer", offer) == offer.struct_hash()
    refusal = world.refusal(address_of(world.buyer), world.exchange.accept(offer, signature))
    assert refusal and refusal.error_name == "InvalidSignature"
    assert refusal.values["digest"] == offer.signing_digest(new)
    again = sign_offer(offer, new, bytes(world.seller.key))
    assert world.refusal(address_of(world.buyer), world.exchange.accept(offer, again)) is None


def test_an_order_keeps_its_number_through_a_fork(ether_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keyed by the struct hash alone, or open orders would be lost with their money."""
    world, sale = ether_world, ether_world.sale()
    world.bring_to(OrderState.LOCKED, sale)
    monkeypatch.setattr(world.chain._backend.chain, "chain_id", 7)
    world.chain.mine(1)
    assert world.refusal(address_of(world.seller), world.exchange.reveal(sale.offer, sale.key)) is None


def test_the_domain_is_readable_by_wallets(ether_world: World) -> None:
    """EIP-5267."""
    fields, name, version, chain_id, contract, salt, extensions = ether_world.read("eip712Domain")
    assert (fields, name, version) == (b"\x0f", "Blindfair", "1")
    assert (chain_id, contract) == (ether_world.domain.chain_id, ether_world.exchange.address)
    assert (salt, extensions) == (bytes(32), ())


def test_a_second_contract_takes_no_signature_made_for_the_first(ether_world: World) -> None:
    world, offer = ether_world, ether_world.sale().offer
    second = DataExchange(world.web3, world.deploy("DataExchange"))
    world.send(world.seller, second.commit(LISTING_ROOT, MANIFEST_HASH))
    world.send(world.seller, second.deposit(ETHER, BOND))
    refusal = world.refusal(address_of(world.buyer), second.accept(offer, world.sign(offer)))
    assert refusal and refusal.error_name == "InvalidSignature"
