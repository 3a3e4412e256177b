"""Events that are kept one for one, known by their id: what was set aside, and what became of connections. Pure."""

from datetime import datetime

from accounting_link.chassis.messages import Received
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.connections import ConnectionEstablished, ConnectionEvent, ConnectionLost
from accounting_link.contracts.dead_letters import DeadLettered
from log_service.documents import stored


def join(one: Document, other: Document) -> Document:
    """The same event told again says nothing new; of two tellings the earlier is kept."""
    return min(one, other, key=lambda row: (row["at"], repr(sorted(row.items()))))


def letter(received: Received, event: DeadLettered) -> Document:
    return {
        **_whose(received),
        "sync_id": received.scope.sync_id,
        "reference": received.scope.correlation_id,
        "at": stored(event.at),
        "consumer": event.consumer,
        "reason": event.reason,
        "about": event.about,
        "type": event.type,
        "topic": event.topic,
        "partition": event.partition,
        "offset": event.offset,
        "value": event.value,
        "size": event.size,
    }


def connection_event(received: Received, event: ConnectionEvent) -> Document:
    return {
        **_whose(received),
        "what": type(event).__name__,
        "tenant_id": event.tenant_id,
        "authorisation": event.authorisation,
        "tenant_name": event.tenant_name if isinstance(event, ConnectionEstablished) else "",
        "by": event.connected_by if isinstance(event, ConnectionEstablished) else "",
        "reason": event.reason if isinstance(event, ConnectionLost) else "",
        "at": stored(_when(received, event)),
    }


def _whose(received: Received) -> Document:
    scope = received.scope
    return {"_id": received.envelope.id, "account_id": scope.account_id, "connection_id": scope.connection_id}


def _when(received: Received, event: ConnectionEvent) -> datetime:
    match event:
        case ConnectionEstablished():
            return event.connected_at
        case ConnectionLost():
            return event.lost_at
    return received.envelope.time
