"""Up to where a partition is done when its records are finished out of order. Pure."""

from accounting_link.chassis.messages import Place


class OffsetTracker:
    """Of each partition: what is in hand, and what may be committed (all below the oldest unfinished)."""

    def __init__(self) -> None:
        self._unfinished: dict[Place, set[int]] = {}
        self._next: dict[Place, int] = {}  # one past the highest begun
        self._committed: dict[Place, int] = {}

    def begin(self, place: Place, offset: int) -> bool:
        """False when it is already in hand, or finished: a group that rebalances delivers again what was
        not committed, also to the member that still works on it."""
        if offset < self._next.get(place, 0):
            return False
        self._next[place] = offset + 1
        self._unfinished.setdefault(place, set()).add(offset)
        return True

    def finish(self, place: Place, offset: int) -> None:
        """Quietly nothing when the partition was dropped meanwhile."""
        self._unfinished.get(place, set()).discard(offset)

    def committable(self) -> dict[Place, int]:
        """What has moved since the last call to ``committed``."""
        found = {}
        for place, following in self._next.items():
            done = min(self._unfinished[place], default=following)
            if done != self._committed.get(place):
                found[place] = done
        return found

    def committed(self, offsets: dict[Place, int]) -> None:
        self._committed.update(offsets)

    def drop(self, place: Place) -> None:
        """The partition is another's now."""
        for known in (self._unfinished, self._next, self._committed):
            known.pop(place, None)

    def in_hand(self) -> int:
        return sum(map(len, self._unfinished.values()))
