"""The explicit list of every event. One that is not here cannot be sent."""

from accounting_link.contracts.connections import (
    CallsCounted,
    ConnectionEstablished,
    ConnectionLost,
    ConnectionRemoved,
)
from accounting_link.contracts.dead_letters import DeadLettered
from accounting_link.contracts.event import Event
from accounting_link.contracts.outcomes import PartitionDrained, RecordsApplied
from accounting_link.contracts.people import PersonActed
from accounting_link.contracts.records import (
    CustomerImported,
    InvoiceImported,
    RecordUnreadable,
    SupplierImported,
)
from accounting_link.contracts.requests import SyncRequested, SyncStopRequested
from accounting_link.contracts.sync_life import (
    FetchFailed,
    PageFetched,
    StreamEnded,
    SyncCancelled,
    SyncCompleted,
    SyncFailed,
    SyncParked,
    SyncStarted,
)

EVENTS: tuple[type[Event], ...] = (
    ConnectionEstablished,
    ConnectionLost,
    ConnectionRemoved,
    CallsCounted,
    PersonActed,
    SyncRequested,
    SyncStopRequested,
    SyncStarted,
    PageFetched,
    CustomerImported,
    SupplierImported,
    InvoiceImported,
    RecordUnreadable,
    StreamEnded,
    RecordsApplied,
    PartitionDrained,
    SyncParked,
    FetchFailed,
    SyncCompleted,
    SyncFailed,
    SyncCancelled,
    DeadLettered,
)

BY_TYPE: dict[str, type[Event]] = {event.TYPE: event for event in EVENTS}
