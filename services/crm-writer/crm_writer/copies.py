"""A copy of one of Xero's records, as it came, and which of two copies is the newer."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from accounting_link.chassis.messages import Place, Received, Unread
from accounting_link.contracts.event import Scope
from accounting_link.contracts.exports import ContactExported
from accounting_link.contracts.records import (
    CreditImported,
    InvoiceImported,
    RecordUnreadable,
    SaleImported,
    VersionedRecord,
)
from accounting_link.contracts.words import Kind

_LONGEST_REASON = 500  # characters; an outcome has to fit beside a thousand others


class Copy(NamedTuple):
    """``event`` None: nobody could read it, and ``reason`` says why. Its version may then be unknown."""

    kind: Kind
    xero_id: str
    version: datetime | None
    reading: int
    scope: Scope
    place: Place
    offset: int
    event: VersionedRecord | None = None
    reason: str = ""
    exported: bool = False  # brought by an export: of no sync, and nobody waits for its outcome

    @property
    def key(self) -> str:
        """The id of the record's document."""
        return record_key(self.scope.connection_id, self.kind, self.xero_id)


def record_key(connection_id: str, kind: Kind, xero_id: str) -> str:
    return f"{connection_id}/{kind.value}/{xero_id}"


def to_the_millisecond(time: datetime) -> datetime:
    """As MongoDB keeps it; Xero tells no finer. Otherwise a copy would look newer than itself once stored."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000) if time.microsecond % 1000 else time


def copy_of(received: Received) -> Copy | None:
    """None for an event that is no record and brings none."""
    event, scope = received.event, received.scope
    exported = isinstance(event, ContactExported)
    if isinstance(event, ContactExported):
        # Its export is what a stamp tells it was made by.
        scope = msgspec.structs.replace(scope, sync_id=event.export_id)
        event = event.contact
    if isinstance(event, VersionedRecord):
        version: datetime | None = to_the_millisecond(event.updated_at)
        reason = _why_unfit(event)
        read = None if reason else event
    elif isinstance(event, RecordUnreadable):
        version = to_the_millisecond(event.updated_at) if event.updated_at else None
        read, reason = None, event.reason
    else:
        return None
    return Copy(
        event.record_kind(), event.xero_id, version, received.envelope.reading,
        scope, received.place, received.offset, read, reason[:_LONGEST_REASON], exported,
    )  # fmt: skip


def _why_unfit(event: VersionedRecord) -> str:
    """A decimal may be no number at all, and one such would make every total into none."""
    if not isinstance(event, SaleImported):
        return ""
    return "" if all(map(Decimal.is_finite, _amounts(event))) else "an amount is not a number"


def _amounts(sale: SaleImported) -> Iterator[Decimal]:
    yield sale.total
    if isinstance(sale, InvoiceImported):
        yield from (sale.subtotal, sale.total_tax, sale.due, sale.paid, sale.credited)
    elif isinstance(sale, CreditImported):
        yield from (sale.subtotal, sale.total_tax, sale.remaining)
        yield from (one.amount for one in sale.allocations)


def unfit(copy: Copy, reason: str) -> Copy:
    """As if nobody had been able to read it."""
    return copy._replace(event=None, reason=reason[:_LONGEST_REASON])


def copy_of_unread(unread: Unread) -> Copy | None:
    """What the headers tell of a record whose value nobody can read. None when they do not tell whose it is."""
    error, delivery = unread.error, unread.delivery
    kind, _, xero_id = error.subject.partition("/")
    if error.scope is None or kind not in tuple(Kind) or not xero_id:
        return None
    reason = f"could not be read: {error.reason}"[:_LONGEST_REASON]
    return Copy(
        Kind(kind), xero_id, None, error.reading, error.scope, delivery.place, delivery.offset, None, reason
    )  # fmt: skip
