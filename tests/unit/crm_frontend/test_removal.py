"""Removing what a connection imported, as an administrator meets it."""

from typing import Any

from tests.unit.crm_frontend.conftest import Open, text_of
from tests.unit.crm_frontend.stub_gateway import DEMO, World, a_connection, a_removal, connected

HOME, ASK = "/accounting-link?application=xero", f"/accounting-link/remove/{DEMO}"
OFFER = "Remove what this connection imported"


def gone(**changes: Any) -> World:
    at = {"disconnected_at": "2026-03-01T12:00:00+00:00", "disconnected_by_name": "Ada Legrand"}
    return World(connections=[a_connection(state="disconnected", authorisation=2, **at)], **changes)


def wishes(world: World) -> list[Any]:
    return [one["body"] for one in world.asked if (one["method"], one["path"]) == ("POST", "/api/v1/removals")]


def test_it_is_offered_to_administrators_of_what_is_disconnected_and_nowhere_else(open_as: Open) -> None:
    assert OFFER in text_of(open_as(gone()).get(HOME).text)
    assert OFFER not in text_of(open_as(connected()).get(HOME).text)
    assert OFFER not in text_of(open_as(gone(), "legrand:member").get(HOME).text)


def test_what_goes_and_what_stays_and_why_is_said_before_anything_happens(open_as: Open) -> None:
    world = gone()
    shown = text_of(open_as(world).get(ASK).text)

    for said in (
        "940 companies",
        "1,200 contacts",
        "8,000 sales transactions",
        "2 edited in the CRM; 1 made in the CRM",
    ):
        assert said in shown
    assert wishes(world) == []


def test_without_the_tick_nothing_is_removed_and_the_page_says_so(open_as: Open) -> None:
    world = gone()
    shown = text_of(open_as(world).post(ASK).text)

    assert "Nothing was removed. Tick the box to confirm." in shown
    assert wishes(world) == []


def test_confirmed_it_is_asked_for_and_followed_until_it_has_ended(open_as: Open) -> None:
    world = gone()
    browser = open_as(world)
    answer = browser.post(ASK, data={"sure": "yes"})

    assert wishes(world) == [{"connection_id": DEMO}]
    assert (answer.status_code, answer.location) == (303, "/accounting-link/removal/r-1")
    html = browser.get(answer.location).text
    assert "2,300 of 9,200" in text_of(html)
    assert "every 1s" in html

    world.removals[0].update(state="completed", records=9200, ended_at="2026-03-02T09:01:00+00:00")
    html = browser.get("/accounting-link/removal/r-1/panel").text
    assert "9,200 of 9,200" in text_of(html)
    assert "were removed" in text_of(html)
    assert "every 1s" not in html


def test_what_is_connected_has_to_be_disconnected_first(open_as: Open) -> None:
    shown = text_of(open_as(connected()).get(ASK).text)
    assert "Disconnect it first" in shown
    assert "cannot be taken back" not in shown


def test_accounting_link_says_that_it_was_removed_and_when(open_as: Open) -> None:
    done = a_removal(state="completed", ended_at="2026-03-02T09:01:00+00:00")
    shown = text_of(open_as(gone(removals=[done])).get(HOME).text)
    assert "What it imported was removed 2 Mar 2026" in shown
    assert OFFER not in shown


def test_control_a_removal_of_an_earlier_life_says_nothing_of_this_one(open_as: Open) -> None:
    earlier = a_removal(state="completed", authorisation=0, ended_at="2026-02-01T09:01:00+00:00")
    shown = text_of(open_as(gone(removals=[earlier])).get(HOME).text)
    assert "was removed" not in shown
    assert OFFER in shown


def test_who_may_not_is_told_so(open_as: Open) -> None:
    refused = {"type": "/api/problems/not-allowed", "detail": "Your role does not allow this."}
    world = gone(refused={"removals": (403, refused), "records": (403, refused)})
    browser = open_as(world, "legrand:member")
    assert "Your role does not allow this." in text_of(browser.get(ASK).text)
    assert browser.post(ASK, data={"sure": "yes"}).status_code == 403
