"""Xero's accounting API as pure reading: an organisation and a request in, an Answer out."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from xero_simulator import pdf
from xero_simulator.kinds import BY_RESOURCE
from xero_simulator.organisation import Organisation
from xero_simulator.query import Page, is_summary, select, since_ms
from xero_simulator.settings import Behaviour
from xero_simulator.shelf import Shelf
from xero_simulator.where import QueryError
from xero_simulator.wire import Doc, decode, encode, to_ms, updated_json

JSON = {"Content-Type": "application/json; charset=utf-8"}
# developer.xero.com, Contacts and Invoices: what a summary leaves out
_NOT_IN_SUMMARY = {
    *("Addresses", "Balances", "ContactGroups", "ContactPersons", "IsCustomer", "IsSupplier"),
    *("Payments", "HasAttachments", "LineItems", "CISDeduction"),
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
    headers: Mapping[str, str]
    now: datetime
    behaviour: Behaviour
    spoil: Mapping[str, Callable[[bytes], bytes]]


def problem(status: int, title: str, detail: str) -> Answer:
    """Xero's body for 401, 403 and 5xx (pyxero PR 337)."""
    body = {"Type": None, "Title": title, "Status": status, "Detail": detail}
    return Answer(status, JSON, encode({**body, "Instance": str(uuid.uuid4()), "Extensions": {}}))


def bad_request(number: int, kind: str, message: str, **more: object) -> Answer:
    """Xero's body for what a caller did wrong (spec, Error)."""
    return Answer(400, JSON, encode({"ErrorNumber": number, "Type": kind, "Message": message, **more}))


NOT_FOUND = Answer(
    404, {"Content-Type": "text/html; charset=utf-8"}, b"The resource you're looking for cannot be found"
)


# Paths are read without case, and the organisation by either name (xero-python, pyxero and tap-xero differ).
_RESOURCES = {name.lower(): name for name in ("Organisation", "Currencies", *BY_RESOURCE)}
_RESOURCES["organisations"] = "Organisation"


def resource_of(path: str) -> tuple[str, str]:
    """The resource by Xero's own name, and what of it: nothing for the list, else a key and perhaps a part."""
    resource, _, key = path.strip("/").partition("/")
    return _RESOURCES.get(resource.lower(), resource), key


def may(method: str, path: str, scopes: list[str]) -> bool:
    """Whether one of these scopes, old or granular, allows the call; to write none that ends in ``.read`` will do."""
    resource, _ = resource_of(path)
    needed = BY_RESOURCE[resource].scopes if resource in BY_RESOURCE else frozenset[str]()
    if resource in ("Organisation", "Currencies"):
        needed = frozenset({"accounting.settings"})
    held = {scope.removesuffix(".read") if method == "GET" else scope for scope in scopes}
    return not needed or bool(needed & held)


def read(org: Organisation, path: str, reading: Reading) -> Answer:
    """GET of a path below ``/api.xro/2.0``. The caller holds the simulator's lock."""
    resource, key = resource_of(path)
    if resource == "Organisation" and not key:
        return envelope(reading.now, {}, "Organisations", [encode(org.profile)])
    if resource == "Currencies" and not key:
        return envelope(reading.now, {}, "Currencies", [encode(currency) for currency in org.currencies()])
    if resource not in BY_RESOURCE:
        return NOT_FOUND
    shelf = org.shelves[BY_RESOURCE[resource].name]
    key, _, part = key.partition("/")
    try:
        return _one(org, shelf, key, part, reading) if key else _list(org, shelf, reading)
    except QueryError as error:
        return bad_request(error.number, error.kind, str(error))


def envelope(now: datetime, extra: Doc, name: str, records: list[bytes]) -> Answer:
    head = {"Id": str(uuid.uuid4()), "Status": "OK", "ProviderName": "Accounting Link"}
    opening = encode({**head, "DateTimeUTC": f"/Date({to_ms(now)})/", **extra})[:-1]
    return Answer(200, JSON, b"".join((opening, b',"', name.encode(), b'":[', b",".join(records), b"]}")))


def _list(org: Organisation, shelf: Shelf, reading: Reading) -> Answer:
    query, behaviour = reading.query, reading.behaviour
    since = since_ms(reading.headers.get("if-modified-since"))
    page = Page.of(shelf.kind.name, query, behaviour.page_cap)
    found = select(org, shelf.kind.name, query, since, behaviour.high_volume)
    if not found and since is not None and behaviour.answer_304:
        return Answer(304)
    extra = {"pagination": page.pagination(len(found))} if page else {}
    shown = page.cut(found) if page else found
    write = _writer(org, shelf, paged=page is not None, reading=reading)
    return envelope(reading.now, extra, shelf.kind.resource, [write(number) for number in shown])


def _writer(org: Organisation, shelf: Shelf, *, paged: bool, reading: Reading) -> Callable[[int], bytes]:
    """How this answer shows a record."""
    today = reading.now.date()
    if is_summary(shelf.kind.name, reading.query):
        return lambda number: _summary(record_json(org, shelf, number, today, paged=False))

    def write(number: int) -> bytes:
        return record_json(org, shelf, number, today, paged=paged)

    spoil = {shelf.find(key): spoiled for key, spoiled in reading.spoil.items()}
    return (lambda number: spoil[number](write(number)) if number in spoil else write(number)) if spoil else write


def record_json(
    org: Organisation, shelf: Shelf, number: int, today: date, *, paged: bool, whole: bool = False
) -> bytes:
    """One record. Unless ``paged`` it lacks its lines; ``whole``, as when read alone, what it belongs to is whole too.

    Names are those that contacts have now; balances are what they owe and are owed ``today``.
    """
    raw, kind = shelf.json[number], shelf.kind.name
    if shelf.kind.tail and not paged:
        raw = raw[: raw.rindex(b',"' + shelf.kind.tail.encode() + b'":')] + b',"' + shelf.kind.tail.encode() + b'":[]'
    parts = [b"{", raw, b",", updated_json(kind, shelf.updated[number])]
    if kind == "contact":
        balances = org.balances(number, today) if paged else None
        parts += [b',"Balances":', encode(balances)] if balances else []
    elif kind == "payment":
        parts += [b',"Invoice":', _paid_for(org, number, today, whole=whole)]
    else:
        contact = shelf.columns["contact"][number]
        parts += [b',"Contact":', _whole_contact(org, contact, today) if whole else org.stub(contact)]
    return b"".join((*parts, b"}"))


def _whole_contact(org: Organisation, contact: int, today: date) -> bytes:
    return record_json(org, org.contacts, contact, today, paged=False)


def _paid_for(org: Organisation, payment: int, today: date, *, whole: bool) -> bytes:
    """What a payment is for. Xero shows each kind as an Invoice (spec, the examples of Payments)."""
    parent = org.parent(payment)
    if whole and parent.shelf is org.invoices:
        return record_json(org, parent.shelf, parent.at, today, paged=True)
    side = "AR" if parent.type.startswith("RECEIVE") else "AP"
    shown = {
        "Type": side + parent.type.partition("-")[2] if "-" in parent.type else parent.type,
        "InvoiceID": parent.id,
        "InvoiceNumber": parent.number or "",
        **{name: [] for name in ("Payments", "CreditNotes", "Prepayments", "Overpayments")},
        "HasErrors": False,
        "IsDiscounted": False,
        "LineItems": [],
        "CurrencyCode": parent.currency,
    }
    stub = org.stub(parent.shelf.columns["contact"][parent.at])
    return b"".join((encode(shown)[:-1], b',"Contact":', stub, b"}"))


def _summary(raw: bytes) -> bytes:
    return encode({name: value for name, value in decode(raw).items() if name not in _NOT_IN_SUMMARY})


def find(shelf: Shelf, key: str) -> int | None:
    """By id, or by the number that Xero takes in its place (spec: ContactNumber, InvoiceNumber)."""
    found, numbers = shelf.find(key), shelf.columns.get("number", [])
    return found if found is not None or key not in numbers else numbers.index(key)


def _one(org: Organisation, shelf: Shelf, key: str, part: str, reading: Reading) -> Answer:
    number = find(shelf, key)
    is_invoice = shelf.kind.name == "invoice"
    if number is None or (part and not (is_invoice and part in ("pdf", "OnlineInvoice"))):
        return NOT_FOUND
    if part == "OnlineInvoice":
        return _online(org, shelf, number, reading)
    if is_invoice and (part == "pdf" or reading.headers.get("accept", "").startswith("application/pdf")):
        body = pdf.invoice(org.doc("invoice", shelf.id(number)), org.contacts.columns["name"][_owner(shelf, number)])
        return Answer(200, {"Content-Type": "application/pdf"}, body)
    raw = record_json(org, shelf, number, reading.now.date(), paged=True, whole=True)
    spoil = reading.spoil.get(shelf.id(number))
    return envelope(reading.now, {}, shelf.kind.resource, [spoil(raw) if spoil else raw])


def _owner(shelf: Shelf, number: int) -> int:
    owner: int = shelf.columns["contact"][number]
    return owner


def _online(org: Organisation, shelf: Shelf, number: int, reading: Reading) -> Answer:
    """Where the customer sees the invoice; only sales that were approved have it (spec, getOnlineInvoice)."""
    if shelf.columns["type"][number] != "ACCREC" or shelf.columns["status"][number] not in ("AUTHORISED", "PAID"):
        message = "A validation exception occurred"
        errors = [{"Message": "Invoice not of valid status for online invoicing"}]
        element = {"InvoiceID": shelf.id(number), "ValidationErrors": errors}
        return bad_request(10, "ValidationException", message, Elements=[element])
    host = reading.headers.get("host", "in.xero.com")
    address = f"http{'s' * (host == 'in.xero.com')}://{host}/online/{org.tenant}/{shelf.id(number)}"
    return envelope(reading.now, {}, "OnlineInvoices", [encode({"OnlineInvoiceUrl": address})])
