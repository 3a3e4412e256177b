"""Xero's accounting API as pure reading: an organisation and a request in, an Answer out."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from xero_simulator.organisation import Contact, Invoice, Organisation
from xero_simulator.query import Page, QueryError, select, since_ms
from xero_simulator.settings import Behaviour
from xero_simulator.wire import Doc, decode, encode, to_ms

JSON = {"Content-Type": "application/json; charset=utf-8"}
# summaryOnly leaves out what is costly to compute (spec); which fields exactly is UNCONFIRMED.
_NOT_IN_SUMMARY = {
    *("Addresses", "Phones", "ContactGroups", "BankAccountDetails", "LineItems"),
    *("Payments", "CreditNotes", "Prepayments", "Overpayments"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. ``broken``: "reset" (cut in mid-body) or "hang" (the connection closes without an answer)."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """All that an answer depends on besides the organisation. ``spoil`` alters a record's JSON on the wire, by id."""

    query: Mapping[str, str]
    since: str | None
    now: datetime
    behaviour: Behaviour
    spoil: Mapping[str, Callable[[bytes], bytes]]


def problem(status: int, title: str, detail: str) -> Answer:
    """Xero's body for 401, 403 and 5xx (pyxero PR 337)."""
    body = {"Type": None, "Title": title, "Status": status, "Detail": detail}
    return Answer(status, JSON, encode({**body, "Instance": str(uuid.uuid4()), "Extensions": {}}))


def _bad_query(error: QueryError) -> Answer:
    return Answer(400, JSON, encode({"ErrorNumber": 16, "Type": error.kind, "Message": str(error)}))


NOT_FOUND = Answer(
    404, {"Content-Type": "text/html; charset=utf-8"}, b"The resource you're looking for cannot be found"
)
# first part of the path -> scopes of which one is needed; ".read" of each will do, as nothing here writes
_SCOPES = {
    "Organisation": {"accounting.settings"},
    "Contacts": {"accounting.contacts"},
    "Invoices": {"accounting.transactions", "accounting.invoices"},
}


def may_read(path: str, scopes: list[str]) -> bool:
    needed = _SCOPES.get(path.strip("/").partition("/")[0])
    return needed is None or any(scope.removesuffix(".read") in needed for scope in scopes)


def read(org: Organisation, path: str, reading: Reading) -> Answer:
    """GET of a path below ``/api.xro/2.0``. The caller holds the simulator's lock."""
    resource, _, key = path.strip("/").partition("/")
    if resource == "Organisation" and not key:
        return _envelope(reading.now, {}, "Organisations", [encode(org.profile)])
    if resource not in ("Contacts", "Invoices") or "/" in key:
        return NOT_FOUND
    kind = "contact" if resource == "Contacts" else "invoice"
    try:
        return _one(org, kind, key, reading) if key else _list(org, kind, reading)
    except QueryError as error:
        return _bad_query(error)


def _envelope(now: datetime, extra: Doc, name: str, records: list[bytes]) -> Answer:
    head = {"Id": str(uuid.uuid4()), "Status": "OK", "ProviderName": "Accounting Link"}
    opening = encode({**head, "DateTimeUTC": f"/Date({to_ms(now)})/", **extra})[:-1]
    return Answer(200, JSON, b"".join((opening, b',"', name.encode(), b'":[', b",".join(records), b"]}")))


def _list(org: Organisation, kind: str, reading: Reading) -> Answer:
    query, behaviour = reading.query, reading.behaviour
    since = since_ms(reading.since)
    page = Page.of(query, behaviour.page_cap)
    records = select(org, kind, query, since, behaviour.high_volume)
    if not records and since is not None and behaviour.answer_304:
        return Answer(304)
    extra = {"pagination": page.pagination(len(records))} if page else {}
    shown = page.cut(records) if page else records
    write = _writer(org, kind, paged=page is not None, reading=reading)
    return _envelope(reading.now, extra, f"{kind.capitalize()}s", [write(record) for record in shown])


def _writer(org: Organisation, kind: str, *, paged: bool, reading: Reading) -> Callable[[Any], bytes]:
    """How this answer shows a record."""
    if reading.query.get("summaryOnly", "").lower() == "true":
        return lambda record: _summary(org, record)
    if kind == "contact":
        today = reading.now.date()
        plain = (lambda r: contact_json(org, r, today)) if paged else _light_contact
    else:
        plain = (lambda r: invoice_json(org, r)) if paged else (lambda r: _light_invoice(org, r))
    spoil = reading.spoil
    if not spoil:
        return plain
    return lambda record: spoil[record.id](plain(record)) if record.id in spoil else plain(record)


def contact_json(org: Organisation, contact: Contact, today: Any) -> bytes:
    """A contact in full, with what it owes and is owed."""
    balances = org.balances(contact.id, today)
    more = b',"Balances":' + encode(balances) if balances else b""
    return b"".join((b"{", contact.head, b",", contact.tail, more, b"}"))


def _light_contact(contact: Contact) -> bytes:
    return b"".join((b"{", contact.head, b',"ContactPersons":[]}'))


def invoice_json(org: Organisation, invoice: Invoice) -> bytes:
    """An invoice with its lines; of its contact the id and the name as it is now."""
    stub = org.contacts.records[invoice.contact_id].stub
    return b"".join((b"{", invoice.head, b',"Contact":', stub, b",", invoice.tail, b"}"))


def _light_invoice(org: Organisation, invoice: Invoice) -> bytes:
    stub = org.contacts.records[invoice.contact_id].stub
    return b"".join((b"{", invoice.head, b',"Contact":', stub, b',"LineItems":[]}'))


def _summary(org: Organisation, record: Contact | Invoice) -> bytes:
    raw = _light_contact(record) if isinstance(record, Contact) else _light_invoice(org, record)
    return encode({name: value for name, value in decode(raw).items() if name not in _NOT_IN_SUMMARY})


def find(org: Organisation, kind: str, key: str) -> Contact | Invoice | None:
    """By id, or by the number that Xero takes in its place (spec: ContactNumber, InvoiceNumber)."""
    shelf: Any = org.contacts if kind == "contact" else org.invoices
    found = shelf.records.get(key.lower())
    return found or next((record for record in shelf.records.values() if record.number == key), None)


def _one(org: Organisation, kind: str, key: str, reading: Reading) -> Answer:
    record = find(org, kind, key)
    if record is None:
        return NOT_FOUND
    if isinstance(record, Contact):
        raw = contact_json(org, record, reading.now.date())
    else:
        contact = org.contacts.records[record.contact_id]
        whole = b"".join((b"{", contact.head, b",", contact.tail, b"}"))
        raw = b"".join((b"{", record.head, b',"Contact":', whole, b",", record.tail, b"}"))
    if record.id in reading.spoil:
        raw = reading.spoil[record.id](raw)
    return _envelope(reading.now, {}, f"{kind.capitalize()}s", [raw])
