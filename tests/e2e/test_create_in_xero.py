"""Create in Xero through the gateway: a contact of the CRM, at Xero, and what the CRM and its logs say of it."""

import json
from typing import Any

import pytest
import requests
from rich.console import Console

from accounting_link.chassis import mongo
from deploy.local.compare import compare
from deploy.local.crm import Crm
from tests.e2e.test_connection import Life, life
from tests.e2e.test_flow import log_has_ended, until
from tests.e2e.test_removal import sources
from tests.sessions import entered

__all__ = ["life"]


@pytest.fixture
def member(life: Life) -> Crm:
    until(lambda: life.crm.knows(f"/organisations/{life.connection}"))
    return entered(life.platform, "totara:member")


def made(crm: Crm, life: Life, **said: str) -> dict[str, Any]:
    """Somebody of a company that nobody else has."""
    company = {"company_name": f"Tea & Sons “{life.connection}”"}
    ana = {"first_name": "Ana", "last_name": "Ngata", "email": "ana@example.com"}
    return dict(crm.post("/contacts", {**ana, **company, **said}))


def created(crm: Crm, life: Life, contact_id: str) -> dict[str, Any]:
    """What became of it, once something did."""
    asked = crm.post("/exports", {"connection_id": life.connection, "contact_id": contact_id})
    until(lambda: crm.get(f"/exports/{asked['id']}")["state"] != "requested")
    return dict(crm.get(f"/exports/{asked['id']}"))


def at_xero(life: Life) -> dict[str, dict[str, Any]]:
    """The organisation's contacts, by id."""
    asked = {"tenant": life.tenant, "kind": "contact"}
    return {
        one["id"]: one for one in requests.get(f"{life.xero}/ledger/records", params=asked, timeout=60).json()["items"]
    }


def puts(life: Life) -> int:
    calls = requests.get(f"{life.xero}/calls", params={"tenant": life.tenant}, timeout=60).json()["calls"]
    return sum(call["method"] != "GET" for call in calls)


def test_a_contact_is_created_linked_told_of_and_in_step_with_every_later_sync(life: Life, member: Crm) -> None:
    assert life.ends(life.start()) == "completed"
    before = at_xero(life)
    person = made(member, life)

    told = created(member, life, person["id"])

    assert (told["state"], told["refusal"]) == ("created", None)
    assert at_xero(life).keys() - before.keys() == {told["xero_id"]}
    shown = member.get(f"/contacts/{person['id']}")
    assert (shown["contact_id"], shown["connection_id"], shown["main"]) == (told["xero_id"], life.connection, True)
    company = member.get(f"/companies/{person['company_id']}")
    [part] = company["parts"]
    assert (part["contact_id"], part["state"]) == (told["xero_id"], "imported")
    assert part["contact_number"] == f"crm-{person['company_id']}"
    assert [one["id"] for one in company["people"]] == [person["id"]]

    until(lambda: life.acts()[0] == "created_in_xero")
    act = life.crm.get("/logs/audit", connection_id=life.connection)["items"][0]
    assert (act["by"], act["about"], act["details"]) == (
        told["requested_by"],
        person["id"],
        {"xero_contact": told["xero_id"]},
    )
    assert act["address"]

    again = created(member, life, person["id"])
    assert (again["id"], puts(life)) == (told["id"], 1)
    full = life.start()
    assert life.ends(full) == "completed"
    until(lambda: log_has_ended(life.crm, full))
    [row] = [
        one for one in life.crm.every(f"/logs/sync/{full}/records", kind="contact") if one["xero_id"] == told["xero_id"]
    ]
    assert row["result"] == "unchanged"
    assert member.get(f"/companies/{person['company_id']}")["parts"] == company["parts"]
    with mongo.database(life.platform.mongo_uri, "crm") as db:
        assert db.contacts.count_documents({"xero_contact_id": told["xero_id"]}) == 1


def test_before_the_first_sync_too_and_the_import_makes_nobody_twice(life: Life, member: Crm) -> None:
    person = made(member, life, company_name="", last_name=f"Ngata {life.connection}")

    told = created(member, life, person["id"])

    assert told["state"] == "created"
    full = life.start()
    assert life.ends(full) == "completed"
    until(lambda: log_has_ended(life.crm, full))
    shown = member.get(f"/contacts/{person['id']}")
    assert (shown["contact_id"], shown["company_name"]) == (told["xero_id"], f"Ana Ngata {life.connection}")
    found = member.get("/contacts", search=life.connection)["items"]
    assert [one["id"] for one in found] == [person["id"]]


def test_what_stands_at_xero_under_that_name_stays_as_it_is_and_the_person_is_told(life: Life, member: Crm) -> None:
    there = {"op": "create", "kind": "contact", "set": {"Name": f"Tea & Café of {life.connection}", "LastName": "Tui"}}
    made_there = requests.post(f"{life.xero}/{life.tenant}/changes", data=json.dumps(there), timeout=60).json()
    standing = made_there["items"][0]["id"]
    person = made(member, life, company_name=f"  TEA & CAFÉ  of {life.connection} ")
    before = at_xero(life)

    told = created(member, life, person["id"])

    assert (told["state"], told["refusal"], told["xero_id"]) == ("refused", "already_there", standing)
    assert f"Tea & Café of {life.connection}" in told["detail"]
    assert (at_xero(life), puts(life)) == (before, 0)
    assert "created_in_xero" not in life.acts()


def test_of_a_lost_connection_it_is_told_and_once_connected_again_it_goes_through(life: Life, member: Crm) -> None:
    person = made(member, life)
    requests.post(f"{life.xero}/{life.tenant}/disconnect", timeout=60).raise_for_status()

    told = created(member, life, person["id"])

    assert (told["state"], told["refusal"]) == ("refused", "connection_lost")
    assert told["detail"]
    until(lambda: life.state() == "lost")
    life.again()
    assert created(member, life, person["id"])["state"] == "created"


def test_the_demos_own_comparison_still_agrees(life: Life, member: Crm) -> None:
    assert created(member, life, made(member, life)["id"])["state"] == "created"
    full = life.start()
    assert life.ends(full) == "completed"
    until(lambda: log_has_ended(life.crm, full))

    assert compare(sources(life, full), Console(quiet=True)) == []
