"""What a seller's service shows to strangers in a browser: escaped, bounded, and no more than it should tell."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from hostile_listing import HOSTILE, IMAGE, SHELL, Pages, offered, serving_pages

from blindfair.api.amounts import Money
from blindfair.influence.corpus.text_preprocessing import TextPreprocessing
from blindfair.pages.listing_view import BudgetUse, view_listing
from blindfair.protocol.arrays import ArrayForm
from blindfair.protocol.quantities import Address, Digest
from blindfair.protocol.records import RecordEncoding
from blindfair.protocol.schema import Column, ColumnKind, Schema


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with serving_pages(tmp_path_factory.mktemp("public"), offered()) as found:
        yield found


def test_a_listing_is_told_in_plain_words(pages: Pages) -> None:
    catalogue, listing = pages.get("/"), pages.get(f"/listings/{pages.listing.number}")
    assert (catalogue.status, listing.status) == (200, 200)
    assert f'href="/listings/{pages.listing.number}"' in catalogue.text
    for said in ("at least 0.001 ether a record", "0.07 ether for 4 bits a record", "all of it left"):
        assert said in catalogue.text, said
    for said in (
        "A record holds about 68 bits",
        "All evaluations together tell at most 20.4 (30 %) of a record.",
        "Audits open up to 10 records free of charge",
        "no model reads it; buyers get it with the records",
        "to be predicted",
        "at most 102 kB, in 100 chunks",
    ):
        assert said in listing.text, said


def test_what_the_seller_wrote_is_text_and_nothing_else(pages: Pages) -> None:
    for path in ("/", f"/listings/{pages.listing.number}"):
        text = pages.get(path).text
        assert "<script" not in text and "<img" not in text
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text and "\x1b" not in text
        assert "1234321" not in text
    shown = unescape(pages.get(f"/listings/{pages.listing.number}").text)
    for written in HOSTILE[:3]:
        assert written in shown
    assert r"safe\u202eexe.\x1b[31m" in shown


def test_a_command_can_be_pasted_whatever_the_seller_called_its_columns(pages: Pages) -> None:
    evaluate = next(text for _, text in view_listing(offered(), pages.url).commands if "buyer evaluate" in text)
    words = shlex.split(evaluate.replace("\\\n", " "))
    assert words[words.index("--label") + 1] == SHELL
    assert words[words.index("--at") + 1] == pages.url
    assert words[words.index("--listing") + 1] == pages.listing.number
    dashed = Schema((Column("a", ColumnKind.NUMBER), Column("--yes", ColumnKind.CATEGORY)), "--yes")
    commands = view_listing(offered(schema=dashed), pages.url).commands
    assert "--label=--yes" in commands[2][1] and "--label --yes" not in commands[2][1]


def test_a_page_fetches_what_is_its_own_and_sets_no_cookie(pages: Pages) -> None:
    for path in ("/", f"/listings/{pages.listing.number}", "/style.css", "/icon.svg", "/nothing"):
        got = pages.get(path, Cookie="blindfair-seller-8441=stranger; other=" + "x" * 3000)
        policy = got.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in got.headers
        assert not re.findall(r"(?:src|href)=\"(?!/)(?!#)[^\"]*\"|url\(|@import", got.text), path


def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(pages: Pages) -> None:
    for path in (
        "/listings/0x00",
        "/listings/..%2f..%2fsettings.json",
        "/listings/..",
        "/pages/index.html",
        "/index.html",
    ):
        got = pages.get(path)
        assert got.status == 404 and "There is nothing here" in got.text, path
        problem = pages.get(path, Accept="*/*")
        assert problem.status == 404 and "urn:blindfair:error:WrongService" in problem.text
    assert pages.get("/v1/info", Accept="*/*").status == 200


def test_a_service_without_pages_says_so_as_before(tmp_path: Path) -> None:
    with serving_pages(tmp_path, offered()) as pages:
        for file in pages.folder.iterdir():
            file.unlink()
        got = pages.get("/")
        assert got.status == 404 and "WrongService" in got.text
        pages.catalogue = type(pages.catalogue)(pages.folder, pages.url)
        pages.catalogue.write([pages.listing])
        assert pages.get("/").status == 200


def test_a_page_behind_a_proxy_links_to_where_the_browser_is(tmp_path: Path) -> None:
    with serving_pages(tmp_path, offered(), prefix="/data") as pages:
        for path in ("/data", "/data/", "/"):
            text = pages.get(path).text
            assert f'href="/data/listings/{pages.listing.number}"' in text and 'href="/data/style.css"' in text
        assert pages.get(f"/data/listings/{pages.listing.number}").status == 200
        assert f"--at {pages.url}/data" in pages.get(f"/data/listings/{pages.listing.number}").text


def test_budgets_are_shown_as_they_are_used_and_in_tenths_alone(pages: Pages) -> None:
    """One evaluation takes 400 bits of 2,040, and a second one of the same size must not be seen by its size."""
    for used, shown in (
        (BudgetUse(0, 0, 0), ["all of it left", "all of it left", "all of it left"]),
        (BudgetUse(400, 400, 0), ["at least 80 % left", "at least 40 % left", "all of it left"]),
        (BudgetUse(401, 401, 1), ["at least 80 % left", "at least 40 % left", "at least 90 % left"]),
        (BudgetUse(2000, 677, 10), ["used up", "used up", "used up"]),
    ):
        view = view_listing(replace(offered(), used=used), pages.url)
        assert [left.text for left in view.left] == shown
        pages.catalogue.write([replace(offered(), used=used)])
        text = pages.get("/").text
        assert all(each in text for each in shown)
        assert not any(str(number) in re.sub(r"0x[0-9a-f]+", "", text) for number in (399, 400, 401, 1640, 677))
    pages.catalogue.write([offered()])


def test_a_seller_that_names_its_buyers_says_so(pages: Pages) -> None:
    text = " ".join(view_listing(replace(offered(), is_named_only=True), pages.url).learned)
    assert "answers the buyers that it has named, and nobody else" in text
    assert "did not name" not in text


def test_buyers_may_bring_models_and_the_page_warns(pages: Pages) -> None:
    assert not any("own" in each for each in view_listing(offered(), pages.url).learned)
    assert any(
        "scoring models of their own" in each for each in view_listing(offered(own_models=True), pages.url).learned
    )


def test_texts_and_images_are_asked_for_with_options_of_their_own(pages: Pages) -> None:
    reading = TextPreprocessing("text", None, (), window=64, max_windows=4, base_models=(Digest(b"\x11" * 32),))
    texts = view_listing(
        offered(
            encoding=RecordEncoding.TEXT,
            schema=Schema((Column("text", ColumnKind.TEXT),), None),
            preprocessing=reading.to_document(),
        ),
        pages.url,
    )
    assert texts.reading is not None and "at most 4 windows of 64 tokens" in texts.reading
    assert texts.label == "nothing: the records are texts without a label"
    asked = shlex.split(texts.commands[2][1].replace("\\\n", " "))
    assert {"--own", "--text-column", "--base-model"} <= {*asked} and "--label" not in asked
    shape = Column("image", ColumnKind.ARRAY, form=ArrayForm("<f4", (8, 8)))
    images = view_listing(
        offered(encoding=RecordEncoding.ARRAY, schema=Schema((shape, Column("digit", ColumnKind.CATEGORY)), "digit")),
        pages.url,
    )
    assert images.columns[0].kind == f"images of {shape.form}"
    asked = shlex.split(images.commands[2][1].replace("\\\n", " "))
    assert asked[asked.index("--own") + 1] == "MY-IMAGES" and asked[asked.index("--label") + 1] == "digit"


def test_a_listing_in_tokens_names_the_token(pages: Pages) -> None:
    token = Address("0x" + "77" * 20)
    view = view_listing(replace(offered(tokens=(token,)), prices=Money(token, 6, "USDX")), pages.url)
    assert view.price == "at least 1,000,000,000 USDX a record"
    assert ("Token", token) in view.facts and f"--token {token}" in view.commands[2][1]


def test_pages_are_their_owners_and_written_whole(pages: Pages) -> None:
    assert pages.folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in pages.folder.iterdir())
    assert IMAGE not in (pages.folder / "index.html").read_text()
