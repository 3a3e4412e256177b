"""Whose turn it is. Each task is one page of one stream; having had its turn, it goes to the end of the line.

So an organisation with a hundred pages delays another by one page at most, and one that has to wait (its
permits, Xero's own word) stands aside until its time and holds nobody up. Against organisations that answer
slowly, and would hold every thread, the last ones are kept for those that are known to answer quickly.
"""

import heapq
from collections import Counter
from datetime import datetime, timedelta
from itertools import count
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

SLOW = timedelta(seconds=2)


class Ticket(NamedTuple, Generic[T]):
    at: datetime
    number: int
    task: T
    whose: str


class Turns(Generic[T]):
    """``reserve`` threads serve only organisations whose last turn was quick; one not seen yet has to prove it, by one
    task at a time while half of the threads (twice the reserve) are taken: with six streams each, few slow ones would
    hold them all before another had its first turn."""

    def __init__(self, reserve: int = 0) -> None:
        self._reserve = reserve
        self._quick: list[Ticket[T]] = []
        self._firsts: list[Ticket[T]] = []
        self._others: list[Ticket[T]] = []
        self._known_quick: set[str] = set()
        self._tickets = count()
        self._in_hand: Counter[str] = Counter()  # tasks of each organisation, standing in a line or at work

    def add(self, task: T, at: datetime, whose: str = "") -> None:
        """Not before ``at``; among those that are ready, who came first goes first."""
        line = self._others if self._in_hand[whose] else self._firsts
        if whose in self._known_quick or not whose:
            line = self._quick
        self._in_hand[whose] += 1
        heapq.heappush(line, Ticket(at, next(self._tickets), task, whose))

    def take(self, now: datetime, free: int = 1 << 30) -> Ticket[T] | None:
        """``free``: threads that are free, this one included."""
        lines = [self._quick]
        if free > self._reserve:
            lines.append(self._firsts)
        if free > 2 * self._reserve:
            lines.append(self._others)
        ready = [line for line in lines if line and line[0].at <= now]
        return heapq.heappop(min(ready, key=lambda line: line[0])) if ready else None

    def took(self, whose: str, span: timedelta) -> None:
        """How long its last turn held a thread; that task is in hand no more."""
        self._in_hand[whose] -= 1
        if span < SLOW and whose not in self._known_quick:
            self._known_quick.add(whose)
            self._firsts = self._move_up(self._firsts, whose)
            self._others = self._move_up(self._others, whose)
        elif span >= SLOW:
            self._known_quick.discard(whose)

    def _move_up(self, line: list[Ticket[T]], whose: str) -> list[Ticket[T]]:
        """What stood in line before its organisation was known to be quick; the line without it."""
        rest = [ticket for ticket in line if ticket.whose != whose]
        for ticket in line if len(rest) < len(line) else ():
            if ticket.whose == whose:
                heapq.heappush(self._quick, ticket)
        heapq.heapify(rest)
        return rest

    def next_at(self) -> datetime | None:
        return min((line[0].at for line in (self._quick, self._firsts, self._others) if line), default=None)

    def __len__(self) -> int:
        return len(self._quick) + len(self._firsts) + len(self._others)
