"""What a person confirms before the first sync, and what is said of when anything is imported."""

import pytest

from tests.unit.crm_frontend.conftest import Open, text_of
from tests.unit.crm_frontend.stub_gateway import DEMO, an_ended_sync, connected

PAGES = ("/accounting-link/connected?connection=c-demo", "/xero/settings", "/xero/sync")
COUNTS = {"contacts": 1200, "invoices": 8000, "payments": 6000}
TITLE = "Is this the right organisation?"


@pytest.mark.parametrize("page", PAGES)
def test_before_the_first_sync_the_organisation_and_its_counts_are_shown(open_as: Open, page: str) -> None:
    html = open_as(connected(counts=COUNTS)).get(page).text
    shown = text_of(html)

    for said in (
        TITLE,
        "Kiwi Ltd",
        "NZ",
        "NZD",
        "1,200 contacts",
        "8,000 sales invoices",
        "Nothing is imported from here until you say so",
    ):
        assert said in shown
    assert "every 1s" not in html


@pytest.mark.parametrize("page", PAGES)
def test_control_after_it_they_are_not(open_as: Open, page: str) -> None:
    assert TITLE not in text_of(open_as(connected(counts=COUNTS, syncs=[an_ended_sync()])).get(page).text)


def test_a_sync_of_before_it_was_connected_again_was_not_the_first_of_this_connection(open_as: Open) -> None:
    before = an_ended_sync(requested_at="2026-02-01T08:00:00+00:00")
    assert TITLE in text_of(open_as(connected(counts=COUNTS, syncs=[before])).get("/xero/sync").text)


def test_until_xero_has_answered_the_page_asks_again_and_after_a_while_no_more(open_as: Open) -> None:
    browser = open_as(connected())
    html = browser.get("/xero/sync").text
    assert "Asking Xero how much there is" in text_of(html)
    assert f"/accounting-link/first-look?connection={DEMO}&amp;asks=1" in html
    last = browser.get(f"/accounting-link/first-look?connection={DEMO}&asks=30").text
    assert "every 1s" not in last
    assert "the first sync tells" in text_of(last)


def test_saving_says_when_it_applies_and_imports_nothing(open_as: Open) -> None:
    world = connected()
    browser = open_as(world)
    assert "Saving starts no sync at once" in text_of(browser.get("/xero/settings").text)

    answer = browser.post("/xero/settings", data={"frequency": "hourly", "suppliers": "none"})
    shown = text_of(browser.get(answer.location).text)

    assert "They apply from the next sync on, which starts by itself 2 Mar 2026, 10:00 UTC" in shown
    assert [one for one in world.asked if one["method"] == "POST"] == []


def test_of_several_organisations_that_were_connected_at_once_the_page_says_how_many(open_as: Open) -> None:
    browser = open_as(connected())
    assert "3 organisations were connected" in text_of(
        browser.get("/accounting-link/connected?connection=c-demo&count=3").text
    )
    assert "organisations were connected" not in text_of(
        browser.get("/accounting-link/connected?connection=c-demo").text
    )
