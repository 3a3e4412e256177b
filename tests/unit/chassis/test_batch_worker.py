"""Commit after handling, that batch's own offsets: so a crash repeats and never loses."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from accounting_link.chassis.batch_worker import BatchWorker, next_offsets
from accounting_link.chassis.messages import Consumer, Delivery
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.topics import SYNC_LIFE, SYNC_ORCHESTRATOR
from accounting_link.testing.broker import MemoryBroker
from accounting_link.testing.clock import FakeClock


class CrashError(Exception):
    pass


class Handler:
    """Notes what it handled; crashes once, on the nth batch."""

    def __init__(self, crash_on: int = 0) -> None:
        self.handled: list[bytes | None] = []
        self._batches, self._crash_on = 0, crash_on

    def __call__(self, deliveries: Sequence[Delivery]) -> None:
        self._batches += 1
        if self._batches == self._crash_on:
            raise CrashError
        self.handled += [delivery.value for delivery in deliveries]


def a_broker(messages: int) -> MemoryBroker:
    broker = MemoryBroker()
    broker.deliver([Message(topic=SYNC_LIFE.name(), key="k", headers=[], value=b"%d" % n) for n in range(messages)])
    return broker


def a_worker(consumer: Consumer, handler: Handler, clock: FakeClock | None = None) -> BatchWorker:
    return BatchWorker(consumer, handler, at_most=2, wait=timedelta(0), clock=clock or FakeClock())


class CommitsFirst(BatchWorker):
    """The control: as a consumer with automatic commits would."""

    def turn(self) -> int:
        deliveries = self._consumer.poll(2, timedelta(0))
        self._consumer.commit(next_offsets(deliveries))
        self._handle(deliveries)
        return len(deliveries)


def handled_despite_a_crash(kind: type[BatchWorker]) -> list[bytes | None]:
    """One worker crashes on its second batch; another takes its partitions over."""
    broker, handler = a_broker(6), Handler(crash_on=2)
    for _ in range(2):
        member = broker.consumer(SYNC_ORCHESTRATOR)
        worker = kind(member, handler, at_most=2, wait=timedelta(0), clock=FakeClock())
        try:
            while worker.turn():
                pass
        except CrashError:
            member.close()
    return handler.handled


def test_a_batch_whose_handling_crashed_is_handled_by_the_next_worker() -> None:
    assert handled_despite_a_crash(BatchWorker) == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_control_committing_before_handling_loses_the_batch() -> None:
    assert handled_despite_a_crash(CommitsFirst) == [b"0", b"1", b"4", b"5"]


def test_a_crash_is_not_swallowed() -> None:
    worker = a_worker(a_broker(1).consumer(SYNC_ORCHESTRATOR), Handler(crash_on=1))
    with pytest.raises(CrashError):
        worker.turn()


def test_all_that_was_handled_is_committed_and_no_more() -> None:
    broker = a_broker(3)
    worker = a_worker(broker.consumer(SYNC_ORCHESTRATOR), Handler())
    assert worker.turn() == 2
    assert broker.lag(SYNC_ORCHESTRATOR) == 1


def test_nothing_to_do_is_a_turn_too() -> None:
    clock = FakeClock()
    worker = a_worker(a_broker(0).consumer(SYNC_ORCHESTRATOR), Handler(), clock)
    clock.advance(timedelta(minutes=5))
    assert not worker.is_turning()
    assert worker.turn() == 0
    assert worker.is_turning()


def test_a_worker_is_ready_once_it_holds_partitions() -> None:
    broker = a_broker(0)
    member = broker.consumer(SYNC_ORCHESTRATOR)
    worker = a_worker(member, Handler())
    assert worker.is_assigned()
    member.close()
    assert not worker.is_assigned()
