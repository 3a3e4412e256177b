"""The life of a sync: it ends when it should, once, whatever order things come in."""

from datetime import timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.outcomes import Outcome, PartitionDrained, RecordsApplied
from accounting_link.contracts.requests import SyncRequested, SyncStopRequested
from accounting_link.contracts.sync_life import (
    FetchFailed,
    Marker,
    PageFetched,
    StreamEnded,
    SyncCancelled,
    SyncCompleted,
    SyncFailed,
    SyncParked,
    SyncStarted,
)
from accounting_link.contracts.words import Kind, ParkReason, Result, Stream, SyncKind
from accounting_link.testing.builders import JULY
from sync_orchestrator import lifecycle, planning
from sync_orchestrator.preferences import Preferences
from sync_orchestrator.store import Connection
from sync_orchestrator.sync import FINAL, State, Sync

TOPIC = "accounting-link.records.bulk"
NOW = JULY
SILENCE = timedelta(minutes=5)
KIWI = Connection(id="kiwi", account_id="legrand", tenant_id="t-1", tenant_name="Kiwi Ltd", authorisation=1, lost=False)


def a_sync(**more: Any) -> Sync:
    planned = planning.plan(
        "sync-1",
        KIWI,
        SyncKind.FULL,
        Preferences(),
        {},
        requested_by="ada",
        now=NOW,
        reference="reference-1",
        generation=1,
    )
    two = tuple(one for one in planned.streams if one.stream in (Stream.CONTACTS, Stream.INVOICES))
    return replace(planned, **{"streams": two, **more})


def running(**more: Any) -> Sync:
    return replace(lifecycle.begin(a_sync(), NOW)[0], **more)


def ended(stream: Stream, *partitions: int, **more: Any) -> StreamEnded:
    markers = tuple(Marker(partition=p, offset=100 + p) for p in partitions)
    return StreamEnded(stream=stream, topic=TOPIC, markers=markers, read=9, calls=1, bytes=1, began_at=NOW, **more)


def drained(stream: Stream, partition: int) -> PartitionDrained:
    return PartitionDrained(stream=stream, topic=TOPIC, partition=partition, offset=100 + partition)


def applied(partition: int, *results: Result, first: int = 0) -> RecordsApplied:
    outcomes = tuple(
        Outcome(
            kind=Kind.INVOICE, xero_id=f"i-{partition}-{n}", result=result, version=NOW, reading=1, offset=first + n
        )
        for n, result in enumerate(results)
    )
    return RecordsApplied(topic=TOPIC, partition=partition, outcomes=outcomes)


def feed(sync: Sync, *events: Event, scope: Scope | None = None) -> tuple[Sync, list[Event]]:
    def one(step: lifecycle.Step, event: Event) -> lifecycle.Step:
        after, said = lifecycle.advance(step[0], event, scope or step[0].scope(), NOW)
        return after, [*step[1], *said]

    nothing: list[Event] = []
    return reduce(one, events, (sync, nothing))


WHOLE = (
    PageFetched(stream=Stream.INVOICES, pages=1, read=9, expected=9, calls=1, bytes=1),
    ended(Stream.CONTACTS),
    ended(Stream.INVOICES, 0, 3),
    applied(0, Result.CREATED, Result.CREATED),
    drained(Stream.INVOICES, 0),
    drained(Stream.INVOICES, 3),
)


@given(st.permutations([*WHOLE, *WHOLE]))
def test_a_sync_completes_once_in_whatever_order_its_end_comes_and_however_often(events: list[Event]) -> None:
    after, said = feed(running(), *events)

    assert after.state == State.COMPLETED
    assert [type(event) for event in said] == [SyncCompleted]


@given(st.sampled_from([event for event in WHOLE if isinstance(event, StreamEnded | PartitionDrained)]))
def test_without_any_one_of_its_ends_a_sync_is_not_done(missing: Event) -> None:
    """The control of the test above: each marker and each drain is needed."""
    after, said = feed(running(), *(event for event in WHOLE if event != missing))

    assert after.state == State.RUNNING
    assert said == []


def test_what_speaks_of_another_attempt_changes_nothing() -> None:
    sync = running(attempt=2)
    old = replace(sync.scope(), attempt=1)

    assert feed(sync, *WHOLE, scope=old) == (sync, [])


def test_a_batch_told_twice_is_counted_once() -> None:
    batch = applied(0, Result.CREATED, Result.CREATED, Result.CREATED)

    once, _ = feed(running(), batch)
    twice, _ = feed(running(), batch, batch)

    assert once.applied_of(Kind.INVOICE) == twice.applied_of(Kind.INVOICE) == 3


def test_a_batch_that_comes_again_with_more_counts_only_what_is_more() -> None:
    after, _ = feed(running(), applied(0, Result.CREATED), applied(0, Result.CREATED, Result.CREATED))

    assert after.applied_of(Kind.INVOICE) == 2


def test_a_sync_with_a_failed_record_completes_with_problems() -> None:
    after, said = feed(running(), applied(0, Result.FAILED), *WHOLE)

    assert after.state == State.COMPLETED  # i-0-0 was failed first, then created: its newest copy counts
    after, said = feed(running(), applied(5, Result.FAILED), *WHOLE)
    assert after.state == State.COMPLETED_WITH_PROBLEMS
    assert said == [SyncCompleted(problems=True, ended_at=NOW)]


def expecting(invoices: int) -> tuple[Event, ...]:
    """Xero has said how many there are."""
    page = PageFetched(stream=Stream.INVOICES, pages=1, read=1, expected=invoices, calls=1, bytes=1)
    return ended(Stream.CONTACTS), page


def test_a_fifth_of_bad_records_fails_the_sync_and_stops_the_adapter() -> None:
    after, said = feed(running(), *expecting(450), applied(0, *[Result.FAILED] * 100, *[Result.CREATED] * 300))

    assert after.state == State.FAILING
    assert [type(event) for event in said] == [SyncStopRequested]
    assert "100 records could not be used" in after.reason


@pytest.mark.parametrize("bad_first", [True, False])
def test_whether_too_many_are_bad_does_not_depend_on_where_they_lie(bad_first: bool) -> None:
    batches = [applied(0, *[Result.FAILED] * 100), applied(1, *[Result.CREATED] * 1900)]

    after, _ = feed(running(), *expecting(2000), *(batches if bad_first else batches[::-1]))

    assert after.state == State.RUNNING


def test_too_many_bad_records_fail_a_sync_also_when_that_is_known_only_at_its_end() -> None:
    bad = applied(0, *[Result.FAILED] * 100)

    after, said = feed(running(), *(event for event in WHOLE if not isinstance(event, PageFetched)), bad)
    assert after.state == State.COMPLETED  # ended before the bad ones were told: nothing more is heard
    after, said = feed(
        running(), bad, *(event for event in WHOLE if not isinstance(event, PageFetched | RecordsApplied))
    )
    assert after.state == State.FAILED
    assert [type(event) for event in said][-1] == SyncFailed


def test_a_sync_that_xero_always_asks_to_wait_ends_one_day() -> None:
    now, sync = NOW, running()
    for _ in range(24 * 5):
        now += timedelta(hours=1)
        wait = SyncParked(
            reason=ParkReason.XERO_ASKED_TO_WAIT, detail="", until=now + timedelta(minutes=59), authorisation=1
        )
        sync, _ = lifecycle.advance(sync, SyncStarted(at=now), sync.scope(), now)
        sync, _ = lifecycle.advance(sync, wait, sync.scope(), now)
        sync, _ = lifecycle.watch(sync, now + timedelta(minutes=59, seconds=59), SILENCE)
    assert (sync.state, sync.reason) == (State.FAILED, "Xero gave nothing for two days")


def test_a_cancelled_sync_is_cancelled_when_the_last_drain_has_come() -> None:
    stopping, said = lifecycle.cancel(running(), "ada", "Ada", NOW)
    assert (stopping.state, [type(e) for e in said]) == (State.CANCELLING, [SyncStopRequested])

    after, said = feed(stopping, ended(Stream.CONTACTS, stopped=True), ended(Stream.INVOICES, 1, stopped=True))
    assert after.state == State.CANCELLING
    after, said = feed(after, drained(Stream.INVOICES, 1))
    reason = "Cancelled by Ada; what was imported before stays"
    assert (after.state, after.reason) == (State.CANCELLED, reason)
    assert said == [SyncCancelled(cancelled_by="ada", ended_at=NOW, reason=reason)]


def test_a_sync_that_is_cancelled_after_all_was_read_completes() -> None:
    stopping, _ = lifecycle.cancel(running(), "ada", "Ada", NOW)

    after, said = feed(stopping, *WHOLE)

    assert (after.state, [type(event) for event in said]) == (State.COMPLETED, [SyncCompleted])


def test_a_sync_that_has_not_begun_is_cancelled_at_once() -> None:
    after, said = lifecycle.cancel(a_sync(), "ada", "Ada", NOW)

    assert after.state == State.CANCELLED
    assert [type(event) for event in said] == [SyncCancelled]


def test_ended_is_final() -> None:
    done, _ = feed(running(), *WHOLE)

    assert lifecycle.cancel(done, "ada", "Ada", NOW) == (done, [])
    assert feed(done, FetchFailed(stream=Stream.CONTACTS, reason="late"), applied(7, Result.FAILED)) == (done, [])
    assert lifecycle.watch(done, NOW + timedelta(days=30), SILENCE) == (done, [])


def unread(stream: Stream = Stream.CONTACTS, reason: str = "Xero answers 503") -> FetchFailed:
    return FetchFailed(stream=stream, reason=reason)


def test_a_stream_that_cannot_be_read_fails_the_sync_with_its_reason_once_the_others_are_read() -> None:
    waiting, said = feed(running(), unread())
    assert (waiting.state, said) == (State.RUNNING, [])

    failing, said = feed(waiting, ended(Stream.INVOICES))
    assert (failing.state, failing.reason) == (State.FAILING, "Xero answers 503")
    assert [type(event) for event in said] == [SyncStopRequested]

    after, said = feed(failing, ended(Stream.CONTACTS, stopped=True))
    assert said == [SyncFailed(reason="Xero answers 503", ended_at=NOW)]
    assert after.state == State.FAILED


def failed_for_contacts(*events: Event) -> Sync:
    """Contacts cannot be read; of invoices come ``events``."""
    after, _ = feed(running(), unread(), *events, ended(Stream.CONTACTS, stopped=True))
    return after if after.state in FINAL else lifecycle.watch(after, NOW + timedelta(minutes=11), SILENCE)[0]


def test_of_a_failed_sync_what_was_read_and_written_whole_need_not_be_read_again() -> None:
    after = failed_for_contacts(ended(Stream.INVOICES, 0), drained(Stream.INVOICES, 0))
    assert (after.state, lifecycle.written_whole(after)) == (State.FAILED, (Stream.INVOICES,))


@pytest.mark.parametrize(
    "events",
    [
        [ended(Stream.INVOICES, 0)],  # not written
        [ended(Stream.INVOICES, 0, 3), drained(Stream.INVOICES, 0)],  # not all of it
        [ended(Stream.INVOICES, stopped=True)],  # not read to its end
        [
            applied(0, *[Result.FAILED] * 100),
            ended(Stream.INVOICES, 0),
            drained(Stream.INVOICES, 0),
        ],  # a hundred odd
    ],
)
def test_control_what_was_not_is_read_from_before(events: list[Event]) -> None:
    after = failed_for_contacts(*events)
    assert (after.state, lifecycle.written_whole(after)) == (State.FAILED, ())


def test_a_cancelled_sync_leaves_every_stream_to_be_read_from_before_and_a_completed_one_none() -> None:
    stopping, _ = lifecycle.cancel(feed(running(), ended(Stream.INVOICES))[0], "ada", "Ada", NOW)
    cancelled, _ = feed(stopping, ended(Stream.CONTACTS, stopped=True))
    assert (cancelled.state, lifecycle.written_whole(cancelled)) == (State.CANCELLED, ())
    completed, _ = feed(running(), *WHOLE)
    assert set(lifecycle.written_whole(completed)) == {Stream.CONTACTS, Stream.INVOICES}
    assert lifecycle.written_whole(running()) == ()


def test_a_sync_with_nothing_left_to_read_fails_at_once_and_says_each_reason_once() -> None:
    alone, _ = feed(running(), ended(Stream.INVOICES), unread())
    assert alone.state == State.FAILING
    both, _ = feed(running(), unread(), unread(Stream.INVOICES))
    assert (both.state, both.reason) == (State.FAILING, "Xero answers 503")


def test_what_could_not_be_read_is_asked_for_again_when_the_sync_is() -> None:
    wait = SyncParked(reason=ParkReason.DAY_LIMIT, detail="", until=NOW, authorisation=1)
    parked_sync, _ = feed(running(), unread(), wait)
    asked, said = lifecycle.watch(parked_sync, NOW, SILENCE)
    assert (asked.state, asked.unread, [type(event) for event in said]) == (State.RUNNING, {}, [SyncRequested])
    assert feed(asked, *WHOLE)[0].state == State.COMPLETED


def test_control_a_stream_that_never_ends_still_does_not_keep_a_failed_sync_open_for_ever() -> None:
    waiting, _ = feed(running(), unread())
    assert lifecycle.watch(waiting, NOW + timedelta(days=3), SILENCE)[0].state == State.FAILING


def test_a_stop_that_nobody_answers_ends_by_itself_after_ten_minutes() -> None:
    stopping, _ = lifecycle.cancel(running(), "ada", "Ada", NOW)

    assert lifecycle.watch(stopping, NOW + timedelta(minutes=9), SILENCE)[0].state == State.CANCELLING
    assert lifecycle.watch(stopping, NOW + timedelta(minutes=11), SILENCE)[0].state == State.CANCELLED


def held(**more: Any) -> Sync:
    return feed(running(**more), SyncStarted(at=NOW))[0]


def test_silence_while_a_replica_holds_the_request_is_asked_about_twice_then_a_new_attempt_then_failure() -> None:
    now, sync, told = NOW, held(), []
    for _ in range(20):
        now += SILENCE + timedelta(seconds=1)
        sync, said = lifecycle.watch(sync, now, SILENCE)
        told += [(sync.attempt, sync.ask) for event in said if isinstance(event, SyncRequested)]
        if sync.state == State.FAILING:
            break
        sync, _ = lifecycle.advance(sync, SyncStarted(at=now), sync.scope(), now)

    assert told == [(1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert sync.state == State.FAILING


def test_progress_starts_the_count_anew() -> None:
    asked, _ = lifecycle.watch(held(), NOW + timedelta(minutes=6), SILENCE)
    assert asked.asked_since_progress == 1

    page = PageFetched(stream=Stream.INVOICES, pages=1, read=1, expected=1, calls=1, bytes=1)
    after, _ = lifecycle.advance(asked, page, asked.scope(), NOW + timedelta(minutes=7))

    assert after.asked_since_progress == 0


@pytest.mark.parametrize(
    "sync",
    [
        running(),  # no replica has reached the request yet
        feed(held(), ended(Stream.CONTACTS), ended(Stream.INVOICES, 0))[0],  # markers not reached by the writers
    ],
)
def test_waiting_is_not_silence_until_a_day_has_passed(sync: Sync) -> None:
    assert lifecycle.watch(sync, NOW + timedelta(hours=23), SILENCE) == (sync, [])
    assert lifecycle.watch(sync, NOW + timedelta(hours=25), SILENCE)[0].state == State.FAILING


def parked(until: timedelta | None, authorisation: int = 1, ask: int = 1) -> tuple[Sync, list[Event]]:
    sync = held()
    event = SyncParked(
        reason=ParkReason.DAY_LIMIT,
        detail="limit",
        until=NOW + until if until else None,
        authorisation=authorisation,
    )
    return feed(sync, event, scope=replace(sync.scope(), ask=ask))


def test_a_parked_sync_is_asked_again_at_its_time() -> None:
    waiting, said = parked(timedelta(hours=3))
    assert (waiting.state, said) == (State.PARKED, [])

    early, _ = lifecycle.watch(waiting, NOW + timedelta(hours=2), SILENCE)
    after, said = lifecycle.watch(waiting, NOW + timedelta(hours=3), SILENCE)

    assert early.state == State.PARKED
    assert (after.state, after.ask) == (State.RUNNING, 2)
    assert [type(event) for event in said] == [SyncRequested]


def test_a_sync_parked_for_a_person_goes_on_when_they_connect_again_and_fails_after_seven_days() -> None:
    waiting, _ = parked(None)

    assert lifecycle.authorised_again(waiting, 1, NOW) == (waiting, [])  # the same consent mends nothing
    assert lifecycle.authorised_again(waiting, 2, NOW)[0].state == State.RUNNING
    assert lifecycle.watch(waiting, NOW + timedelta(days=6), SILENCE)[0].state == State.PARKED
    assert lifecycle.watch(waiting, NOW + timedelta(days=8), SILENCE)[0].state == State.FAILING


def test_word_of_an_older_ask_does_not_park_what_was_asked_again() -> None:
    asked, _ = lifecycle.ask_again(held(), NOW)
    event = SyncParked(reason=ParkReason.DAY_LIMIT, detail="", until=None, authorisation=1)

    assert feed(asked, event, scope=replace(asked.scope(), ask=1)) == (asked, [])


def test_a_broker_that_forgot_gives_an_open_sync_a_new_attempt_under_its_own_id() -> None:
    half, _ = feed(held(), *WHOLE[:4])
    after, said = lifecycle.new_attempt(half, 2, NOW)

    assert (after.id, after.attempt, after.generation, after.progress) == (half.id, 2, 2, {})
    assert [type(event) for event in said] == [SyncRequested]
    assert feed(after, *WHOLE)[0].state == State.COMPLETED


@given(st.lists(st.sampled_from([*WHOLE, FetchFailed(stream=Stream.CONTACTS, reason="x"), SyncStarted(at=NOW)])))
def test_no_sequence_of_events_leaves_a_final_state_or_says_an_end_twice(events: list[Event]) -> None:
    sync, ends = running(), 0
    for event in events:
        before = sync.state
        sync, said = lifecycle.advance(sync, event, sync.scope(), NOW)
        ends += sum(isinstance(one, SyncCompleted | SyncFailed | SyncCancelled) for one in said)
        assert before not in FINAL or sync.state == before
    assert ends == (sync.state in FINAL)
