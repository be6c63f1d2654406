"""A real trade in a real browser: the seller's service while it trades, and both parties' own pages.

With BLINDFAIR_PICTURES=docs/pictures it writes the pictures of docs/how-to/look-in-a-browser.md.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from local_chain import LocalChain, shell, wait_for
from test_two_machines import blocks_of_the_tutorial, to_the_end

from browser import Browser, needs_browser, open_browser
from ports import free_port

pytestmark = [needs_browser, pytest.mark.deep]

PICTURES = os.environ.get("BLINDFAIR_PICTURES")
SHAPES = [(1000, False), (1000, True), (400, False), (400, True)]


@dataclass(frozen=True)
class Seen:
    """A trade that has ended; its seller still serves, at `url`, and what its catalogue said before anybody asked."""

    chain: LocalChain
    url: str
    fresh: str

    @property
    def password(self) -> str:
        return (self.chain.home / "testnet" / "password").read_text().strip()

    @property
    def listing(self) -> str:
        (page,) = (self.chain.home / "testnet" / "seller" / "pages").glob("listing-*.html")
        return page.stem.removeprefix("listing-")


@pytest.fixture(scope="module")
def seen(own_testnet: LocalChain) -> Iterator[Seen]:
    """The tutorial of two machines, with the seller's service left running."""
    service = str(free_port())
    _, seller, buyer, _ = (
        block.replace("8545", str(own_testnet.port)).replace("8440", service).replace(". .venv/bin/activate\n", "")
        for block in blocks_of_the_tutorial()
    )
    told, url = own_testnet.home / "seller.told", f"http://127.0.0.1:{service}"
    with shell(seller, own_testnet.home, told) as serving:
        wait_for("serves", told, serving)
        with urlopen(url) as answer:
            fresh = answer.read().decode()
        done = to_the_end(buyer, own_testnet.home)
        assert done.returncode == 0, done.stderr + told.read_text()
        yield Seen(own_testnet, url, fresh)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as found:
        yield found


@contextmanager
def own_page(seen: Seen, role: str, *options: str) -> Iterator[str]:
    """The URL of a party's own page, while it is there; the command ends well when it is terminated."""
    port, told = free_port(), seen.chain.home / f"{role}-show.told"
    more = " ".join(options)
    command = f"exec blindfair {role} show --directory testnet/{role} --port {port} {more}"
    with shell(command, seen.chain.home, told) as process:
        wait_for("Ctrl-C ends it", told, process)
        yield f"http://127.0.0.1:{port}/"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, told.read_text()
    assert "Traceback" not in told.read_text()


def log_in(browser: Browser, url: str, password: str) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    browser.look(url)
    browser.enter(password)
    WebDriverWait(browser.driver, 30).until(lambda driver: "Log out" in driver.page_source)


def all_is_well(browser: Browser, url: str, width: int, dark: bool) -> str:
    """Look at a page in one shape; its text."""
    browser.complaints()
    browser.look(url, width=width, dark=dark)
    assert browser.violations() == []
    assert not browser.too_wide()
    assert browser.complaints() == []
    assert browser.unreachable() == []
    return str(browser.run("return document.body.innerText"))


def picture(browser: Browser, url: str, name: str, height: int, **shape: object) -> None:
    if PICTURES is not None:
        browser.look(url, **shape)  # type: ignore[arg-type]
        browser.picture(Path(PICTURES).resolve() / name, height)


def test_the_service_shows_what_is_left_after_a_trade(seen: Seen, browser: Browser) -> None:
    assert "all of it left" in seen.fresh and "at least 80 % left" not in seen.fresh
    for width, dark in SHAPES:
        text = all_is_well(browser, seen.url, width, dark)
        assert "1,177" in text and "at least 0.001 ether a record" in text
        assert "at least 80 % left" in text
        text = all_is_well(browser, f"{seen.url}/listings/{seen.listing}", width, dark)
        assert "A record holds about 68 bits" in text and "research only" in text
    picture(browser, f"{seen.url}/listings/{seen.listing}", "page-listing.png", 620, width=800)


def test_the_command_on_the_page_finds_the_listing(seen: Seen, browser: Browser) -> None:
    browser.look(f"{seen.url}/listings/{seen.listing}")
    command = str(browser.run("return document.querySelector('pre code').textContent"))
    ready = command.replace("NODE", seen.chain.url)
    found = to_the_end(ready, seen.chain.home)
    assert found.returncode == 0, found.stderr
    assert seen.listing in "".join(found.stdout.split())


def test_the_seller_reads_orders_money_and_who_asked(seen: Seen, browser: Browser) -> None:
    with own_page(seen, "seller") as url:
        log_in(browser, url, seen.password)
        for width, dark in SHAPES:
            text = all_is_well(browser, url, width, dark)
            assert text.count("Released") == 3 and "an evaluation" in text
            assert "0.0693 ether" in text and "1 evaluation" in text
            assert "Earned in all, without gas\n0.4 ether" in text
            assert "19,302 of" in text and "Nothing: every message was taken." in text
        picture(browser, url, "page-seller.png", 880)


def test_the_buyer_reads_scores_steps_and_fetches_what_it_bought(seen: Seen, browser: Browser) -> None:
    with own_page(seen, "buyer") as url:
        log_in(browser, url, seen.password)
        for width, dark in SHAPES:
            text = all_is_well(browser, url, width, dark)
            assert "Ended: Released" in text and "400 are chosen" in text
            assert "Paid for the audited sample" in text and "bought.csv" in text
            # Three orders for the whole budget, of which nothing came back.
            assert "In all\t0.4 ether\t0 ether" in text and "Paid for gas" in text
            bars = "return [...document.querySelectorAll('rect.chosen')].filter(e => e.getAttribute('x')).length"
            assert browser.run(bars) > 10
        assert "forecast" in text and "trust" in text
        fetched = browser.driver.execute_async_script(
            "const done = arguments[1]; fetch(arguments[0]).then(a => a.text()).then(done, e => done(String(e)))",
            f"{url}files/bought.csv",
        )
        # The page's own policy lets no script of anybody read it.
        assert "Failed to fetch" in fetched
        cookies = {each["name"]: each["value"] for each in browser.driver.get_cookies()}
        asked = Request(f"{url}files/bought.csv", headers={"Cookie": "; ".join(map("=".join, cookies.items()))})  # noqa: S310
        with urlopen(asked) as saved:  # noqa: S310
            assert saved.read() == (seen.chain.home / "testnet" / "buyer" / "bought.csv").read_bytes()
        picture(browser, url, "page-buyer.png", 900, width=800, dark=True)


def test_without_a_node_the_pages_say_so_and_show_the_rest(seen: Seen, browser: Browser) -> None:
    nowhere = f"--rpc http://127.0.0.1:{free_port()}"
    for role, known in (("seller", "Released"), ("buyer", "400 are chosen")):
        with own_page(seen, role, nowhere) as url:
            log_in(browser, url, seen.password)
            text = all_is_well(browser, url, 1000, dark=False)
            assert "NodeFailure" in text and known in text
