"""Connections: one account of the CRM and one Xero organisation, for as long as there is anything to say about them.

``authorisation`` is raised by each consent and each disconnect; ``revision`` by each event, which it numbers in the
outbox. A connection keeps its id through all of it, so that settings and history stay with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from pymongo import ASCENDING, ReturnDocument

from accounting_link.chassis import outbox
from accounting_link.chassis.callers import Caller
from accounting_link.chassis.messages import Outgoing, Publisher
from accounting_link.chassis.mongo import Db, Document, Session
from accounting_link.contracts.connections import ConnectionEstablished, ConnectionLost, ConnectionRemoved
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.words import Act
from auth_link.xero import Organisation

CHECKED_EVERY = timedelta(days=1)
CONNECTED, LOST, DISCONNECTED = "connected", "lost", "disconnected"
STATES = (CONNECTED, LOST, DISCONNECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivesBy:
    """The token set of a consent, and whose at Xero. ``xero_user_id`` is empty where Xero does not say."""

    token_set_id: str
    xero_user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What is needed to put events into the outbox in the transaction at hand."""

    db: Db
    publisher: Publisher
    reference: str

    def tell(self, session: Session, connection: Document, *events: Event) -> None:
        scope = Scope(
            account_id=connection["account_id"], connection_id=connection["_id"], correlation_id=self.reference
        )
        outgoing = [Outgoing(event=event, scope=scope) for event in events]
        outbox.store(self.db, session, self.publisher, connection["_id"], connection["revision"], outgoing)


def prepare(db: Db) -> None:
    db.connections.create_index([("account_id", ASCENDING), ("tenant_id", ASCENDING)], unique=True)
    db.connections.create_index([("account_id", ASCENDING), ("tenant_name", ASCENDING), ("_id", ASCENDING)])
    db.connections.create_index([("token_set_id", ASCENDING)])
    db.connections.create_index([("xero_user_id", ASCENDING), ("tenant_id", ASCENDING)])
    db.connections.create_index([("state", ASCENDING), ("check_due", ASCENDING)])


def establish(
    session: Session,
    telling: Telling,
    caller: Caller,
    organisations: Sequence[Organisation],
    by: LivesBy,
    now: datetime,
) -> list[str]:
    """Connects the organisations to the caller's account, new or again. Returns the ids of the connections, in the
    same order."""
    return [_establish(session, telling, caller, organisation, by, now)["_id"] for organisation in organisations]


def _establish(
    session: Session, telling: Telling, caller: Caller, organisation: Organisation, by: LivesBy, now: datetime
) -> Document:
    connection: Document = telling.db.connections.find_one_and_update(
        {"account_id": caller.account_id, "tenant_id": organisation.tenant_id},
        {
            "$set": {
                "tenant_name": organisation.name,
                "xero_connection_id": organisation.connection_id,
                "token_set_id": by.token_set_id,
                "xero_user_id": by.xero_user_id,
                "state": CONNECTED,
                "connected_by": caller.user_id,
                "connected_by_name": caller.name,
                "connected_at": now,
                "lost_at": None,
                "lost_reason": None,
                "disconnected_at": None,
                "disconnected_by": None,
                "disconnected_by_name": None,
                "last_good_at": now,
                "check_due": now + CHECKED_EVERY,
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
    acted = caller.acted(Act.CONNECTED, connection["_id"], now, organisation=organisation.name)
    telling.tell(session, connection, event, acted)
    return connection


def lose(session: Session, telling: Telling, account_id: str, token_set_id: str, reason: str, now: datetime) -> int:
    """Every connection that lived by this token set is lost. Returns how many."""
    living = {"account_id": account_id, "token_set_id": token_set_id, "state": CONNECTED}
    found = list(telling.db.connections.find(living, session=session))
    for connection in found:
        _lose(session, telling, connection, reason, now)
    return len(found)


def lose_one(
    session: Session, telling: Telling, connection_id: str, authorisation: int, reason: str, now: datetime
) -> bool:
    """The connection is lost, unless it was connected again or disconnected since that authorisation."""
    living = {"_id": connection_id, "authorisation": authorisation, "state": CONNECTED}
    connection = telling.db.connections.find_one(living, session=session)
    if connection is None:
        return False
    _lose(session, telling, connection, reason, now)
    return True


def _lose(session: Session, telling: Telling, connection: Document, reason: str, now: datetime) -> None:
    telling.db.connections.update_one(
        {"_id": connection["_id"], "account_id": connection["account_id"]},
        {"$set": {"state": LOST, "lost_at": now, "lost_reason": reason}, "$inc": {"revision": 1}},
        session=session,
    )
    event = ConnectionLost(
        tenant_id=connection["tenant_id"], authorisation=connection["authorisation"], reason=reason, lost_at=now
    )
    telling.tell(session, {**connection, "revision": connection["revision"] + 1}, event)


def remove(session: Session, telling: Telling, caller: Caller, connection: Document, now: datetime) -> Document:
    """The connection is disconnected and lives by no token set. Returns it as it now stands."""
    removed: Document = telling.db.connections.find_one_and_update(
        {"_id": connection["_id"], "account_id": caller.account_id},
        {
            "$set": {
                "state": DISCONNECTED,
                "token_set_id": None,
                "disconnected_at": now,
                "disconnected_by": caller.user_id,
                "disconnected_by_name": caller.name,
            },
            "$inc": {"authorisation": 1, "revision": 1},
        },
        return_document=ReturnDocument.AFTER,
        session=session,
    )  # type: ignore[assignment]  # it was read in this very transaction
    event = ConnectionRemoved(
        tenant_id=removed["tenant_id"],
        authorisation=removed["authorisation"],
        tenant_name=removed["tenant_name"],
        removed_by=caller.user_id,
        removed_at=now,
    )
    acted = caller.acted(Act.DISCONNECTED, removed["_id"], now, organisation=removed["tenant_name"])
    telling.tell(session, removed, event, acted)
    return removed


def of_account(db: Db, account_id: str, after: Sequence[Any] | None, at_most: int) -> list[Document]:
    """By organisation's name; ``after`` is (name, id) of the last one seen."""
    query: Document = {"account_id": account_id}
    if after:
        name, key = after
        query["$or"] = [{"tenant_name": {"$gt": name}}, {"tenant_name": name, "_id": {"$gt": key}}]
    return list(db.connections.find(query).sort([("tenant_name", ASCENDING), ("_id", ASCENDING)]).limit(at_most))


def one_of_account(db: Db, account_id: str, connection_id: str) -> Document | None:
    return db.connections.find_one({"_id": connection_id, "account_id": account_id})
