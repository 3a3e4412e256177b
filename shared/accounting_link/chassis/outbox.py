"""What a service has decided to say, stored in the transaction that decided it, then relayed to Kafka.

Rows of one aggregate (a sync, a connection) are relayed in the order of their ``seq``, and none is taken
while an earlier one of the same aggregate waits. A crash between the broker's acknowledgement and the
removal of a row sends it again: receivers know an event by its id.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from accounting_link.chassis.clock import Clock
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Outgoing, Publisher, Sent
from accounting_link.chassis.mongo import Db, Document, Session
from accounting_link.contracts.cloudevents import Message

# How long events wait after their relay has died.
_LEASE = timedelta(seconds=5)
_BATCH = 500
AFTER_ACKNOWLEDGEMENT = "outbox:after-acknowledgement"


def prepare(db: Db) -> None:
    db.outbox.create_index([("aggregate", ASCENDING), ("seq", ASCENDING)], unique=True)


def store(db: Db, session: Session, publisher: Publisher, aggregate: str, seq: int, events: Sequence[Outgoing]) -> None:
    """``seq`` is the aggregate's own revision: unique and rising, in the same transaction."""
    rows = [
        {"aggregate": aggregate, "seq": seq * 1000 + place, **_row(publisher.message(one))}
        for place, one in enumerate(events)
    ]
    if rows:
        db.outbox.insert_many(rows, session=session)


class StoredOnly:
    """The transport of a process that only stores: its events wait for the relay in the service's worker."""

    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        raise RuntimeError(f"{len(messages)} messages were to be sent past the outbox")


class Relay:
    """Moves rows to Kafka. Several may run; one at a time holds the lease, for order and economy only."""

    def __init__(self, db: Db, publisher: Publisher, clock: Clock, faults: FaultPoint | None = None) -> None:
        self._db, self._publisher, self._clock = db, publisher, clock
        self._faults = faults or FaultPoint()
        self._me = uuid4().hex
        self._renew_at = float("-inf")  # asking at each turn would be most of what an idle service does

    def turn(self) -> int:
        """Relays what waits; returns how many."""
        if not self._holds_lease():
            return 0
        rows = list(self._db.outbox.find().sort([("aggregate", ASCENDING), ("seq", ASCENDING)]).limit(_BATCH))
        if not rows:
            return 0
        self._publisher.forward([_message(row) for row in rows])
        self._faults.reach(AFTER_ACKNOWLEDGEMENT)
        self._db.outbox.delete_many({"_id": {"$in": [row["_id"] for row in rows]}})
        return len(rows)

    def close(self) -> None:
        """Gives the lease back, so that whoever relays next need not wait until it lapses."""
        self._renew_at = float("-inf")
        self._db.leases.delete_one({"_id": "relay", "holder": self._me})

    def _holds_lease(self) -> bool:
        asked_at, now = self._clock.monotonic(), self._clock.now()
        if asked_at < self._renew_at:
            return True
        mine_or_lapsed = {"_id": "relay", "$or": [{"holder": self._me}, {"until": {"$lt": now}}]}
        lease = {"$set": {"holder": self._me, "until": now + _LEASE}}
        try:
            self._db.leases.update_one(mine_or_lapsed, lease, upsert=True)
        except DuplicateKeyError:  # another holds it
            return False
        self._renew_at = asked_at + _LEASE.total_seconds() / 2
        return True


def _row(message: Message) -> Document:
    return {
        "topic": message.topic,
        "key": message.key,
        "headers": [[name, value] for name, value in message.headers],
        "value": message.value,
    }


def _message(row: Document) -> Message:
    headers = [(name, bytes(value)) for name, value in row["headers"]]
    return Message(topic=row["topic"], key=row["key"], headers=headers, value=bytes(row["value"]))


def waiting(db: Db) -> int:
    return db.outbox.estimated_document_count()
