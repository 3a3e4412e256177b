"""A page of Xero's JSON → events. One odd record becomes one RecordUnreadable; the rest goes on."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from accounting_link.chassis.messages import LARGEST_VALUE_BYTES
from accounting_link.contracts.records import (
    Address,
    ContactImported,
    CustomerImported,
    Person,
    Phone,
    RecordEvent,
    RecordUnreadable,
    SupplierImported,
    VersionedRecord,
)
from accounting_link.contracts.requests import SyncSettings
from accounting_link.contracts.words import KIND_OF, Kind, Stream
from xero_adapter.planning.cursor import Cursor, Mode, Page
from xero_adapter.xero import dates, pieces, sales
from xero_adapter.xero.client import Answer
from xero_adapter.xero.refusals import Unavailable
from xero_adapter.xero.wire import WireContact, WirePage, WirePagination, named

PAGE_SIZE = 1000  # Xero's most (xero-facts)
IDS_A_CALL = 40  # an address of 40 ids has 1,500 characters; from 2,000 on, what stands between us and Xero may refuse
_HEAD_BYTES = 500  # of an answer, before its records


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to ask Xero for. ``body``: JSON that is put there."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a page held."""

    page: Page
    records: list[VersionedRecord]
    unreadable: list[tuple[RecordUnreadable, bytes]] = field(default_factory=list)  # with Xero's own bytes
    missing: list[RecordUnreadable] = field(default_factory=list)  # asked for by id, and not given


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one stream is asked for and understood."""

    path: str
    id_field: str
    query: dict[str, str]
    event: Callable[[msgspec.Raw, SyncSettings], VersionedRecord | None]


def call(stream: Stream, cursor: Cursor, page_size: int = PAGE_SIZE, ids: Sequence[str] = ()) -> Call:
    """``ids``: of all the records that are asked for by name."""
    shape = SHAPES[stream]
    if cursor.mode == Mode.NAMED:
        # With a page, for without one Xero leaves away what only its lists leave away (spec, Contacts).
        named_ones = {"IDs": ",".join(_named(cursor, ids)), "page": "1", "pageSize": str(IDS_A_CALL)}
        return Call(path=shape.path, query={**shape.query, **named_ones}, headers={})
    query = {**shape.query, "page": str(cursor.page), "pageSize": str(page_size)}
    if cursor.mode == Mode.AS_IT_COMES:
        query.pop("where", None)
    else:
        query["order"] = "UpdatedDateUTC" if cursor.mode == Mode.KEYSET else shape.id_field
    headers = {"If-Modified-Since": dates.if_modified_since(cursor.since)} if cursor.since else {}
    return Call(path=shape.path, query=query, headers=headers)


def read(
    stream: Stream, answer: Answer, settings: SyncSettings, page_size: int = PAGE_SIZE, *, apart: bool = False
) -> Read:
    """Raises Unavailable when the page as a whole is no JSON of Xero's. ``apart``: where that is the fault of single
    records that can be told apart, they are the unreadable ones, and the others are read."""
    if answer.status == 304:  # nothing was modified since
        page = Page(size=0, last_updated=None, page=1, page_count=1, item_count=0, asked_for=page_size)
        return Read(page=page, records=[])
    shape = SHAPES[stream]
    try:
        raws, pagination = _decode(stream, answer.body, apart=apart)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"Xero's answer cannot be read: {error}") from error
    records: list[VersionedRecord] = []
    unreadable = []
    latest: datetime | None = None
    for raw in raws:
        try:
            event = shape.event(raw, settings)
        except (ValueError, msgspec.MsgspecError) as error:  # UnicodeDecodeError is a ValueError
            unreadable.append((_unreadable(stream, raw, str(error)), bytes(raw)))
            continue
        # What is passed over moves the mark too: a page may hold nothing but purchases.
        updated = _when(raw) if event is None else event.updated_at
        latest = max(filter(None, (latest, updated)), default=None)
        if event is not None:
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


def call_to_count(stream: Stream) -> Call:
    """The lightest call that tells how many records a stream has: a page of one, in no order."""
    shape = SHAPES[stream]
    return Call(path=shape.path, query={**shape.query, "page": "1", "pageSize": "1"}, headers={})


def count(stream: Stream, answer: Answer) -> int | None:
    """None where Xero does not say. Raises a msgspec error for what is no list of Xero's."""
    _, pagination = _decode(stream, answer.body, apart=False)
    return pagination.item_count if pagination else None


def doubt(answer: Answer, page: Page, cursor: Cursor, *, begun: bool, before: str = "") -> None:
    """Raises Unavailable for an answer that cannot be one to what was asked: believed, it would end the stream too
    soon or leave a page out, and nobody would know. ``begun``: a page before this one was not the last; ``before``:
    what ``digest`` said of it, where it is known."""
    if before and digest(answer) == before:
        raise Unavailable("Xero gave the page before once more")
    if answer.status == 304 and cursor.since is None:
        raise Unavailable("Xero says that nothing changed, although everything was asked for")
    if page.page_count is not None and page.page != cursor.page and cursor.mode != Mode.NAMED:
        raise Unavailable(f"Xero answered page {page.page} where page {cursor.page} was asked for")
    # The record that the mark was taken from is let through by it, wherever it has moved since.
    if begun and page.size == 0 and cursor.page == 1 and cursor.mode != Mode.NAMED:
        raise Unavailable("Xero gives nothing where there was more a moment ago")


def digest(answer: Answer) -> str:
    """Two answers have the same when they are one and the same: each has an Id and a time of its own (spec, all lists).
    Empty where that cannot be said."""
    own = b'"Id"' in answer.body[:_HEAD_BYTES] and b'"DateTimeUTC"' in answer.body[:_HEAD_BYTES]
    return hashlib.sha256(answer.body).hexdigest() if own else ""


def read_named(
    answer: Answer, cursor: Cursor, ids: Sequence[str], settings: SyncSettings, *, apart: bool = False
) -> Read:
    """As ``read``, of contacts asked for by their ids: each as a customer's copy, and who was not given."""
    found = read(Stream.CONTACTS, answer, settings, apart=apart)
    given = {record.xero_id for record in found.records} | {odd.xero_id for odd, _ in found.unreadable}
    missing = [
        RecordUnreadable(xero_id=xero_id, kind=Kind.CONTACT, reason="Xero does not give a contact of this id")
        for xero_id in _named(cursor, ids)
        if xero_id not in given
    ]
    page = Page(
        size=found.page.size,
        last_updated=None,
        page=cursor.page,
        page_count=-(-len(ids) // IDS_A_CALL),
        item_count=len(ids),
        asked_for=IDS_A_CALL,
    )
    customers: list[VersionedRecord] = [_as_customer(one) for one in found.records if isinstance(one, ContactImported)]
    return Read(page=page, records=customers, unreadable=found.unreadable, missing=missing)


def read_contacts(answer: Answer) -> list[CustomerImported]:
    """Each as a sync would tell of it, but a supplier as a customer; who cannot be read is left away. Raises
    Unavailable for what holds no contacts."""
    if answer.status == 304:
        raise Unavailable("Xero says that nothing changed, although that was not asked")
    found = read(Stream.CONTACTS, answer, SyncSettings()).records
    told = [one for one in found if isinstance(one, ContactImported)]
    return [one if isinstance(one, CustomerImported) else _as_customer(one) for one in told]


def _named(cursor: Cursor, ids: Sequence[str]) -> Sequence[str]:
    return ids[(cursor.page - 1) * IDS_A_CALL : cursor.page * IDS_A_CALL]


def _as_customer(contact: ContactImported) -> CustomerImported:
    said = {name: getattr(contact, name) for name in CustomerImported.__struct_fields__}
    return CustomerImported(**{**said, "is_customer": True})


def _unreadable(stream: Stream, raw: msgspec.Raw, reason: str) -> RecordUnreadable:
    shape = SHAPES[stream]
    known = named(raw, shape.id_field) or pieces.text(bytes(raw), shape.id_field)
    xero_id = known or f"unreadable-{hashlib.sha256(bytes(raw)).hexdigest()[:24]}"
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


_page = msgspec.json.Decoder(WirePage).decode
_contact = msgspec.json.Decoder(WireContact).decode


def _decode(stream: Stream, body: bytes, *, apart: bool) -> tuple[Sequence[msgspec.Raw], WirePagination | None]:
    try:
        page = _page(body)
    except msgspec.MsgspecError:
        told = _told_apart(stream, body) if apart else None
        if told is None:
            raise
        return told
    records: list[msgspec.Raw] | None = getattr(page, stream)
    if records is None:
        raise msgspec.ValidationError(f"it has no {SHAPES[stream].path}")
    return records, page.pagination


def _told_apart(stream: Stream, body: bytes) -> tuple[Sequence[msgspec.Raw], WirePagination] | None:
    """None also where the page says that it has another number of records: two may look like one."""
    split = pieces.split(body, SHAPES[stream].path)
    if split is None:
        return None
    rest, records = split
    pagination = _page(rest).pagination
    if pagination is None or pagination.size != len(records):
        return None
    return [msgspec.Raw(one) for one in records], pagination


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


def _sale(event: Callable[[msgspec.Raw], VersionedRecord | None]) -> Callable[..., VersionedRecord | None]:
    """No setting changes how a sale is read."""
    return lambda raw, _: event(raw)


# Each list is asked for by a filter that a record can never leave, or by none: one that a record can leave would lose
# it between two pages. Type is such a filter where it has one word for a customer's; where it has two, or where
# payments would need four, everything is read and purchases are passed over here.
SHAPES = {
    Stream.CONTACTS: Shape(
        path="Contacts", id_field="ContactID", query={"includeArchived": "true"}, event=_contact_event
    ),
    Stream.INVOICES: Shape(
        path="Invoices", id_field="InvoiceID", query={"where": 'Type=="ACCREC"'}, event=_sale(sales.invoice)
    ),
    Stream.CREDIT_NOTES: Shape(
        path="CreditNotes",
        id_field="CreditNoteID",
        query={"where": 'Type=="ACCRECCREDIT"'},
        event=_sale(sales.credit_note),
    ),
    Stream.PAYMENTS: Shape(path="Payments", id_field="PaymentID", query={}, event=_sale(sales.payment)),
    Stream.OVERPAYMENTS: Shape(path="Overpayments", id_field="OverpaymentID", query={}, event=_sale(sales.overpayment)),
    Stream.PREPAYMENTS: Shape(path="Prepayments", id_field="PrepaymentID", query={}, event=_sale(sales.prepayment)),
}
