"""The tab that waits while its person is at Xero in another one: in a real browser, on stubs."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from werkzeug.serving import BaseWSGIServer

from tests.unit.crm_frontend.stub_gateway import World, a_connection

pytestmark = pytest.mark.browser
# It asks each second, so two are enough to tell it from one that does not, also where much else runs.
SOON = 10_000


@pytest.fixture
def world() -> World:
    return World()


def waits(pages: BaseWSGIServer, context: BrowserContext) -> Page:
    """A tab at Connect to XERO, with a note in it that a reload would take away."""
    page = context.new_page()
    origin = f"http://127.0.0.1:{pages.server_port}"
    page.goto(f"{origin}/sign-in")
    page.get_by_role("button", name="Ada Legrand").click()
    page.goto(f"{origin}/accounting-link?application=xero")
    expect(page.get_by_text("This page notices by itself")).to_be_visible()
    expect(page.get_by_role("link", name="Xero", exact=True)).to_have_count(0)
    page.evaluate("document.body.dataset.note = 'never loaded again'")
    return page


def test_the_first_tab_shows_the_xero_module_within_two_seconds_without_a_reload(
    pages: BaseWSGIServer, world: World, context: BrowserContext
) -> None:
    page = waits(pages, context)

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    world.connections.append(a_connection())

    expect(page.get_by_role("link", name="Xero", exact=True)).to_be_visible()
    assert len([url for url in asked if "/accounting-link/waiting" in url]) <= 3  # a second apart, one still on its way
    expect(page.locator("#waiting")).to_contain_text("now connected: Legrand Demo Company (NZ)")
    assert page.evaluate("document.body.dataset.note") == "never loaded again"


def test_control_a_tab_that_cannot_ask_shows_nothing_of_it_until_it_is_loaded_again(
    pages: BaseWSGIServer, world: World, context: BrowserContext
) -> None:
    page = waits(pages, context)
    with page.expect_event("requestfailed") as failed:
        page.route("**/accounting-link/waiting*", lambda route: route.abort())
    assert "/accounting-link/waiting" in failed.value.url

    world.connections.append(a_connection())

    with pytest.raises(AssertionError):
        expect(page.get_by_role("link", name="Xero", exact=True)).to_be_visible(timeout=SOON)
    page.reload()
    expect(page.get_by_role("link", name="Xero", exact=True)).to_be_visible()
    assert page.evaluate("document.body.dataset.note || ''") == ""
