"""A real browser, and what it complained of."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, expect, sync_playwright
from werkzeug.serving import BaseWSGIServer, make_server

from accounting_link.chassis.clock import SYSTEM_CLOCK
from crm_frontend.gateway import pool
from crm_frontend.settings import Settings
from crm_frontend.web import build_app
from tests.unit.crm_frontend.conftest import an_environment
from tests.unit.crm_frontend.stub_gateway import Wire, World

_ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_HOW = "no browser: put chromium on PATH (apt-get install chromium), or run `playwright install chromium`"


@dataclass
class Complaints:
    """Errors on the consoles of our own pages, a violated policy among them, and exceptions of their scripts."""

    origin: str = ""
    heard: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self._note(page, str(error)))
        page.on("console", lambda said: self._note(page, said.text) if said.type == "error" else None)

    def _note(self, page: Page, what: str) -> None:
        if page.url.startswith(self.origin):
            self.heard.append(f"{page.url}: {what}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = _launch(playwright)
        yield opened
        opened.close()


def _launch(playwright: Playwright) -> Browser:
    on_path = next(filter(None, map(shutil.which, _ON_PATH)), None)
    try:
        # Chromium refuses its sandbox to root, which is who runs tests in a container.
        return playwright.chromium.launch(executable_path=on_path, args=["--no-sandbox"])
    except Error as error:
        if on_path:
            raise
        pytest.skip(f"{_HOW} ({str(error).splitlines()[0]})")


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def context(browser: Browser, complaints: Complaints) -> Iterator[BrowserContext]:
    """A browser that nobody has used. Everything it does waits a minute at most."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="Pacific/Auckland")
    made.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    made.on("page", complaints.listen)
    yield made
    made.close()


@pytest.fixture
def pages(world: World) -> Iterator[BaseWSGIServer]:
    """The CRM's pages on a gateway that answers what ``world`` says; each file has a world of its own."""
    session = pool()
    session.mount("http://gateway.test", Wire(world))
    app = build_app(Settings.from_env(an_environment()), session, SYSTEM_CLOCK)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
