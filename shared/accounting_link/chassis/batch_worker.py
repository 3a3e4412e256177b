"""The loop that every batch service shares: poll, handle, commit that batch's offsets."""

import gc
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from accounting_link.chassis.clock import Clock
from accounting_link.chassis.messages import Consumer, Delivery, Place

# A live loop turns at least this often: the longest batch, several times over.
SILENT_AFTER = timedelta(seconds=90)


def next_offsets(deliveries: Sequence[Delivery]) -> dict[Place, int]:
    """The batch's own offsets, never "wherever we are now"."""
    return {delivery.place: delivery.offset + 1 for delivery in deliveries}


class BatchWorker:
    """``handle`` returning is the permission to commit. When it raises, nothing is committed, the process
    ends, and the batch comes again to whoever takes its partitions over."""

    def __init__(
        self,
        consumer: Consumer,
        handle: Callable[[Sequence[Delivery]], None],
        *,
        at_most: int,
        wait: timedelta,
        clock: Clock,
    ) -> None:
        self._consumer, self._handle, self._clock = consumer, handle, clock
        self._at_most, self._wait = at_most, wait
        self._turned_at = clock.monotonic()

    def turn(self) -> int:
        """One batch; returns its size."""
        deliveries = self._consumer.poll(self._at_most, self._wait)
        if deliveries:
            self._handle(deliveries)
            self._consumer.commit(next_offsets(deliveries))
        self._turned_at = self._clock.monotonic()
        return len(deliveries)

    def run(self, until: threading.Event, between: Callable[[], object] = lambda: None) -> None:
        """``between``: what else this process does, a little after each batch."""
        # A batch makes some hundred thousand objects and no cycles: looking for them took a sixth of the time.
        gc.freeze()
        gc.set_threshold(200_000, 50, 100)
        while not until.is_set():
            self.turn()
            between()

    def is_turning(self) -> bool:
        return self._clock.monotonic() - self._turned_at < SILENT_AFTER.total_seconds()

    def is_assigned(self) -> bool:
        return bool(self._consumer.assigned())
