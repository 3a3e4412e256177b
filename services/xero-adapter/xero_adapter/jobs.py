"""A request in hand (Job), and the reading of one of its streams (StreamTask), a page a turn.

The order of things within a page is what makes a crash harmless: records acknowledged, then the checkpoint, then word
of it; at the end the checkpoint says `ended`, then markers, then StreamEnded. Whatever is cut off is done
again by whoever takes the request on, from where the checkpoint stands.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from accounting_link.chassis import logs
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import LARGEST_VALUE_BYTES, Outgoing, Place, Publisher, Sent
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.connections import CallsCounted
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.records import RecordUnreadable, VersionedRecord
from accounting_link.contracts.requests import ContactsRequested, SyncRequested
from accounting_link.contracts.sync_life import FetchFailed, Marker, PageFetched, StreamEnded, SyncParked
from accounting_link.contracts.topics import RECORDS
from accounting_link.contracts.words import ParkReason, Stream
from xero_adapter import metrics
from xero_adapter.caller import Caller
from xero_adapter.planning import cursor as cursors
from xero_adapter.planning.cursor import Cursor, Page
from xero_adapter.planning.permits import Granted, Wait
from xero_adapter.store import Checkpoint, Checkpoints, Hold, Known, Shared
from xero_adapter.xero import dates, reading
from xero_adapter.xero.client import Answer
from xero_adapter.xero.reading import Call, Read
from xero_adapter.xero.refusals import ConnectionGone, OrderRefused, Refused, Throttled, TokenExpired, Unavailable
from xero_adapter.xero.tokens import Token

log = logs.logger()

PARK_PAST = timedelta(seconds=60)
TRIES = 10  # with the pauses below, about three minutes of Xero not answering
TRIES_WHOLE = 3  # so often a page is asked for again before its records are told apart
_UNTIL_IT_KNOWS = timedelta(seconds=2)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=0.5), timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every stream's reading needs."""

    caller: Caller
    checkpoints: Checkpoints
    publisher: Publisher
    dead: DeadLetters
    clock: Clock
    jitter: Callable[[], float]  # from 0 to 1
    faults: FaultPoint
    organisations: Shared[Known]  # by connection
    page_size: int = reading.PAGE_SIZE
    follow: Callable[[Cursor, Page], Cursor | None] = cursors.follow
    doubt: Callable[..., None] = reading.doubt

    def say(self, scope: Scope, event: Event) -> None:
        self.publisher.confirmed([Outgoing(event=event, scope=scope)])

    def call(self, token: Token, scope: Scope, permit: Granted, what: str, call: Call) -> Answer:
        """Measured as ``what``. Raises what :meth:`Caller.call` raises."""
        with metrics.CALL_SECONDS.labels(what).time():
            answer = self.caller.call(token, scope, permit, call)
        metrics.CALLS.labels(what, str(answer.status)).inc()
        metrics.EGRESS_BYTES.inc(answer.egress)
        return answer


@dataclass(kw_only=True)
class Job:
    """One request in hand. Its offset may be committed once no stream of it is being read here."""

    place: Place
    scope: Scope
    request: SyncRequested | ContactsRequested
    tools: Tools
    finished: Callable[[], None]
    lost: bool = False  # its partition is another replica's now
    superseded: bool = False  # a later attempt or ask of its sync is in hand
    stopping: bool = False  # whoever stops it ends its streams
    parking: SyncParked | None = None
    # Held from the first record of a page to its checkpoint, so that a stop never comes in between.
    writing: defaultdict[Stream, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _reading: set[Stream] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def named(self) -> tuple[str, ...]:
        """The records asked for by their ids; empty where whole streams are."""
        return self.request.contact_ids if isinstance(self.request, ContactsRequested) else ()

    def enter(self, streams: list[Stream]) -> None:
        self._reading.update(streams)

    def leave(self, stream: Stream) -> None:
        """The last stream to leave finishes the request, and says that it is parked where it is."""
        with self._lock:
            self._reading.discard(stream)
            last = not self._reading
        if last and not self.lost:
            if self.parking and not self.superseded:
                self.tools.say(self.scope, self.parking)
                log.info("sync parked", reason=self.parking.reason, until=str(self.parking.until))
            self.finished()

    def park(self, reason: ParkReason, detail: str, until: datetime | None, authorisation: int) -> None:
        """The other streams see it at their next turn."""
        known = max(authorisation, self.request.authorisation)
        self.parking = SyncParked(reason=reason, detail=detail, until=until, authorisation=known)


def end_stream(tools: Tools, scope: Scope, stream: Stream, checkpoint: Checkpoint, *, stopped: bool) -> bool:
    """Marks the end on every partition that the stream's records lie on, then tells the sync's life topic. Does
    nothing, and says so, when another has taken the checkpoint since. To be repeated harmlessly."""
    if not checkpoint.ended:
        checkpoint = replace(checkpoint, ended=True, stopped=stopped)
        if not tools.checkpoints.save(checkpoint):
            return False
    tools.faults.reach("xero-adapter:before-markers")
    topic = RECORDS.name(scope.lane)
    ended = StreamEnded(
        stream=stream,
        topic=topic,
        read=checkpoint.read,
        calls=checkpoint.calls,
        bytes=checkpoint.bytes,
        began_at=checkpoint.began_at,
        stopped=checkpoint.stopped,
    )
    marks = [Outgoing(event=ended, scope=scope, place=Place(topic, p)) for p in checkpoint.partitions]
    sent = tools.publisher.confirmed(marks)
    markers = tuple(Marker(partition=one.place.partition, offset=one.offset) for one in sent)
    tools.say(scope, replace(ended, markers=markers))
    log.info("stream ended", stream=stream, read=ended.read, calls=ended.calls, stopped=ended.stopped)
    return True


class StreamTask:
    """Reads one stream to its end. A step is one page at most, and never sleeps."""

    def __init__(self, job: Job, stream: Stream, checkpoint: Checkpoint) -> None:
        self._job, self._stream, self._at = job, stream, checkpoint
        self._tools, self._scope = job.tools, job.scope
        self._tries = 0
        self._retake = False
        self._before = ""  # the page before, as reading.digest knows it
        # What the next page gives once more, for its filter goes back a second: no need to publish it again.
        self._given: dict[str, VersionedRecord] = {}

    def __call__(self) -> datetime | None:
        with logs.bound(self._scope):
            return self._step()

    def _step(self) -> datetime | None:
        if self._job.lost:
            return None
        if self._job.parking or self._job.superseded or self._job.stopping:
            return self._leave()
        if self._retake:
            self._at = self._tools.checkpoints.take(self._scope, self._stream, cursors.begin(None))
            self._given, self._retake = {}, False
        if self._at.ended or (self._at.begun and self._at.cursor is None):
            if not end_stream(self._tools, self._scope, self._stream, self._at, stopped=False):
                return self._overtaken()
            return self._leave()
        try:
            return self._read_page()
        except Throttled as throttled:
            # The permits know it too, and say at the next turn how long to wait, or to park.
            log.info("Xero asked to wait", seconds=throttled.retry_after.total_seconds())
            return self._tools.clock.now() + min(throttled.retry_after, _FIRST_PAUSE)
        except (Unavailable, TokenExpired) as error:
            return self._again(error.what)
        except ConnectionGone as gone:
            self._job.park(ParkReason.CONNECTION_LOST, gone.what, None, gone.authorisation)
            return self._leave()
        except OrderRefused as refused:
            return self._fall_back(refused.what)
        except Refused as refused:
            return self._give_up(refused.what)

    def _read_page(self) -> datetime | None:
        caller, now = self._tools.caller, self._tools.clock.now()
        token = caller.token(self._scope)
        permit = caller.permit(token, self._scope)
        if isinstance(permit, Wait):
            return self._wait(permit, token.authorisation, now)
        cursor = self._at.cursor or cursors.begin(None)
        named = self._job.named
        call = reading.call(self._stream, cursor, self._tools.page_size, named)
        asked = self._tools.clock.monotonic()
        answer = self._tools.call(token, self._scope, permit, self._stream, call)
        took = timedelta(seconds=self._tools.clock.monotonic() - asked)
        found = self._understood(answer, cursor)
        with self._job.writing[self._stream]:
            if self._job.stopping:
                return self._leave()
            sent = self._publish(found, permit)
            if sent:
                self._tools.faults.reach("xero-adapter:after-publish")
            if not self._save(found, answer, sent, took, caller.counted(token)):
                return self._overtaken()
        self._tries, self._before = 0, reading.digest(answer)
        return self._tools.clock.now()

    def _understood(self, answer: Answer, cursor: Cursor) -> Read:
        settings, named, apart = self._job.request.settings, self._job.named, self._tries >= TRIES_WHOLE
        if named:
            found = reading.read_named(answer, cursor, named, settings, apart=apart)
        else:
            found = reading.read(self._stream, answer, settings, self._tools.page_size, apart=apart)
        self._tools.doubt(answer, found.page, cursor, begun=self._at.begun, before=self._before)
        return found

    def _publish(self, found: Read, permit: Granted) -> list[Sent]:
        fresh = [record for record in found.records if self._given.get(record.xero_id) != record]
        messages = [self._fitting(Outgoing(event=one, scope=self._scope, reading=permit.reading)) for one in fresh]
        for unreadable, raw in found.unreadable:
            self._set_aside(unreadable.subject(), unreadable.reason, raw)
            messages.append(self._odd(unreadable, permit))
        messages += [self._odd(missing, permit) for missing in found.missing]
        metrics.RECORDS.labels(self._stream).inc(len(messages))
        return self._tools.publisher.forward(messages)

    def _odd(self, event: RecordUnreadable, permit: Granted) -> Message:
        return self._tools.publisher.message(Outgoing(event=event, scope=self._scope, reading=permit.reading))

    def _fitting(self, outgoing: Outgoing) -> Message:
        message = self._tools.publisher.message(outgoing)
        if len(message.value) <= LARGEST_VALUE_BYTES:
            return message
        stand_in = reading.too_large(outgoing.event, len(message.value))  # type: ignore[arg-type]  # pages hold records
        self._set_aside(stand_in.subject(), stand_in.reason, message.value)
        return self._tools.publisher.message(Outgoing(event=stand_in, scope=outgoing.scope, reading=outgoing.reading))

    def _set_aside(self, about: str, reason: str, raw: bytes) -> None:
        metrics.UNREADABLE.labels(self._stream).inc()
        self._tools.dead.keep_record(self._scope, about, reason, raw)

    def _save(self, found: Read, answer: Answer, sent: list[Sent], took: timedelta, counted: CallsCounted) -> bool:
        at, page = self._at, found.page
        read = at.read + len(sent)
        cursor = self._tools.follow(at.cursor or cursors.begin(None), page)
        given = self._given_again(found, cursor)
        after = replace(
            at,
            begun=True,
            cursor=cursor,
            partitions=tuple(sorted({*at.partitions, *(one.place.partition for one in sent)})),
            read=read,
            base=at.base if cursor and cursor.page > 1 else read - len(given),
            expected=at.base + page.item_count if page.item_count is not None else None,
            pages=at.pages + 1,
            calls=at.calls + 1,
            bytes=at.bytes + answer.egress,
            began_at=at.began_at or _asked_at(answer, took),
        )
        if not self._tools.checkpoints.save(after):
            return False
        self._at, self._given = after, given
        fetched = PageFetched(
            stream=self._stream,
            pages=after.pages,
            read=after.read,
            expected=after.expected,
            calls=after.calls,
            bytes=after.bytes,
        )
        of_connection = Scope(account_id=self._scope.account_id, connection_id=self._scope.connection_id)
        told = [Outgoing(event=fetched, scope=self._scope), Outgoing(event=counted, scope=of_connection)]
        self._tools.publisher.confirmed(told)
        return True

    def _given_again(self, found: Read, following: Cursor | None) -> dict[str, VersionedRecord]:
        """What the next page's filter will let through although it is published already."""
        if following is None or following.page > 1:
            return self._given
        known = {**self._given, **{record.xero_id: record for record in found.records}}
        since = following.since
        return {xero_id: one for xero_id, one in known.items() if since is None or one.updated_at >= since}

    def _overtaken(self) -> datetime | None:
        """Another has taken the checkpoint: a later ask or a stop, which see to the stream; or a replica that has
        lost the request and does not know it yet. While the request is ours its offset must not go unread."""
        log.warning("another replica has taken this stream over", stream=self._stream)
        if self._tools.checkpoints.hold(self._scope) != Hold.GO:
            return self._leave()
        self._retake = True
        return self._tools.clock.now() + _UNTIL_IT_KNOWS

    def _wait(self, wait: Wait, authorisation: int, now: datetime) -> datetime | None:
        if wait.until - now <= PARK_PAST:
            return wait.until
        reason = wait.reason or ParkReason.XERO_ASKED_TO_WAIT
        self._job.park(reason, WAITS[reason], wait.until, authorisation)
        return self._leave()

    def _again(self, what: str) -> datetime | None:
        self._tries += 1
        if self._tries >= TRIES:
            return self._give_up(f"{what}, {TRIES} times in a row")
        pause = back_off(self._tries, self._tools.jitter())
        log.warning("trying again", stream=self._stream, problem=what, seconds=round(pause.total_seconds(), 2))
        return self._tools.clock.now() + pause

    def _fall_back(self, what: str) -> datetime | None:
        """Kept with the next page's checkpoint; whoever takes over before that is refused once more."""
        weaker = cursors.fall_back(self._at.cursor or cursors.begin(None))
        if weaker is None:
            return self._give_up(what)
        log.warning("reading in a weaker order", stream=self._stream, mode=weaker.mode, problem=what)
        self._at = replace(self._at, cursor=weaker)
        return self._tools.clock.now()

    def _give_up(self, reason: str) -> datetime | None:
        if not self._tools.checkpoints.save(self._at):  # whoever has taken it since may fare better
            return self._overtaken()
        self._tools.say(self._scope, FetchFailed(stream=self._stream, reason=reason))
        return self._leave()

    def _leave(self) -> datetime | None:
        self._job.leave(self._stream)
        return None


def back_off(tries: int, jitter: float) -> timedelta:
    """How long to wait after so many tries that failed, ``jitter`` from 0 to 1."""
    longest = min(_FIRST_PAUSE * float(2 ** (tries - 1)), _LONGEST_PAUSE)
    return longest * (0.5 + jitter / 2)


def _asked_at(answer: Answer, took: timedelta) -> datetime | None:
    """By Xero's clock. Its Date is that of the answer, and what changes while it answers is in no page of one call."""
    answered_at = dates.header(answer.headers.get("Date"))
    return answered_at - took if answered_at else None


WAITS = {
    ParkReason.DAY_LIMIT: "Xero's limit of calls a day is used up",
    ParkReason.XERO_ASKED_TO_WAIT: "Xero asked to wait",
    ParkReason.BYTES_BUDGET: "today's budget of bytes read from Xero is used up",
    ParkReason.CONNECTION_LOST: "Xero no longer accepts this connection",
}
