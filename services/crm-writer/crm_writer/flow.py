"""What crm-writer reads and sends. The AsyncAPI document is made from this."""

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
from accounting_link.contracts.requests import ContactExportRequested
from accounting_link.contracts.sync_life import StreamEnded

CONSUMES: tuple[type[Event], ...] = (
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
    RemovalRequested,
    StreamEnded,
)
PUBLISHES: tuple[type[Event], ...] = (
    RecordsApplied,
    PartitionDrained,
    RemovalProgressed,
    ImportsRemoved,
    ContactExportRequested,
    PersonActed,
    DeadLettered,
)
