"""What stands + the copies that came → what to write, and what became of each. Pure.

Copies are taken one after another as they were delivered, each against what the ones before it left. So it
makes no difference where one batch ends and the next begins, and a copy that comes again finds itself (or a
newer one) standing and changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date as Day
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounting_link.contracts.outcomes import Outcome, Transaction
from accounting_link.contracts.records import (
    ContactImported,
    CreditImported,
    InvoiceImported,
    SaleImported,
    VersionedRecord,
)
from accounting_link.contracts.topics import RECORDS
from accounting_link.contracts.words import Kind
from crm_writer.copies import Copy, record_key
from crm_writer.mapping import companies, transactions
from crm_writer.mapping.companies import ContactMade
from crm_writer.mapping.made import Made
from crm_writer.standing import Record

Newer = Callable[[Copy, Record], bool]
_NOTHING = Decimal(0)


def newer(copy: Copy, standing: Record) -> bool:
    """Later by Xero's UpdatedDateUTC; of equals, the one that was asked for later."""
    if standing.version is None:
        return True
    assert copy.version is not None
    if copy.version == standing.version:
        return copy.reading > standing.reading
    return copy.version > standing.version


@dataclass(slots=True)
class Entry:
    """One record while a batch is worked on."""

    record: Record
    stored: bool
    changed: bool = False  # the record's document is to be written
    raised: bool = False  # only its reading or authorisation is: the same copy was asked for later
    sale: dict[str, Any] | None = None  # to be written
    existed: bool = False  # what was made of it was in the CRM before this batch
    event: VersionedRecord | None = None  # the copy that stands, if it was in this batch


@dataclass(slots=True)
class Decision:
    """``contacts`` in the order they are to be put away: each may depend on the ones before."""

    entries: dict[str, Entry] = field(default_factory=dict)
    contacts: list[ContactMade] = field(default_factory=list)
    last: dict[tuple[str, str], Copy] = field(default_factory=dict)  # by sync and record

    def stale_sales(self) -> list[str]:
        """Of which sales only an older copy came, so that the one that stands has to be looked up."""
        return [
            entry.record.id
            for entry in self.entries.values()
            if entry.event is None and entry.record.kind is not Kind.CONTACT and entry.record.digest
        ]


def decide(
    copies: Iterable[Copy],
    standing: Mapping[str, Record],
    with_sales: frozenset[str] | set[str],
    now: datetime,
    newer: Newer = newer,
) -> Decision:
    """``standing`` by record id; ``with_sales`` the ids of contacts that have a sales transaction (needed only
    of suppliers). All of one account."""
    decision = Decision()
    for copy in copies:
        key = copy.key
        entry = decision.entries.get(key)
        if entry is None:
            entry = decision.entries[key] = _entry(key, copy, standing.get(key))
        decision.last[copy.scope.sync_id, key] = copy
        if copy.scope.authorisation > entry.record.authorisation:
            entry.record.authorisation = copy.scope.authorisation
            entry.raised = True
        if copy.event is None:
            entry.changed |= entry.record.take_unread(copy)
        elif newer(copy, entry.record):
            _take(decision, entry, copy, copy.event, with_sales, now)
        elif (copy.version, copy.reading) == (entry.record.version, entry.record.reading):
            entry.event = copy.event
    return decision


def _entry(key: str, copy: Copy, record: Record | None) -> Entry:
    if record is None:
        return Entry(Record(key, copy.scope.connection_id, copy.kind, copy.xero_id), stored=False)
    return Entry(record, stored=True, existed=bool(record.digest))


def _take(
    decision: Decision,
    entry: Entry,
    copy: Copy,
    event: VersionedRecord,
    with_sales: frozenset[str] | set[str],
    now: datetime,
) -> None:
    record = entry.record
    made = _made(copy, event, was_here=bool(record.digest), has_sales=copy.xero_id in with_sales)
    if made.digest != record.digest or copy.version != record.version:
        entry.changed = True
        if isinstance(made.content, ContactMade):
            decision.contacts.append(made.content)
        else:
            entry.sale = made.content
    elif record.unread or (made.reason, made.name) != (record.left_out, record.name):
        entry.changed = True
    else:
        entry.raised = True
    record.take(copy, made, now, RECORDS.retention)
    entry.event = event


def _made(copy: Copy, event: VersionedRecord, *, was_here: bool, has_sales: bool) -> Made:
    assert copy.version is not None
    if isinstance(event, SaleImported):
        return transactions.made_of(event, copy.version)
    assert isinstance(event, ContactImported)
    return companies.made_of(
        event, copy.version, copy.scope.connection_id, was_here=was_here, has_sales=has_sales
    )  # fmt: skip


def outcome(
    copy: Copy, entry: Entry, looked_up: Mapping[str, dict[str, Any]], is_here: Callable[[str], bool]
) -> Outcome:
    """What its sync did with the copy's record. ``looked_up``: the documents of ``stale_sales``; ``is_here`` whether
    the contact with this record id is, in the CRM or left out for good."""
    record = entry.record
    version, reading = record.told_version()
    transaction = _transaction(entry, looked_up.get(record.id))
    owner = record_key(record.connection_id, Kind.CONTACT, transaction.contact_id) if transaction else ""
    return Outcome(
        kind=copy.kind,
        xero_id=copy.xero_id,
        result=record.result(copy.scope.sync_id),
        reason=record.reason(),
        version=version,
        reading=reading,
        offset=copy.offset,
        transaction=transaction,
        as_supplier=record.is_missing_to_its_sales(),
        contact_missing=bool(transaction and transaction.contact_id) and not is_here(owner),
    )


def _transaction(entry: Entry, found: dict[str, Any] | None) -> Transaction | None:
    event = entry.event
    if isinstance(event, SaleImported):
        invoice = event if isinstance(event, InvoiceImported) else None
        return Transaction(
            number=event.number,
            contact_id=event.contact_id,
            status=event.status,
            currency=event.currency,
            date=event.date,
            due_date=invoice.due_date if invoice else None,
            total=event.total,
            due=invoice.due if invoice else _NOTHING,
            remaining=event.remaining if isinstance(event, CreditImported) else _NOTHING,
        )
    return _from_document(found["xero"]) if found else None


def _from_document(xero: dict[str, Any]) -> Transaction:
    kept = {name: xero[name] for name in ("number", "contact_id", "status", "currency", "total")}
    left = {name: xero.get(name, _NOTHING) for name in ("due", "remaining")}
    return Transaction(**kept, **left, date=_day(xero["date"]), due_date=_day(xero.get("due_date")))


def _day(text: str | None) -> Day | None:
    return Day.fromisoformat(text) if text else None
