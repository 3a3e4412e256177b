"""What xero-adapter reads and says; the AsyncAPI document is made from this."""

from accounting_link.contracts.connections import CallsCounted
from accounting_link.contracts.dead_letters import DeadLettered
from accounting_link.contracts.records import CustomerImported, InvoiceImported, RecordUnreadable, SupplierImported
from accounting_link.contracts.requests import SyncRequested, SyncStopRequested
from accounting_link.contracts.sync_life import FetchFailed, PageFetched, StreamEnded, SyncParked, SyncStarted

CONSUMES = (SyncRequested, SyncStopRequested)
PUBLISHES = (
    SyncStarted,
    PageFetched,
    CustomerImported,
    SupplierImported,
    InvoiceImported,
    RecordUnreadable,
    StreamEnded,
    SyncParked,
    FetchFailed,
    CallsCounted,
    DeadLettered,
)
