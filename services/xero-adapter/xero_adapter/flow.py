"""What xero-adapter reads and says; the AsyncAPI document is made from this."""

from accounting_link.contracts.connections import CallsCounted
from accounting_link.contracts.dead_letters import DeadLettered
from accounting_link.contracts.exports import ContactExported, ContactExportRejected
from accounting_link.contracts.organisations import OrganisationRead
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
from accounting_link.contracts.requests import (
    ContactExportRequested,
    ContactsRequested,
    OrganisationRequested,
    SyncRequested,
    SyncStopRequested,
)
from accounting_link.contracts.sync_life import FetchFailed, PageFetched, StreamEnded, SyncParked, SyncStarted

CONSUMES = (SyncRequested, ContactsRequested, SyncStopRequested, OrganisationRequested, ContactExportRequested)
PUBLISHES = (
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
    SyncParked,
    FetchFailed,
    CallsCounted,
    DeadLettered,
)
