"""Whatever the simulator answers is what Xero's OpenAPI documents say. Needs XERO_OPENAPI, the folder they are in."""

import sys
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.xero_simulator.conftest import ALL_SCOPES, Browser, a_browser
from tests.unit.xero_simulator.openapi import Checked, document, schemas
from xero_simulator.identity import SCOPES
from xero_simulator.kinds import BY_RESOURCE
from xero_simulator.simulator import Simulator
from xero_simulator.wire import decode

ALONE = 30  # records of each kind that are read alone
JSON = "application/json; charset=utf-8"


@dataclass
class Client:
    """An app that holds everything it is answered against the documents."""

    browser: Browser
    access: str
    checked: Checked = field(default_factory=Checked)

    def ask(self, method: str, path: str, body: Any = None, *, root: str = "/api.xro/2.0", **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {self.access}", "xero-tenant-id": self.browser.tenants[0], **headers}
        path, _, query = path.partition("?")
        answer = self.browser.http.open(f"{root}{path}", method=method, headers=sent, query_string=query, json=body)
        told: Any = answer.data if answer.data else None
        if told and answer.content_type.startswith("application/json"):
            told = decode(told)
        elif answer.status_code == 404:
            told = None  # Xero's 404 is a sentence
        self.checked.check(method, path, answer.status_code, told, short="summaryOnly" in query)
        return told


@pytest.fixture
def client() -> Client:
    document("xero_accounting.yaml")

    def seeded(clock: Any) -> Simulator:
        simulator = Simulator(clock, limits=False)
        simulator.add_organisation(name="Organisation 0", seed=7, contacts=80, invoices=600)
        return simulator

    browser = a_browser(seeded)
    scopes = f"{ALL_SCOPES} accounting.payments.read"
    return Client(browser, browser.connect(scope=scopes)["access_token"])


def read_everything(client: Client) -> None:
    client.ask("GET", "/Organisation")
    client.ask("GET", "/Currencies")
    for resource, kind in BY_RESOURCE.items():
        rows = client.ask("GET", f"/{resource}?page=1&pageSize=1000&includeArchived=true")[resource]
        client.ask("GET", f"/{resource}?includeArchived=true")
        client.ask("GET", f"/{resource}?summaryOnly=true&page=1")
        client.ask("GET", f"/{resource}?page=1", **{"If-Modified-Since": "2026-02-01T00:00:00"})
        client.ask("GET", f"/{resource}?page=1", **{"If-Modified-Since": "2030-01-01T00:00:00"})
        for row in [*rows[:ALONE], *rows[-ALONE:]]:
            client.ask("GET", f"/{resource}/{row[kind.id]}")
    for row in [r for r in client.ask("GET", "/Invoices?page=1")["Invoices"] if r["Status"] == "PAID"][:5]:
        client.ask("GET", f"/Invoices/{row['InvoiceID']}/OnlineInvoice")
        client.ask("GET", f"/Invoices/{row['InvoiceID']}/pdf", Accept="application/pdf")


def write(client: Client) -> None:
    phone = {"PhoneType": "MOBILE", "PhoneNumber": "555", "PhoneAreaCode": "21", "PhoneCountryCode": "64"}
    whole = {"Name": "Whole", "FirstName": "A", "LastName": "B", "EmailAddress": "a@b.nz", "Phones": [phone]}
    made = client.ask("PUT", "/Contacts", {"Contacts": [whole]})["Contacts"][0]
    client.ask("POST", "/Contacts", {"Contacts": [{"ContactID": made["ContactID"], "LastName": "C"}]})
    client.ask("POST", f"/Contacts/{made['ContactID']}", {"Contacts": [{"ContactStatus": "ARCHIVED"}]})
    client.ask("PUT", "/Contacts?summarizeErrors=false", {"Contacts": [{"Name": "New"}, {"Name": ""}]})
    bodies: tuple[Any, ...] = ({"Name": ""}, {"Name": "x" * 256}, {"Name": "New"}, [], {"Contacts": [3]})
    for body in (*bodies, {"Name": "Mail", "EmailAddress": "at"}, {"Name": "P", "Phones": [{"PhoneType": "PIGEON"}]}):
        client.ask("PUT", "/Contacts", body)
    client.ask("POST", "/Contacts", {"ContactID": made["ContactID"], "LastName": "D"})
    client.ask("PUT", "/Contacts", whole, **{"Idempotency-Key": "k" * 129})


def be_refused(client: Client) -> None:
    draft = client.ask("GET", "/Invoices?page=1&Statuses=DRAFT")["Invoices"][0]["InvoiceID"]
    for path in ("/Invoices?where=Colour==1", "/Invoices?order=Colour", f"/Invoices/{draft}/OnlineInvoice"):
        client.ask("GET", path)
    for path in ("/Contacts?page=0", "/Invoices/nobody", "/Payments/nobody"):
        client.ask("GET", path)
    client.ask("GET", "/Contacts", Authorization="Bearer nobody")
    client.ask("GET", "/Contacts", **{"xero-tenant-id": "nobody"})
    client.ask("PUT", "/Payments", {})
    client.browser.http.post("/simulator/settings", json={"high_volume": 5})
    for path in ("/Contacts", "/Contacts?page=1&order=EmailAddress", "/Payments?page=1&where=Amount>1"):
        client.ask("GET", path)
    client.browser.http.post("/simulator/settings", json={"high_volume": 100_000})
    client.browser.http.post("/simulator/faults", json={"kind": "status", "status": 503, "count": 1})
    client.ask("GET", "/Contacts")
    client.browser.http.post("/simulator/faults", json={"kind": "throttle", "count": 1})
    client.ask("GET", "/Contacts")
    client.browser.http.post("/simulator/clock", json={"advance_seconds": 1800})
    client.ask("GET", "/Contacts")


def disconnect(client: Client) -> None:
    client.access = client.browser.connect()["access_token"]
    rows = client.ask("GET", "/Connections", root="")
    client.ask("DELETE", f"/Connections/{rows[0]['id']}", root="")
    client.ask("GET", "/Organisation", **{"xero-tenant-id": rows[0]["tenantId"]})


def test_every_answer_and_every_error_body_is_as_xeros_openapi_documents_say(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    for act in (read_everything, write, be_refused, disconnect):
        act(client)
    checked = client.checked
    with capsys.disabled():
        sys.stdout.write(
            f"\nXero's OpenAPI: {len(checked.operations)} operations, {checked.answers} answers"
            f" ({checked.errors} of them errors), {checked.fields} values checked, {len(checked.faults)} faults\n"
        )
    assert checked.faults == set()
    assert len(checked.operations) >= 15, checked.operations
    assert checked.answers >= 300
    assert checked.errors >= 18


@pytest.mark.parametrize(
    ("path", "body", "fault"),
    [
        ("/Invoices", {"Invoices": [{"Colour": 1}]}, "unknown Invoice.Colour"),
        ("/Invoices", {"Invoices": [{"Status": "LOST"}]}, "mistyped Invoice.Status='LOST'"),
        ("/Invoices", {"Invoices": [{"Total": "3"}]}, "mistyped Invoice.Total='3'"),
        ("/Payments", {"Payments": [{"Amount": Decimal(1)}]}, "missing Payments.Payments: PaymentID"),
        ("/Contacts", {"Contacts": [{"Phones": [{"PhoneNumber": 3}]}]}, "mistyped Phone.PhoneNumber=3"),
    ],
)
def test_an_unknown_a_mistyped_and_a_missing_field_are_noticed(path: str, body: Any, fault: str) -> None:
    assert schemas()
    checked = Checked()
    checked.check("GET", path, 200, body)
    assert fault in checked.faults


def test_every_scope_that_the_document_names_may_be_asked_for() -> None:
    flows = document("xero_accounting.yaml")["components"]["securitySchemes"]["OAuth2"]["flows"].values()
    named = {scope for flow in flows for scope in flow["scopes"]}
    assert len(named) > 10
    assert named <= SCOPES
