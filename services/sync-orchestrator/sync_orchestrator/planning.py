"""Making a new sync: which streams it reads, and since when."""

import uuid
from datetime import datetime, timedelta

from msgspec.structs import replace

from accounting_link.contracts.requests import StreamRequest
from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import Stream, SyncKind
from sync_orchestrator.preferences import Preferences
from sync_orchestrator.store import Connection
from sync_orchestrator.sync import Sync

# Xero says when a record changed to the millisecond but its Date header, from which a mark is made, tells
# whole seconds, and its servers' clocks may differ. What is read twice is told unchanged.
OVERLAP = timedelta(seconds=2)
_IDS = uuid.uuid5(uuid.NAMESPACE_DNS, "syncs.accounting-link.legrandcrm.com")


def sync_id(connection_id: str, what: str) -> str:
    """The same wish has the same id: an Idempotency-Key, or a scheduled time."""
    return str(uuid.uuid5(_IDS, f"{connection_id}\n{what}"))


def streams(kind: SyncKind, marks: dict[Stream, datetime]) -> tuple[StreamRequest, ...]:
    """A full sync reads everything; a delta reads each stream since its mark, all of it where there is none."""

    def since(stream: Stream) -> datetime | None:
        mark = marks.get(stream) if kind == SyncKind.DELTA else None
        return mark - OVERLAP if mark else None

    return tuple(StreamRequest(stream=stream, since=since(stream)) for stream in Stream)


def plan(
    new_id: str,
    connection: Connection,
    kind: SyncKind,
    preferences: Preferences,
    marks: dict[Stream, datetime],
    *,
    requested_by: str,
    requested_by_name: str = "",
    now: datetime,
    reference: str,
    generation: int,
) -> Sync:
    """``marks``: those that stand for what ``preferences`` let in."""
    return Sync(
        id=new_id,
        account_id=connection.account_id,
        connection_id=connection.id,
        tenant_id=connection.tenant_id,
        authorisation=connection.authorisation,
        lane=Lane.BULK,
        kind=kind,
        settings=preferences.for_sync(),
        streams=streams(kind, marks),
        scopes=preferences.scopes(),
        first=not marks,
        requested_by=requested_by,
        requested_by_name=requested_by_name,
        requested_at=now,
        correlation_id=reference,
        generation=generation,
    )


def planned_anew(waited: Sync, marks: dict[Stream, datetime]) -> Sync:
    """Its turn has come: what the sync before it has read need not be read again."""
    return replace(waited, streams=streams(waited.kind, marks), first=not marks)


def of_contacts(
    after: Sync,
    connection: Connection,
    contacts: tuple[str, ...],
    preferences: Preferences,
    *,
    now: datetime,
    generation: int,
) -> Sync:
    """Beside whatever runs, and before it: a person sees a sale without its customer meanwhile. Under the reference of
    the sync that saw them missing; it moves no mark."""
    return Sync(
        id=sync_id(connection.id, f"missing to {after.id} at {now.isoformat()}: {contacts[0]}"),
        account_id=connection.account_id,
        connection_id=connection.id,
        tenant_id=connection.tenant_id,
        authorisation=connection.authorisation,
        lane=Lane.INTERACTIVE,
        kind=SyncKind.CONTACTS,
        settings=preferences.for_sync(),
        streams=(StreamRequest(stream=Stream.CONTACTS),),
        scopes={},
        contacts=contacts,
        requested_by=after.requested_by,
        requested_by_name=after.requested_by_name,
        requested_at=now,
        correlation_id=after.correlation_id,
        generation=generation,
    )
