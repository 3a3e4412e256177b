"""What may happen between two threads, two replicas, or between Xero's look and its answer."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace as with_changes
from datetime import timedelta
from email.utils import format_datetime

from msgspec.structs import replace

from accounting_link.chassis.messages import Sent
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.event import Scope
from accounting_link.contracts.records import InvoiceImported, VersionedRecord
from accounting_link.contracts.sync_life import StreamEnded
from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import Stream
from accounting_link.testing.broker import MemoryBroker
from accounting_link.testing.builders import JULY, SCOPE
from tests.unit.xero_adapter.world import TwinXero, World
from xero_adapter.memory import MemoryCheckpoints
from xero_adapter.planning import permits
from xero_adapter.planning.cursor import Cursor
from xero_adapter.planning.permits import Ledger, Limits, Said, Wait
from xero_adapter.store import Checkpoint, Hold
from xero_adapter.xero.client import Answer
from xero_adapter.xero.tokens import Token

UNBOUND = Limits(a_minute=10_000)


class SlowXero(TwinXero):
    """Looks, and answers six seconds later; meanwhile, once, somebody edits an invoice."""

    world: World
    edited: tuple[str, ...] = ()

    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        answer = super().get(token, path, query, headers)
        if path != "Invoices" or self.edited:
            return answer
        self.world.clock.advance(timedelta(seconds=1))
        self.edited = tuple(self.simulator.touch_some(self.world.tenant, "invoice", 1))
        self.world.clock.advance(timedelta(seconds=5))
        answered_at = format_datetime(self.world.clock.now(), usegmt=True)
        return with_changes(answer, headers={**answer.headers, "Date": answered_at})


def copies(world: World) -> set[tuple[str, object]]:
    events = (one.event for one in world.published())
    return {(event.xero_id, event.updated_at) for event in events if isinstance(event, VersionedRecord)}


def test_what_changes_while_the_first_call_is_answered_is_read_by_the_next_delta() -> None:
    world = World(contacts=3, invoices=20, page_size=1000, xero=SlowXero)
    xero = world.twin
    assert isinstance(xero, SlowXero)
    xero.world = world
    world.request()
    world.run()
    [ended] = [one for one in world.life(StreamEnded) if one.stream == Stream.INVOICES]
    before = copies(world)
    assert ended.began_at is not None
    world.request(replace(SCOPE, sync_id="delta"), since=ended.began_at - timedelta(seconds=2))
    world.run()

    assert {xero_id for xero_id, _ in copies(world) - before} == set(xero.edited)


def test_a_request_is_not_committed_while_nobody_reads_it() -> None:
    """A polls and loses its partitions; B reads; A's late start takes the checkpoints; A notices its loss."""
    world = World(limits=UNBOUND)
    world.request()
    late_worker, late_pool = world.worker, world.pool
    late_worker.turn()
    world.take_over()
    world.step(4)
    late_pool.turn()
    late_worker.turn()
    while late_pool.turn():
        pass
    world.run()

    assert {one.stream for one in world.life(StreamEnded)} == set(Stream)
    assert world.ids() == world.held()


class StopsInBetween(MemoryCheckpoints):
    """The stop comes in, on another thread, between the request's look at what is held and its taking of streams."""

    def __init__(self) -> None:
        super().__init__()
        self.stopping: threading.Thread | None = None
        self.taken, self.go_on = threading.Event(), threading.Event()

    def hold(self, scope: Scope) -> Hold:
        found = super().hold(scope)
        if self.stopping and not self.taken.is_set():
            self.stopping.start()
            self.taken.wait(5)
        return found

    def take(self, scope: Scope, stream: Stream, begin: Cursor) -> Checkpoint:
        taken = super().take(scope, stream, begin)
        if threading.current_thread() is self.stopping and not self.taken.is_set():
            self.taken.set()
            self.go_on.wait(5)
        return taken


def test_a_stop_is_not_overtaken_by_the_request_it_stops() -> None:
    checkpoints = StopsInBetween()
    world = World(limits=UNBOUND, checkpoints=checkpoints)
    world.request()
    world.stop()
    world.worker.turn()
    checkpoints.stopping = threading.Thread(target=world.pool.turn)
    world.pool.turn()
    checkpoints.go_on.set()
    checkpoints.stopping.join(60)
    world.run()

    assert {(one.stream, one.stopped) for one in world.life(StreamEnded)} == {(stream, True) for stream in Stream}
    assert len(world.calls()) <= len(Stream)


class OddXero(TwinXero):
    """A proxy stands before it whose Date header is none."""

    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        answer = super().get(token, path, query, headers)
        return with_changes(answer, headers={**answer.headers, "Date": "yesterday"})


def test_an_odd_header_does_not_end_the_replica() -> None:
    world = World(xero=OddXero)
    world.request()
    world.run()

    assert world.ids() == world.held()


def test_a_shorter_wait_does_not_shorten_a_longer_one() -> None:
    ledger = Ledger()
    for name in ("a", "b"):
        ledger, _ = permits.ask(ledger, JULY, Lane.BULK, Limits(), name)
    ledger = permits.give_back(ledger, JULY, "a", Said(retry_after=timedelta(hours=5), problem="day"))
    ledger = permits.give_back(ledger, JULY, "b", Said(retry_after=timedelta(seconds=5), problem="minute"))

    _, answer = permits.ask(ledger, JULY + timedelta(seconds=6), Lane.BULK, Limits(), "c")

    assert isinstance(answer, Wait)
    assert answer.until == JULY + timedelta(hours=5)


class StopsInMidPage(MemoryBroker):
    """A stop comes in, on another thread, when the second page of invoices is on the broker and not yet told."""

    world: World
    stopping: threading.Thread | None = None
    pages = 0

    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        sent = super().deliver(messages)
        self.pages += len(messages) > 10
        if self.pages == 2 and self.stopping is None:
            self.stopping = threading.Thread(target=self._stop)
            self.world.stop()
            self.stopping.start()
            self.stopping.join(0.2)  # it has to wait for the page; without waiting it would end the stream first
        return sent

    def _stop(self) -> None:
        self.world.worker.turn()
        self.world.pool.turn()


def test_a_stop_in_mid_page_counts_the_page() -> None:
    broker = StopsInMidPage()
    world = broker.world = World(contacts=5, limits=UNBOUND, broker=broker)
    world.request()
    world.run()
    assert broker.stopping
    broker.stopping.join(60)
    world.run()

    [ended] = [one for one in world.life(StreamEnded) if one.stream == Stream.INVOICES]
    assert ended.read == sum(isinstance(one.event, InvoiceImported) for one in world.published()) > 0
