"""One at a time for each Xero user: deleting their connections, revoking, and storing what they consented to.

For revoking takes down all that a person granted, and Xero's connection has one id however often it is granted: who
deletes must know that nobody is storing a consent of the same person, and the other way round.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from pymongo.errors import DuplicateKeyError

from accounting_link.chassis.clock import Clock
from accounting_link.chassis.mongo import Db

LASTS = timedelta(minutes=2)  # longer than all the calls that one who holds it makes
_PAUSE = timedelta(milliseconds=100)


class BusyError(Exception):
    """Another holds this person's lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    db: Db
    clock: Clock
    key: str
    holder: str

    def stands(self) -> bool:
        """False when it lapsed: whoever was stopped for so long must not act any more."""
        mine = {"_id": self.key, "holder": self.holder, "until": {"$gt": self.clock.now()}}
        return self.db.leases.find_one(mine) is not None


class Leases:
    def __init__(self, db: Db, clock: Clock, pause: Callable[[timedelta], object]) -> None:
        self._db, self._clock, self._pause = db, clock, pause

    @contextmanager
    def of(self, xero_user_id: str, patience: timedelta = timedelta(), lasts: timedelta = LASTS) -> Iterator[Lease]:
        """Raises BusyError after ``patience``. Whom Xero does not name shares one lease with all such."""
        lease = Lease(db=self._db, clock=self._clock, key=f"xero-user/{xero_user_id}", holder=uuid4().hex)
        for _ in range(patience // _PAUSE):
            if self._take(lease, lasts):
                break
            self._pause(_PAUSE)
        else:
            if not self._take(lease, lasts):
                raise BusyError
        try:
            yield lease
        finally:
            self._db.leases.delete_one({"_id": lease.key, "holder": lease.holder})

    def _take(self, lease: Lease, lasts: timedelta) -> bool:
        now = self._clock.now()
        values = {"$set": {"holder": lease.holder, "until": now + lasts}}
        try:
            self._db.leases.update_one({"_id": lease.key, "until": {"$lte": now}}, values, upsert=True)
        except DuplicateKeyError:  # another holds it
            return False
        return True
