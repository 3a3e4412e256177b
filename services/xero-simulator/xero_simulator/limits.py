"""Xero's rate limits: per organisation a minute, a day and five at once; per app a minute over all organisations.

Numbers, headers and problem names: Xero's developer FAQ on limits. A refused call counts against no limit, the
minute is a sliding one, the day ends at midnight UTC (all three UNCONFIRMED, the most likely reading).
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How many calls Xero lets through; changed through the control API."""

    minute: int = 60
    day: int = 5000
    concurrent: int = 5
    app_minute: int = 10_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call was refused, in the words of X-Rate-Limit-Problem, and when to come again (seconds)."""

    problem: str
    retry_after: int


class _Window:
    """Calls of the last sixty seconds."""

    def __init__(self) -> None:
        self._times: deque[datetime] = deque()

    def count(self, now: datetime) -> int:
        while self._times and self._times[0] <= now - _MINUTE:
            self._times.popleft()
        return len(self._times)

    def add(self, now: datetime) -> None:
        self._times.append(now)

    def frees_in(self, now: datetime) -> int:
        return max(1, ceil((self._times[0] + _MINUTE - now).total_seconds()))


@dataclass
class _Use:
    """What one organisation has used up."""

    window: _Window = field(default_factory=_Window)
    day: object = None
    today: int = 0
    running: int = 0


class Limits:
    """Counts calls and says which to refuse. Not thread-safe: the simulator's lock is held around it."""

    def __init__(self) -> None:
        self._app = _Window()
        self._uses: dict[str, _Use] = {}

    def begin(self, tenant: str, now: datetime, allowed: Allowance) -> Refusal | None:
        """Let a call in and count it, or say why not. Each call let in needs its ``end``."""
        use = self._use(tenant, now)
        refusal = self._refusal(use, now, allowed)
        if refusal is None:
            use.window.add(now)
            self._app.add(now)
            use.today += 1
            use.running += 1
        return refusal

    def end(self, tenant: str) -> None:
        self._uses[tenant].running -= 1

    def headers(self, tenant: str, now: datetime, allowed: Allowance) -> dict[str, str]:
        """What is left, as every answer of Xero's accounting API carries it."""
        use = self._use(tenant, now)
        return {
            "X-MinLimit-Remaining": str(max(0, allowed.minute - use.window.count(now))),
            "X-DayLimit-Remaining": str(max(0, allowed.day - use.today)),
            "X-AppMinLimit-Remaining": str(max(0, allowed.app_minute - self._app.count(now))),
        }

    def _use(self, tenant: str, now: datetime) -> _Use:
        use = self._uses.setdefault(tenant, _Use())
        if use.day != now.date():
            use.day, use.today = now.date(), 0
        return use

    def _refusal(self, use: _Use, now: datetime, allowed: Allowance) -> Refusal | None:
        if use.running >= allowed.concurrent:
            return Refusal("concurrent", 1)
        if use.today >= allowed.day:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            return Refusal("day", ceil((midnight - now).total_seconds()))
        if use.window.count(now) >= allowed.minute:
            return Refusal("minute", use.window.frees_in(now))
        if self._app.count(now) >= allowed.app_minute:
            return Refusal("appminute", self._app.frees_in(now))
        return None
