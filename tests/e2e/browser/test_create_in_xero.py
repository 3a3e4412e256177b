"""A contact of the CRM's own, made and then created in Xero: in a real browser, on stubs."""

import pytest
from playwright.sync_api import BrowserContext, expect
from werkzeug.serving import BaseWSGIServer

from accounting_link.chassis.clock import SYSTEM_CLOCK
from tests.e2e.browser.conftest import Complaints
from tests.unit.crm_frontend.stub_gateway import World, a_created_export, own

pytestmark = pytest.mark.browser


@pytest.fixture
def world() -> World:
    return own(export_asked_at=SYSTEM_CLOCK.now().isoformat())


def test_a_person_makes_a_contact_creates_it_in_xero_and_sees_it_there_without_a_reload(
    pages: BaseWSGIServer, world: World, context: BrowserContext, complaints: Complaints
) -> None:
    complaints.origin = f"http://127.0.0.1:{pages.server_port}"
    page = context.new_page()
    page.goto(f"{complaints.origin}/sign-in")
    page.get_by_role("button", name="Max Member").click()
    page.get_by_role("link", name="Contacts", exact=True).click()
    page.get_by_role("link", name="New contact").click()
    page.get_by_label("First name").fill("Tai")
    page.get_by_label("Last name").fill("Tui")
    page.get_by_label("Company").press_sequentially("Ke")
    expect(page.locator("#company-names option")).to_have_attribute("value", "Kea Interiors")
    page.get_by_label("Company").fill("Tui & Co")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Tai Tui")).to_be_visible()

    actions = page.get_by_role("complementary", name="Actions")
    actions.get_by_role("link", name="Create in Xero").click()
    expect(page.get_by_text("Nothing that stands in Xero is changed")).to_be_visible()
    assert world.exports == []
    page.get_by_role("button", name="OK").click()
    expect(actions).to_contain_text("Creating in Xero")
    page.evaluate("document.body.dataset.note = 'never loaded again'")
    world.exports[0] = a_created_export(contact_id="p-new", name="Tui & Co")

    expect(actions.get_by_role("link", name="Open in Xero")).to_be_visible()
    expect(page.locator("#exports")).to_contain_text("created in Legrand Demo Company (NZ) by Ada Legrand")
    assert page.evaluate("document.body.dataset.note") == "never loaded again"
    assert complaints.heard == []
