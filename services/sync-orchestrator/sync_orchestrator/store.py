"""What sync-orchestrator keeps: syncs, settings, marks, and the connections as auth-link last told of them.

Every change of a sync and what it says to others (the outbox) are one transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.errors import DuplicateKeyError

from accounting_link.chassis import mongo, outbox
from accounting_link.chassis.messages import Outgoing, Publisher
from accounting_link.chassis.mongo import Db, Document, Session
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.requests import OrganisationRequested
from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import Stream, SyncKind
from sync_orchestrator import removals
from sync_orchestrator.lifecycle import Step, written_whole
from sync_orchestrator.preferences import Preferences
from sync_orchestrator.sync import FINAL, State, Sync

# Whom Xero does not give, or who is left out for another reason, is not asked for with every sync.
ASK_AGAIN_AFTER = timedelta(days=1)
_MOST_CONTACTS = 400  # in one request: ten calls

OPEN = [state for state in State if state not in FINAL]


class SlotTaken(Exception):  # noqa: N818 no error: another sync of the connection runs
    """Another sync holds the slot that this one would have taken."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """As auth-link last told of it."""

    id: str
    account_id: str
    tenant_id: str
    tenant_name: str
    authorisation: int
    lost: bool
    removed: bool = False  # disconnected by a person
    forgotten: int = -1  # what was imported up to this authorisation was removed

    @property
    def stands(self) -> bool:
        return not self.lost and not self.removed


def prepare(db: Db) -> None:
    # A sync that has ended has no slot, and the index leaves it alone.
    db.syncs.create_index(
        [("connection_id", ASCENDING), ("slot", ASCENDING)],
        unique=True,
        partialFilterExpression={"slot": {"$type": "string"}},
    )
    db.syncs.create_index([("account_id", ASCENDING), ("connection_id", ASCENDING), ("requested_at", DESCENDING)])
    db.syncs.create_index([("state", ASCENDING)])
    db.connections.create_index([("account_id", ASCENDING)])
    db.settings.create_index([("account_id", ASCENDING)])
    db.settings.create_index([("next_due", ASCENDING)])
    db.missing.create_index([("sync_id", ASCENDING)])
    db.asked.create_index([("at", ASCENDING)], expireAfterSeconds=int(ASK_AGAIN_AFTER.total_seconds()))
    removals.prepare(db)
    outbox.prepare(db)


class Store:
    def __init__(self, db: Db, publisher: Publisher) -> None:
        self._db, self._publisher = db, publisher

    # Syncs

    def add(self, sync: Sync, events: Sequence[Event] = ()) -> Sync:
        """Raises SlotTaken. A sync that is there already (same id) is given back as it stands."""

        def work(session: Session) -> Sync:
            found = self._db.syncs.find_one({"_id": sync.id}, session=session)
            if found:
                return _sync(found)
            if sync.slot and self._db.syncs.find_one(
                {"connection_id": sync.connection_id, "slot": sync.slot}, session=session
            ):
                raise SlotTaken
            self._db.syncs.insert_one(_document(sync), session=session)
            self._say(session, sync, events)
            return sync

        return mongo.transact(self._db, work)

    def change(self, sync_id: str, step: Callable[[Sync], Step]) -> Sync | None:
        """Applies ``step`` to the sync as it stands, whoever else is at it. None when there is no such sync."""

        def work(session: Session) -> Sync | None:
            found = self._db.syncs.find_one({"_id": sync_id}, session=session)
            if found is None:
                return None
            before = _sync(found)
            after, events = step(before)
            if after is before:
                return before
            after = msgspec.structs.replace(after, revision=before.revision + 1)
            self._db.syncs.replace_one({"_id": sync_id}, _document(after), session=session)
            self._say(session, after, events)
            self._move_marks(session, after)
            return after

        return mongo.transact(self._db, work)

    def begin(self, sync_id: str, step: Callable[[Sync], Step]) -> bool:
        """As ``change``, for a sync whose turn may have come; False while another holds the active slot."""
        waiting = self._db.syncs.find_one({"_id": sync_id}, {"connection_id": 1}) or {}
        if self._db.syncs.find_one({"connection_id": waiting.get("connection_id"), "slot": "active"}, {"_id": 1}):
            return False
        try:
            self.change(sync_id, step)
        except DuplicateKeyError:
            return False
        return True

    def get(self, account_id: str, sync_id: str) -> Sync | None:
        found = self._db.syncs.find_one({"_id": sync_id, "account_id": account_id})
        return _sync(found) if found else None

    def recent(
        self, account_id: str, connection_id: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> list[Sync]:
        query: Document = {"account_id": account_id}
        if connection_id:
            query["connection_id"] = connection_id
        if before:
            at, sync_id = before
            query["$or"] = [{"requested_at": {"$lt": at}}, {"requested_at": at, "_id": {"$lt": sync_id}}]
        newest_first = [("requested_at", DESCENDING), ("_id", DESCENDING)]
        return [_sync(found) for found in self._db.syncs.find(query).sort(newest_first).limit(limit)]

    def holder(self, account_id: str, connection_id: str, slot: str) -> Sync | None:
        found = self._db.syncs.find_one({"account_id": account_id, "connection_id": connection_id, "slot": slot})
        return _sync(found) if found else None

    def open_of(self, account_id: str, connection_id: str) -> list[Sync]:
        """Those of a connection that have not ended."""
        asked = {"account_id": account_id, "connection_id": connection_id, "state": {"$in": OPEN}}
        return [_sync(found) for found in self._db.syncs.find(asked)]

    def open(self) -> list[Sync]:
        """Every sync that has not ended, oldest first. Of all accounts: only the worker asks."""
        return [_sync(found) for found in self._db.syncs.find({"state": {"$in": OPEN}}).sort("requested_at", ASCENDING)]

    def _say(self, session: Session, sync: Sync, events: Sequence[Event]) -> None:
        outgoing = [Outgoing(event=event, scope=sync.scope()) for event in events]
        outbox.store(self._db, session, self._publisher, sync.id, sync.revision, outgoing)

    # Contacts that a sync's sales miss

    def note_missing(self, scope: Scope, missing: dict[str, bool]) -> None:
        """By contact: is it missing, as this sync last told of it? Safe to repeat."""
        ids = {contact: f"{scope.sync_id}/{contact}" for contact in missing}
        whose = {"account_id": scope.account_id, "connection_id": scope.connection_id, "sync_id": scope.sync_id}
        if here := [ids[contact] for contact, is_missing in missing.items() if not is_missing]:
            self._db.missing.delete_many({"_id": {"$in": here}})
        writes = [
            UpdateOne({"_id": ids[contact]}, {"$setOnInsert": {**whose, "contact_id": contact}}, upsert=True)
            for contact, is_missing in missing.items()
            if is_missing
        ]
        if writes:
            self._db.missing.bulk_write(writes, ordered=False)

    def ended_with_missing(self) -> list[Sync]:
        """Syncs that have ended and whose sales miss contacts. Of all accounts: only the worker asks."""
        ids = self._db.missing.distinct("sync_id")
        ended = {"_id": {"$in": ids}, "state": {"$in": list(FINAL)}}
        return [_sync(found) for found in self._db.syncs.find(ended)] if ids else []

    def ask_for_missing(self, ended: Sync, now: datetime, begin: Callable[[tuple[str, ...]], Step]) -> None:
        """Some of the contacts that its sales miss become a sync of their own, but those asked for within the day. The
        question and the note that it was asked are one transaction."""

        def work(session: Session) -> None:
            rows = list(self._db.missing.find({"sync_id": ended.id}, limit=_MOST_CONTACTS, session=session))
            asked = {row["contact_id"]: f"{row['connection_id']}/{row['contact_id']}" for row in rows}
            recent = {"_id": {"$in": list(asked.values())}, "at": {"$gt": now - ASK_AGAIN_AFTER}}
            lately = {row["_id"] for row in self._db.asked.find(recent, session=session)}
            fresh = tuple(sorted(contact for contact, id_ in asked.items() if id_ not in lately))
            if fresh:
                sync, events = begin(fresh)
                self._db.syncs.insert_one(_document(sync), session=session)
                self._say(session, sync, events)
            for contact in fresh:
                at = {"_id": asked[contact], "account_id": ended.account_id, "at": now}
                self._db.asked.replace_one({"_id": asked[contact]}, at, upsert=True, session=session)
            self._db.missing.delete_many({"_id": {"$in": [row["_id"] for row in rows]}}, session=session)

        mongo.transact(self._db, work)

    # Marks: from when on a delta reads a stream

    def marks(self, connection: Connection, scopes: Mapping[str, str]) -> dict[Stream, datetime]:
        ids = [_mark_id(connection.id, stream, scope) for stream, scope in scopes.items()]
        found = self._db.marks.find({"_id": {"$in": ids}, "account_id": connection.account_id})
        good = (mark for mark in found if mark.get("authorisation", 0) > connection.forgotten)
        return {Stream(mark["stream"]): mark["at"] for mark in good}

    def _move_marks(self, session: Session, sync: Sync) -> None:
        for stream in written_whole(sync):
            ended = sync.of(stream).ended
            if ended is None or ended.began_at is None or stream not in sync.scopes:
                continue
            mark_id = _mark_id(sync.connection_id, stream, sync.scopes[stream])
            mark = {
                "account_id": sync.account_id,
                "stream": stream,
                "at": ended.began_at,
                "sync_id": sync.id,
                "authorisation": sync.authorisation,
            }
            self._db.marks.replace_one({"_id": mark_id}, {"_id": mark_id, **mark}, upsert=True, session=session)

    def compared(self, connection: Connection, since: datetime, tried_since: datetime) -> bool:
        """Was everything read, and held against what stands here, by a sync asked for ``since`` that ended well, or by
        one asked for ``tried_since``, whatever came of it?"""
        mine = {"account_id": connection.account_id, "connection_id": connection.id}
        well = {"state": {"$in": [State.COMPLETED, State.COMPLETED_WITH_PROBLEMS]}}
        everything: Document = {"$or": [{"kind": SyncKind.FULL}, {"first": True}]}
        either: Document = {"$or": [{"requested_at": {"$gt": since}, **well}, {"requested_at": {"$gt": tried_since}}]}
        of_this_life = {"authorisation": {"$gt": connection.forgotten}}
        return self._db.syncs.find_one({**mine, **of_this_life, "$and": [everything, either]}, {"_id": 1}) is not None

    # Settings

    def preferences(self, account_id: str, connection_id: str) -> Preferences:
        found = self._db.settings.find_one({"_id": connection_id, "account_id": account_id})
        return msgspec.convert(found, Preferences) if found else Preferences()

    def due_of(self, account_id: str, connection_id: str) -> datetime | None:
        found = self._db.settings.find_one({"_id": connection_id, "account_id": account_id}, {"next_due": 1})
        return found["next_due"] if found else None

    def save_preferences(
        self, scope: Scope, wanted: Preferences, due: datetime | None, events: Sequence[Event] = ()
    ) -> None:
        """``events`` are told with it or not at all."""
        key = {"_id": scope.connection_id, "account_id": scope.account_id}
        values = {**msgspec.to_builtins(wanted), "next_due": due}

        def work(session: Session) -> None:
            saved: Document = self._db.settings.find_one_and_update(
                key, {"$set": values, "$inc": {"revision": 1}}, upsert=True, return_document=True, session=session
            )  # type: ignore[assignment]  # an upsert that returns what stands after always answers
            outgoing = [Outgoing(event=event, scope=scope) for event in events]
            aggregate = f"settings/{scope.connection_id}"
            outbox.store(self._db, session, self._publisher, aggregate, saved["revision"], outgoing)

        mongo.transact(self._db, work)

    def due(self, now: datetime) -> list[tuple[str, str, datetime]]:
        """Connections whose scheduled sync is due: (account, connection, when it was due)."""
        found = self._db.settings.find({"next_due": {"$type": "date", "$lte": now}})
        return [(one["account_id"], one["_id"], one["next_due"]) for one in found]

    def next_due(self, connection_id: str, was: datetime | None, then: datetime | None) -> None:
        """Compare-and-set, so that of two schedulers one moves it."""
        self._db.settings.update_one({"_id": connection_id, "next_due": was}, {"$set": {"next_due": then}})

    # Connections

    def connection(self, account_id: str, connection_id: str) -> Connection | None:
        found = self._db.connections.find_one({"_id": connection_id, "account_id": account_id})
        return _connection(found) if found else None

    def told(self, connection: Connection, now: datetime, reference: str = "") -> None:
        """What speaks of a lower authorisation than is known is ignored. Of what was connected just now it is asked, in
        the same transaction, what it is and how much it holds."""

        def work(session: Session) -> None:
            known = self._db.connections.find_one({"_id": connection.id}, session=session)
            self._keep(session, connection)
            if connection.stands and connection.authorisation > (known["authorisation"] if known else 0):
                self._ask_what_it_is(session, connection, now, reference)

        mongo.transact(self._db, work)

    def _ask_what_it_is(self, session: Session, connection: Connection, now: datetime, reference: str) -> None:
        asked = OrganisationRequested(
            tenant_id=connection.tenant_id, authorisation=connection.authorisation, requested_at=now
        )
        scope = Scope(
            account_id=connection.account_id,
            connection_id=connection.id,
            authorisation=connection.authorisation,
            lane=Lane.INTERACTIVE,
            correlation_id=reference,
        )
        outgoing = [Outgoing(event=asked, scope=scope)]
        aggregate = f"connection/{connection.id}"
        outbox.store(self._db, session, self._publisher, aggregate, connection.authorisation, outgoing)

    def _keep(self, session: Session, connection: Connection) -> None:
        # Of one authorisation the loss is later than the consent, in whichever order they are told.
        same = (
            {"authorisation": connection.authorisation}
            if connection.lost
            else {"authorisation": connection.authorisation, "lost": False}
        )
        newer = {"_id": connection.id, "$or": [{"authorisation": {"$lt": connection.authorisation}}, same]}
        values = msgspec.to_builtins(connection)
        del values["id"], values["forgotten"]  # the one its key, the other not auth-link's to tell
        whose = {"_id": connection.id}
        if self._db.connections.find_one(whose, {"_id": 1}, session=session) is None:
            self._db.connections.insert_one({**whose, **values}, session=session)
        else:
            self._db.connections.update_one(newer, {"$set": values}, session=session)


def _mark_id(connection_id: str, stream: str, scope: str) -> str:
    return f"{connection_id}/{stream}/{scope}"


def _connection(found: Document) -> Connection:
    return msgspec.convert({**found, "id": found["_id"]}, Connection)


def _document(sync: Sync) -> Document:
    values: Document = msgspec.to_builtins(sync, builtin_types=(datetime,))
    return {"_id": values.pop("id"), "slot": sync.slot, **values}


def _sync(found: Document) -> Sync:
    values: dict[str, Any] = {**found, "id": found["_id"]}
    return msgspec.convert(values, Sync)
