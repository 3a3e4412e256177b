"""Removing what a connection imported: asked for here, done by crm-writer, which tells how far it is.

Only what is disconnected can be removed, once for each time it was disconnected. What a sync of the connection would
go by (marks, contacts asked for) goes with it, so that the first sync after connecting again reads everything; the
settings stay, and their schedule rests until a person presses Save Settings or Sync.
"""

import re
import uuid
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING

from accounting_link.chassis import mongo, outbox
from accounting_link.chassis.callers import Caller
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.messages import Outgoing, Publisher
from accounting_link.chassis.mongo import Db, Document, Session
from accounting_link.chassis.problems import ProblemError, not_found
from accounting_link.contracts.event import Scope
from accounting_link.contracts.removals import ImportsRemoved, Numbers, RemovalProgressed, RemovalRequested
from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import Act

WAITING, RUNNING, COMPLETED = "waiting", "running", "completed"
STATES = (WAITING, RUNNING, COMPLETED)
NUMBERS = Numbers.__struct_fields__
_IDS = uuid.uuid5(uuid.NAMESPACE_DNS, "removals.accounting-link.legrandcrm.com")


def prepare(db: Db) -> None:
    db.removals.create_index([("account_id", ASCENDING), ("requested_at", DESCENDING), ("_id", DESCENDING)])


class Removals:
    def __init__(self, db: Db, publisher: Publisher, clock: Clock) -> None:
        self._db, self._publisher, self._clock = db, publisher, clock

    def ask(self, caller: Caller, connection_id: str, reference: str) -> Document:
        """The removal as it stands; asked for twice it is the same one. Raises the 404 problem, also for another
        account's connection, and 409 while it is connected."""
        mine = {"_id": connection_id, "account_id": caller.account_id}

        def work(session: Session) -> Document:
            connection = self._db.connections.find_one(mine, session=session)
            if connection is None:
                raise not_found("connection")
            if not connection.get("removed"):
                raise ProblemError(
                    409, "still-connected", "This organisation is connected to Xero.", "Disconnect it first."
                )
            removal = self._document(caller, connection, reference)
            found = self._db.removals.find_one({"_id": removal["_id"]}, session=session)
            if found is not None:
                return found
            self._db.removals.insert_one(removal, session=session)
            self._forget(session, connection)
            self._say(session, caller, connection, removal)
            return removal

        return mongo.transact(self._db, work)

    def get(self, account_id: str, removal_id: str) -> Document:
        """Raises the 404 problem."""
        found = self._db.removals.find_one({"_id": removal_id, "account_id": account_id})
        if found is None:
            raise not_found("removal")
        return found

    def recent(
        self, account_id: str, connection_id: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> list[Document]:
        query: Document = {"account_id": account_id, **({"connection_id": connection_id} if connection_id else {})}
        if before:
            at, removal_id = before
            query["$or"] = [{"requested_at": {"$lt": at}}, {"requested_at": at, "_id": {"$lt": removal_id}}]
        newest_first = [("requested_at", DESCENDING), ("_id", DESCENDING)]
        return list(self._db.removals.find(query).sort(newest_first).limit(limit))

    def told(self, scope: Scope, event: RemovalProgressed | ImportsRemoved) -> None:
        """Told twice, or late, it changes nothing."""
        numbers = {name: getattr(event.numbers, name) for name in NUMBERS}
        which: Document = {"_id": event.removal_id, "account_id": scope.account_id}
        if isinstance(event, ImportsRemoved):
            which["records"] = {"$lte": event.records}
            ended = {"state": COMPLETED, "ended_at": event.ended_at, "records_in_all": event.records}
        else:
            which |= {"records": {"$lt": event.records}, "state": {"$ne": COMPLETED}}
            ended = {"state": RUNNING, "records_in_all": event.records_in_all}
        self._db.removals.update_one(which, {"$set": {**ended, **numbers, "records": event.records}})

    def _document(self, caller: Caller, connection: Document, reference: str) -> Document:
        return {
            "_id": str(uuid.uuid5(_IDS, f"{connection['_id']}\n{connection['authorisation']}")),
            "account_id": caller.account_id,
            "connection_id": connection["_id"],
            "authorisation": connection["authorisation"],
            "state": WAITING,
            "requested_by": caller.user_id,
            "requested_by_name": caller.name,
            "requested_at": self._clock.now(),
            "ended_at": None,
            "records": 0,
            "records_in_all": None,
            **dict.fromkeys(NUMBERS, 0),
            "reference": reference,
        }

    def _forget(self, session: Session, connection: Document) -> None:
        of_connection: Any = {"$regex": f"^{re.escape(connection['_id'])}/"}
        mine = {"account_id": connection["account_id"]}
        # Marks say under which authorisation they were made: one made by a sync that ends this very moment is no good.
        forgotten = {"$set": {"forgotten": connection["authorisation"]}}
        self._db.connections.update_one({"_id": connection["_id"], **mine}, forgotten, session=session)
        self._db.marks.delete_many({"_id": of_connection, **mine}, session=session)
        self._db.asked.delete_many({"_id": of_connection, **mine}, session=session)
        self._db.missing.delete_many({"connection_id": connection["_id"], **mine}, session=session)
        rests = {"$set": {"next_due": None}}
        self._db.settings.update_one({"_id": connection["_id"], **mine}, rests, session=session)

    def _say(self, session: Session, caller: Caller, connection: Document, removal: Document) -> None:
        scope = Scope(
            account_id=caller.account_id,
            connection_id=connection["_id"],
            authorisation=removal["authorisation"],
            lane=Lane.INTERACTIVE,
            correlation_id=removal["reference"],
        )
        at = removal["requested_at"]
        requested = RemovalRequested(
            removal_id=removal["_id"],
            authorisation=removal["authorisation"],
            requested_by=caller.user_id,
            requested_by_name=caller.name,
            requested_at=at,
        )
        acted = caller.acted(
            Act.REMOVAL_REQUESTED, connection["_id"], at, organisation=connection["tenant_name"], removal=removal["_id"]
        )
        outgoing = [Outgoing(event=event, scope=scope) for event in (requested, acted)]
        outbox.store(self._db, session, self._publisher, f"removal/{removal['_id']}", 1, outgoing)
