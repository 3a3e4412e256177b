"""Connections: one account of the CRM and one Xero organisation, for as long as there is anything to say about them.

``authorisation`` is raised by each consent; ``revision`` by each event, which it numbers in the outbox. A connection
keeps its id through all of it, so that settings and history stay with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from pymongo import ASCENDING, ReturnDocument

from accounting_link.chassis import outbox
from accounting_link.chassis.callers import Caller
from accounting_link.chassis.messages import Outgoing, Publisher
from accounting_link.chassis.mongo import Db, Document, Session
from accounting_link.contracts.connections import ConnectionEstablished, ConnectionEvent, ConnectionLost
from accounting_link.contracts.event import Scope
from auth_link.xero import Organisation

CONNECTED, LOST, DISCONNECTED = "connected", "lost", "disconnected"
STATES = (CONNECTED, LOST, DISCONNECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What is needed to put an event into the outbox in the transaction at hand."""

    db: Db
    publisher: Publisher
    reference: str

    def tell(self, session: Session, connection: Document, event: ConnectionEvent) -> None:
        scope = Scope(
            account_id=connection["account_id"], connection_id=connection["_id"], correlation_id=self.reference
        )
        outgoing = Outgoing(event=event, scope=scope)
        outbox.store(self.db, session, self.publisher, connection["_id"], connection["revision"], [outgoing])


def prepare(db: Db) -> None:
    db.connections.create_index([("account_id", ASCENDING), ("tenant_id", ASCENDING)], unique=True)
    db.connections.create_index([("account_id", ASCENDING), ("tenant_name", ASCENDING), ("_id", ASCENDING)])
    db.connections.create_index([("token_set_id", ASCENDING)])


def establish(
    session: Session,
    telling: Telling,
    caller: Caller,
    organisations: Sequence[Organisation],
    token_set_id: str,
    now: datetime,
) -> list[str]:
    """Connects the organisations to the caller's account, new or again, by this token set. Returns the ids of the
    connections, in the same order."""
    return [
        _establish(session, telling, caller, organisation, token_set_id, now)["_id"] for organisation in organisations
    ]


def _establish(
    session: Session, telling: Telling, caller: Caller, organisation: Organisation, token_set_id: str, now: datetime
) -> Document:
    connection: Document = telling.db.connections.find_one_and_update(
        {"account_id": caller.account_id, "tenant_id": organisation.tenant_id},
        {
            "$set": {
                "tenant_name": organisation.name,
                "xero_connection_id": organisation.connection_id,
                "token_set_id": token_set_id,
                "state": CONNECTED,
                "connected_by": caller.user_id,
                "connected_by_name": caller.name,
                "connected_at": now,
                "lost_at": None,
                "lost_reason": None,
            },
            "$inc": {"authorisation": 1, "revision": 1},
            "$setOnInsert": {"_id": uuid4().hex, "created_at": now},
        },
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=session,
    )  # type: ignore[assignment]  # an upsert that returns what is there afterwards always returns something
    event = ConnectionEstablished(
        tenant_id=organisation.tenant_id,
        authorisation=connection["authorisation"],
        tenant_name=organisation.name,
        connected_by=caller.user_id,
        connected_at=now,
    )
    telling.tell(session, connection, event)
    return connection


def lose(session: Session, telling: Telling, account_id: str, token_set_id: str, reason: str, now: datetime) -> int:
    """Every connection that lived by this token set is lost. Returns how many."""
    living = {"account_id": account_id, "token_set_id": token_set_id, "state": CONNECTED}
    found = list(telling.db.connections.find(living, session=session))
    for connection in found:
        telling.db.connections.update_one(
            {"_id": connection["_id"], "account_id": account_id},
            {"$set": {"state": LOST, "lost_at": now, "lost_reason": reason}, "$inc": {"revision": 1}},
            session=session,
        )
        event = ConnectionLost(
            tenant_id=connection["tenant_id"], authorisation=connection["authorisation"], reason=reason, lost_at=now
        )
        telling.tell(session, {**connection, "revision": connection["revision"] + 1}, event)
    return len(found)


def of_account(db: Db, account_id: str, after: Sequence[Any] | None, at_most: int) -> list[Document]:
    """By organisation's name; ``after`` is (name, id) of the last one seen."""
    query: Document = {"account_id": account_id}
    if after:
        name, key = after
        query["$or"] = [{"tenant_name": {"$gt": name}}, {"tenant_name": name, "_id": {"$gt": key}}]
    return list(db.connections.find(query).sort([("tenant_name", ASCENDING), ("_id", ASCENDING)]).limit(at_most))


def one_of_account(db: Db, account_id: str, connection_id: str) -> Document | None:
    return db.connections.find_one({"_id": connection_id, "account_id": account_id})
