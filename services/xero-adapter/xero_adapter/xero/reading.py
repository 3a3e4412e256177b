"""A page of Xero's JSON → events. One odd record becomes one RecordUnreadable; the rest goes on."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from accounting_link.chassis.messages import LARGEST_VALUE_BYTES
from accounting_link.contracts.records import (
    Address,
    CustomerImported,
    InvoiceImported,
    InvoiceLine,
    Person,
    Phone,
    RecordEvent,
    RecordUnreadable,
    SupplierImported,
    VersionedRecord,
)
from accounting_link.contracts.requests import SyncSettings
from accounting_link.contracts.words import KIND_OF, Stream
from xero_adapter.planning.cursor import Cursor, Mode, Page
from xero_adapter.xero import dates
from xero_adapter.xero.client import Answer
from xero_adapter.xero.refusals import Unavailable
from xero_adapter.xero.wire import ContactsPage, InvoicesPage, WireContact, WireInvoice, WirePagination, named

PAGE_SIZE = 1000  # Xero's most (xero-facts)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to ask Xero for the next page of a stream."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a page held."""

    page: Page
    records: list[VersionedRecord]
    unreadable: list[tuple[RecordUnreadable, bytes]] = field(default_factory=list)  # with Xero's own bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How one stream is asked for and understood."""

    path: str
    id_field: str
    query: dict[str, str]
    decode: Callable[[bytes], tuple[Sequence[msgspec.Raw], WirePagination | None]]
    event: Callable[[msgspec.Raw, SyncSettings], VersionedRecord | None]


def call(stream: Stream, cursor: Cursor, page_size: int = PAGE_SIZE) -> Call:
    shape = _SHAPES[stream]
    order = "UpdatedDateUTC" if cursor.mode == Mode.KEYSET else shape.id_field
    query = {**shape.query, "order": order, "page": str(cursor.page), "pageSize": str(page_size)}
    headers = {"If-Modified-Since": dates.if_modified_since(cursor.since)} if cursor.since else {}
    return Call(path=shape.path, query=query, headers=headers)


def read(stream: Stream, answer: Answer, settings: SyncSettings, page_size: int = PAGE_SIZE) -> Read:
    """Raises Unavailable when the page as a whole is no JSON of Xero's."""
    if answer.status == 304:  # nothing was modified since
        page = Page(size=0, last_updated=None, page=1, page_count=1, item_count=0, asked_for=page_size)
        return Read(page=page, records=[])
    shape = _SHAPES[stream]
    try:
        raws, pagination = shape.decode(answer.body)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"Xero's answer cannot be read: {error}") from error
    records: list[VersionedRecord] = []
    unreadable = []
    latest: datetime | None = None
    for raw in raws:
        try:
            event = shape.event(raw, settings)
        except (ValueError, msgspec.MsgspecError) as error:
            unreadable.append((_unreadable(stream, raw, str(error)), bytes(raw)))
            continue
        if event is None:
            continue
        latest = event.updated_at if latest is None else max(latest, event.updated_at)
        records.append(event)
    page = Page(
        size=len(raws),
        last_updated=latest,
        page=pagination.page if pagination else 1,
        page_count=pagination.page_count if pagination else None,
        item_count=pagination.item_count if pagination else None,
        asked_for=page_size,
    )
    return Read(page=page, records=records, unreadable=unreadable)


def _unreadable(stream: Stream, raw: msgspec.Raw, reason: str) -> RecordUnreadable:
    shape = _SHAPES[stream]
    xero_id = named(raw, shape.id_field) or f"unreadable-{hashlib.sha256(bytes(raw)).hexdigest()[:24]}"
    return RecordUnreadable(
        xero_id=xero_id, kind=KIND_OF[stream], reason=f"Xero's record cannot be read: {reason}", updated_at=_when(raw)
    )


def _when(raw: msgspec.Raw) -> datetime | None:
    try:
        return dates.instant(named(raw, "UpdatedDateUTC"))
    except ValueError:
        return None


def too_large(event: RecordEvent, size: int) -> RecordUnreadable:
    """What stands in for a record that no broker would take."""
    limit = LARGEST_VALUE_BYTES
    return RecordUnreadable(
        xero_id=event.xero_id,
        kind=event.record_kind(),
        reason=f"the record has {size:,} bytes; the most that can be carried is {limit:,}",
        updated_at=getattr(event, "updated_at", None),
    )


_contacts_page = msgspec.json.Decoder(ContactsPage).decode
_invoices_page = msgspec.json.Decoder(InvoicesPage).decode
_contact = msgspec.json.Decoder(WireContact).decode
_invoice = msgspec.json.Decoder(WireInvoice).decode


def _contacts(body: bytes) -> tuple[Sequence[msgspec.Raw], WirePagination | None]:
    page = _contacts_page(body)
    return page.contacts, page.pagination


def _invoices(body: bytes) -> tuple[Sequence[msgspec.Raw], WirePagination | None]:
    page = _invoices_page(body)
    return page.invoices, page.pagination


def _contact_event(raw: msgspec.Raw, settings: SyncSettings) -> VersionedRecord:
    wire = _contact(raw)
    said: dict[str, Any] = {
        "xero_id": wire.contact_id,
        "updated_at": dates.instant(wire.updated),
        "name": wire.name or "",
        "status": wire.contact_status or "ACTIVE",
        "main_person": Person(
            first_name=wire.first_name or "", last_name=wire.last_name or "", email=wire.email_address or ""
        ),
        "persons": tuple(
            Person(first_name=one.first_name or "", last_name=one.last_name or "", email=one.email_address or "")
            for one in wire.contact_persons or ()
        ),
        "email": wire.email_address or "",
        "addresses": tuple(_address(one) for one in wire.addresses or ()),
        "phones": tuple(
            Phone(
                type=one.phone_type or "DEFAULT",
                number=one.phone_number or "",
                area_code=one.phone_area_code or "",
                country_code=one.phone_country_code or "",
            )
            for one in wire.phones or ()
            if one.phone_number
        ),
        "contact_number": wire.contact_number or "",
        "account_number": wire.account_number or "",
        "tax_number": wire.tax_number or "",
        "website": wire.website or "",
        "default_currency": wire.default_currency or "",
        "is_customer": bool(wire.is_customer),
        "is_supplier": bool(wire.is_supplier),
        "merged_to": wire.merged_to,
    }
    if wire.is_supplier and not wire.is_customer:
        selected = wire.contact_id in settings.selected_suppliers
        return SupplierImported(setting=settings.suppliers, selected=selected, **said)
    return CustomerImported(**said)


def _address(wire: Any) -> Address:
    lines = (wire.address_line1, wire.address_line2, wire.address_line3, wire.address_line4)
    return Address(
        type=wire.address_type or "POBOX",
        lines=tuple(line for line in lines if line),
        city=wire.city or "",
        region=wire.region or "",
        postal_code=wire.postal_code or "",
        country=wire.country or "",
        attention_to=wire.attention_to or "",
    )


def _invoice_event(raw: msgspec.Raw, settings: SyncSettings) -> VersionedRecord | None:
    del settings
    wire = _invoice(raw)
    if wire.type != "ACCREC":  # a bill is no sale, whatever filter was asked for
        return None
    return InvoiceImported(
        xero_id=wire.invoice_id,
        updated_at=dates.instant(wire.updated),
        number=wire.invoice_number or "",
        reference=wire.reference or "",
        contact_id=wire.contact.contact_id,
        status=wire.status,
        currency=wire.currency_code or "",
        currency_rate=wire.currency_rate,
        line_amount_types=wire.line_amount_types or "",
        date=dates.day(wire.date_string, wire.date),
        due_date=dates.day(wire.due_date_string, wire.due_date),
        fully_paid_on=dates.day(None, wire.fully_paid_on_date),
        subtotal=wire.sub_total or _NOTHING,
        total_tax=wire.total_tax or _NOTHING,
        total=wire.total,
        due=wire.amount_due or _NOTHING,
        paid=wire.amount_paid or _NOTHING,
        credited=wire.amount_credited or _NOTHING,
        lines=tuple(
            InvoiceLine(
                description=line.description or "",
                item_code=line.item_code or "",
                account_code=line.account_code or "",
                quantity=line.quantity,
                unit_amount=line.unit_amount,
                discount_rate=line.discount_rate,
                tax_type=line.tax_type or "",
                tax_amount=line.tax_amount,
                amount=line.line_amount,
            )
            for line in wire.line_items or ()
        ),
    )


_SHAPES = {
    Stream.CONTACTS: _Shape(
        path="Contacts",
        id_field="ContactID",
        query={"includeArchived": "true"},
        decode=_contacts,
        event=_contact_event,
    ),
    Stream.INVOICES: _Shape(
        path="Invoices",
        id_field="InvoiceID",
        # Type is the one filter that a record can never leave.
        query={"where": 'Type=="ACCREC"'},
        decode=_invoices,
        event=_invoice_event,
    ),
}
