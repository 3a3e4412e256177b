"""Events that are kept one for one, known by their id: what was set aside, and what became of connections. Pure."""

from datetime import datetime

import msgspec

from accounting_link.chassis.messages import Received
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.connections import (
    CallsCounted,
    ConnectionEstablished,
    ConnectionLost,
    ConnectionRemoved,
)
from accounting_link.contracts.dead_letters import DeadLettered
from accounting_link.contracts.people import PersonActed
from accounting_link.contracts.removals import ImportsRemoved, RemovalProgressed
from accounting_link.contracts.words import Act
from log_service.documents import stored

BecameOf = ConnectionEstablished | ConnectionLost | ConnectionRemoved


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


def connection_event(received: Received, event: BecameOf) -> Document:
    return {
        **_whose(received),
        "what": type(event).__name__,
        "tenant_id": event.tenant_id,
        "authorisation": event.authorisation,
        "tenant_name": "" if isinstance(event, ConnectionLost) else event.tenant_name,
        "by": _by(event),
        "reason": event.reason if isinstance(event, ConnectionLost) else "",
        "at": stored(_when(event)),
    }


def calls_counted(received: Received, event: CallsCounted) -> Document:
    """How far a connection's day is used: one document a connection, the newest telling."""
    return {
        **_whose(received),
        "_id": received.scope.connection_id,
        "at": stored(event.at),
        **{name: getattr(event, name) for name in ("day", "calls", "calls_a_day", "bytes", "bytes_a_day")},
    }


def newest(one: Document, other: Document) -> Document:
    return max(one, other, key=lambda row: (row["at"], row["calls"], row["bytes"], repr(sorted(row.items()))))


def act(received: Received, event: PersonActed) -> Document:
    return {
        **_whose(received),
        "at": stored(event.at),
        "act": event.act.value,
        "about": event.about,
        "sync_id": received.scope.sync_id,
        "by": event.by,
        "by_name": event.by_name,
        "address": event.address,
        "details": {detail.name: detail.value for detail in event.details},
        "reference": received.scope.correlation_id,
    }


def removed(received: Received, event: ImportsRemoved) -> Document:
    """The proof of what a person asked for: done, with its numbers."""
    return {
        **_whose(received),
        "at": stored(event.ended_at),
        "act": Act.IMPORTS_REMOVED.value,
        "about": received.scope.connection_id,
        "sync_id": "",
        "by": event.requested_by,
        "by_name": event.requested_by_name,
        "address": "",
        "details": {name: str(value) for name, value in msgspec.structs.asdict(event.numbers).items()},
        "reference": received.scope.correlation_id,
    }


def forgotten(received: Received, event: RemovalProgressed | ImportsRemoved) -> Document:
    """One document a connection: sales that were told of under this authorisation or an earlier one are gone."""
    return {**_whose(received), "_id": received.scope.connection_id, "authorisation": event.authorisation}


def latest(one: Document, other: Document) -> Document:
    return max(one, other, key=lambda row: row["authorisation"])


def _by(event: BecameOf) -> str:
    match event:
        case ConnectionEstablished():
            return event.connected_by
        case ConnectionRemoved():
            return event.removed_by
    return ""


def _whose(received: Received) -> Document:
    scope = received.scope
    return {"_id": received.envelope.id, "account_id": scope.account_id, "connection_id": scope.connection_id}


def _when(event: BecameOf) -> datetime:
    match event:
        case ConnectionEstablished():
            return event.connected_at
        case ConnectionRemoved():
            return event.removed_at
        case ConnectionLost():
            return event.lost_at
