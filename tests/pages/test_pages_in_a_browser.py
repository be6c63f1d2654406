"""Pages with a hostile listing, and the login, in Chromium: nothing of a stranger runs, and everybody can use them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_listing import Pages, offered, serving_pages
from test_local_pages import PASSWORD, SECRET, Clock, served_here

from browser import Browser, needs_browser, open_browser

pytestmark = needs_browser

SHAPES = [(1000, False), (400, True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with serving_pages(tmp_path_factory.mktemp("public"), offered()) as found:
        yield found


@pytest.mark.parametrize(("width", "dark"), SHAPES)
@pytest.mark.parametrize("path", ["/", "/listings/{number}", "/nothing"])
def test_a_strangers_listing_is_read_by_everybody_and_does_nothing(
    browser: Browser, pages: Pages, path: str, width: int, dark: bool
) -> None:
    browser.complaints()
    browser.look(pages.url + path.format(number=pages.listing.number), width=width, dark=dark)
    assert browser.driver.title.endswith(" - Blindfair") and browser.driver.title != "stolen"
    assert browser.violations() == []
    assert not browser.too_wide()
    assert all(address.startswith(pages.url + "/") for address in browser.asked())
    assert [line for line in browser.complaints() if "status of 404" not in line] == []
    assert browser.unreachable() == []


def test_the_skip_link_leads_past_the_header(browser: Browser, pages: Pages) -> None:
    from selenium.webdriver import Keys

    browser.look(pages.url)
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.textContent") == "Skip to the content"
    browser.press(Keys.ENTER)
    assert browser.run("return document.activeElement.id") == "content"


def test_the_owner_logs_in_and_out_by_keys_alone(browser: Browser, tmp_path: Path) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    def shown(text: str) -> None:
        WebDriverWait(browser.driver, 60).until(lambda driver: text in driver.page_source)

    with served_here(tmp_path, Clock()) as local:
        browser.look(f"http://{local.host}/")
        assert browser.violations() == [] and browser.unreachable() == []
        browser.look(f"http://{local.host}/login")
        browser.enter("wrong")
        shown("WrongPassword")
        assert browser.violations() == []
        browser.enter(PASSWORD)
        shown(SECRET)
        assert browser.run("return document.cookie") == ""
        browser.driver.delete_all_cookies()
        browser.driver.add_cookie({"name": local.cookie, "value": "stranger"})
        browser.look(f"http://{local.host}/")
        shown("SessionRefused")
        assert SECRET not in browser.driver.page_source
        assert browser.violations() == []
