"""The second in which auth-link knows a new connection and sync-orchestrator does not: in a real browser, on stubs."""

import pytest
from playwright.sync_api import BrowserContext, expect
from werkzeug.serving import BaseWSGIServer

from tests.e2e.browser.conftest import Complaints
from tests.e2e.test_flow import until
from tests.unit.crm_frontend.stub_gateway import World, connected

pytestmark = pytest.mark.browser
LONG = 1000  # looks: until a person has seen that it is being set up, however slow their browser is


@pytest.fixture
def world() -> World:
    return connected(unheard={"syncs": 3, "settings": LONG})


def test_a_person_who_is_too_fast_sees_that_it_is_being_set_up_and_then_what_they_wanted(
    pages: BaseWSGIServer, world: World, context: BrowserContext, complaints: Complaints
) -> None:
    complaints.origin = f"http://127.0.0.1:{pages.server_port}"
    page = context.new_page()
    page.goto(f"{complaints.origin}/sign-in")
    page.get_by_role("button", name="Ada Legrand").click()

    page.goto(f"{complaints.origin}/xero/settings")
    expect(page.get_by_text("is being set up")).to_be_visible()
    world.unheard["settings"] = 0
    expect(page.get_by_role("button", name="Save Settings")).to_be_visible()

    world.unheard["syncs"] = 0
    page.goto(f"{complaints.origin}/xero/sync")
    world.unheard["syncs"] = LONG
    page.get_by_role("button", name="Sync", exact=True).click()
    expect(page.get_by_text("is being set up")).to_be_visible()
    until(lambda: world.unheard["syncs"] < LONG - 1)  # sent again at least once
    refused = LONG - world.unheard["syncs"]
    world.unheard["syncs"] = 0
    expect(page.get_by_role("heading", name="This sync Running")).to_be_visible()
    wishes = [asked for asked in world.asked if asked["method"] == "POST"]
    assert len({asked["headers"]["Idempotency-Key"] for asked in wishes}) == 1
    assert len(wishes) == refused + 1
    assert not [said for said in complaints.heard if "Content Security Policy" in said]
