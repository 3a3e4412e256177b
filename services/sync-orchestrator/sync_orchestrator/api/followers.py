"""How many may follow syncs at once: each holds a thread of this process, and starting a sync needs one too."""

import threading
from collections import Counter

from accounting_link.chassis.problems import ProblemError

IN_ALL, OF_AN_ACCOUNT = 20, 4  # of 32 threads (chassis/gunicorn_conf.py)
_SECONDS = 5


class Followers:
    def __init__(self, in_all: int = IN_ALL, of_an_account: int = OF_AN_ACCOUNT) -> None:
        self._in_all, self._of_an_account = in_all, of_an_account
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, account_id: str) -> None:
        """Raises the 429 problem, with Retry-After; whoever is refused asks for the sync itself meanwhile."""
        with self._lock:
            if self._now.total() >= self._in_all or self._now[account_id] >= self._of_an_account:
                raise ProblemError(
                    429,
                    "too-many",
                    "Too many follow syncs just now.",
                    "Ask for the sync itself every few seconds; it has an ETag.",
                    retry_after=_SECONDS,
                )
            self._now[account_id] += 1

    def leave(self, account_id: str) -> None:
        with self._lock:
            self._now[account_id] -= 1
