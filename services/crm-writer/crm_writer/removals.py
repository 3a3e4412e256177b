"""Removals under way: begun by an event, worked on slice by slice between batches, told as they go on.

What stands of one is its document in ``removals``, which changes in the transaction of each slice: whoever is killed,
the next to look goes on where it stood, and no number counts twice.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from accounting_link.chassis import logs
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Outgoing, Publisher, Received
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.removals import ImportsRemoved, Numbers, RemovalProgressed, RemovalRequested
from crm_writer import metrics
from crm_writer.books import Books, BooksOf, Records
from crm_writer.changes import Changes, Document
from crm_writer.copies import to_the_millisecond
from crm_writer.removing import remove_slice

log = logs.logger()

AFTER_SLICE = "crm-writer:after-slice"
# A copy that was being written when the tombstone was set is seen by then: MongoDB ends a transaction after a minute.
LOOKED_AT_AGAIN_AFTER = timedelta(minutes=2)
_HELD_FOR = timedelta(seconds=10)
_COUNTED = ("companies", "people", "sales", "companies_kept", "people_kept", "records")


def begin(records: Records, received: Sequence[Received]) -> None:
    """All is written when this returns: from now on what is read under such an authorisation is dropped."""

    def work(books_of: BooksOf) -> None:
        for one in received:
            _begin(books_of(one.scope.account_id), one)

    if received:
        records.transact(work)


def _begin(books: Books, received: Received) -> None:
    event, scope = received.event, received.scope
    assert isinstance(event, RemovalRequested)
    changes = Changes()
    tombstone = {
        "_id": scope.connection_id,
        "account_id": scope.account_id,
        "authorisation": event.authorisation,
        "at": to_the_millisecond(event.requested_at),
    }
    standing = books.tombstones({scope.connection_id}).get(scope.connection_id)
    if standing is None:
        changes.insert("tombstones", tombstone)
    elif standing < event.authorisation:
        changes.replace("tombstones", tombstone)
    if not books.removals({event.removal_id}):
        in_all = books.count_imported(scope.connection_id, event.authorisation)
        changes.insert("removals", _document(event, scope, in_all))
    books.write(changes)


def _document(event: RemovalRequested, scope: Scope, in_all: int) -> Document:
    return {
        "_id": event.removal_id,
        "account_id": scope.account_id,
        "connection_id": scope.connection_id,
        "correlation_id": scope.correlation_id,
        "authorisation": event.authorisation,
        "requested_by": event.requested_by,
        "requested_by_name": event.requested_by_name,
        "requested_at": to_the_millisecond(event.requested_at),
        "records_in_all": in_all,
        **dict.fromkeys(_COUNTED, 0),
        "look_at": to_the_millisecond(event.requested_at),  # None: nothing can turn up any more
        "told": False,
        "held_by": "",
    }


class OpenRemovals(Protocol):
    def next(self, holder: str, now: datetime, until: datetime) -> Document | None:
        """One that is to be looked at and that nobody else works on, held until then. Of all accounts."""


class Removals:
    """The worker's part, one slice a turn so that batches of records come in between."""

    def __init__(
        self,
        records: Records,
        waiting: OpenRemovals,
        publisher: Publisher,
        clock: Clock,
        holder: str,
        fault: FaultPoint | None = None,
    ) -> None:
        self._records, self._waiting, self._publisher, self._clock = records, waiting, publisher, clock
        self._holder, self._fault = holder, fault or FaultPoint()

    def turn(self) -> bool:
        """True when there was something to do."""
        now = self._clock.now()
        removal = self._waiting.next(self._holder, now, now + _HELD_FOR)
        if removal is None:
            return False
        scope = _scope(removal)
        with logs.bound(scope):
            after = self._slice(removal)
            self._fault.reach(AFTER_SLICE)
            if after["records"] > removal["records"]:
                self._say(scope, _progressed(after))
            elif not removal["told"]:
                # Said before it is noted: whoever is killed in between says it once more.
                self._say(scope, _removed(after, now))
                self._note(after, {"told": True, "look_at": now + LOOKED_AT_AGAIN_AFTER})
                log.info("imports removed", **{name: after[name] for name in _COUNTED})
            else:
                self._note(after, {"look_at": None})
        return True

    def _slice(self, removal: Document) -> Document:
        def work(books_of: BooksOf) -> Document:
            books = books_of(removal["account_id"])
            [standing] = books.removals({removal["_id"]})
            counted = remove_slice(books, standing["connection_id"], standing["authorisation"])
            if not counted["records"]:
                _forget_organisation(books, standing)
                return standing
            added = {name: standing[name] + counted[name] for name in _COUNTED}
            fields = {**added, "told": False, "look_at": standing["look_at"]}
            changes = Changes()
            changes.set("removals", standing["_id"], fields)
            books.write(changes)
            return {**standing, **fields}

        done = self._records.transact(work)
        metrics.REMOVED.inc(done["records"] - removal["records"])
        return done

    def _note(self, removal: Document, fields: Document) -> None:
        changes = Changes()
        changes.set("removals", removal["_id"], fields)
        self._records.transact(lambda books_of: books_of(removal["account_id"]).write(changes))

    def _say(self, scope: Scope, event: Event) -> None:
        self._publisher.confirmed([Outgoing(event=event, scope=scope)])


def _forget_organisation(books: Books, removal: Document) -> None:
    changes = Changes()
    for one in books.organisations({removal["connection_id"]}):
        if one.get("authorisation", 0) <= removal["authorisation"]:
            changes.delete("organisations", one["_id"])
    books.write(changes)


def _scope(removal: Document) -> Scope:
    return Scope(
        account_id=removal["account_id"],
        connection_id=removal["connection_id"],
        authorisation=removal["authorisation"],
        correlation_id=removal["correlation_id"],
    )


def _numbers(removal: Document) -> Numbers:
    return Numbers(**{name: removal[name] for name in _COUNTED if name != "records"})


def _progressed(removal: Document) -> RemovalProgressed:
    return RemovalProgressed(
        removal_id=removal["_id"],
        authorisation=removal["authorisation"],
        records=removal["records"],
        records_in_all=max(removal["records_in_all"], removal["records"]),
        numbers=_numbers(removal),
    )


def _removed(removal: Document, now: datetime) -> ImportsRemoved:
    return ImportsRemoved(
        removal_id=removal["_id"],
        authorisation=removal["authorisation"],
        records=removal["records"],
        numbers=_numbers(removal),
        requested_by=removal["requested_by"],
        requested_by_name=removal["requested_by_name"],
        ended_at=now,
    )
