"""A sync's life, whatever the order in which its events come."""

from datetime import timedelta
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting_link.chassis.messages import Place, Received
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.cloudevents import Envelope
from accounting_link.contracts.event import Event
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
from accounting_link.contracts.words import ParkReason, Stream
from accounting_link.testing.builders import JULY, SCOPE, a_request
from log_service.sync_log import life


def minutes(count: int) -> Any:
    return JULY + timedelta(minutes=count)


ASKED = a_request()
PARKED = SyncParked(
    reason=ParkReason.DAY_LIMIT, detail="Xero's day limit is reached", until=minutes(60), authorisation=1
)


def a_page(pages: int, read: int) -> PageFetched:
    return PageFetched(stream=Stream.CONTACTS, pages=pages, read=read, expected=200, calls=pages, bytes=read * 10)


def an_end(read: int) -> StreamEnded:
    return StreamEnded(stream=Stream.CONTACTS, topic="records", read=read, calls=2, bytes=read * 10, began_at=JULY)


def facts(event: Event, attempt: int = 1, ask: int = 1, told: int = 0) -> Document:
    scope = msgspec.structs.replace(SCOPE, attempt=attempt, ask=ask)
    envelope = Envelope(event=event, scope=scope, id="1", time=minutes(told))
    return life.facts(Received(place=Place("life", 0), offset=0, envelope=envelope))


def told(*documents: Document) -> Document:
    return life.told(reduce(life.join, documents))


EVENTS = st.one_of(
    st.just(ASKED),
    st.builds(SyncStarted, at=st.integers(1, 9).map(minutes)),
    st.builds(a_page, st.integers(1, 3), st.integers(0, 300)),
    st.builds(an_end, st.integers(0, 300)),
    st.just(PARKED),
    st.builds(FetchFailed, stream=st.sampled_from(list(Stream)), reason=st.sampled_from(["no", "gone"])),
    st.builds(SyncCompleted, problems=st.booleans(), ended_at=st.integers(10, 12).map(minutes)),
    st.builds(SyncFailed, reason=st.just("no"), ended_at=st.integers(10, 12).map(minutes)),
    st.builds(SyncCancelled, cancelled_by=st.just("ada"), ended_at=st.integers(10, 12).map(minutes)),
)
FACTS = st.builds(facts, EVENTS, st.integers(1, 3), st.integers(1, 3), st.integers(0, 9))


@given(st.lists(FACTS, min_size=1, max_size=8), st.data())
def test_no_order_and_no_repetition_of_events_changes_the_sync(known: list[Document], data: st.DataObject) -> None:
    again = data.draw(st.permutations(known + data.draw(st.lists(st.sampled_from(known), max_size=4))))
    assert reduce(life.join, known) == reduce(life.join, again)


@given(FACTS, FACTS, FACTS)
def test_no_cut_into_batches_changes_the_sync(one: Document, two: Document, three: Document) -> None:
    assert life.join(life.join(one, two), three) == life.join(one, life.join(two, three))


@given(st.lists(FACTS, min_size=1, max_size=8))
def test_any_facts_can_be_told(known: list[Document]) -> None:
    assert told(*known)["state"]


def test_an_end_that_comes_before_its_request_is_an_end_all_the_same() -> None:
    log = told(
        facts(SyncCompleted(problems=False, ended_at=minutes(3))), facts(ASKED), facts(SyncStarted(at=minutes(1)))
    )
    assert (log["state"], log["kind"], log["duration_seconds"]) == ("completed", "full", 120.0)


def test_ended_is_final() -> None:
    log = told(
        facts(SyncFailed(reason="gave up", ended_at=minutes(3))), facts(a_page(1, 100), attempt=2), facts(PARKED, 3)
    )
    assert (log["state"], log["reason"], log["parked_until"]) == ("failed", "gave up", None)


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ([facts(ASKED)], "waiting"),
        ([facts(ASKED), facts(SyncStarted(at=minutes(1)))], "running"),
        ([facts(PARKED), facts(SyncStarted(at=minutes(1))), facts(a_page(1, 1))], "parked"),
        ([facts(PARKED), facts(ASKED, ask=2)], "waiting"),
        ([facts(PARKED), facts(ASKED, ask=2), facts(SyncStarted(at=minutes(9)), ask=2)], "running"),
        ([facts(PARKED, ask=3), facts(ASKED, attempt=2, ask=1)], "waiting"),
    ],
)
def test_the_latest_ask_of_the_latest_attempt_says_where_a_sync_stands(known: list[Document], state: str) -> None:
    assert told(*known)["state"] == state


def test_a_parked_sync_says_why_and_until_when() -> None:
    log = told(facts(ASKED), facts(PARKED))
    assert (log["reason"], log["parked_until"]) == (PARKED.detail, PARKED.until)


def test_a_stream_that_cannot_be_read_says_why_before_the_sync_has_ended() -> None:
    assert told(facts(ASKED), facts(FetchFailed(stream=Stream.CONTACTS, reason="refused")))["reason"] == "refused"


def test_a_stream_tells_the_totals_of_its_newest_attempt_only() -> None:
    log = told(facts(a_page(2, 200)), facts(a_page(1, 100), attempt=2), facts(an_end(150), attempt=2))
    stream = log["streams"]["contacts"]
    assert (stream["read"], stream["pages"], stream["ended"], log["calls"]) == (150, 1, True, 2)


def test_every_stream_that_was_asked_for_is_shown_before_it_is_read() -> None:
    assert told(facts(ASKED))["streams"].keys() == set(Stream)


def test_times_are_kept_as_the_database_gives_them_back() -> None:
    """Or what is told again would look other than what stands, and be written each time."""
    exact = JULY.replace(microsecond=123_999)
    assert facts(SyncStarted(at=exact))["started_at"].microsecond == 123_000
