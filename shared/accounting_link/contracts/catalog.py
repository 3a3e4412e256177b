"""The explicit list of every event. One that is not here cannot be sent."""

from accounting_link.contracts.connections import (
    CallsCounted,
    ConnectionEstablished,
    ConnectionLost,
    ConnectionRemoved,
)
from accounting_link.contracts.dead_letters import DeadLettered
from accounting_link.contracts.event import Event
from accounting_link.contracts.exports import ContactExported, ContactExportRejected
from accounting_link.contracts.organisations import OrganisationRead
from accounting_link.contracts.outcomes import PartitionDrained, RecordsApplied
from accounting_link.contracts.people import PersonActed
from accounting_link.contracts.records import (
    CreditNoteImported,
    CustomerImported,
    InvoiceImported,
    OverpaymentImported,
    PaymentImported,
    PrepaymentImported,
    RecordUnreadable,
    SupplierImported,
)
from accounting_link.contracts.removals import ImportsRemoved, RemovalProgressed, RemovalRequested
from accounting_link.contracts.requests import (
    ContactExportRequested,
    ContactsRequested,
    OrganisationRequested,
    SyncRequested,
    SyncStopRequested,
)
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
    RemovalRequested,
    RemovalProgressed,
    ImportsRemoved,
    PersonActed,
    SyncRequested,
    ContactsRequested,
    SyncStopRequested,
    OrganisationRequested,
    ContactExportRequested,
    SyncStarted,
    PageFetched,
    CustomerImported,
    SupplierImported,
    InvoiceImported,
    CreditNoteImported,
    PaymentImported,
    OverpaymentImported,
    PrepaymentImported,
    RecordUnreadable,
    OrganisationRead,
    ContactExported,
    ContactExportRejected,
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
