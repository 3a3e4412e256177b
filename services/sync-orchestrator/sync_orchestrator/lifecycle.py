"""The life of every sync, as pure functions: what stands and what came make what stands next, and what to say.

Events may come late, twice and in any order; what speaks of another attempt is ignored, and ended is final.
A sync is done when each of its streams has its StreamEnded of the current attempt and every partition that
names has drained, in whichever order these arrive.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.outcomes import Outcome, PartitionDrained, RecordsApplied
from accounting_link.contracts.requests import ContactsRequested, SyncRequested, SyncStopRequested
from accounting_link.contracts.sync_life import (
    FetchFailed,
    PageFetched,
    StreamEnded,
    SyncCancelled,
    SyncCompleted,
    SyncFailed,
    SyncParked,
    SyncStarted,
)
from accounting_link.contracts.words import Result, Stream, SyncKind
from sync_orchestrator.sync import FINAL, STOPPING, Applied, Ended, Parked, State, Sync

# A sync with more bad records than this, when they are a fifth of all, is not an import with a few odd ones.
BAD_AT_LEAST, BAD_SHARE = 100, 0.2
STOPPED_WITHOUT_DRAINS = timedelta(minutes=10)
WITHOUT_PROGRESS = timedelta(days=1)
WITHOUT_A_RECORD = timedelta(days=2)  # a day's limit used up may cost one
PARKED_FOR_A_PERSON = timedelta(days=7)
ASKS_BEFORE_NEW_ATTEMPT = 2
ATTEMPTS = 2

Step = tuple[Sync, list[Event]]


def begin(sync: Sync, now: datetime) -> Step:
    """Its turn has come: ask the adapter for the first time."""
    running = replace(sync, state=State.RUNNING, progress_at=now, advanced_at=now)
    return running, [_request(running)]


def cancel(sync: Sync, by: str, by_name: str, now: datetime) -> Step:
    """What has not begun is cancelled at once; what is being read ends when the adapter has let go."""
    return _take_away(sync, by, f"Cancelled by {by_name or by}; what was imported before stays", now)


def disconnected(sync: Sync, by: str, authorisation: int, now: datetime) -> Step:
    """The connection was taken away: what runs under an earlier authorisation ends as if a person had cancelled it."""
    if sync.authorisation >= authorisation:
        return sync, []
    return _take_away(sync, by, "The organisation was disconnected from Xero; what was imported before stays", now)


def _take_away(sync: Sync, by: str, reason: str, now: datetime) -> Step:
    if sync.state in FINAL or sync.state in STOPPING:
        return sync, []
    taken = replace(sync, cancelled_by=by, reason=reason)
    if sync.state == State.WAITING:
        return _end(taken, State.CANCELLED, now)
    return _stop(taken, State.CANCELLING, reason, now)


def advance(sync: Sync, event: Event, scope: Scope, now: datetime) -> Step:
    if sync.state in FINAL or scope.attempt != sync.attempt:
        return sync, []
    react = _REACTIONS.get(type(event))
    return react(sync, event, scope, now) if react else (sync, [])


def watch(sync: Sync, now: datetime, silence: timedelta) -> Step:
    """What passing time does. Silence counts only while a replica holds the request and has not read to the
    end: a request that none has reached yet, and markers that the writers have not reached, are waiting."""
    if _waits_for_xero(sync) and now - (sync.advanced_at or sync.requested_at) > WITHOUT_A_RECORD:
        return _stop(sync, State.FAILING, "Xero gave nothing for two days", now)
    if sync.state == State.PARKED:
        return _watch_parked(sync, now)
    if sync.state in STOPPING and sync.stopping_since and now - sync.stopping_since > STOPPED_WITHOUT_DRAINS:
        return _end(sync, _stopped_state(sync), now)
    quiet = now - (sync.progress_at or sync.requested_at)
    if sync.state == State.RUNNING and quiet > WITHOUT_PROGRESS:
        return _stop(sync, State.FAILING, "nothing happened for a day", now)
    if sync.state == State.RUNNING and quiet > silence and _is_held(sync):
        return _ask_after_silence(sync, now)
    return sync, []


def ask_again(sync: Sync, now: datetime) -> Step:
    """The same attempt once more; the adapter goes on where its checkpoints stand."""
    since = now if _waits_for_a_person(sync) else sync.advanced_at
    asked = replace(sync, state=State.RUNNING, ask=sync.ask + 1, parked=None, unread={}, progress_at=now)
    asked = replace(asked, advanced_at=since)
    return asked, [_request(asked)]


def new_attempt(sync: Sync, generation: int, now: datetime) -> Step:
    """From nothing: what was read of the attempt before counts no more."""
    fresh = replace(
        sync,
        attempt=sync.attempt + 1,
        ask=1,
        started_ask=0,
        asked_since_progress=0,
        progress={},
        applied={},
        failed=(),
        unread={},
        parked=None,
        generation=generation,
        progress_at=now,
    )
    if sync.state in STOPPING:
        return fresh, [_stop_request(fresh)]
    fresh = replace(fresh, state=State.RUNNING)
    return fresh, [_request(fresh)]


def authorised_again(sync: Sync, authorisation: int, now: datetime) -> Step:
    """A person connected again: what was parked for that goes on."""
    if sync.state != State.PARKED or not sync.parked or sync.parked.authorisation >= authorisation:
        return sync, []
    return ask_again(replace(sync, authorisation=authorisation), now)


def written_whole(sync: Sync) -> tuple[Stream, ...]:
    """The streams of an ended sync that the next delta need not read from before it: of a failed one those that were
    read to their end and written all the same. A stream that fails for weeks would else cost a reading of everything
    each time."""
    streams = tuple(wanted.stream for wanted in sync.streams)
    if sync.state in (State.COMPLETED, State.COMPLETED_WITH_PROBLEMS):
        return streams
    if sync.state != State.FAILED or len(sync.failed) >= BAD_AT_LEAST:
        return ()
    return tuple(s for s in streams if (ended := sync.of(s).ended) and not ended.stopped and sync.of(s).is_done())


def _started(sync: Sync, event: SyncStarted, scope: Scope, now: datetime) -> Step:
    # A repeated SyncStarted says that the request is held, which is not progress.
    if scope.ask <= sync.started_ask:
        return sync, []
    return replace(sync, started_ask=scope.ask, started_at=sync.started_at or event.at, progress_at=now), []


def _page(sync: Sync, event: PageFetched, scope: Scope, now: datetime) -> Step:
    before = sync.of(event.stream)
    if event.pages <= before.pages:
        return sync, []
    seen = replace(
        before, read=event.read, expected=event.expected, pages=event.pages, calls=event.calls, bytes=event.bytes
    )
    return _progressed(replace(sync, progress={**sync.progress, event.stream: seen}), now), []


def _stream_ended(sync: Sync, event: StreamEnded, scope: Scope, now: datetime) -> Step:
    before = sync.of(event.stream)
    if before.ended is not None:
        return sync, []
    ended = Ended(topic=event.topic, markers=event.markers, began_at=event.began_at, stopped=event.stopped)
    seen = replace(before, ended=ended, read=event.read, expected=event.read, calls=event.calls, bytes=event.bytes)
    unread = {stream: why for stream, why in sync.unread.items() if stream != event.stream}
    after = _progressed(replace(sync, progress={**sync.progress, event.stream: seen}, unread=unread), now)
    return _stop_when_the_rest_is_read(after, now) if after.unread else _maybe_end(after, now)


def _drained(sync: Sync, event: PartitionDrained, scope: Scope, now: datetime) -> Step:
    before = sync.of(event.stream)
    place = f"{event.topic}/{event.partition}"
    if place in before.drained:
        return sync, []
    seen = replace(before, drained=(*before.drained, place))
    return _maybe_end(_progressed(replace(sync, progress={**sync.progress, event.stream: seen}), now), now)


def _applied(sync: Sync, event: RecordsApplied, scope: Scope, now: datetime) -> Step:
    place = f"{event.topic}/{event.partition}"
    before = sync.applied.get(place, Applied(upto=-1, count={}))
    fresh = [outcome for outcome in event.outcomes if outcome.offset > before.upto]
    if not fresh:
        return sync, []
    count = dict(before.count)
    for outcome in fresh:
        count[outcome.kind] = count.get(outcome.kind, 0) + 1
    now_applied = Applied(upto=max(outcome.offset for outcome in fresh), count=count)
    counted = replace(sync, applied={**sync.applied, place: now_applied}, failed=_failed(sync.failed, event.outcomes))
    return _check_bad(_progressed(counted, now), now)


def _failed(before: tuple[str, ...], outcomes: tuple[Outcome, ...]) -> tuple[str, ...]:
    failed = dict.fromkeys(before)
    for outcome in outcomes:
        name = f"{outcome.kind}/{outcome.xero_id}"
        if outcome.result == Result.FAILED:
            failed[name] = None
        else:
            failed.pop(name, None)
    return tuple(failed)


def _check_bad(sync: Sync, now: datetime) -> Step:
    if sync.state in STOPPING or not _too_many_bad(sync):
        return sync, []
    return _stop(sync, State.FAILING, _bad_reason(sync), now)


def _too_many_bad(sync: Sync) -> bool:
    """Of all there are, not of those that happened to come first."""
    streams = [sync.of(wanted.stream) for wanted in sync.streams]
    if len(sync.failed) < BAD_AT_LEAST or any(one.expected is None and not one.ended for one in streams):
        return False
    applied = sum(sum(place.count.values()) for place in sync.applied.values())
    return len(sync.failed) >= BAD_SHARE * max(applied, sum(one.expected or 0 for one in streams))


def _bad_reason(sync: Sync) -> str:
    return f"{len(sync.failed)} records could not be used"


def _parked(sync: Sync, event: SyncParked, scope: Scope, now: datetime) -> Step:
    if scope.ask < sync.ask or sync.state in STOPPING:
        return sync, []
    if sync.authorisation > event.authorisation:  # connected again since: nothing to wait for
        return ask_again(sync, now)
    parked = Parked(reason=event.reason, detail=event.detail, until=event.until, authorisation=event.authorisation)
    return replace(sync, state=State.PARKED, parked=parked, progress_at=now), []


def _fetch_failed(sync: Sync, event: FetchFailed, scope: Scope, now: datetime) -> Step:
    if sync.state in STOPPING:
        return sync, []
    return _stop_when_the_rest_is_read(replace(sync, unread={**sync.unread, event.stream: event.reason}), now)


def _stop_when_the_rest_is_read(sync: Sync, now: datetime) -> Step:
    """The other streams are of use without the one that failed, and so are read to their end."""
    rest = [one for one in sync.streams if one.stream not in sync.unread and not sync.of(one.stream).ended]
    if sync.state in STOPPING:
        return _maybe_end(sync, now)
    return (sync, []) if rest else _stop(sync, State.FAILING, "; ".join(dict.fromkeys(sync.unread.values())), now)


_REACTIONS: dict[type[Event], Callable[[Sync, Any, Scope, datetime], Step]] = {
    SyncStarted: _started,
    PageFetched: _page,
    StreamEnded: _stream_ended,
    PartitionDrained: _drained,
    RecordsApplied: _applied,
    SyncParked: _parked,
    FetchFailed: _fetch_failed,
}


def _progressed(sync: Sync, now: datetime) -> Sync:
    return replace(sync, progress_at=now, advanced_at=now, asked_since_progress=0)


def _waits_for_xero(sync: Sync) -> bool:
    return sync.state in (State.RUNNING, State.PARKED) and not _waits_for_a_person(sync)


def _waits_for_a_person(sync: Sync) -> bool:
    return sync.parked is not None and sync.parked.until is None


def _is_held(sync: Sync) -> bool:
    read_to_the_end = all(sync.of(wanted.stream).ended for wanted in sync.streams)
    return sync.started_ask == sync.ask and not read_to_the_end


def _ask_after_silence(sync: Sync, now: datetime) -> Step:
    if sync.asked_since_progress < ASKS_BEFORE_NEW_ATTEMPT:
        return ask_again(replace(sync, asked_since_progress=sync.asked_since_progress + 1), now)
    if sync.attempt < ATTEMPTS:
        return new_attempt(sync, sync.generation, now)
    return _stop(sync, State.FAILING, "Xero's records stopped coming, and asking again did not help", now)


def _watch_parked(sync: Sync, now: datetime) -> Step:
    parked = sync.parked
    if parked and parked.until:
        return ask_again(sync, now) if parked.until <= now else (sync, [])
    if sync.progress_at and now - sync.progress_at > PARKED_FOR_A_PERSON:
        return _stop(sync, State.FAILING, "nobody connected to Xero again within seven days", now)
    return sync, []


def _stop(sync: Sync, state: State, reason: str, now: datetime) -> Step:
    stopping = replace(sync, state=state, reason=reason, stopping_since=now, parked=None)
    after, events = _maybe_end(stopping, now)
    return after, events or [_stop_request(stopping)]


def _maybe_end(sync: Sync, now: datetime) -> Step:
    if not sync.is_done():
        return sync, []
    if sync.state in STOPPING and not _read_whole(sync):
        return _end(sync, _stopped_state(sync), now)
    if _too_many_bad(sync):
        return _end(replace(sync, reason=_bad_reason(sync)), State.FAILED, now)
    return _end(sync, State.COMPLETED_WITH_PROBLEMS if sync.failed else State.COMPLETED, now)


def _read_whole(sync: Sync) -> bool:
    """A person's stop came too late: everything had been read, and is written."""
    ends = [sync.of(wanted.stream).ended for wanted in sync.streams]
    return sync.state == State.CANCELLING and not any(end is None or end.stopped for end in ends)


def _stopped_state(sync: Sync) -> State:
    return State.CANCELLED if sync.state == State.CANCELLING else State.FAILED


def _end(sync: Sync, state: State, now: datetime) -> Step:
    reason = "" if state in (State.COMPLETED, State.COMPLETED_WITH_PROBLEMS) else sync.reason
    ended = replace(sync, state=state, reason=reason, ended_at=now, parked=None)
    events: dict[State, Event] = {
        State.COMPLETED: SyncCompleted(problems=False, ended_at=now),
        State.COMPLETED_WITH_PROBLEMS: SyncCompleted(problems=True, ended_at=now),
        State.FAILED: SyncFailed(reason=ended.reason, ended_at=now),
        State.CANCELLED: SyncCancelled(cancelled_by=ended.cancelled_by, ended_at=now, reason=ended.reason),
    }
    return ended, [events[state]]


def _request(sync: Sync) -> SyncRequested | ContactsRequested:
    if sync.kind == SyncKind.CONTACTS:
        return ContactsRequested(
            tenant_id=sync.tenant_id,
            authorisation=sync.authorisation,
            contact_ids=sync.contacts,
            settings=sync.settings,
            requested_by=sync.requested_by,
            requested_by_name=sync.requested_by_name,
            requested_at=sync.requested_at,
        )
    return SyncRequested(
        tenant_id=sync.tenant_id,
        authorisation=sync.authorisation,
        kind=sync.kind,
        streams=sync.streams,
        settings=sync.settings,
        requested_by=sync.requested_by,
        requested_by_name=sync.requested_by_name,
        first=sync.first,
        requested_at=sync.requested_at,
    )


def _stop_request(sync: Sync) -> SyncStopRequested:
    return SyncStopRequested(
        tenant_id=sync.tenant_id,
        authorisation=sync.authorisation,
        streams=tuple(wanted.stream for wanted in sync.streams),
        reason=sync.reason,
    )
