"""A real browser for the tests of pages: Chromium without a window, driven by selenium, and axe-core to judge them.

Where one of the three is missing the tests are skipped, and say which:
`apt install chromium chromium-driver`, `pip install -e '.[dev]'`, `npm ci`.
"""

import base64
import importlib.util
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ROOT = Path(__file__).parents[1]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

MISSING = [
    what
    for what, is_there in (
        ("chromium", CHROMIUM is not None),
        ("chromedriver", DRIVER is not None),
        ("selenium", importlib.util.find_spec("selenium") is not None),
        ("axe-core (npm ci)", AXE.exists()),
    )
    if not is_there
]

needs_browser = pytest.mark.skipif(bool(MISSING), reason=f"no browser to look at pages with: {', '.join(MISSING)}")

ASK_AXE = "const done = arguments[0]; axe.run().then(found => done(found.violations))"
FOCUSABLE = "a[href], button, input, summary, [tabindex='0']"


class Browser:
    """One window."""

    def __init__(self, driver: "Chrome") -> None:
        self.driver = driver

    def look(self, url: str, *, width: int = 1000, dark: bool = False) -> None:
        """Open a page as wide as this, in a scheme of colours."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._size(width, 800)
        self.driver.get(url)

    def _size(self, width: int, height: int) -> None:
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def violations(self) -> list[str]:
        """What axe-core finds wrong for people who use a keyboard, a screen reader, or see little."""
        self.run(AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(ASK_AXE)
        return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]

    def too_wide(self) -> bool:
        """Whether the page must be scrolled to the side."""
        return bool(self.run("return document.documentElement.scrollWidth > window.innerWidth"))

    def asked(self) -> list[str]:
        """Every address that the page has fetched, itself included."""
        names = "return performance.getEntries().filter(e => e.name.includes('://')).map(e => e.name)"
        return [str(name) for name in self.run(names)]

    def complaints(self) -> list[str]:
        """What the browser has refused since this was asked last: scripts, styles, what is not there."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def enter(self, text: str) -> None:
        """Type into the field of a page that asks for something, and send it. A page gives a field the focus only after
        it was loaded, and what is typed before that is lost."""
        from selenium.webdriver import Keys
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.driver, 60).until(lambda _: self.run("return document.activeElement.tagName") == "INPUT")
        self.press(text, Keys.ENTER)

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def unreachable(self) -> list[str]:
        """What can be used, and is not reached by the tab key alone, or does not show that it was reached."""
        from selenium.webdriver import Keys

        visible = f'[...document.querySelectorAll("{FOCUSABLE}")].filter(e => e.checkVisibility())'
        self.run(f"document.activeElement.blur(); window.left = new Set({visible})")
        for _ in range(int(self.run("return window.left.size")) + 2):
            self.press(Keys.TAB)
            self.run(
                "const here = document.activeElement;"
                "if (getComputedStyle(here).outlineStyle !== 'none') window.left.delete(here)"
            )
        return [str(text) for text in self.run("return [...window.left].map(e => e.outerHTML.slice(0, 100))")]

    def picture(self, path: Path, height: int) -> None:
        """Write the upper part of the page, as high as this, as PNG."""
        width = int(self.run("return window.innerWidth"))
        self._size(width, height)
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        with Image.open(io.BytesIO(base64.b64decode(shot["data"]))) as drawn:
            # A page has few colours, and a picture of it need not be large.
            drawn.convert("RGB").quantize(32).save(path, optimize=True)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser that reaches this machine alone."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    assert CHROMIUM is not None
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-gpu"):
        options.add_argument(argument)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
    if os.geteuid() == 0:
        # Chromium's own walls do not stand up for root, who tests in a container.
        options.add_argument("--no-sandbox")
    driver = Chrome(options=options, service=ChromeService(DRIVER))
    driver.set_page_load_timeout(60)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
