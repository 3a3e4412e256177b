"""The control API, the faults it sets, and the pages a person uses, at the HTTP layer in memory."""

import re
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.xero_simulator.conftest import Browser, World
from xero_simulator.web import app_of


def fault(browser: Browser, **rule: Any) -> Any:
    answer = browser.http.post("/simulator/faults", json=rule)
    assert answer.status_code == 201, answer.text
    return answer.json


def invoices(browser: Browser, access: str, **query: str) -> Any:
    return browser.get("/api.xro/2.0/Invoices", access, **{"page": "1", **query})


def test_a_rule_hits_as_often_as_told_after_as_many_as_told_and_only_its_path(browser: Browser) -> None:
    access = browser.connect()["access_token"]
    fault(browser, kind="status", status=503, path="^/Invoices", count=2, after=1)
    assert browser.get("/api.xro/2.0/Contacts", access).status_code == 200
    assert [invoices(browser, access).status_code for _ in range(4)] == [200, 503, 503, 200]


def test_a_storm_says_when_to_come_again_and_ends_when_it_is_cleared(browser: Browser) -> None:
    access = browser.connect()["access_token"]
    fault(browser, kind="throttle", retry_after=7, tenant=browser.tenants[0])
    refused = invoices(browser, access)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert browser.get("/api.xro/2.0/Invoices", access, browser.tenants[1]).status_code == 200
    assert browser.http.delete("/simulator/faults").status_code == 204
    assert invoices(browser, access).status_code == 200


def test_broken_answers_are_cut_or_unreadable(browser: Browser) -> None:
    access = browser.connect()["access_token"]
    whole = len(invoices(browser, access).data)
    fault(browser, kind="malformed", count=1)
    cut = invoices(browser, access)
    assert (cut.status_code, len(cut.data) < whole) == (200, True)
    for kind in ("reset", "hang"):
        fault(browser, kind=kind, count=1)
        with pytest.raises(ConnectionResetError):
            _ = invoices(browser, access).data
    assert len(invoices(browser, access).data) == whole


def test_a_dead_token_is_a_401_for_calls_and_an_invalid_grant_for_refreshes(browser: Browser) -> None:
    tokens = browser.connect()
    fault(browser, kind="token_death", path="^/(Invoices|connect/token)")
    assert invoices(browser, tokens["access_token"]).json["Detail"].startswith("TokenExpired")
    assert browser.refresh(tokens["refresh_token"]).json == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("how", "is_odd"),
    [
        ("total_list", lambda row: isinstance(row["Total"], list)),
        ("updated_nonsense", lambda row: not row["UpdatedDateUTC"].startswith("/Date(")),
        ("no_contact", lambda row: "Contact" not in row),
        ("no_id", lambda row: "InvoiceID" not in row),
    ],
)
def test_one_poisonous_record_leaves_all_others_as_they_are(browser: Browser, how: str, is_odd: Any) -> None:
    access = browser.connect()["access_token"]
    assert not [row for row in invoices(browser, access).json["Invoices"] if is_odd(row)]
    fault(browser, kind="poison", how=how, tenant=browser.tenants[0])
    assert len([row for row in invoices(browser, access).json["Invoices"] if is_odd(row)]) == 1


def test_a_large_invoice_is_as_large_as_told(browser: Browser) -> None:
    access = browser.connect()["access_token"]
    rule = fault(browser, kind="large", bytes=2_000_000, tenant=browser.tenants[0])
    row = invoices(browser, access, IDs=rule["more"]["record"]).json["Invoices"][0]
    assert len(row["LineItems"][0]["Description"]) == 2_000_000


@pytest.mark.parametrize(
    "rule", [{"kind": "plague"}, {"kind": "latency", "minutes": 3}, {"kind": "poison", "how": "x"}]
)
def test_a_rule_that_is_not_understood_is_refused(browser: Browser, rule: dict[str, Any]) -> None:
    assert browser.http.post("/simulator/faults", json=rule).status_code == 400
    assert browser.http.get("/simulator/faults").json == {"items": []}


def test_calls_are_told_with_their_bytes_and_can_be_forgotten(browser: Browser) -> None:
    access, tenant = browser.connect()["access_token"], browser.tenants[0]
    size = len(invoices(browser, access).data)
    told = browser.http.get("/simulator/calls", query_string={"tenant": tenant}).json
    assert [(call["path"], call["query"], call["bytes"]) for call in told["calls"]] == [
        ("/Invoices", {"page": "1"}, size)
    ]
    assert (told["totals"][tenant]["calls"], told["totals"][tenant]["bytes"]) == (1, size)
    browser.http.delete("/simulator/calls")
    assert browser.http.get("/simulator/calls").json == {"calls": [], "totals": {}}


def test_every_answer_carries_the_simulators_own_date(browser: Browser) -> None:
    access = browser.connect()["access_token"]
    browser.http.post("/simulator/clock", json={"advance_seconds": 600})
    assert invoices(browser, access).headers["Date"] == "Mon, 02 Mar 2026 09:40:15 GMT"


def test_organisations_are_seeded_changed_and_summed_through_the_control_api(browser: Browser) -> None:
    made = browser.http.post(
        "/simulator/organisations", json={"name": "Third", "seed": 3, "contacts": 8, "invoices": 9}
    )
    tenant = made.json["tenant"]
    ledger = browser.http.get("/simulator/ledger", query_string={"tenant": tenant}).json
    assert sum(row["count"] for row in ledger["invoices"] if row["type"] == "ACCREC") == 9
    rows = browser.http.get("/simulator/ledger/records", query_string={"tenant": tenant, "kind": "contact"}).json[
        "items"
    ]
    changed = browser.http.post(
        f"/simulator/{tenant}/changes", json=[{"kind": "contact", "id": rows[0]["id"], "op": "touch"}]
    )
    assert changed.json["items"][0]["id"] == rows[0]["id"]
    touched = browser.http.post(f"/simulator/{tenant}/bulk-touch", json={"invoices": 4, "within_ms": 1500})
    assert len(touched.json["invoices"]) == 4
    assert browser.http.post("/simulator/nobody/changes", json=[{"kind": "contact"}]).status_code == 404
    assert browser.http.post("/simulator/settings", json={"page_cup": 1}).status_code == 400


def test_a_disconnect_made_at_xero_is_a_403_from_then_on(browser: Browser) -> None:
    access = browser.connect()["access_token"]
    browser.http.post(f"/simulator/{browser.tenants[0]}/disconnect")
    assert invoices(browser, access).status_code == 403


def test_issued_secrets_name_every_token(browser: Browser) -> None:
    tokens = browser.connect()
    told = browser.http.get("/simulator/issued-secrets").json["items"]
    assert {tokens["access_token"], tokens["refresh_token"], tokens["id_token"]} <= set(told)


def test_a_deep_link_shows_the_record_and_its_form_changes_it(browser: Browser) -> None:
    org = browser.simulator.organisations[browser.tenants[0]]
    contact = next(r for r in org.contacts.records.values() if r.status == "ACTIVE" and r.name)
    link = {"shortcode": org.profile["ShortCode"], "redirecturl": f"/Contacts/View/{contact.id}"}
    page = browser.http.get("/organisationlogin/default.aspx", query_string=link, follow_redirects=True)
    assert page.status_code == 200
    assert "simulator" in page.text
    assert "<script" not in page.text
    form = {"op": "set", "Name": "Renamed by hand", "FirstName": "", "LastName": "Ng", "EmailAddress": ""}
    browser.http.post(page.request.path, data=form)
    after = org.contacts.records[contact.id]
    assert (after.name, after.last_name, after.first_name) == ("Renamed by hand", "Ng", None)
    assert browser.http.get(f"/organisations/{org.tenant}?search=by+hand").text.count("Renamed by hand") == 1


def test_a_page_says_what_xero_refuses(browser: Browser) -> None:
    org = browser.simulator.organisations[browser.tenants[0]]
    invoice = next(r for r in org.invoices.records.values() if r.status == "PAID")
    link = {
        "shortcode": org.profile["ShortCode"],
        "redirecturl": f"/AccountsReceivable/View.aspx?InvoiceID={invoice.id}",
    }
    page = browser.http.get("/organisationlogin/default.aspx", query_string=link, follow_redirects=True)
    refused = browser.http.post(page.request.path, data={"op": "void"})
    assert refused.status_code == 400
    assert "not of valid status" in refused.text
    assert browser.http.get("/organisationlogin/default.aspx?shortcode=!nobody").status_code == 404


def test_the_twin_can_be_cut_off_by_a_rule_as_http_is(world: World) -> None:
    world.simulator.add_fault({"kind": "reset", "count": 1})
    assert [world.answer("/Invoices").broken for _ in range(2)] == ["reset", None]


def page_of(browser: Browser, kind: str, key: str) -> str:
    return f"/organisations/{browser.tenants[0]}/{kind}/{key}"


def test_a_person_pays_and_credits_on_the_page_and_sees_both_on_the_invoice(browser: Browser) -> None:
    org = browser.simulator.organisations[browser.tenants[0]]
    invoice = next(r for r in org.invoices.records.values() if r.status == "AUTHORISED" and r.due > 3)
    page, paid, credited = page_of(browser, "invoice", invoice.id), invoice.paid, invoice.credited
    for form in ({"op": "pay", "amount": "1.00"}, {"op": "credit", "amount": "1.00"}):
        assert browser.http.post(page, data=form).status_code == 302
    assert (invoice.paid, invoice.credited) == (paid + 1, credited + 1)
    shown = browser.http.get(page).text
    for kind in ("payment", "creditnote"):
        link = re.search(f"{kind}/([0-9a-f-]{{36}})", shown)
        assert link, kind
        assert browser.http.get(page_of(browser, kind, link[1])).status_code == 200
    assert browser.http.post(page, data={"op": "credit", "amount": "999999999"}).status_code == 400


def test_a_person_merges_by_name_archives_and_forgets_on_the_page(browser: Browser) -> None:
    org = browser.simulator.organisations[browser.tenants[0]]
    rows = [r for r in org.contacts.records.values() if r.status == "ACTIVE" and r.name]
    assert browser.http.post(page_of(browser, "contact", rows[0].id), data={"op": "archive"}).status_code == 302
    assert browser.http.post(page_of(browser, "contact", rows[1].id), data={"op": "gdpr"}).status_code == 302
    into = {"op": "merge", "into": rows[3].name}
    assert browser.http.post(page_of(browser, "contact", rows[2].id), data=into).status_code == 302
    assert [row.status for row in rows[:4]] == ["ARCHIVED", "GDPRREQUEST", "ARCHIVED", "ACTIVE"]
    assert org.doc("contact", rows[2].id)["MergedToContactID"] == rows[3].id
    refused = browser.http.post(page_of(browser, "contact", rows[3].id), data={"op": "merge", "into": "Nobody"})
    assert refused.status_code == 400


def test_every_record_has_a_page_and_credit_is_applied_by_the_invoices_number(world: World) -> None:
    http = app_of(world.simulator).test_client()
    org = world.simulator.organisations[world.tenant]
    for kind, shelf in org.shelves.items():
        for key in list(shelf.records)[:10]:
            assert http.get(f"/organisations/{world.tenant}/{kind}/{key}").status_code == 200, kind
    sale = world.an_invoice(status="AUTHORISED")
    whole = {"Contact": {"ContactID": sale["Contact"]["ContactID"]}, "CurrencyCode": sale["CurrencyCode"]}
    lines = [{"Description": "x", "UnitAmount": "0.50"}]
    wanted = {"kind": "creditnote", "op": "create", "set": {**whole, "LineItems": lines}}
    note = world.simulator.change(world.tenant, [wanted])[0]["id"]
    form = {"op": "allocate", "invoice": sale["InvoiceNumber"], "amount": ""}
    assert http.post(f"/organisations/{world.tenant}/creditnote/{note}", data=form).status_code == 302
    assert org.doc("invoice", sale["InvoiceID"])["AmountCredited"] == Decimal("0.50")


def test_the_address_of_an_online_invoice_opens(browser: Browser) -> None:
    org = browser.simulator.organisations[browser.tenants[0]]
    sale = next(r for r in org.invoices.records.values() if r.status == "PAID" and r.type == "ACCREC")
    answer = browser.get(f"/api.xro/2.0/Invoices/{sale.id}/OnlineInvoice", browser.connect()["access_token"])
    opened = browser.http.get(answer.json["OnlineInvoices"][0]["OnlineInvoiceUrl"])
    assert (opened.status_code, opened.data[:5]) == (200, b"%PDF-")
