"""How often something may be asked: so many at once, then so many a minute, for each key (an account, an address).

Kept as one time a key, the one at which what was asked would be used up (the generic cell rate algorithm): no timer
runs, and what is refused changes nothing, so whoever keeps asking is let in when the wait that was told is over.
"""

import math
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from accounting_link.chassis.clock import Clock
from accounting_link.chassis.mongo import Db
from accounting_link.chassis.problems import ProblemError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    at_once: int
    a_minute: int

    @property
    def each(self) -> timedelta:
        return timedelta(minutes=1) / self.a_minute

    @property
    def ahead(self) -> timedelta:
        """How far ahead of now the time that is used up may lie for one more to be let in."""
        return self.each * (self.at_once - 1)


class Bucket(Protocol):
    def take(self, key: str) -> timedelta:
        """Zero when it may be done now; else how long to wait."""


class MemoryBucket:
    """For one process."""

    def __init__(self, rate: Rate, clock: Clock, at_most: int = 10_000) -> None:
        self._rate, self._clock, self._at_most = rate, clock, at_most
        self._used_up: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def take(self, key: str) -> timedelta:
        with self._lock:
            now = self._clock.now()
            used_up = max(self._used_up.get(key, now), now)
            if used_up - now > self._rate.ahead:
                return used_up - now - self._rate.ahead
            if len(self._used_up) >= self._at_most:
                self._used_up = {other: at for other, at in self._used_up.items() if at > now}
            self._used_up[key] = used_up + self._rate.each
            return timedelta()


class MongoBucket:
    """For all replicas together. ``what`` tells the buckets of one database apart."""

    def __init__(self, db: Db, what: str, rate: Rate, clock: Clock) -> None:
        self._db, self._what, self._rate, self._clock = db, what, rate, clock

    def take(self, key: str) -> timedelta:
        name, now = f"{self._what}/{key}", self._clock.now()
        if self._let_in(name, now, new=True) or self._let_in(name, now, new=False):
            return timedelta()
        found = self._db.rates.find_one({"_id": name})
        used_up: datetime = found["used_up"] if found else now
        return max(timedelta(milliseconds=1), used_up - now - self._rate.ahead)

    def _let_in(self, name: str, now: datetime, *, new: bool) -> bool:
        """``new``: makes the document where there is none; another may be quicker, then it is looked at again."""
        has_room = {"_id": name, "used_up": {"$lte": now + self._rate.ahead}}
        milliseconds = math.ceil(self._rate.each.total_seconds() * 1000)
        one_more = [{"$set": {"used_up": {"$add": [{"$max": ["$used_up", now]}, milliseconds]}}}]
        try:
            done = self._db.rates.update_one(has_room, one_more, upsert=new)
        except DuplicateKeyError:  # it is there and has no room
            return False
        return bool(done.matched_count or done.upserted_id)


def prepare(db: Db) -> None:
    db.rates.create_index([("used_up", ASCENDING)], expireAfterSeconds=3600)


def take(bucket: Bucket, key: str) -> None:
    """Raises the 429 problem, with Retry-After."""
    wait = bucket.take(key)
    if wait:
        seconds = math.ceil(wait.total_seconds())
        raise ProblemError(
            429,
            "too-many",
            "This was asked too often.",
            f"Try again in {seconds} seconds.",
            retry_after=seconds,
        )
