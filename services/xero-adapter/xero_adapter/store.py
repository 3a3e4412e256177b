"""What xero-adapter keeps: how far each stream is read (fenced), what is held or stopped, and the permits."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import msgspec
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from accounting_link.chassis.clock import Clock
from accounting_link.chassis.mongo import Db, Document
from accounting_link.contracts.event import Scope
from accounting_link.contracts.words import Stream
from xero_adapter.planning.cursor import Cursor

T = TypeVar("T")
D = TypeVar("D", bound=msgspec.Struct)
# Long after the topics' retention nobody can ask for a sync again.
_KEPT = timedelta(days=30)


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far one stream of one attempt is read. ``epoch`` is raised by whoever takes it on: a replica that was
    replaced without noticing can no longer save it."""

    id: str
    epoch: int
    cursor: Cursor | None  # None: read to the end, if begun
    begun: bool = False
    ended: bool = False
    stopped: bool = False
    partitions: tuple[int, ...] = ()  # that records were acknowledged on
    read: int = 0
    base: int = 0  # of those, how many the cursor's own filter does not count
    expected: int | None = None
    pages: int = 0
    calls: int = 0
    bytes: int = 0
    began_at: datetime | None = None  # Xero's own time at the first call


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """When an organisation was last read, one a connection."""

    read_at: datetime | None = None


class Hold(StrEnum):
    GO = "go"
    OLD = "old"  # a later attempt or ask has been seen
    STOPPED = "stopped"


class Checkpoints(Protocol):
    def hold(self, scope: Scope) -> Hold:
        """A request has come: may its sync be read on?"""

    def stop(self, scope: Scope) -> Hold:
        """This attempt is to be read no further, also by requests for it that come later."""

    def take(self, scope: Scope, stream: Stream, begin: Cursor) -> Checkpoint:
        """The checkpoint as it stands, or a new one at ``begin``, fenced off from whoever held it before."""

    def save(self, checkpoint: Checkpoint) -> bool:
        """False when another has taken it since: then nothing is saved, and nothing may be said."""


class Shared(Protocol[D]):
    """Documents that all replicas change: one a key (an organisation, or the app)."""

    def change(self, key: str, step: Callable[[D], tuple[D, T]]) -> T:
        """Applies ``step`` atomically to the document as it stands; ``step`` may be called more than once."""


def prepare(db: Db) -> None:
    for collection in (db.checkpoints, db.held):
        collection.create_index([("touched_at", ASCENDING)], expireAfterSeconds=int(_KEPT.total_seconds()))


class MongoCheckpoints:
    def __init__(self, db: Db, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def hold(self, scope: Scope) -> Hold:
        return self._hold(scope, stopped=False)

    def stop(self, scope: Scope) -> Hold:
        return self._hold(scope, stopped=True)

    def _hold(self, scope: Scope, *, stopped: bool) -> Hold:
        key: Document = {"_id": scope.sync_id}
        now: Document = {"$set": {"touched_at": self._clock.now(), "account_id": scope.account_id}}
        held: Document = self._db.held.find_one_and_update(
            key,
            {**now, "$setOnInsert": {"attempt": scope.attempt, "ask": scope.ask, "stopped": stopped}},
            upsert=True,
            return_document=True,
        )  # type: ignore[assignment]  # an upsert that returns what stands after always answers
        if (held["attempt"], held["ask"]) > (scope.attempt, scope.ask):
            return Hold.OLD
        # An attempt that was stopped stays so, whatever is asked of it; a new attempt begins afresh.
        after = stopped or (held["stopped"] and held["attempt"] == scope.attempt)
        values = {"attempt": scope.attempt, "ask": scope.ask, "stopped": after}
        seen = {**key, "attempt": held["attempt"], "ask": held["ask"], "stopped": held["stopped"]}
        if self._db.held.update_one(seen, {"$set": values}).matched_count == 0:
            return self._hold(scope, stopped=stopped)  # another moved it this moment: look again
        return Hold.STOPPED if after else Hold.GO

    def take(self, scope: Scope, stream: Stream, begin: Cursor) -> Checkpoint:
        fresh = _document(Checkpoint(id=_id(scope, stream), epoch=0, cursor=begin))
        key = fresh.pop("_id")
        del fresh["epoch"]
        found: Document = self._db.checkpoints.find_one_and_update(
            {"_id": key},
            {
                "$inc": {"epoch": 1},
                "$set": {"touched_at": self._clock.now()},
                "$setOnInsert": {**fresh, "account_id": scope.account_id},
            },
            upsert=True,
            return_document=True,
        )  # type: ignore[assignment]  # as above
        return msgspec.convert({**found, "id": found["_id"]}, Checkpoint)

    def save(self, checkpoint: Checkpoint) -> bool:
        values = _document(checkpoint)
        key = {"_id": values.pop("_id"), "epoch": values.pop("epoch")}
        values["touched_at"] = self._clock.now()
        return self._db.checkpoints.update_one(key, {"$set": values}).matched_count == 1


class MongoShared(Generic[D]):
    """Compare-and-set on a revision: of two changes at once, one is decided after the other."""

    def __init__(self, collection: "Collection[Document]", new: Callable[[], D]) -> None:
        self._collection, self._new = collection, new

    def change(self, key: str, step: Callable[[D], tuple[D, T]]) -> T:
        while True:
            found = self._collection.find_one({"_id": key})
            before = msgspec.convert(found, type(self._new())) if found else self._new()
            revision = found["revision"] if found else 0
            after, result = step(before)
            if after == before or self._put(key, revision, after):
                return result

    def _put(self, key: str, revision: int, document: D) -> bool:
        values = {**msgspec.to_builtins(document, builtin_types=(datetime,)), "revision": revision + 1}
        seen = {"_id": key, "revision": revision}
        try:
            put = self._collection.replace_one(seen, values, upsert=revision == 0)
        except DuplicateKeyError:
            return False
        return put.matched_count == 1 or put.upserted_id is not None


def _id(scope: Scope, stream: Stream) -> str:
    return f"{scope.sync_id}/{scope.attempt}/{stream}"


def _document(checkpoint: Checkpoint) -> Document:
    values: Document = msgspec.to_builtins(checkpoint, builtin_types=(datetime,))
    return {"_id": values.pop("id"), **values}
