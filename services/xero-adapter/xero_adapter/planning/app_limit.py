"""Xero's limit of the whole app: 10,000 calls a minute over all organisations and all replicas. Pure.

A replica draws leave for a hundred calls at a time from one document, so that the document is asked once in a
hundred calls. What is drawn is used within a few seconds or is lost, and counts until a minute after that.
"""

from datetime import datetime, timedelta

import msgspec

A_MINUTE = 10_000
BLOCK = 100
USED_WITHIN = timedelta(seconds=10)
_COUNTS_FOR = timedelta(seconds=60) + USED_WITHIN
# Soon enough to be no reason to park, and not so soon that all replicas ask all the time.
_SOONEST, _LATEST = timedelta(milliseconds=500), timedelta(seconds=20)


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """When each block that still counts was drawn, by whichever replica."""

    at: tuple[datetime, ...] = ()


class Block(msgspec.Struct, kw_only=True):
    """What one replica has left of the block it drew last."""

    left: int = 0
    until: datetime | None = None

    def take(self, now: datetime) -> bool:
        if self.left <= 0 or self.until is None or now >= self.until:
            return False
        self.left -= 1
        return True


def draw(drawn: Drawn, now: datetime, a_minute: int = A_MINUTE) -> tuple[Drawn, Block | datetime]:
    """A new block, or until when to wait for one."""
    counting = tuple(at for at in drawn.at if now - at < _COUNTS_FOR)
    if (len(counting) + 1) * BLOCK > a_minute:
        frees = min(counting, default=now) + _COUNTS_FOR
        return Drawn(at=counting), min(max(frees, now + _SOONEST), now + _LATEST)
    return Drawn(at=(*counting, now)), Block(left=BLOCK, until=now + USED_WITHIN)
