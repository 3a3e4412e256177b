"""Whose turn it is. Each task is one page of one stream; having had its turn, it goes to the end of the line.

So an organisation with a hundred pages delays another by one page at most, and one that has to wait (its
permits, Xero's own word) stands aside until its time and holds nobody up.
"""

import heapq
from datetime import datetime
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    def __init__(self) -> None:
        self._line: list[tuple[datetime, int, T]] = []
        self._tickets = count()

    def add(self, task: T, at: datetime) -> None:
        """Not before ``at``; among those that are ready, who came first goes first."""
        heapq.heappush(self._line, (at, next(self._tickets), task))

    def take(self, now: datetime) -> T | None:
        if self._line and self._line[0][0] <= now:
            return heapq.heappop(self._line)[2]
        return None

    def next_at(self) -> datetime | None:
        return self._line[0][0] if self._line else None

    def __len__(self) -> int:
        return len(self._line)
