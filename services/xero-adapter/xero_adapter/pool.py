"""Threads that take turns at tasks. A task holds a thread only while it works: one that waits stands in line."""

import threading
from collections.abc import Callable
from datetime import datetime

from accounting_link.chassis.clock import Clock
from xero_adapter.planning.turns import Turns

# A task does one piece of work and says when it wants its next turn; None: it is done.
Task = Callable[[], datetime | None]
_LOOK_AT_LEAST_EVERY_SECONDS = 0.5


class Pool:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: Turns[Task] = Turns()
        self._something = threading.Condition()
        self._closing = False
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def add(self, task: Task, at: datetime | None = None) -> None:
        with self._something:
            self._turns.add(task, at or self._clock.now())
            self._something.notify()

    def start(self, threads: int) -> None:
        self._threads = [threading.Thread(target=self._work, name=f"reader-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Lets each task finish the piece of work it is at."""
        with self._something:
            self._closing = True
            self._something.notify_all()
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        """Raises what a task raised: nothing here knows how to mend it, so the process is to end uncommitted."""
        if self._failure is not None:
            raise self._failure

    def turn(self) -> bool:
        """One piece of work, in the calling thread; False when nothing is ready."""
        with self._something:
            task = self._turns.take(self._clock.now())
        if task is None:
            return False
        again = task()
        if again is not None:
            self.add(task, again)
        return True

    def waiting(self) -> int:
        return len(self._turns)

    def next_at(self) -> datetime | None:
        return self._turns.next_at()

    def _work(self) -> None:
        while not self._closing and self._failure is None:
            try:
                if not self.turn():
                    self._rest()
            except BaseException as error:  # handed to the loop, which ends the process
                self._failure = error

    def _rest(self) -> None:
        with self._something:
            ready = self._turns.next_at()
            seconds = _LOOK_AT_LEAST_EVERY_SECONDS
            if ready is not None:
                seconds = min(seconds, (ready - self._clock.now()).total_seconds())
            if seconds > 0 and not self._closing:
                self._something.wait(seconds)
