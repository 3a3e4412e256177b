"""Threads that take turns at tasks. A task holds a thread only while it works: one that waits stands in line."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from accounting_link.chassis.clock import Clock
from xero_adapter.planning.turns import Ticket, Turns

# A task does one piece of work and says when it wants its next turn; None: it is done.
Task = Callable[[], datetime | None]
_LOOK_AT_LEAST_EVERY_SECONDS = 0.5


class Pool:
    """``threads`` at most work at once; a quarter of them only for organisations known to answer quickly."""

    def __init__(self, clock: Clock, threads: int) -> None:
        self._clock, self._free = clock, threads
        self._size = threads
        self._turns: Turns[Task] = Turns(reserve=threads // 4)
        self._something = threading.Condition()
        self._closing = False
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def add(self, task: Task, at: datetime | None = None, whose: str = "") -> None:
        """``whose``: the organisation that the task calls; empty when it calls none."""
        with self._something:
            self._turns.add(task, at or self._clock.now(), whose)
            self._something.notify()

    def start(self) -> None:
        self._threads = [
            threading.Thread(target=self._work, name=f"reader-{n}", daemon=True) for n in range(self._size)
        ]
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
            ticket = self._take()
        if ticket is not None:
            self._do(ticket)
        return ticket is not None

    def _take(self) -> Ticket[Task] | None:
        ticket = self._turns.take(self._clock.now(), self._free)
        self._free -= ticket is not None
        return ticket

    def _do(self, ticket: Ticket[Task]) -> None:
        began, again = self._clock.monotonic(), None
        try:
            again = ticket.task()
        finally:
            with self._something:
                self._free += 1
                self._turns.took(ticket.whose, timedelta(seconds=self._clock.monotonic() - began))
                if again is not None:
                    self._turns.add(ticket.task, again, ticket.whose)
                self._something.notify()

    def waiting(self) -> int:
        return len(self._turns)

    def next_at(self) -> datetime | None:
        return self._turns.next_at()

    def _work(self) -> None:
        while ticket := self._wait_for_turn():
            try:
                self._do(ticket)
            except BaseException as error:  # handed to the loop, which ends the process
                self._failure = error

    def _wait_for_turn(self) -> Ticket[Task] | None:
        """None: there will be none any more."""
        with self._something:
            while not self._closing and self._failure is None:
                ticket = self._take()
                if ticket is not None:
                    return ticket
                self._something.wait(self._seconds_to_rest())
            return None

    def _seconds_to_rest(self) -> float:
        ready, now = self._turns.next_at(), self._clock.now()
        # What is ready and yet not to be taken waits for a thread, whose end notifies.
        if ready is None or ready <= now:
            return _LOOK_AT_LEAST_EVERY_SECONDS
        return min(_LOOK_AT_LEAST_EVERY_SECONDS, (ready - now).total_seconds())
