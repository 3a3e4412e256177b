"""What a person does first, in a real browser, on the whole product: connect, sync, read the log, open an invoice."""

import re

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from deploy.local.compare import is_sale
from deploy.local.run import Platform
from tests.e2e.browser.conftest import Complaints
from tests.e2e.test_flow import kept_back

pytestmark = [pytest.mark.browser, pytest.mark.kafka, pytest.mark.mongo]


def test_a_person_connects_syncs_sees_who_was_left_out_and_opens_an_invoice(
    platform: Platform, context: BrowserContext, complaints: Complaints
) -> None:
    complaints.origin = f"http://{platform.address('gateway')}"
    page = context.new_page()
    _sign_in(page, complaints.origin)
    _connect(context, page)
    _sync(page, platform)
    _read_the_log(page)
    _open_an_invoice(page, complaints.origin)
    assert complaints.heard == []


def test_a_script_or_style_written_into_a_page_is_refused(
    platform: Platform, context: BrowserContext, complaints: Complaints
) -> None:
    """The control: the complaints that the test above wants none of are heard when there are some."""
    complaints.origin = f"http://{platform.address('gateway')}"
    page = context.new_page()
    page.goto(f"{complaints.origin}/sign-in")
    with page.expect_console_message(lambda said: said.type == "error"):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\" id=\"red\">red</p>')")
    expect(page.locator("#red")).not_to_have_css("color", "rgb(255, 0, 0)")
    assert any("Content Security Policy" in said for said in complaints.heard)


def _sign_in(page: Page, origin: str) -> None:
    page.goto(f"{origin}/sign-in")
    page.get_by_role("button", name="Aroha Kauri").click()
    expect(page.get_by_text("Signed in as Aroha Kauri")).to_be_visible()


def _connect(context: BrowserContext, page: Page) -> None:
    """At Xero in a tab of its own; the first tab shows the Xero module by itself."""
    page.get_by_role("link", name="Accounting Link", exact=True).click()
    page.get_by_label("Accounting Application").select_option("Xero")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Xero", exact=True)).to_have_count(0)
    with context.expect_page() as opened:
        page.get_by_role("button", name="Connect to XERO").click()
    xero = opened.value
    xero.get_by_role("button", name="Allow access").click()
    expect(xero.get_by_role("heading", name="Congratulations!")).to_be_visible()
    # The first tab has noticed by itself: test_waiting_tab.py.
    expect(page.get_by_role("link", name="Xero", exact=True)).to_be_visible()
    expect(xero.get_by_text("Is this the right organisation?")).to_be_visible()
    expect(xero.locator("#first-look li").first).to_contain_text("contacts")
    xero.close()


def _sync(page: Page, platform: Platform) -> None:
    tenant, invoices = _invoices_in_xero(platform)
    page.get_by_role("link", name="Xero", exact=True).click()
    with kept_back(platform, tenant, "^/Overpayments$"):  # it runs until it has been watched
        page.get_by_role("button", name="Sync", exact=True).click()
        for stream in ("Customers", "Invoices"):
            expect(page.get_by_role("heading", name=stream)).to_be_visible()
        expect(page.locator("progress")).to_have_count(12)  # read and written, of six streams
    expect(page.get_by_role("link", name="Left out, and why")).to_be_visible(timeout=300_000)
    summary = page.locator("#sync-panel")
    expect(summary).to_contain_text("First import")
    expect(summary.locator("tbody tr", has_text="Invoices")).to_contain_text(f"{invoices:,}")


def _invoices_in_xero(platform: Platform) -> tuple[str, int]:
    """The first organisation and how many it has, to which tests before this one may have added some."""
    said = requests.get(f"http://{platform.address('xero-simulator')}/simulator/ledger", timeout=60).json()
    return said["tenant"], sum(group["count"] for group in said["invoices"] if is_sale(group))


def _read_the_log(page: Page) -> None:
    page.get_by_role("link", name="Left out, and why").click()
    row = page.locator("table").last.locator("tbody tr").first
    expect(row).to_contain_text("Left out")
    expect(row).to_contain_text(re.compile("last name|company name|suppliers"))
    page.get_by_role("link", name="View Log").first.click()
    page.get_by_role("link", name="Refresh the log").click()
    expect(page.locator("#log")).to_contain_text("Completed")
    # Localised: rendered in UTC, shown in Auckland's time.
    expect(page.locator("#log time").first).not_to_contain_text("UTC")


def _open_an_invoice(page: Page, origin: str) -> None:
    page.goto(f"{origin}/xero/sales?status=AUTHORISED&kind=invoice")
    page.locator('tbody a[href^="/companies/"]').first.click()
    tab = page.locator("#xero-tab")
    expect(tab).to_contain_text("Outstanding")
    tab.locator('select[name="kind"]').select_option("invoice")
    tab.get_by_role("button", name="Show").click()
    tab.get_by_role("link", name=re.compile("^View details")).first.click()
    expect(tab.locator(".invoice")).to_contain_text("Subtotal")
    assert tab.locator(".invoice tbody tr").count() > 0
