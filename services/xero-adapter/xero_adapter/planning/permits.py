"""Leave to call Xero: what one organisation's calls are, and whether one more may be made. Pure.

Xero's limits an organisation (xero-facts, developer FAQ "limits"): 60 calls a minute, 5 at a time, 5,000 a day.
They are kept by planning: a call counts against the minute until 60 s after its answer, and one that never
answered until 60 s after its permit lapsed. Bulk work leaves a part of each limit to people who wait.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import ParkReason

CALL_DEADLINE = timedelta(seconds=40)
PERMIT_LIVES = timedelta(seconds=65)  # longer than any call, so a permit is never lapsed while its call runs
MINUTE = timedelta(seconds=60)
# When only another call's end can let one more in: how soon to look again.
_LOOK_AGAIN = timedelta(milliseconds=100)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    at_once: int = 5
    a_minute: int = 60
    a_day: int = 5000
    app_a_minute: int = 10_000
    bytes_a_day: int = 0  # 0: no budget

    def for_lane(self, lane: Lane) -> "Limits":
        if lane == Lane.INTERACTIVE:
            return self
        return msgspec.structs.replace(
            self,
            at_once=max(1, self.at_once - 1),
            a_minute=max(1, self.a_minute - 5),
            a_day=self.a_day - self.a_day // 10,
        )


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """One organisation's calls. By Xero tenant id: two accounts may have connected the same organisation."""

    reading: int = 0  # raised with every call: of two copies, the higher reading was asked for later
    running: dict[str, datetime] = {}  # permit id: when it lapses
    answered: tuple[datetime, ...] = ()  # of the last minute
    day: str = ""  # UTC
    calls_today: int = 0
    bytes_today: int = 0
    refused_until: datetime | None = None
    refused_for: ParkReason | None = None


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    reading: int


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    until: datetime
    reason: ParkReason | None = None  # None: a matter of moments


def ask(ledger: Ledger, now: datetime, lane: Lane, limits: Limits, permit_id: str) -> tuple[Ledger, Granted | Wait]:
    """The ledger with one more call running, or as it was and until when to wait."""
    current, mine = _tidied(ledger, now), limits.for_lane(lane)
    if current.refused_until and current.refused_until > now:
        return current, Wait(until=current.refused_until, reason=current.refused_for)
    if current.calls_today >= mine.a_day:
        return current, Wait(until=_midnight_after(now), reason=ParkReason.DAY_LIMIT)
    if lane == Lane.BULK and 0 < mine.bytes_a_day <= current.bytes_today:
        return current, Wait(until=_midnight_after(now), reason=ParkReason.BYTES_BUDGET)
    if len(current.running) >= mine.at_once:
        return current, Wait(until=now + _LOOK_AGAIN)
    if len(current.running) + len(current.answered) >= mine.a_minute:
        frees = min(current.answered, default=now) + MINUTE
        return current, Wait(until=max(frees, now + _LOOK_AGAIN))
    reading = current.reading + 1
    granted = msgspec.structs.replace(
        current,
        reading=reading,
        running={**current.running, permit_id: now + PERMIT_LIVES},
        calls_today=current.calls_today + 1,
    )
    return granted, Granted(id=permit_id, reading=reading)


def unused(ledger: Ledger, permit_id: str) -> Ledger:
    """The call was never made."""
    running = {known: lapses for known, lapses in ledger.running.items() if known != permit_id}
    return msgspec.structs.replace(ledger, running=running, calls_today=max(0, ledger.calls_today - 1))


def give_back(ledger: Ledger, now: datetime, permit_id: str, said: "Said") -> Ledger:
    """The call has been answered, or given up; ``said`` is what its headers tell of the limits."""
    current = _tidied(ledger, now)
    running = {known: lapses for known, lapses in current.running.items() if known != permit_id}
    # A permit that had lapsed is counted already, from its lapse.
    answered = (*current.answered, now) if permit_id in current.running else current.answered
    spent = current.bytes_today + said.egress
    after = msgspec.structs.replace(current, running=running, answered=answered, bytes_today=spent)
    if said.day_remaining is not None:
        used = max(after.calls_today, said.day_limit - said.day_remaining)
        after = msgspec.structs.replace(after, calls_today=used)
    if said.retry_after is not None:
        reason = ParkReason.DAY_LIMIT if said.problem == "day" else ParkReason.XERO_ASKED_TO_WAIT
        until = now + said.retry_after
        if after.refused_until is None or until > after.refused_until:
            after = msgspec.structs.replace(after, refused_until=until, refused_for=reason)
    return after


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer's headers tell of the limits."""

    day_limit: int = 5000
    day_remaining: int | None = None
    retry_after: timedelta | None = None
    problem: str = ""  # minute, day, appminute, concurrent
    egress: int = 0  # bytes of the answer, which Xero bills

    @classmethod
    def of(cls, headers: Mapping[str, str], day_limit: int, egress: int = 0) -> "Said":
        """Headers are named without regard to case; a number that is none is not believed."""
        retry = _number(headers.get("Retry-After"))
        return cls(
            day_limit=day_limit,
            day_remaining=_number(headers.get("X-DayLimit-Remaining")),
            retry_after=timedelta(seconds=max(1, retry)) if retry is not None else None,
            problem=(headers.get("X-Rate-Limit-Problem") or "").lower(),
            egress=egress,
        )


def _tidied(ledger: Ledger, now: datetime) -> Ledger:
    lapsed = [lapses for lapses in ledger.running.values() if lapses <= now]
    today = now.date().isoformat()
    return msgspec.structs.replace(
        ledger,
        running={known: lapses for known, lapses in ledger.running.items() if lapses > now},
        answered=tuple(sorted(at for at in (*ledger.answered, *lapsed) if now - at < MINUTE)),
        day=today,
        calls_today=ledger.calls_today if ledger.day == today else 0,
        bytes_today=ledger.bytes_today if ledger.day == today else 0,
    )


def _midnight_after(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None
