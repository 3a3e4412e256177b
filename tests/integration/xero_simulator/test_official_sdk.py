"""Xero's official SDK for Python, unchanged but for the base address, cannot tell the simulator from Xero."""

import datetime as dt
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from urllib3.exceptions import MaxRetryError
from xero_python.accounting import AccountingApi, Address, Contact, ContactPerson, Contacts, Phone
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token, TokenApi
from xero_python.exceptions import AccountingBadRequestException, HTTPStatusException, RateLimitException
from xero_python.identity import IdentityApi

from tests.integration.xero_simulator.conftest import CLIENT, EVERY_SCOPE, Served
from xero_simulator.kinds import KINDS
from xero_simulator.wire import to_ms

# Shown by Xero's own examples, unknown to its own SDK.
UNKNOWN_TO_THE_SDK = {
    *("DateString", "DueDateString", "UpdatedDateUTCString", "ID", "DiscountEnteredAsPercent", "ValidationErrors"),
}
PAGE = 100


class Sdk:
    """The SDK as its README sets it up, with one person's consent."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.token = {**served.consent(EVERY_SCOPE)}
        self.token["scope"] = self.token["scope"].split()
        configuration = Configuration(oauth2_token=OAuth2Token(client_id=CLIENT[0], client_secret=CLIENT[1]))
        configuration.temp_folder_path = str(folder)  # where it leaves the files it fetches
        self.client = ApiClient(
            configuration, oauth2_token_getter=lambda: self.token, oauth2_token_saver=self.token.update
        )
        self.accounting = AccountingApi(self.client, base_url=f"{served.url}/api.xro/2.0")
        self.identity = IdentityApi(self.client, base_url=served.url)
        self.tenant = served.tenants[0]


@pytest.fixture
def sdk(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sdk:
    monkeypatch.setattr(TokenApi, "refresh_token_url", f"{served.url}/connect/token")
    monkeypatch.setattr(TokenApi, "revoke_token_url", f"{served.url}/connect/revocation")
    return Sdk(served, tmp_path)


def compared(model: Any, held: dict[str, Any], place: str) -> int:
    """How many fields of the SDK's model are what the simulator holds; fails at the first that is not."""
    fields = {field: name for name, field in model.attribute_map.items()}
    assert held.keys() - fields.keys() <= UNKNOWN_TO_THE_SDK, place
    return sum(
        same(getattr(model, fields[field]), value, f"{place}.{field}")
        for field, value in held.items()
        if field in fields
    )


def same(read: Any, held: Any, place: str) -> int:
    if isinstance(held, dict):
        return compared(read, held, place)
    if isinstance(held, list):
        assert len(read) == len(held), place
        return sum(same(one, other, place) for one, other in zip(read, held, strict=True))
    if isinstance(read, dt.datetime):
        read = f"/Date({to_ms(read)}+0000)/"
    elif isinstance(read, dt.date):
        read = f"/Date({to_ms(dt.datetime(read.year, read.month, read.day, tzinfo=dt.UTC))}+0000)/"
    elif isinstance(read, Enum):
        read = read.value
    assert (read, isinstance(read, Decimal)) == (held, isinstance(held, Decimal)), place
    return 1


def test_it_connects_and_sees_the_organisations(sdk: Sdk, served: Served) -> None:
    rows = sdk.identity.get_connections()
    assert {row.tenant_id for row in rows} == set(served.tenants)
    for row in rows:
        read = sdk.accounting.get_organisations(row.tenant_id).organisations[0]
        assert compared(read, served.simulator.organisations[row.tenant_id].profile, "Organisation") >= 20
        assert read.name == row.tenant_name


@pytest.mark.parametrize(
    ("kind", "method", "least"),
    [
        ("contact", "get_contacts", 2000),
        ("invoice", "get_invoices", 15_000),
        ("creditnote", "get_credit_notes", 100),
        ("payment", "get_payments", 1000),
        ("overpayment", "get_overpayments", 30),
        ("prepayment", "get_prepayments", 50),
    ],
)
def test_it_pages_through_every_record_and_reads_each_field_as_it_is_held(
    sdk: Sdk, served: Served, kind: str, method: str, least: int
) -> None:
    org, seen, fields = served.simulator.organisations[sdk.tenant], set(), 0
    more = {"include_archived": True} if kind == "contact" else {}
    for page in range(1, 10):
        answer = getattr(sdk.accounting, method)(sdk.tenant, page=page, page_size=PAGE, order="UpdatedDateUTC", **more)
        for read in getattr(answer, method.removeprefix("get_")):
            key = getattr(read, _attribute(read, KINDS[kind].id))
            fields += compared(read, org.doc(kind, key), kind)
            seen.add(key)
        if page >= answer.pagination.page_count:
            break
    assert (seen, answer.pagination.item_count) == (set(org.shelves[kind].records), len(seen))
    assert fields >= least


def _attribute(model: Any, field: str) -> str:
    return next(str(name) for name, known in model.attribute_map.items() if known == field)


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("contact", "get_contact"),
        ("invoice", "get_invoice"),
        ("creditnote", "get_credit_note"),
        ("payment", "get_payment"),
        ("overpayment", "get_overpayment"),
        ("prepayment", "get_prepayment"),
    ],
)
def test_it_reads_single_records(sdk: Sdk, served: Served, kind: str, method: str) -> None:
    org = served.simulator.organisations[sdk.tenant]
    for key in list(org.shelves[kind].records)[:10]:
        answer = getattr(sdk.accounting, method)(sdk.tenant, key)
        (read,) = getattr(answer, f"{method.removeprefix('get_')}s")
        assert compared(read, org.doc(kind, key), kind) > 8


def test_a_value_that_differs_is_noticed(sdk: Sdk, served: Served) -> None:
    org = served.simulator.organisations[sdk.tenant]
    key = next(iter(org.invoices.records))
    read = sdk.accounting.get_invoice(sdk.tenant, key).invoices[0]
    for changed in ({"Total": Decimal("0.01")}, {"Reference": "other"}, {"UpdatedDateUTC": "/Date(0+0000)/"}):
        with pytest.raises(AssertionError):
            compared(read, {**org.doc("invoice", key), **changed}, "invoice")


def test_it_filters_orders_and_reads_what_changed(sdk: Sdk, served: Served) -> None:
    invoices = sdk.accounting.get_invoices(
        sdk.tenant, where='Type=="ACCREC" AND AmountDue>0', statuses=["AUTHORISED"], order="Date DESC", page=1
    ).invoices
    assert invoices
    assert all(one.type == "ACCREC" and one.amount_due > 0 and one.status == "AUTHORISED" for one in invoices)
    assert [one.date for one in invoices] == sorted((one.date for one in invoices), reverse=True)
    wanted = [one.invoice_id for one in invoices[:3]]
    assert {i.invoice_id for i in sdk.accounting.get_invoices(sdk.tenant, i_ds=wanted).invoices} == set(wanted)
    since = served.simulator.now().replace(microsecond=0)
    touched = served.simulator.touch_some(sdk.tenant, "contact", 3)
    read = sdk.accounting.get_contacts(sdk.tenant, if_modified_since=since, include_archived=True, page=1).contacts
    assert {one.contact_id for one in read} == set(touched)
    with pytest.raises(HTTPStatusException) as unchanged:
        sdk.accounting.get_contacts(sdk.tenant, if_modified_since=since + dt.timedelta(days=1))
    assert unchanged.value.status == 304


def test_a_contact_that_it_creates_is_read_back_as_it_was_sent(sdk: Sdk) -> None:
    sent = Contact(
        name="Ngā Tāngata Ltd",
        first_name="Aroha",
        last_name="Te Kanawa",
        email_address="aroha@example.nz",
        contact_number="X-1",
        account_number="42",
        tax_number="123-456-789",
        contact_persons=[ContactPerson("Zoë", "Ng", "zoe@example.nz", True)],
        addresses=[Address("STREET", "1 Quay St", city="Auckland", postal_code="1010", country="New Zealand")],
        phones=[Phone("MOBILE", "555", "21", "64")],
    )
    made = sdk.accounting.create_contacts(sdk.tenant, Contacts(contacts=[sent]), idempotency_key="once").contacts[0]
    again = sdk.accounting.create_contacts(sdk.tenant, Contacts(contacts=[sent]), idempotency_key="once").contacts[0]
    assert again.contact_id == made.contact_id
    read = sdk.accounting.get_contact(sdk.tenant, made.contact_id).contacts[0]
    for name in ("name", "first_name", "last_name", "email_address", "contact_number", "account_number", "tax_number"):
        assert getattr(read, name) == getattr(made, name) == getattr(sent, name)
    assert read.contact_persons == sent.contact_persons
    street = next(one for one in read.addresses if one.address_type == "STREET")
    assert (street.address_line1, street.city, street.postal_code) == ("1 Quay St", "Auckland", "1010")
    assert sent.phones[0] in read.phones
    changed = Contacts(contacts=[Contact(contact_id=made.contact_id, last_name="Parata")])
    assert sdk.accounting.update_contact(sdk.tenant, made.contact_id, changed).contacts[0].last_name == "Parata"


def test_a_refused_create_is_told_in_xeros_words(sdk: Sdk) -> None:
    taken = next(one.name for one in sdk.accounting.get_contacts(sdk.tenant).contacts if one.name)
    twice = Contacts(contacts=[Contact(name=taken.upper()), Contact(name="Somebody New")])
    with pytest.raises(AccountingBadRequestException) as refused:
        sdk.accounting.create_contacts(sdk.tenant, Contacts(contacts=twice.contacts[:1]))
    assert refused.value.error_data["ErrorNumber"] == 10
    assert "must be unique across all active contacts" in refused.value.reason
    both = sdk.accounting.create_contacts(sdk.tenant, twice, summarize_errors=False).contacts
    assert [one.has_validation_errors for one in both] == [True, False]
    assert "must be unique" in both[0].validation_errors[0].message


def test_it_refreshes_an_expired_token_and_a_dead_one_is_refused(sdk: Sdk, served: Served) -> None:
    first = dict(sdk.token)
    served.simulator.advance_clock(31 * 60)
    with pytest.raises(HTTPStatusException) as expired:
        sdk.accounting.get_organisations(sdk.tenant)
    assert expired.value.status == 401
    sdk.client.refresh_oauth2_token()
    assert sdk.token["refresh_token"] != first["refresh_token"]
    assert sdk.accounting.get_organisations(sdk.tenant).organisations
    served.simulator.advance_clock(61 * 86_400)
    with pytest.raises(HTTPStatusException) as dead:
        sdk.client.refresh_oauth2_token()
    assert (dead.value.status, b"invalid_grant" in dead.value.body) == (400, True)


def test_it_disconnects_one_organisation_and_revokes_all(sdk: Sdk, served: Served) -> None:
    first = next(row for row in sdk.identity.get_connections() if row.tenant_id == sdk.tenant)
    sdk.identity.delete_connection(first.id)
    with pytest.raises(HTTPStatusException) as gone:
        sdk.accounting.get_organisations(sdk.tenant)
    assert (gone.value.status, b"AuthenticationUnsuccessful" in gone.value.body) == (403, True)
    assert sdk.accounting.get_organisations(served.tenants[1]).organisations
    sdk.client.revoke_oauth2_token()
    assert served.simulator.identity.connections(next(iter(served.simulator.identity.issued)), None) == []
    assert not served.simulator.identity.has_tenant(served.tenants[1])


def test_it_fetches_an_invoice_as_pdf_and_its_address_online(sdk: Sdk) -> None:
    invoice = sdk.accounting.get_invoices(sdk.tenant, statuses=["PAID"], where='Type=="ACCREC"').invoices[0]
    with open(sdk.accounting.get_invoice_as_pdf(sdk.tenant, invoice.invoice_id), "rb") as file:
        raw = file.read()
    assert (raw[:8], raw.rstrip()[-5:]) == (b"%PDF-1.4", b"%%EOF")
    assert invoice.invoice_number.encode() in raw
    online = sdk.accounting.get_online_invoice(sdk.tenant, invoice.invoice_id).online_invoices[0]
    assert online.online_invoice_url.endswith(invoice.invoice_id)


def test_it_comes_again_when_it_is_told_to_past_a_limit(sdk: Sdk, served: Served) -> None:
    served.simulator.add_fault({"kind": "throttle", "retry_after": 0, "count": 2})
    sdk.accounting.get_organisations(sdk.tenant)
    told = served.simulator.calls.told(sdk.tenant)["calls"]
    assert [call["status"] for call in told] == [429, 429, 200]
    served.simulator.add_fault({"kind": "throttle", "retry_after": 0})
    with pytest.raises((RateLimitException, MaxRetryError)):
        sdk.accounting.get_organisations(sdk.tenant)
