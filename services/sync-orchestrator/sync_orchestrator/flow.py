"""What sync-orchestrator reads and says; the AsyncAPI document is made from this."""

from accounting_link.contracts.connections import ConnectionEstablished, ConnectionLost, ConnectionRemoved
from accounting_link.contracts.outcomes import PartitionDrained, RecordsApplied
from accounting_link.contracts.people import PersonActed
from accounting_link.contracts.removals import ImportsRemoved, RemovalProgressed, RemovalRequested
from accounting_link.contracts.requests import (
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

CONSUMES = (
    ConnectionEstablished,
    ConnectionLost,
    ConnectionRemoved,
    SyncStarted,
    PageFetched,
    StreamEnded,
    RecordsApplied,
    PartitionDrained,
    SyncParked,
    FetchFailed,
    RemovalProgressed,
    ImportsRemoved,
)
PUBLISHES = (
    SyncRequested,
    ContactsRequested,
    SyncStopRequested,
    OrganisationRequested,
    RemovalRequested,
    SyncCompleted,
    SyncFailed,
    SyncCancelled,
    PersonActed,
)
