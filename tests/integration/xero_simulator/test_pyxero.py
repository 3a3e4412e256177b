"""pyxero, which its users wrote for themselves: it asks in Xero's query language and writes in XML."""

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import xero.auth
from xero import Xero
from xero.auth import OAuth2Credentials
from xero.exceptions import XeroBadRequest, XeroForbidden, XeroNotFound, XeroUnauthorized

from tests.integration.xero_simulator.conftest import CLIENT, KIM, Served

SCOPES = ["openid", "offline_access", "accounting.contacts", "accounting.transactions", "accounting.settings"]
LISTS = {
    "contacts": "contact",
    "invoices": "invoice",
    "creditnotes": "creditnote",
    "payments": "payment",
    "overpayments": "overpayment",
    "prepayments": "prepayment",
}


@pytest.fixture
def credentials(served: Served, monkeypatch: pytest.MonkeyPatch) -> OAuth2Credentials:
    """As its README says, by a person's consent to all organisations; the addresses alone are others."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setattr(xero.auth, "XERO_BASE_URL", served.url)
    monkeypatch.setattr(xero.auth, "XERO_OAUTH2_AUTHORIZE_URL", f"{served.url}/identity/connect/authorize")
    monkeypatch.setattr(xero.auth, "XERO_OAUTH2_TOKEN_URL", f"{served.url}/connect/token")
    made = OAuth2Credentials(*CLIENT, callback_uri="http://127.0.0.1:9/callback", scope=SCOPES)
    asked = urlsplit(made.generate_url())
    form = {**dict(parse_qsl(asked.query)), "person": KIM, "organisation": served.tenants, "decision": "allow"}
    sent = requests.post(f"{served.url}{asked.path}", data=form, allow_redirects=False, timeout=60)
    made.verify(sent.headers["Location"])
    made.set_default_tenant()
    return made


@pytest.fixture
def client(credentials: OAuth2Credentials) -> Xero:
    return Xero(credentials)


def ids(rows: list[dict[str, Any]], name: str) -> set[str]:
    return {row[name] for row in rows}


def test_it_connects_and_reads_every_list_whole(client: Xero, credentials: OAuth2Credentials, served: Served) -> None:
    assert {row["tenantId"] for row in credentials.get_tenants()} == set(served.tenants)
    org = served.simulator.organisations[credentials.tenant_id]
    assert client.organisations.all()[0]["Name"] == org.profile["Name"]
    assert {row["Code"] for row in client.currencies.all()} == {"NZD", "AUD"}
    for manager, kind in LISTS.items():
        more = {"includeArchived": True} if kind == "contact" else {}
        shelf = org.shelves[kind]
        assert ids(getattr(client, manager).filter(**more), shelf.kind.id) == set(shelf.records), manager


def test_its_own_query_language_finds_what_is_held(
    client: Xero, credentials: OAuth2Credentials, served: Served
) -> None:
    rows = client.invoices.all()
    contact = rows[0]["Contact"]
    day = dt.date(2025, 1, 1)
    asked: list[tuple[dict[str, Any], Any]] = [
        ({"Type": "ACCREC", "Status": "PAID"}, lambda r: r["Type"] == "ACCREC" and r["Status"] == "PAID"),
        ({"Contact_ContactID": contact["ContactID"]}, lambda r: r["Contact"]["ContactID"] == contact["ContactID"]),
        ({"Date__gte": day}, lambda r: r["Date"].date() >= day),
        ({"raw": "AmountDue > 100"}, lambda r: r["AmountDue"] > 100),
        ({"InvoiceNumber__startswith": "INV-00"}, lambda r: r["InvoiceNumber"].startswith("INV-00")),
        ({"InvoiceNumber__tolower": "inv-0001"}, lambda r: r["InvoiceNumber"] == "INV-0001"),
        ({"Statuses": ["VOIDED", "DELETED"]}, lambda r: r["Status"] in ("VOIDED", "DELETED")),
    ]
    for query, holds in asked:
        wanted = {row["InvoiceID"] for row in rows if holds(row)}
        assert ids(client.invoices.filter(**query), "InvoiceID") == wanted, query
        assert 0 < len(wanted) < len(rows), query
    found = client.contacts.filter(searchTerm=contact["Name"].upper())
    assert contact["ContactID"] in ids(found, "ContactID")
    since = served.simulator.now().replace(tzinfo=None)
    touched = served.simulator.touch_some(credentials.tenant_id, "contact", 3)
    assert ids(client.contacts.filter(since=since, includeArchived=True), "ContactID") == set(touched)


def test_it_reads_one_invoice_its_pdf_and_its_address(client: Xero) -> None:
    listed = client.invoices.filter(page=1, pageSize=5, Type="ACCREC", Status="PAID", order="UpdatedDateUTC DESC")
    assert len(listed) == 5
    read = client.invoices.get(listed[0]["InvoiceID"])[0]
    assert (read["LineItems"], read["Date"]) == (listed[0]["LineItems"], listed[0]["Date"])
    assert Decimal(str(read["Total"])) == sum(
        Decimal(str(read[n])) for n in ("AmountDue", "AmountPaid", "AmountCredited")
    )
    assert client.invoices.get(read["InvoiceID"], headers={"Accept": "application/pdf"}).startswith(b"%PDF-")
    online = client.invoices.online_invoice(read["InvoiceID"])["OnlineInvoices"][0]
    assert online["OnlineInvoiceUrl"].endswith(read["InvoiceID"])


def test_what_it_writes_in_xml_is_read_back(client: Xero) -> None:
    person = {"FirstName": "Zoë", "LastName": "Ng", "EmailAddress": "zoe@example.nz", "IncludeInEmails": True}
    name = "Ngā Tāngata <& Sons>"
    sent = {
        "Name": name,
        "LastName": "Te Kanawa",
        "Addresses": [{"AddressType": "STREET", "City": "Auckland"}],
        "ContactPersons": [person],
    }
    made = client.contacts.put(sent)[0]
    read = client.contacts.get(made["ContactID"])[0]
    assert (read["Name"], read["LastName"], read["ContactPersons"]) == (name, "Te Kanawa", [person])
    assert "Auckland" in {address["City"] for address in read["Addresses"]}
    assert client.contacts.save({**read, "LastName": "Parata"})[0]["LastName"] == "Parata"
    with pytest.raises(XeroBadRequest) as refused:
        client.contacts.put({"Name": name.upper()})
    assert "must be unique across all active contacts" in refused.value.problem


def test_it_knows_xeros_refusals_by_their_bodies(client: Xero, credentials: OAuth2Credentials, served: Served) -> None:
    first = dict(credentials.token)
    with pytest.raises(XeroNotFound):
        client.invoices.get("00000000-0000-0000-0000-000000000001")
    with pytest.raises(XeroBadRequest, match="QueryParseException"):
        client.invoices.filter(raw="Colour == 1")
    served.simulator.advance_clock(31 * 60)
    with pytest.raises(XeroUnauthorized) as expired:
        client.contacts.all()
    assert expired.value.problem == "TokenExpired"
    assert credentials.refresh()["refresh_token"] != first["refresh_token"]
    assert Xero(credentials).contacts.filter(page=1)
    served.simulator.identity.forget_tenant(credentials.tenant_id)
    with pytest.raises(XeroForbidden):
        Xero(credentials).contacts.all()
