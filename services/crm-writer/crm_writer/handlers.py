"""What the worker does with one batch from the broker."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from accounting_link.chassis import logs
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import (
    LARGEST_VALUE_BYTES,
    Delivery,
    Outgoing,
    Place,
    Publisher,
    Received,
)
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.event import Scope
from accounting_link.contracts.outcomes import Outcome, PartitionDrained, RecordsApplied
from accounting_link.contracts.sync_life import StreamEnded
from crm_writer import exports, metrics, organisations, removals
from crm_writer.books import Records
from crm_writer.putting_away import Told, put_away
from crm_writer.sorting import CANNOT_KEEP, Batch, sort, without_misfits

log = logs.logger()

AFTER_WRITE = "crm-writer:after-write"


class ApplyBatch:
    """Puts one batch of Xero's records into the CRM and says what became of each.

    Returning is the permission to commit: every record is stored and every outcome is acknowledged by the
    broker. Raising commits nothing and the batch comes again, which does no harm.
    """

    def __init__(
        self, records: Records, publisher: Publisher, dead: DeadLetters, clock: Clock, fault: FaultPoint | None = None
    ) -> None:
        self._records, self._publisher, self._dead, self._clock = records, publisher, dead, clock
        self._fault = fault or FaultPoint()

    def __call__(self, deliveries: Sequence[Delivery]) -> None:
        with metrics.BATCH_SECONDS.time():
            batch, told = self._put_away(deliveries)
            exports.settle(self._records, batch.exports, self._clock.now())
            if told:
                self._fault.reach(AFTER_WRITE)
            self._dead.keep(batch.unread)
            self._publisher.forward(list(applied(told, self._publisher)))
            # Last, for a marker promises that all before it on its partition has been told.
            self._publisher.confirmed(_drained(mark) for mark in batch.marks)
        _count(batch, told, len(deliveries))

    def _put_away(self, deliveries: Sequence[Delivery]) -> tuple[Batch, Told]:
        batch, now = sort(deliveries), self._clock.now()
        removals.begin(self._records, batch.removals)
        organisations.keep(self._records, batch.organisations)
        try:
            told = put_away(self._records, batch.copies, now)
        except CANNOT_KEEP:
            # Nothing of the batch is written. One bad record must neither stop the rest nor come for ever.
            batch = without_misfits(deliveries)
            told = put_away(self._records, batch.copies, now)
        return batch, [(copy, outcome) for copy, outcome in told if not copy.exported]


def applied(told: Told, publisher: Publisher) -> Iterator[Message]:
    """One RecordsApplied for each sync (its attempt and ask) and partition, cut to what the broker takes."""
    groups: defaultdict[tuple[Scope, Place], list[Outcome]] = defaultdict(list)
    for copy, outcome in told:
        groups[copy.scope, copy.place].append(outcome)
    for (scope, place), outcomes in groups.items():
        # Whoever counts them by their offsets must see these rise, also where a batch is cut.
        yield from _cut(scope, place, sorted(outcomes, key=lambda one: one.offset), publisher)


def _cut(scope: Scope, place: Place, outcomes: Sequence[Outcome], publisher: Publisher) -> Iterator[Message]:
    event = RecordsApplied(topic=place.topic, partition=place.partition, outcomes=tuple(outcomes))
    message = publisher.message(Outgoing(event=event, scope=scope))
    if len(message.value) < LARGEST_VALUE_BYTES or len(outcomes) == 1:
        yield message
        return
    half = len(outcomes) // 2
    for part in (outcomes[:half], outcomes[half:]):
        yield from _cut(scope, place, part, publisher)


def _drained(mark: Received) -> Outgoing:
    assert isinstance(mark.event, StreamEnded)
    drained = PartitionDrained(
        stream=mark.event.stream, topic=mark.place.topic, partition=mark.place.partition, offset=mark.offset
    )
    return Outgoing(event=drained, scope=mark.scope)


def _count(batch: Batch, told: Told, size: int) -> None:
    results: defaultdict[Scope, Counter[str]] = defaultdict(Counter)
    # A batch has few kinds of outcome: finding the metric's child for each record would cost more than counting.
    for (scope, kind, result), number in Counter((copy.scope, one.kind, one.result) for copy, one in told).items():
        metrics.RECORDS.labels(kind.value, result.value).inc(number)
        results[scope][result.value] += number
    for scope, counted in results.items():
        with logs.bound(scope):
            log.info("records applied", **counted)
    metrics.BATCH_RECORDS.observe(size)
    metrics.DRAINED.inc(len(batch.marks))
    metrics.UNREADABLE.inc(len(batch.unread))
