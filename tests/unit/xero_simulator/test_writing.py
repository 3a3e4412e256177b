"""Contacts created and updated through the API, with Xero's refusals and Idempotency-Keys."""

from typing import Any

import pytest

from tests.unit.xero_simulator.conftest import Browser, World, a_browser
from xero_simulator.journal import Journal
from xero_simulator.simulator import Simulator
from xero_simulator.wire import decode, encode, ms_in, to_ms


def send(world: World, body: Any, method: str = "PUT", path: str = "/Contacts", key: str = "", **query: str) -> Any:
    raw = body if isinstance(body, bytes) else encode(body)
    headers = {"Idempotency-Key": key} if key else {}
    return world.simulator.call(world.tenant, path, query, headers, method, raw)


def made(answer: Any) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return dict(decode(answer.body)["Contacts"][0])


def count(world: World) -> int:
    return len(world.simulator.organisations[world.tenant].contacts)


def test_a_created_contact_is_there_at_once_counted_and_whole(world: World) -> None:
    before = count(world)
    sent = {"Name": "New One", "FirstName": "A", "LastName": "B", "Phones": [{"PhoneType": "DDI", "PhoneNumber": "1"}]}
    told = made(send(world, {"Contacts": [sent]}))
    read = world.get(f"/Contacts/{told['ContactID']}")["Contacts"][0]
    assert {name: read[name] for name in ("Name", "FirstName", "LastName")} == {n: sent[n] for n in list(sent)[:3]}
    assert [p["PhoneType"] for p in read["Phones"]] == ["DEFAULT", "DDI", "FAX", "MOBILE"]
    assert (read["IsCustomer"], read["ContactStatus"]) == (False, "ACTIVE")
    assert ms_in(read["UpdatedDateUTC"]) == to_ms(world.clock.now())
    assert count(world) == before + 1
    ledger = world.simulator.organisations[world.tenant].ledger.summary()
    assert ledger["contacts"]["all"] == before + 1


def test_a_post_changes_by_id_by_number_or_by_name_where_a_put_would_be_refused(world: World) -> None:
    first = made(send(world, {"Name": "Same Name", "ContactNumber": "N-1"}))
    size = count(world)
    by_name = made(send(world, {"Name": " same name ", "LastName": "X"}, "POST"))
    by_number = made(send(world, {"ContactNumber": "N-1", "FirstName": "Y"}, "POST"))
    by_id = made(send(world, {"AccountNumber": "Z"}, "POST", f"/Contacts/{first['ContactID']}"))
    assert {one["ContactID"] for one in (first, by_name, by_number, by_id)} == {first["ContactID"]}
    assert (by_id["LastName"], by_id["FirstName"], by_id["AccountNumber"]) == ("X", "Y", "Z")
    assert send(world, {"Name": "same name"}).status == 400
    assert count(world) == size


@pytest.mark.parametrize(
    ("body", "number", "words"),
    [
        ({"FirstName": "A"}, 10, "Contact Name cannot be empty"),
        ({"Name": "  "}, 10, "Contact Name cannot be empty"),
        ({"Name": "x" * 256}, 10, "longer than 255"),
        ({"Name": "Long", "ContactNumber": "1" * 51}, 10, "longer than 50"),
        ({"Name": "Mail", "EmailAddress": "nobody at home"}, 10, "is not valid"),
        ({"Name": "Six", "ContactPersons": [{"FirstName": str(n)} for n in range(6)]}, 10, "no more than 5"),
        ({"Name": "Id", "ContactID": "5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1001"}, 10, "could not be found"),
        (b"{", 14, "Could not parse"),
        ({"Name": ["list"]}, 14, "must be a text"),
        ({"Name": "a\x01b"}, 14, "control characters"),
        ({"Name": "P", "Addresses": [{"AddressType": "MOON"}]}, 14, "must be one of"),
        (b"", 17, "No data has been processed"),
        ({"Contacts": []}, 17, "No data has been processed"),
    ],
)
def test_what_xero_refuses_is_told_in_its_form_and_changes_nothing(
    world: World, body: Any, number: int, words: str
) -> None:
    before = count(world)
    answer = send(world, body)
    told = decode(answer.body)
    assert (answer.status, told["ErrorNumber"]) == (400, number)
    message = told["Elements"][0]["ValidationErrors"][0]["Message"] if number == 10 else told["Message"]
    assert words in message
    assert count(world) == before


def test_a_name_is_free_again_once_its_contact_is_archived_and_the_archived_one_cannot_be_changed(world: World) -> None:
    first = made(send(world, {"Name": "Taken"}))
    assert send(world, {"Name": "TAKEN "}).status == 400
    made(send(world, {"ContactStatus": "ARCHIVED"}, "POST", f"/Contacts/{first['ContactID']}"))
    assert made(send(world, {"Name": "Taken"}))["ContactID"] != first["ContactID"]
    refused = send(world, {"LastName": "X"}, "POST", f"/Contacts/{first['ContactID']}")
    assert "archived" in decode(refused.body)["Elements"][0]["ValidationErrors"][0]["Message"]
    assert send(world, {"LastName": "X"}, "POST", "/Contacts/5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1001").status == 404


def test_of_a_batch_what_is_in_order_is_made_and_what_is_not_is_told(world: World) -> None:
    before = count(world)
    batch = {"Contacts": [{"Name": "Twin"}, {"Name": "twin"}, {"Name": "Other"}]}
    answer = send(world, batch)
    assert answer.status == 400
    assert [one["Name"] for one in decode(answer.body)["Elements"]] == ["twin"]
    assert count(world) == before + 2
    again = decode(send(world, {"Contacts": [{"Name": "Twin"}, {"Name": "Third"}]}, summarizeErrors="false").body)
    assert [one["StatusAttributeString"] for one in again["Contacts"]] == ["ERROR", "OK"]


def test_a_repeated_key_makes_one_contact_and_without_it_two_are_asked_for(world: World) -> None:
    world.simulator.add_fault({"kind": "reset", "count": 1})
    lost = send(world, {"Name": "Once"}, key="k-1")
    assert lost.broken == "reset"
    size = count(world)
    again = send(world, {"Name": "Once"}, key="k-1")
    assert (again.status, again.body, count(world)) == (200, lost.body, size)
    assert send(world, {"Name": "Once"}).status == 400  # the control: without the key it is a second contact
    refused = send(world, {"Name": "Another"}, key="k-1")
    assert (refused.status, b"Idempotency Key: k-1 is used with a different request." in refused.body) == (400, True)
    assert send(world, {"Name": "Another"}, key="k" * 129).status == 400
    world.clock.advance(minutes=6)
    assert made(send(world, {"Name": "Another"}, key="k-1"))["Name"] == "Another"


def test_a_key_and_what_it_answered_outlive_a_kill(tmp_path: Any) -> None:
    path = tmp_path / "journal.jsonl"
    first = a_browser(lambda clock: Simulator(clock, check_tokens=False, journal=Journal(path)))
    headers, body = {"Idempotency-Key": "k"}, encode({"Name": "Kept"})
    answers = [first.simulator.call(first.tenants[0], "/Contacts", {}, headers, "PUT", body)]
    second = Simulator(first.clock, check_tokens=False, journal=Journal(path))
    answers.append(second.call(first.tenants[0], "/Contacts", {}, headers, "PUT", body))
    assert (answers[1].status, answers[1].body) == (200, answers[0].body)


def test_a_contact_may_be_written_in_xml(world: World) -> None:
    person = "<ContactPerson><LastName>Ng</LastName><IncludeInEmails>false</IncludeInEmails></ContactPerson>"
    parts = f"<Phones/><ContactPersons>{person}</ContactPersons>"
    xml = f"<Contacts><Contact><Name>Ngā &amp; Sons</Name>{parts}</Contact></Contacts>".encode()
    told = world.simulator.call(world.tenant, "/Contacts", {}, {}, "PUT", xml)
    made = decode(told.body)["Contacts"][0]
    assert made["Name"] == "Ngā & Sons"
    assert made["ContactPersons"] == [{"LastName": "Ng", "IncludeInEmails": False}]
    refused = world.simulator.call(world.tenant, "/Contacts", {}, {}, "PUT", xml[:-3])
    assert (refused.status, b"PostDataInvalidException" in refused.body) == (400, True)


@pytest.mark.parametrize(("scope", "status"), [("accounting.contacts", 200), ("accounting.contacts.read", 401)])
def test_writing_needs_the_scope_to_write(browser: Browser, scope: str, status: int) -> None:
    access = browser.connect(scope=f"offline_access {scope}")["access_token"]
    headers = {"Authorization": f"Bearer {access}", "xero-tenant-id": browser.tenants[0]}
    assert browser.http.put("/api.xro/2.0/Contacts", json={"Name": "S"}, headers=headers).status_code == status
    assert browser.get("/api.xro/2.0/Contacts", access).status_code == 200


def test_what_is_not_written_here_is_not_allowed(world: World) -> None:
    assert send(world, {}, "PUT", "/Invoices").status == 405
    assert send(world, {}, "DELETE").status == 405
