"""The loop of a service whose requests take long: poll, hand over, commit up to the oldest unfinished.

The poll loop never blocks on work, so the member stays in its group however long a request takes.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Protocol

from accounting_link.chassis.batch_worker import SILENT_AFTER
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.messages import Consumer, Delivery, Place
from accounting_link.chassis.offsets import OffsetTracker


class Tasks(Protocol):
    def begin(self, delivery: Delivery, finished: Callable[[], None]) -> None:
        """Take a request on without blocking; call ``finished`` (from any thread) once it needs no redelivery."""

    def lost(self, places: frozenset[Place]) -> None:
        """These partitions are another's now: stop what came from them, finish nothing of it."""

    def turn(self) -> None:
        """Called once a turn of the loop. Raises when a task failed in a way nothing can mend."""

    def room(self) -> int:
        """How many more requests may be taken on."""


class TaskWorker:
    def __init__(self, consumer: Consumer, tasks: Tasks, *, wait: timedelta, clock: Clock) -> None:
        self._consumer, self._tasks, self._wait, self._clock = consumer, tasks, wait, clock
        self._offsets = OffsetTracker()
        self._lock = threading.Lock()  # tasks finish in their own threads
        self._held: frozenset[Place] = frozenset()
        self._turned_at = clock.monotonic()

    def turn(self) -> None:
        # Also with no room: polling keeps the membership alive, and among the requests may be one to stop something.
        deliveries = self._consumer.poll(max(1, self._tasks.room()), self._wait)
        self._notice_losses()
        for delivery in deliveries:
            self._begin(delivery)
        self._tasks.turn()
        self._commit()
        self._turned_at = self._clock.monotonic()

    def run(self, until: threading.Event) -> None:
        while not until.is_set():
            self.turn()
        self._commit()

    def is_turning(self) -> bool:
        return self._clock.monotonic() - self._turned_at < SILENT_AFTER.total_seconds()

    def is_assigned(self) -> bool:
        return bool(self._held)

    def _notice_losses(self) -> None:
        held = self._consumer.assigned()
        if lost := self._held - held:
            with self._lock:
                for place in lost:
                    self._offsets.drop(place)
            self._tasks.lost(lost)
        self._held = held

    def _begin(self, delivery: Delivery) -> None:
        with self._lock:
            fresh = self._offsets.begin(delivery.place, delivery.offset)
        if fresh:
            self._tasks.begin(delivery, partial(self._finish, delivery.place, delivery.offset))

    def _finish(self, place: Place, offset: int) -> None:
        with self._lock:
            self._offsets.finish(place, offset)

    def _commit(self) -> None:
        with self._lock:
            ready = self._offsets.committable()
        if ready and self._consumer.commit(ready):
            with self._lock:
                self._offsets.committed(ready)
