"""Disconnecting, health and the audit log, as a person meets them."""

from typing import Any

import pytest

from tests.unit.crm_frontend.conftest import Open, text_of
from tests.unit.crm_frontend.stub_gateway import DEMO, World, a_connection, connected

HOME, ASK = "/accounting-link?application=xero", f"/accounting-link/disconnect/{DEMO}"
GONE = {
    "state": "disconnected",
    "disconnected_at": "2026-03-01T12:00:00+00:00",
    "disconnected_by_name": "Ada Legrand",
}


def deletes(world: World) -> list[str]:
    return [str(asked["path"]) for asked in world.asked if asked["method"] == "DELETE"]


def test_the_link_leads_to_a_page_that_says_what_will_happen_and_does_nothing_yet(open_as: Open) -> None:
    world = connected()
    browser = open_as(world)
    assert "Click here to Disconnect" in text_of(browser.get(HOME).text)
    assert "Click here to Disconnect" in text_of(browser.get("/xero/sync").text)

    shown = text_of(browser.get(ASK).text)

    assert "Nothing is read from Xero any more" in shown
    assert deletes(world) == []


def test_confirmed_it_is_disconnected_and_the_page_says_so(open_as: Open) -> None:
    world = connected()
    browser = open_as(world)

    answer = browser.post(ASK)

    assert deletes(world) == [f"/api/v1/connections/{DEMO}"]
    assert answer.status_code == 303
    shown = text_of(browser.get(answer.location).text)
    assert "Disconnected. Nothing is read from Xero any more." in shown
    assert "Connect again" in shown


def test_a_disconnected_organisation_says_since_when_and_by_whom_and_its_module_is_gone(open_as: Open) -> None:
    browser = open_as(World(connections=[a_connection(**GONE)]))
    shown = text_of(browser.get(HOME).text)

    assert "Disconnected since" in shown
    assert "by Ada Legrand" in shown
    assert "/xero/sync" not in browser.get("/companies").text
    assert "Disconnected from Xero since" in text_of(browser.get("/companies/co-1").text)


def test_control_the_record_of_a_connected_organisation_says_nothing_of_it(open_as: Open) -> None:
    assert "Disconnected" not in text_of(open_as(connected()).get("/companies/co-1").text)


def test_who_may_not_is_told_so_and_another_accounts_connection_is_none(open_as: Open) -> None:
    refused: dict[str, Any] = {"type": "/api/problems/not-allowed", "detail": "Your role does not allow this."}
    world = connected(refused={"connections": (403, refused)})
    assert open_as(world, "legrand:member").post(ASK).status_code == 403
    assert open_as(connected()).get("/accounting-link/disconnect/somebody-elses").status_code == 404


def test_only_an_administrator_is_offered_it_in_the_module(open_as: Open) -> None:
    assert "Click here to Disconnect" not in text_of(open_as(connected(), "legrand:member").get("/xero/sync").text)


def test_health_says_since_when_by_whom_and_what_is_left_of_the_day(open_as: Open) -> None:
    shown = text_of(open_as(connected()).get(HOME).text)

    assert "by Ada Legrand" in shown
    assert "4,876 of 5,000 calls left today" in shown
    assert "2.5 MB read today" in shown


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (None, "Not yet compared with Xero as a whole: the first sync does."),
        ({"first_import": True, "differed": 9_200}, "All of Xero's 9,200 records read for the first time"),
        ({"differed": 0}, "9,200 records last compared 2 Mar 2026, 09:00 UTC : nothing differed ·"),
        ({"differed": 1}, ": 1 had changed and was put right ·"),
        ({"differed": 12, "failed": 3}, ": 12 had changed and were put right, 3 could not be used ·"),
    ],
)
def test_health_says_when_all_was_last_compared_and_what_differed(
    open_as: Open, more: dict[str, Any] | None, said: str
) -> None:
    usual = {"sync_id": "s-1", "at": "2026-03-02T09:00:00+00:00", "first_import": False, "records": 9_200, "failed": 0}
    world = connected(last_comparison=None if more is None else usual | more)

    assert said in " ".join(text_of(open_as(world).get(HOME).text).split())


def test_with_the_logs_down_the_page_says_the_rest(open_as: Open) -> None:
    world = connected(refused={"logs": (502, {"type": "/api/problems/unavailable"})})
    shown = text_of(open_as(world).get(HOME).text)

    assert "Last good call" in shown
    assert "calls left" not in shown


def test_a_lost_connection_says_why_and_offers_to_connect_again_in_one_click(open_as: Open) -> None:
    lost = {"state": "lost", "lost_at": "2026-03-01T12:00:00+00:00", "lost_reason": "It was withdrawn at Xero."}
    html = open_as(World(connections=[a_connection(**lost)])).get(HOME).text

    assert "It was withdrawn at Xero." in text_of(html)
    assert 'action="/accounting-link/connect"' in html
    assert "Connect again" in html
    for said in ("Last good call", "calls left today", "compared"):
        assert said in text_of(html)


def test_the_audit_log_says_who_did_what_from_where(open_as: Open) -> None:
    shown = text_of(open_as(connected()).get("/accounting-link/audit").text)

    for said in ("Ada Legrand", "Changed the sync settings", "frequency: Every day", "203.0.113.7"):
        assert said in shown
