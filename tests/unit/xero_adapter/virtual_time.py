"""Many threads in no time: greenlets that sleep on a clock which jumps to whoever wakes next. Deterministic."""

import heapq
from collections.abc import Callable
from datetime import timedelta
from itertools import count

from greenlet import getcurrent, greenlet

from accounting_link.testing.clock import FakeClock

LOOK_EVERY = 0.05  # seconds of virtual time between two looks at whether it has come true


class VirtualTime(FakeClock):
    def __init__(self) -> None:
        super().__init__()
        self._asleep: list[tuple[float, int, greenlet]] = []
        self._tickets = count()
        self._hub: greenlet = getcurrent()

    def spawn(self, work: Callable[[], object]) -> None:
        self._wake_at(self.monotonic(), greenlet(work))

    def sleep(self, seconds: float) -> None:
        """Called by what was spawned: others go on, and time passes."""
        self._wake_at(self.monotonic() + seconds, getcurrent())
        self._hub.switch()

    def run(self, until: Callable[[], bool], at_most: timedelta) -> None:
        """Raises AssertionError when it has not come true within so much virtual time."""
        self._hub, ends = getcurrent(), self.monotonic() + at_most.total_seconds()
        looked = float("-inf")
        while True:
            if self.monotonic() >= looked + LOOK_EVERY:
                looked = self.monotonic()
                if until():
                    return
            at, _, who = heapq.heappop(self._asleep)
            assert at <= ends, f"not done after {at_most}"
            self.advance(timedelta(seconds=max(0.0, at - self.monotonic())))
            who.switch()

    def _wake_at(self, at: float, who: greenlet) -> None:
        heapq.heappush(self._asleep, (at, next(self._tickets), who))
