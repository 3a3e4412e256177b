"""What crm-writer says of records it has put away."""

from datetime import date as Day
from decimal import Decimal
from typing import ClassVar

from accounting_link.contracts.event import TYPE_PREFIX, Part, Time
from accounting_link.contracts.sync_life import SyncEvent
from accounting_link.contracts.words import Kind, Result, Stream


class Transaction(Part, frozen=True, kw_only=True):
    """What a sale now is; the sales log is built from this. People are named by id only.

    ``due`` is what is owed of an invoice, ``remaining`` what is left of a credit; 0 where there is no such thing.
    """

    number: str
    contact_id: str
    status: str
    currency: str
    date: Day | None
    due_date: Day | None
    total: Decimal
    due: Decimal
    remaining: Decimal = Decimal(0)


class Outcome(Part, frozen=True, kw_only=True):
    """What this sync did with one record, decided from what stands after it.

    ``version`` and ``reading`` are those of the copy that stands (None and 0 when none was ever readable);
    ``offset`` is where the copy lay in its partition. ``as_supplier``: a contact left out by the suppliers rule, which
    a sale would turn into a customer. ``contact_missing``: a sale whose contact is not here, or left out as supplier.
    """

    kind: Kind
    xero_id: str
    result: Result
    reason: str = ""  # why left out or failed, in words a person understands
    version: Time | None
    reading: int
    offset: int
    transaction: Transaction | None = None
    as_supplier: bool = False
    contact_missing: bool = False


class RecordsApplied(SyncEvent, frozen=True, kw_only=True):
    """A batch of outcomes of one sync from one partition: all are written. Unique by (sync, record)."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.RecordsApplied.v1"

    topic: str
    partition: int
    outcomes: tuple[Outcome, ...]

    def subject(self) -> str:
        return f"{self.topic}/{self.partition}"

    def version(self) -> str:
        return ",".join(f"{o.offset}:{o.result}" for o in self.outcomes)


class PartitionDrained(SyncEvent, frozen=True, kw_only=True):
    """All of this stream that lies before its marker on this partition is written and told."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.PartitionDrained.v1"

    stream: Stream
    topic: str
    partition: int
    offset: int  # the marker's

    def subject(self) -> str:
        return f"{self.stream}/{self.topic}/{self.partition}"
