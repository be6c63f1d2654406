"""What `buyer find` and `buyer evaluate` print of a listing: the buyer's columns alone, on every console."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from test_listing_options import options

from blindfair.api.amounts import IN_ETHER
from blindfair.api.listing_text import columns_document, columns_text, label_text
from blindfair.cli.buyer.find import ChainListing
from blindfair.cli.buyer.report import show_found
from blindfair.cli.lines import Lines
from blindfair.cli.readings import show_readings
from blindfair.influence.table import read_table
from blindfair.protocol.chunks import ChunkedDataset
from blindfair.protocol.manifest import Manifest
from blindfair.protocol.quantities import ETHER, Address, BlockNumber, Secret
from blindfair.protocol.signing import Domain

NAMES = ("größe", "温度", "a → b", "cost €", "emoji \N{GRINNING FACE}", "[red]x[/red]")
CONSOLES = ("ascii", "cp437", "cp1252", "cp932", "utf-8")


def table(path: Path) -> Path:
    header = ",".join((*NAMES, "ergebnis ✓"))
    rows = [
        ",".join(
            (
                f"{n}.50",
                f"{n * n % 37}.25",
                "日本" if n % 3 else "χ",
                f"{n}",
                f"{n % 7}.5",
                "é",
                "jà" if n % 2 else "nö",
            )
        )
        for n in range(60)
    ]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def manifest(folder: Path) -> Manifest:
    made = options(label="ergebnis ✓", exclude=[], disclosures=["total"], name="größe → 温度", consent="✓")
    spec = made.listing_spec(made.table(table(folder / "t.csv")))
    dataset = ChunkedDataset.build(spec.records, spec.chunk_size, Secret(bytes(32)))
    return spec.manifest(dataset, Domain(1, ETHER), seller=ETHER, seller_hpke=bytes(32))


def printed(show: Callable[[Lines], None], encoding: str) -> str:
    """What a console of this encoding gets; it refuses characters that it does not have."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, errors="strict")
    show(Lines(Console(file=stream)))
    stream.flush()
    return written.getvalue().decode(encoding)


def test_people_are_shown_the_columns_that_they_need_and_programs_all(tmp_path: Path) -> None:
    listing = manifest(tmp_path)
    assert "größe (as written)" in {column.name for column in listing.schema.columns}
    assert "as written" not in columns_text(listing)
    assert "größe (number)" in columns_text(listing)
    kinds = columns_document(listing)["kinds"]
    assert isinstance(kinds, dict) and kinds["größe (as written)"] == "text"
    assert label_text(listing) == "ergebnis ✓, 'jà' or 'nö'"


@pytest.mark.parametrize("encoding", CONSOLES)
def test_names_of_any_script_are_printed_on_every_console(tmp_path: Path, encoding: str) -> None:
    listing = manifest(tmp_path)
    event = ChainListing(listing.listing, Address(ETHER), BlockNumber(1))
    found = printed(lambda lines: show_found(lines, [event], {listing.listing: listing}, {ETHER: IN_ETHER}), encoding)
    read = printed(lambda lines: show_readings(lines, read_table(tmp_path / "t.csv", "ergebnis ✓").readings), encoding)
    for text in (" ".join(found.split()), " ".join(read.split())):
        for name in NAMES:
            assert name.encode(encoding, "backslashreplace").decode(encoding) in text
