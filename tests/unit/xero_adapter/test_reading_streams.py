"""Streams read to their end, whatever happens on the way."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from msgspec.structs import replace

from accounting_link.contracts.connections import CallsCounted
from accounting_link.contracts.dead_letters import DeadLettered
from accounting_link.contracts.records import InvoiceImported, RecordEvent, RecordUnreadable, SupplierImported
from accounting_link.contracts.sync_life import (
    FetchFailed,
    PageFetched,
    StreamEnded,
    SyncParked,
    SyncStarted,
)
from accounting_link.contracts.topics import CONNECTIONS, DEAD_LETTERS, SYNC_LIFE
from accounting_link.contracts.words import KIND_OF, ParkReason, Stream
from accounting_link.testing.builders import SCOPE
from tests.unit.xero_adapter.world import World
from xero_adapter.memory import MemoryShared
from xero_adapter.planning import cursor as cursors
from xero_adapter.planning.permits import Ledger

T = TypeVar("T")


@pytest.fixture
def world() -> World:
    return World()


def test_every_record_is_published_and_each_partition_is_marked_behind_its_records(world: World) -> None:
    world.request()
    world.run()

    assert world.ids() == world.held()
    last = {}
    for received in world.published():
        if isinstance(received.event, RecordEvent):
            last[(received.event.record_kind(), received.place.partition)] = received.offset
    for ended in world.life(StreamEnded):
        kind = KIND_OF[ended.stream]
        marked = {marker.partition: marker.offset for marker in ended.markers}
        assert {partition for known, partition in last if known == kind} == set(marked)
        assert all(offset > last[(kind, partition)] for partition, offset in marked.items())
    assert len(world.life(StreamEnded)) == len(Stream)
    assert world.lag() == 0


def test_progress_counts_up_to_what_xero_says_there_is(world: World) -> None:
    world.request()
    world.run()

    pages = [page for page in world.life(PageFetched) if page.stream == Stream.INVOICES]
    assert [page.pages for page in pages] == list(range(1, len(pages) + 1))
    assert pages[-1].read == pages[-1].expected == 400
    assert len(world.life(SyncStarted)) == 1


@pytest.mark.parametrize("edits", [1, 7])
def test_nothing_is_missed_while_xero_moves_records_between_calls(edits: int) -> None:
    world = World(invoices=600)
    world.simulator.add_fault({"kind": "edit", "records": edits})
    world.request()
    world.run()

    assert world.ids() == world.held()


def test_2500_invoices_changed_within_1500_milliseconds_are_all_read() -> None:
    world = World(invoices=3000, page_size=1000)
    world.simulator.touch_some(world.tenant, "invoice", 2500, within_ms=1500)
    world.request()
    world.run()

    assert world.ids() == world.held()


def test_a_xero_that_caps_its_pages_is_read_to_the_end() -> None:
    world = World(page_size=1000)
    world.simulator.behave({"page_cap": 100})
    world.request()
    world.run()

    assert world.ids() == world.held()


def test_reading_by_page_number_misses_some() -> None:
    """The control of the tests above: the same world, read page after page."""

    def by_page_number(cursor: cursors.Cursor, page: cursors.Page) -> cursors.Cursor | None:
        return None if page.is_last() else replace(cursor, page=cursor.page + 1)

    world = World(invoices=600, follow=by_page_number)
    world.simulator.add_fault({"kind": "edit", "records": 7})
    world.request()
    world.run()

    assert world.ids() < world.held()


def test_the_same_request_twice_reads_nothing_twice_and_marks_again(world: World) -> None:
    world.request()
    world.run()
    calls = len(world.calls())
    world.request()
    world.run()

    assert len(world.calls()) == calls
    assert len(world.life(StreamEnded)) == 2 * len(Stream)
    assert world.lag() == 0


def test_a_replica_that_takes_over_goes_on_where_the_checkpoint_stands(world: World) -> None:
    world.request()
    world.step(6)
    before = len(world.published())
    world.take_over()
    world.run()

    assert world.ids() == world.held()
    assert before > 0
    # Nothing is read twice on purpose: what is there twice is one page's overlap of a second, and the markers.
    assert len(world.published()) < len(world.held()) + 40


def test_a_frozen_replica_that_comes_back_can_neither_checkpoint_nor_end(world: World) -> None:
    world.request()
    world.step(4)
    frozen = world.take_over()
    world.run()
    ends, stands = len(world.life(StreamEnded)), dict(world.checkpoints.checkpoints)
    while frozen.turn():
        pass

    assert len(world.life(StreamEnded)) == ends
    assert world.checkpoints.checkpoints == stands


FAULTS = [
    {"kind": "status", "status": 503, "count": 3},
    {"kind": "reset", "count": 2},
    {"kind": "hang", "count": 1},
    {"kind": "malformed", "count": 2},
    {"kind": "throttle", "retry_after": 20, "count": 2},
    {"kind": "token_death", "count": 1, "path": "/Invoices"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault["kind"]))
def test_what_passes_is_tried_again_and_everything_arrives(world: World, fault: dict[str, object]) -> None:
    world.simulator.add_fault(fault)
    world.request()
    world.run()

    assert world.ids() == world.held()
    assert world.life(FetchFailed) == []


def test_a_xero_that_stays_away_fails_the_stream_with_the_reason(world: World) -> None:
    world.simulator.add_fault({"kind": "status", "status": 503, "path": "/Invoices"})
    world.request()
    world.run()

    assert [failed.reason for failed in world.life(FetchFailed)] == ["Xero answers 503, 10 times in a row"]
    assert world.lag() == 0


def test_a_wait_past_a_minute_parks_the_sync_and_gives_the_request_back(world: World) -> None:
    world.simulator.add_fault({"kind": "throttle", "retry_after": 3600, "problem": "day", "count": 1})
    asked_at = world.clock.now()
    world.request()
    world.run()

    [parked] = world.life(SyncParked)
    assert parked.reason == ParkReason.DAY_LIMIT
    assert parked.until is not None
    assert timedelta(minutes=59) < parked.until - asked_at < timedelta(minutes=62)
    assert world.lag() == 0  # it costs nothing meanwhile

    world.clock.advance(timedelta(hours=2))
    world.request(replace(SCOPE, ask=2))
    world.run()
    assert world.ids() == world.held()


def test_a_lost_connection_parks_the_sync_for_a_person(world: World) -> None:
    world.auth_link.gone = True
    world.request()
    world.run()

    assert [(parked.reason, parked.until) for parked in world.life(SyncParked)] == [(ParkReason.CONNECTION_LOST, None)]
    assert world.published() == []


def test_a_refused_organisation_is_told_to_auth_link_and_parks_the_sync(world: World) -> None:
    world.simulator.add_fault({"kind": "status", "path": "/Contacts", "status": 403})
    world.request()
    world.run()

    assert set(world.auth_link.lost) == {(SCOPE.connection_id, 1)}
    assert [parked.reason for parked in world.life(SyncParked)] == [ParkReason.CONNECTION_LOST]


def test_a_call_that_xero_answers_loses_nothing_and_tells_how_much_of_the_day_is_used(world: World) -> None:
    world.request()
    world.run()

    assert world.auth_link.lost == []
    told = [one.event for one in world.broker.log(CONNECTIONS.name())]
    # With each page; the first call of all asked for the organisation.
    assert [event.calls for event in told if isinstance(event, CallsCounted)] == [*range(2, len(world.calls()) + 1)]
    last = told[-1]
    assert isinstance(last, CallsCounted)
    assert (last.tenant_id, last.calls_a_day, last.bytes) == (
        world.tenant,
        5000,
        sum(c["bytes"] for c in world.calls()),
    )


def test_a_stopped_sync_ends_every_stream_where_it_stands(world: World) -> None:
    world.request()
    world.step(4)
    world.stop()
    world.run()

    assert {ended.stream for ended in world.life(StreamEnded)} == set(Stream)
    assert {ended.stopped for ended in world.life(StreamEnded) if ended.stream == Stream.INVOICES} == {True}
    assert world.ids() < world.held()
    assert world.lag() == 0


def test_a_stop_that_comes_before_its_request_ends_the_streams_empty(world: World) -> None:
    world.stop()
    world.request()
    world.run()

    assert all(ended.stopped and not ended.markers for ended in world.life(StreamEnded))
    assert world.published() == []
    assert world.lag() == 0


def test_a_request_below_the_ask_seen_is_finished_without_work(world: World) -> None:
    world.request(replace(SCOPE, ask=2))
    world.run()
    count = len(world.published())
    world.request(replace(SCOPE, ask=1))
    world.run()

    assert len(world.published()) == count
    assert world.lag() == 0


POISONS = ["total_list", "updated_nonsense", "no_contact", "no_id"]


@pytest.mark.parametrize("how", POISONS)
def test_one_odd_record_is_told_and_kept_and_the_rest_goes_on(world: World, how: str) -> None:
    rule = world.simulator.add_fault({"kind": "poison", "how": how})
    world.request()
    world.run()

    odd = [one.event for one in world.published() if isinstance(one.event, RecordUnreadable)]
    letters = [one.event for one in world.broker.log(DEAD_LETTERS.name())]
    assert {event.xero_id for event in odd} == {rule.more["record"]} or how == "no_id"
    assert len({event.xero_id for event in odd}) == 1
    assert all("cannot be read" in event.reason for event in odd)
    assert isinstance(letters[0], DeadLettered)
    assert world.held() - {rule.more["record"]} <= world.ids()


def test_an_invoice_too_large_for_the_broker_is_told_with_its_size(world: World) -> None:
    rule = world.simulator.add_fault({"kind": "large"})
    world.request()
    world.run()

    [odd] = {
        (one.event.xero_id, one.event.reason) for one in world.published() if isinstance(one.event, RecordUnreadable)
    }
    assert odd[0] == rule.more["record"]
    assert re.search(r"the record has 2,00\d,\d{3} bytes", odd[1])
    assert world.ids() == world.held()


def test_a_delta_reads_only_what_changed_since(world: World) -> None:
    mark = world.clock.now()
    world.clock.advance(timedelta(minutes=5))
    changed = world.simulator.touch_some(world.tenant, "invoice", 3)
    world.request(since=mark)
    world.run()

    assert world.ids() == set(changed)


def test_bills_are_never_published_and_suppliers_carry_the_setting(world: World) -> None:
    suppliers = [c.id for c in world.simulator.organisations[world.tenant].contacts.records.values()][:3]
    world.request(suppliers="selected", selected_suppliers=tuple(suppliers))
    world.run()

    events = [one.event for one in world.published()]
    bills = {r.id for r in world.simulator.organisations[world.tenant].invoices.records.values() if r.type == "ACCPAY"}
    assert bills
    assert not bills & {event.xero_id for event in events if isinstance(event, InvoiceImported)}
    told = [event for event in events if isinstance(event, SupplierImported)]
    assert told
    assert all(event.setting == "selected" and event.selected == (event.xero_id in suppliers) for event in told)


def test_with_limits_on_no_call_is_refused(world: World) -> None:
    world = World(invoices=4000, page_size=50)
    world.request()
    world.run()

    assert {call["status"] for call in world.calls()} == {200}
    assert world.ids() == world.held()


def test_without_permits_xero_refuses_calls() -> None:
    """The control of the test above: every call gets leave."""
    world = World(invoices=4000, page_size=50, ledgers=LeaveForAll(Ledger))
    world.request()
    world.step(80)

    assert 429 in {call["status"] for call in world.calls()}


class LeaveForAll(MemoryShared[Ledger]):
    """Forgets every call at once."""

    def change(self, tenant_id: str, step: Callable[[Ledger], tuple[Ledger, T]]) -> T:
        return step(Ledger())[1]


def test_a_new_attempt_stops_the_reading_of_the_one_before(world: World) -> None:
    world.request()
    world.step(4)
    world.request(replace(SCOPE, attempt=2))
    world.run()

    ends = [one for one in world.broker.log(SYNC_LIFE.name()) if isinstance(one.event, StreamEnded)]
    assert {one.scope.attempt for one in ends} == {2}
    assert world.lag() == 0
