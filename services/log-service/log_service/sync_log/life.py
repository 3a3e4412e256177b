"""The life of a sync, put together from events that may come in any order and more than once. Pure.

A sync's document holds facts only, each joined by its own rule: the least, the greatest, or that of the
newest attempt. What a person reads (its state, its reason, its numbers) is worked out by ``told``.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from accounting_link.chassis.messages import Received
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.outcomes import PartitionDrained, RecordsApplied
from accounting_link.contracts.requests import ContactsRequested, SyncRequested
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
from accounting_link.contracts.words import SyncKind
from log_service.documents import BEFORE_ALL, least, most, stored

WAITING, RUNNING, PARKED = "waiting", "running", "parked"
COMPLETED, COMPLETED_WITH_PROBLEMS = "completed", "completed_with_problems"
_LATER_IN_AN_ASK = {WAITING: 0, RUNNING: 1, PARKED: 2}


def facts(received: Received) -> Document:
    """What one event tells of its sync."""
    scope = received.scope
    document: Document = {
        "_id": f"{scope.account_id}/{scope.sync_id}",
        "account_id": scope.account_id,
        "connection_id": scope.connection_id,
        "sync_id": scope.sync_id,
        "reference": scope.correlation_id,
        "at": stored(received.envelope.time),  # the earliest that anything was told: what lists are sorted by
        "attempts": scope.attempt,
        "asked": None,
        "started_at": None,
        "phase": None,
        "streams": {},
        "final": None,
    }
    return {**document, **_told_by(received.event, scope)}


@singledispatch
def _told_by(event: Event, scope: Scope) -> Document:
    raise LookupError(f"{type(event).__name__} tells nothing of a sync")


@_told_by.register
def _(event: SyncRequested, scope: Scope) -> Document:
    at = stored(event.requested_at)
    return {
        "at": at,
        "asked": _asked(event, event.kind),
        "phase": _phase(scope, WAITING),
        "streams": {request.stream.value: _stream(scope) for request in event.streams},
    }


@_told_by.register
def _(event: ContactsRequested, scope: Scope) -> Document:
    at = stored(event.requested_at)
    return {
        "at": at,
        "asked": _asked(event, SyncKind.CONTACTS),
        "phase": _phase(scope, WAITING),
        "streams": {request.stream.value: _stream(scope) for request in event.streams},
    }


def _asked(event: SyncRequested | ContactsRequested, kind: SyncKind) -> Document:
    return {
        "at": stored(event.requested_at),
        "by": event.requested_by,
        "by_name": event.requested_by_name,
        "kind": kind.value,
        "reads": event.reads.value,
    }


@_told_by.register
def _(event: SyncStarted, scope: Scope) -> Document:
    return {"started_at": stored(event.at), "phase": _phase(scope, RUNNING)}


@_told_by.register
def _(event: PageFetched, scope: Scope) -> Document:
    stream = _stream(
        scope, pages=event.pages, read=event.read, expected=event.expected, calls=event.calls, bytes_=event.bytes
    )
    return {"phase": _phase(scope, RUNNING), "streams": {event.stream.value: stream}}


@_told_by.register
def _(event: StreamEnded, scope: Scope) -> Document:
    stream = _stream(scope, read=event.read, calls=event.calls, bytes_=event.bytes, ended=True)
    return {"phase": _phase(scope, RUNNING), "streams": {event.stream.value: stream}}


@_told_by.register
def _(event: FetchFailed, scope: Scope) -> Document:
    return {"streams": {event.stream.value: _stream(scope, problem=event.reason)}}


@_told_by.register(RecordsApplied)
@_told_by.register(PartitionDrained)
def _(event: RecordsApplied | PartitionDrained, scope: Scope) -> Document:
    return {"phase": _phase(scope, RUNNING)}


@_told_by.register
def _(event: SyncParked, scope: Scope) -> Document:
    until = stored(event.until)
    return {"phase": {**_phase(scope, PARKED), "reason": event.reason.value, "detail": event.detail, "until": until}}


@_told_by.register
def _(event: SyncCompleted, scope: Scope) -> Document:
    state = COMPLETED_WITH_PROBLEMS if event.problems else COMPLETED
    return {"final": {"at": stored(event.ended_at), "state": state, "reason": "", "by": ""}}


@_told_by.register
def _(event: SyncFailed, scope: Scope) -> Document:
    return {"final": {"at": stored(event.ended_at), "state": "failed", "reason": event.reason, "by": ""}}


@_told_by.register
def _(event: SyncCancelled, scope: Scope) -> Document:
    by, reason = event.cancelled_by, event.reason or "Cancelled; what was imported before stays"
    return {"final": {"at": stored(event.ended_at), "state": "cancelled", "reason": reason, "by": by}}


def _phase(scope: Scope, state: str) -> Document:
    return {"attempt": scope.attempt, "ask": scope.ask, "state": state, "reason": "", "detail": "", "until": None}


def _stream(
    scope: Scope,
    *,
    pages: int = 0,
    read: int = 0,
    expected: int | None = None,
    calls: int = 0,
    bytes_: int = 0,
    ended: bool = False,
    problem: str = "",
) -> Document:
    return {
        "attempt": scope.attempt,
        "pages": pages,
        "read": read,
        "expected": expected,
        "calls": calls,
        "bytes": bytes_,
        "ended": ended,
        "problem": problem,
    }


def join(one: Document, other: Document) -> Document:
    """What two documents of one sync tell together."""
    return {
        **{name: one[name] for name in ("_id", "account_id", "connection_id", "sync_id")},
        "reference": max(one["reference"], other["reference"]),
        "at": min(one["at"], other["at"]),
        "attempts": max(one["attempts"], other["attempts"]),
        "asked": _choose(min, one["asked"], other["asked"], _when_asked),
        "started_at": least(one["started_at"], other["started_at"]),
        "phase": _choose(max, one["phase"], other["phase"], _progress),
        "streams": _join_streams(one["streams"], other["streams"]),
        # Ended is final, so there is one ending; were there ever two, the first holds wherever they are read.
        "final": _choose(min, one["final"], other["final"], _ending),
    }


def _choose(pick: Callable[..., Any], one: Any, other: Any, key: Callable[[Document], tuple[Any, ...]]) -> Any:
    return pick(filter(None, (one, other)), key=key, default=None)


def _when_asked(asked: Document) -> tuple[Any, ...]:
    # An older version kept neither who by name nor what is read; the newer telling says more.
    return asked["at"], asked["by"], asked["kind"], "reads" not in asked, asked.get("reads"), asked.get("by_name")


def _progress(phase: Document) -> tuple[Any, ...]:
    """An ask starts after it is made, and parks after it starts; a later ask is later than all of it."""
    rank = _LATER_IN_AN_ASK[phase["state"]]
    return phase["attempt"], phase["ask"], rank, phase["reason"], phase["detail"], phase["until"] or BEFORE_ALL


def _ending(final: Document) -> tuple[Any, ...]:
    return final["at"], final["state"], final["reason"], final["by"]


def _join_streams(one: Document, other: Document) -> Document:
    return {
        name: _join_stream(one.get(name), other.get(name))
        for name in sorted(one.keys() | other.keys())  # sorted: a document is equal to itself in any order
    }


def _join_stream(one: Document | None, other: Document | None) -> Document:
    """Numbers are totals of an attempt that only grow, so the greatest is the latest."""
    if one is None or other is None:
        return one or other or {}
    if one["attempt"] != other["attempt"]:
        return max(one, other, key=lambda stream: int(stream["attempt"]))
    return {name: most(one[name], other[name]) for name in one}


def told(document: Document) -> Document:
    """What a person reads of a sync. ``duration_seconds`` only once it has ended."""
    asked, final, streams = document["asked"] or {}, document["final"], document["streams"]
    return {
        "id": document["sync_id"],
        "connection_id": document["connection_id"],
        "kind": asked.get("kind"),
        "reads": asked.get("reads"),
        "requested_by": asked.get("by"),
        "requested_by_name": asked.get("by_name"),
        "requested_at": asked.get("at"),
        "started_at": document["started_at"],
        "attempts": document["attempts"],
        "reference": document["reference"],
        "streams": streams,
        "calls": sum(stream["calls"] for stream in streams.values()),
        "bytes": sum(stream["bytes"] for stream in streams.values()),
        **(_ended(document, final) if final else _under_way(document)),
    }


def _ended(document: Document, final: Document) -> Document:
    began = document["started_at"] or (document["asked"] or {}).get("at")
    duration = (final["at"] - began).total_seconds() if began else None
    return {
        "state": final["state"],
        "reason": final["reason"],
        "ended_at": final["at"],
        "ended_by": final["by"] or None,
        "parked_until": None,
        "duration_seconds": duration,
    }


def _under_way(document: Document) -> Document:
    phase = document["phase"] or {"state": RUNNING, "detail": "", "until": None}
    problems = (stream["problem"] for stream in document["streams"].values() if stream["problem"])
    return {
        "state": phase["state"],
        "reason": phase["detail"] or "; ".join(problems),
        "ended_at": None,
        "ended_by": None,
        "parked_until": phase["until"],
        "duration_seconds": None,
    }
