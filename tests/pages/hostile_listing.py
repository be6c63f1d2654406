"""A listing whose seller writes what a page must not obey, and services that show it."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blindfair.api.amounts import IN_ETHER
from blindfair.http.service import HttpService, ServiceOptions
from blindfair.pages.catalogue import Catalogue
from blindfair.pages.listing_view import OfferedListing
from blindfair.protocol.manifest import Column, ColumnKind, Manifest, Schema, Terms
from blindfair.protocol.quantities import ETHER, Address, Digest, Root, Wei
from blindfair.protocol.records import RecordEncoding
from blindfair.protocol.signing import Domain
from ports import free_port

SELLER, CONTRACT = Address("0x" + "ab" * 20), Address("0x" + "12" * 20)

SCRIPT = "<script>document.title='stolen'</script>"
IMAGE = '"><img src=x onerror="document.title=`stolen`">'
TEMPLATE = "{{ 1111 * 1111 }}{% for x in y %}"
TURNED = "safe\N{RIGHT-TO-LEFT OVERRIDE}exe.\x1b[31m"
SHELL = "y'; rm -rf ~ #"
HOSTILE = (SCRIPT, IMAGE, TEMPLATE, TURNED)


def manifest(**changes: Any) -> Manifest:
    """A listing of a hundred records. Its texts are hostile, and so are the names of its columns."""
    terms: dict[str, Any] = {
        "tokens": (ETHER,),
        "reserve_price": Wei(10**15),
        "record_bits": 68,
        "bits_per_record": 4,
        "free_bits": 680,
        "evaluation_fee": Wei(7 * 10**16),
        "disclosed_bits": 2040,
        "opened_records": 10,
        "opened_share": 0.5,
        "disclosures": ("per-record",),
        "own_models": False,
    }
    terms |= {name: changes.pop(name) for name in [*changes] if name in terms}
    made: dict[str, Any] = {
        "name": f"Trial {SCRIPT}{TURNED}",
        "description": f"{IMAGE}\n{TEMPLATE}",
        "licence": f"research {IMAGE}",
        "consent": f"public {SCRIPT}",
        "encoding": RecordEncoding.CBOR_ROW,
        "schema": Schema(
            (
                Column(f"age {IMAGE}", ColumnKind.NUMBER),
                Column("note", ColumnKind.TEXT, scored=False),
                Column(SHELL, ColumnKind.CATEGORY),
            ),
            SHELL,
        ),
        "preprocessing": None,
        "record_count": 100,
        "chunk_size": 1024,
        "chunk_count": 100,
        "first_chunks": tuple(range(100)),
        "listing_root": Root(bytes(32)),
        "leaf_digest": Digest(bytes(32)),
        "chain_id": 31337,
        "contract": CONTRACT,
        "seller": SELLER,
        "seller_hpke": bytes(32),
        "terms": Terms(**terms),
    }
    return Manifest(**(made | changes))


def offered(**changes: Any) -> OfferedListing:
    return OfferedListing(manifest(**changes), IN_ETHER)


@dataclass
class Got:
    """An answer of a page's server."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Pages:
    """A running service with pages."""

    port: int
    folder: Path
    listing: OfferedListing
    catalogue: Catalogue
    prefix: str = ""
    hosts: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> Got:
        return ask(self.port, "GET", path, {"Accept": "text/html", **headers})


def ask(port: int, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Got:
    """One request as a browser makes it, or as it is written here."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body or None, dict(headers or {}))
        answer = connection.getresponse()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


@contextmanager
def serving_pages(home: Path, listing: OfferedListing, prefix: str = "") -> Iterator[Pages]:
    """The service of a seller that lists this, over a real socket and in a process of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}{prefix}"
    folder = home / "pages"
    (home / "mail").mkdir(mode=0o700, parents=True)
    service = HttpService(
        ServiceOptions(f"127.0.0.1:{port}", url),
        mail=home / "mail",
        seller=SELLER,
        domain=Domain(31337, CONTRACT),
        listings={listing.number: listing.manifest},
        pages=folder,
    )
    with service:
        catalogue = Catalogue(folder, url)
        catalogue.write([listing])
        yield Pages(port, folder, listing, catalogue, prefix)
