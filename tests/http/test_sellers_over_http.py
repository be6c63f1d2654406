"""A seller of a Python program that answers over HTTP, and limits that its owner sets."""

import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from trade import BUYER_POLICY, HandValuer, World, listing_spec

import blindfair as bf
from blindfair.agents.buyer.buyer import Buyer
from blindfair.agents.policy import SellerPolicy
from blindfair.agents.store.steps import LISTING, RECEIVED
from blindfair.api.text_options import SEALED_REQUEST
from blindfair.http import ServiceLimits, ServiceOptions
from blindfair.http.catalogue import fetch_manifests
from blindfair.http.client import HttpTransport
from blindfair.protocol.errors import InvalidOption

ROOT = Path(__file__).parents[2]


def test_a_program_opens_a_seller_that_answers_over_http(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    context = replace(world.context(), mail=world.directory / "mail")
    with bf.open_seller(tmp_path / "seller", context, listing_spec(), http="127.0.0.1:0") as party:
        world.fund(party.address)
        while not party.is_listed:
            party.agent.step()
            world.chain.mine(1)
        url, agent = party.url, party.agent
        assert url is not None
        found = fetch_manifests(url, agent.domain, {party.listing: party.address})
        assert (found.manifests, found.left_out) == ({party.listing: agent.manifest}, {})
        away = replace(
            context, transport=lambda own, sign: HttpTransport(url, own, sign, agent.domain, tmp_path / "on the way")
        )
        buyer = Buyer(tmp_path / "buyer", away, HandValuer(), BUYER_POLICY, seller=party.address, listing=party.listing)
        world.run(agent, buyer, until=lambda: buyer.journal.get(RECEIVED.of(LISTING)) is not None)
        buyer.close()
    # With the block the service ends.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), 5)
    world.close()


def test_a_seller_whose_mail_is_no_folder_does_not_answer_over_http(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    options = ServiceOptions("127.0.0.1:0", limits=ServiceLimits(connections=10))
    with (
        pytest.raises(InvalidOption, match="mail folder"),
        bf.open_seller(tmp_path / "seller", world.context(), listing_spec(), http=options),
    ):
        raise AssertionError("it was opened")
    # Nothing is held: the same directory opens again.
    with bf.open_seller(tmp_path / "seller", world.context(), listing_spec()) as party:
        assert party.url is None
    world.close()


def test_limits_are_changed_by_name() -> None:
    changed = ServiceLimits().changed(["connections=1000", "address-rate=2.5", "disk=10000000"])
    assert (changed.connections, changed.address_rate, changed.disk) == (1000, 2.5, 10_000_000)
    assert changed == replace(ServiceLimits(), connections=1000, address_rate=2.5, disk=10_000_000)


def test_an_account_has_space_for_one_message_that_the_seller_reads() -> None:
    """Else ten accounts would fill the disk for requests, or none could send the largest."""
    page = (ROOT / "docs" / "how-to" / "serve-over-http.md").read_text()
    space = f"| {ServiceLimits().disk // 2**30} GiB, and {ServiceLimits().disk_of_account // 2**20} MiB of an account"
    assert space in page
    for largest, said in ((SellerPolicy().max_sealed_message, "it takes {},"), (SEALED_REQUEST, "it takes {}.")):
        limits = ServiceLimits().for_messages(largest)
        assert limits == replace(ServiceLimits(), message=largest, disk_of_account=largest)
        assert said.format(round(limits.disk * 15 / 16 / largest)) in page
    assert replace(limits, message=5000, disk_of_account=6000).for_messages(2**28).disk_of_account == 6000


@pytest.mark.parametrize(
    "text", ["nothing=1", "connections", "connections=", "connections=0", "connections=1.5", "segment=99999999999",
             "address_rate=0", "address_rate=nan", "address_rate=inf", "disk=-1", "=5", ""],
)  # fmt: skip
def test_a_limit_that_is_none_is_named(text: str) -> None:
    with pytest.raises(InvalidOption, match="`limit`"):
        ServiceLimits().changed([text])
