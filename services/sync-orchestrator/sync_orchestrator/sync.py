"""A sync as it stands. Immutable; :mod:`~sync_orchestrator.lifecycle` makes the next one from an event."""

from datetime import datetime
from enum import StrEnum

import msgspec

from accounting_link.contracts.event import Scope
from accounting_link.contracts.requests import StreamRequest, SyncSettings, what_is_read
from accounting_link.contracts.sync_life import Marker
from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import ParkReason, Reads, Stream, SyncKind


class State(StrEnum):
    WAITING = "waiting"  # behind another sync of the same connection
    RUNNING = "running"
    PARKED = "parked"  # for a time or a person
    CANCELLING = "cancelling"
    FAILING = "failing"
    COMPLETED = "completed"
    COMPLETED_WITH_PROBLEMS = "completed_with_problems"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({State.COMPLETED, State.COMPLETED_WITH_PROBLEMS, State.FAILED, State.CANCELLED})
STOPPING = frozenset({State.CANCELLING, State.FAILING})


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Ended(Frozen, frozen=True, kw_only=True):
    """The adapter's word that a stream is read to its end, and where its markers lie."""

    topic: str
    markers: tuple[Marker, ...]
    began_at: datetime | None  # Xero's own time at the stream's first call
    stopped: bool


class Progress(Frozen, frozen=True, kw_only=True):
    """One stream of the current attempt."""

    read: int = 0
    expected: int | None = None
    pages: int = 0
    calls: int = 0
    bytes: int = 0
    ended: Ended | None = None
    drained: tuple[str, ...] = ()  # "topic/partition" of each marker that the writers have reached

    def is_done(self) -> bool:
        """Read to its end, and every partition it was written to is drained."""
        if self.ended is None:
            return False
        return {f"{self.ended.topic}/{marker.partition}" for marker in self.ended.markers} <= set(self.drained)


class Applied(Frozen, frozen=True, kw_only=True):
    """Copies that crm-writer has put away from one partition. ``upto`` makes a batch that is told twice count once."""

    upto: int
    count: dict[str, int]  # by kind


class Parked(Frozen, frozen=True, kw_only=True):
    reason: ParkReason
    detail: str
    until: datetime | None
    authorisation: int


class Sync(Frozen, frozen=True, kw_only=True):
    id: str
    account_id: str
    connection_id: str
    tenant_id: str
    authorisation: int
    lane: Lane
    kind: SyncKind
    settings: SyncSettings
    streams: tuple[StreamRequest, ...]
    scopes: dict[str, str]  # by stream: what a mark made by this sync is good for; where there is none, none is made
    requested_by: str
    requested_at: datetime
    correlation_id: str
    generation: int  # of the broker that its events are on

    requested_by_name: str = ""  # as it then was; empty for the schedule
    first: bool = False  # nothing of the organisation was imported before
    contacts: tuple[str, ...] = ()  # Xero's ids, of a sync of these contacts only

    state: State = State.WAITING
    reason: str = ""
    revision: int = 0
    attempt: int = 1
    ask: int = 1
    started_ask: int = 0  # the last ask of this attempt that a replica has taken on
    asked_since_progress: int = 0
    progress_at: datetime | None = None
    advanced_at: datetime | None = None  # when something was last read or put away; asking is neither
    stopping_since: datetime | None = None
    cancelled_by: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    progress: dict[str, Progress] = {}
    applied: dict[str, Applied] = {}
    failed: tuple[str, ...] = ()  # "kind/id" of records whose newest outcome is failed
    unread: dict[str, str] = {}  # by stream that Xero did not give to its end: why
    parked: Parked | None = None

    @property
    def slot(self) -> str | None:
        """At most one sync of a connection holds each slot: what runs, and what waits of each kind."""
        if self.lane != Lane.BULK or self.state in FINAL:
            return None
        return f"waiting:{self.kind}" if self.state == State.WAITING else "active"

    @property
    def reads(self) -> Reads:
        return Reads.CONTACTS if self.kind == SyncKind.CONTACTS else what_is_read(self.streams, first=self.first)

    def scope(self) -> Scope:
        return Scope(
            account_id=self.account_id,
            connection_id=self.connection_id,
            sync_id=self.id,
            attempt=self.attempt,
            ask=self.ask,
            authorisation=self.authorisation,
            lane=self.lane,
            correlation_id=self.correlation_id,
        )

    def of(self, stream: Stream) -> Progress:
        return self.progress.get(stream, Progress())

    def applied_of(self, kind: str) -> int:
        return sum(place.count.get(kind, 0) for place in self.applied.values())

    def is_done(self) -> bool:
        return all(self.of(wanted.stream).is_done() for wanted in self.streams)
