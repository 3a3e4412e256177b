"""What one organisation holds: each record's JSON, made once when it changes, in the orders that Xero reads in."""

import datetime as dt
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from xero_simulator.ledger import Ledger
from xero_simulator.wire import Doc, decode, encode, ms_in

# Xero gives these of a contact only with paging or by id (spec, Contacts; MergedToContactID likewise).
_CONTACT_TAIL = ("ContactPersons", "MergedToContactID", "PaymentTerms", "Website", "HasAttachments")
_ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as it stands. ``head`` and ``tail`` are its JSON without braces; ``stub`` is what invoices carry."""

    id: str
    updated_ms: int
    head: bytes
    tail: bytes
    stub: bytes
    status: str
    name: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    number: str | None
    account_number: str | None
    is_customer: bool
    is_supplier: bool


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice or bill as it stands. ``head`` lacks the contact, ``tail`` is the lines; both without braces."""

    id: str
    updated_ms: int
    head: bytes
    tail: bytes
    type: str
    status: str
    contact_id: str
    number: str | None
    reference: str | None
    date: dt.date
    due_date: dt.date | None
    total: Decimal
    due: Decimal
    paid: Decimal
    rate: Decimal


class Record(Protocol):
    """What every kind of record has."""

    @property
    def id(self) -> str: ...
    @property
    def updated_ms(self) -> int: ...


R = TypeVar("R", bound=Record)


class Shelf(Generic[R]):
    """Records of one kind, by id and by (UpdatedDateUTC, id). What it hands out are copies, safe to keep."""

    def __init__(self) -> None:
        self.records: dict[str, R] = {}
        self._ids: list[str] = []
        self._updates: list[tuple[int, str]] = []

    def fill(self, records: Iterable[R]) -> None:
        """Put many at once into a shelf that is empty."""
        self.records = {record.id: record for record in records}
        self._ids = sorted(self.records)
        self._updates = sorted((record.updated_ms, record.id) for record in self.records.values())

    def put(self, record: R) -> None:
        before = self.records.get(record.id)
        if before is None:
            insort(self._ids, record.id)
        else:
            del self._updates[bisect_left(self._updates, (before.updated_ms, before.id))]
        insort(self._updates, (record.updated_ms, record.id))
        self.records[record.id] = record

    def by_update(self, since_ms: int | None) -> list[R]:
        start = 0 if since_ms is None else bisect_left(self._updates, (since_ms, ""))
        records = self.records
        return [records[key] for _, key in self._updates[start:]]

    def by_id(self, since_ms: int | None) -> list[R]:
        records = map(self.records.__getitem__, self._ids)
        return [record for record in records if since_ms is None or record.updated_ms >= since_ms]


def _inner(doc: Doc) -> bytes:
    return encode(doc)[1:-1]


def contact_of(doc: Doc) -> Contact:
    tail = {"ContactPersons": []} | {name: doc[name] for name in _CONTACT_TAIL if name in doc}
    stub = {"ContactID": doc["ContactID"], "Name": doc.get("Name")}
    rest: Doc = {"Addresses": [], "Phones": [], "ContactGroups": [], "ContactPersons": []}
    return Contact(
        id=doc["ContactID"],
        updated_ms=ms_in(doc["UpdatedDateUTC"]),
        head=_inner({name: value for name, value in doc.items() if name not in tail}),
        tail=_inner(tail),
        stub=encode({**{k: v for k, v in stub.items() if v is not None}, **rest, "HasValidationErrors": False}),
        status=doc["ContactStatus"],
        name=doc.get("Name"),
        first_name=doc.get("FirstName"),
        last_name=doc.get("LastName"),
        email=doc.get("EmailAddress"),
        number=doc.get("ContactNumber"),
        account_number=doc.get("AccountNumber"),
        is_customer=doc["IsCustomer"],
        is_supplier=doc["IsSupplier"],
    )


def invoice_of(doc: Doc) -> Invoice:
    due_date = doc.get("DueDateString")
    return Invoice(
        id=doc["InvoiceID"],
        updated_ms=ms_in(doc["UpdatedDateUTC"]),
        head=_inner({name: value for name, value in doc.items() if name not in ("Contact", "LineItems")}),
        tail=_inner({"LineItems": doc["LineItems"]}),
        type=doc["Type"],
        status=doc["Status"],
        contact_id=doc["Contact"]["ContactID"],
        number=doc.get("InvoiceNumber"),
        reference=doc.get("Reference"),
        date=dt.date.fromisoformat(doc["DateString"][:10]),
        due_date=dt.date.fromisoformat(due_date[:10]) if due_date else None,
        total=doc["Total"],
        due=doc["AmountDue"],
        paid=doc["AmountPaid"],
        rate=doc["CurrencyRate"],
    )


class Organisation:
    """One tenant: profile, contacts, invoices and bills, and the ledger over them.

    Not thread-safe: the simulator's lock is held around every method.
    """

    def __init__(self, tenant: str, profile: Doc) -> None:
        self.tenant = tenant
        self.profile = profile
        self.contacts: Shelf[Contact] = Shelf()
        self.invoices: Shelf[Invoice] = Shelf()
        self.ledger = Ledger()
        self._of_contact: dict[str, set[str]] = {}

    def fill(self, contacts: list[Doc], invoices: Iterable[Doc]) -> None:
        """Everything that an organisation is seeded with. Contacts come second: invoices make them customers."""
        self.invoices.fill(map(self._seeded, invoices))
        self.contacts.fill(map(contact_of, contacts))
        for doc in contacts:
            self.ledger.contact(doc)

    def _seeded(self, doc: Doc) -> Invoice:
        self.ledger.invoice(doc)
        invoice = invoice_of(doc)
        self._of_contact.setdefault(invoice.contact_id, set()).add(invoice.id)
        return invoice

    def put_contact(self, doc: Doc) -> None:
        self.contacts.put(contact_of(doc))
        self.ledger.contact(doc)

    def put_invoice(self, doc: Doc) -> None:
        """Store an invoice as it now is. Its contact becomes a customer or supplier, as in Xero.

        Whether that moves the contact's UpdatedDateUTC at Xero is UNCONFIRMED; here it does not.
        """
        before = self.invoices.records.get(doc["InvoiceID"])
        if before:
            self._of_contact[before.contact_id].discard(before.id)
        contact_id = doc["Contact"]["ContactID"]
        self._of_contact.setdefault(contact_id, set()).add(doc["InvoiceID"])
        self.invoices.put(invoice_of(doc))
        self.ledger.invoice(doc)
        role = "IsCustomer" if doc["Type"] == "ACCREC" else "IsSupplier"
        contact = self.contact_doc(contact_id)
        if not contact[role]:
            self.put_contact({**contact, role: True})

    def contact_doc(self, contact_id: str) -> Doc:
        """The contact as a document that may be changed and put back. KeyError when there is none."""
        contact = self.contacts.records[contact_id]
        doc: Doc = decode(b"{" + contact.head + b"," + contact.tail + b"}")
        return doc

    def invoice_doc(self, invoice_id: str) -> Doc:
        invoice = self.invoices.records[invoice_id]
        doc: Doc = decode(b"{" + invoice.head + b"," + invoice.tail + b"}")
        doc["Contact"] = {"ContactID": invoice.contact_id}
        return doc

    def invoices_of(self, contact_id: str) -> list[Invoice]:
        """By date, newest first."""
        held = (self.invoices.records[key] for key in self._of_contact.get(contact_id, ()))
        return sorted(held, key=lambda invoice: (invoice.date, invoice.id), reverse=True)

    def balances(self, contact_id: str, today: dt.date) -> Doc | None:
        """What the contact owes and is owed, in the organisation's own currency; None where nothing is open."""
        sums = {"ACCREC": [_ZERO, _ZERO], "ACCPAY": [_ZERO, _ZERO]}
        for key in self._of_contact.get(contact_id, ()):
            invoice = self.invoices.records[key]
            if invoice.status == "AUTHORISED" and invoice.due:
                due = (invoice.due / invoice.rate).quantize(_ZERO)
                sums[invoice.type][0] += due
                sums[invoice.type][1] += due if invoice.due_date and invoice.due_date < today else _ZERO
        if not (sums["ACCREC"][0] or sums["ACCPAY"][0]):
            return None
        names = {"ACCREC": "AccountsReceivable", "ACCPAY": "AccountsPayable"}
        return {names[kind]: {"Outstanding": s[0], "Overdue": s[1]} for kind, s in sums.items()}
