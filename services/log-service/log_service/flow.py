"""What log-service reads and tells. It reads everything but the records themselves."""

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
from accounting_link.contracts.removals import ImportsRemoved, RemovalProgressed
from accounting_link.contracts.requests import ContactsRequested, SyncRequested
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

OF_SYNCS: tuple[type[Event], ...] = (
    SyncRequested,
    ContactsRequested,
    SyncStarted,
    PageFetched,
    StreamEnded,
    RecordsApplied,
    PartitionDrained,
    SyncParked,
    FetchFailed,
    SyncCompleted,
    SyncFailed,
    SyncCancelled,
)

CONSUMES: tuple[type[Event], ...] = (
    *OF_SYNCS,
    ConnectionEstablished,
    ConnectionLost,
    ConnectionRemoved,
    CallsCounted,
    RemovalProgressed,
    ImportsRemoved,
    PersonActed,
    DeadLettered,
)
PUBLISHES: tuple[type[Event], ...] = (DeadLettered,)
