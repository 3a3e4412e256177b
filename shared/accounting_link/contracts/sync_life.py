"""The life of a sync. One topic, keyed by sync, so that its end stands behind every outcome."""

from typing import ClassVar

from accounting_link.contracts.event import TYPE_PREFIX, Event, Part, Scope, Time
from accounting_link.contracts.topics import RECORDS, SYNC_LIFE, Topic
from accounting_link.contracts.words import ParkReason, Stream


class SyncEvent(Event, frozen=True, kw_only=True):
    TOPIC: ClassVar[Topic] = SYNC_LIFE

    def key(self, scope: Scope) -> str:
        return scope.sync_id


class SyncStarted(SyncEvent, frozen=True, kw_only=True):
    """A replica of xero-adapter has taken the request on. Said again by each that takes it over."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.SyncStarted.v1"

    at: Time

    def version(self) -> str:
        return self.at.isoformat()


class PageFetched(SyncEvent, frozen=True, kw_only=True):
    """One more page of a stream is published. All numbers are totals of this stream in this attempt."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.PageFetched.v1"

    stream: Stream
    pages: int
    read: int  # copies published; a record read twice counts twice
    expected: int | None  # copies in all, as far as Xero's own count tells
    calls: int
    bytes: int

    def subject(self) -> str:
        return str(self.stream)

    def version(self) -> str:
        return str(self.pages)


class Marker(Part, frozen=True, kw_only=True):
    """Where a stream's end mark lies on one partition of the records."""

    partition: int
    offset: int


class StreamEnded(SyncEvent, frozen=True, kw_only=True):
    """Nothing of this stream of this sync and attempt that matters comes after this.

    Written to each partition that the stream's records were acknowledged on (there it is the marker, with
    ``markers`` empty), then, with the set, to the sync's life topic. An empty set is drained at once.
    """

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.StreamEnded.v1"
    MARKS: ClassVar[Topic] = RECORDS

    stream: Stream
    topic: str
    markers: tuple[Marker, ...] = ()
    read: int
    calls: int
    bytes: int
    began_at: Time | None  # Xero's own time (Date header) at the first call; None when none was made
    stopped: bool = False  # ended early because the sync is being stopped

    def subject(self) -> str:
        return str(self.stream)


class SyncParked(SyncEvent, frozen=True, kw_only=True):
    """The adapter gave the request back: nothing of this sync is being read until it is asked again."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.SyncParked.v1"

    reason: ParkReason
    detail: str
    until: Time | None  # None: a person has to act
    authorisation: int


class FetchFailed(SyncEvent, frozen=True, kw_only=True):
    """A stream cannot be read on, whatever is tried again."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.FetchFailed.v1"

    stream: Stream
    reason: str

    def subject(self) -> str:
        return str(self.stream)


class SyncCompleted(SyncEvent, frozen=True, kw_only=True):
    """Every record in scope is written or has an outcome that says why not. Final."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.SyncCompleted.v1"

    problems: bool  # some records failed
    ended_at: Time


class SyncFailed(SyncEvent, frozen=True, kw_only=True):
    """The sync ended without reading everything. Final."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.SyncFailed.v1"

    reason: str
    ended_at: Time


class SyncCancelled(SyncEvent, frozen=True, kw_only=True):
    """A person stopped the sync. Final; what was imported before stays."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.SyncCancelled.v1"

    cancelled_by: str
    ended_at: Time
    reason: str = ""  # for people: who, or what, stopped it
