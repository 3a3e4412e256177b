"""Time comes in through here, so that tests can move it."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time of day, UTC and aware."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back. For measuring how long something took."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


SYSTEM_CLOCK = SystemClock()


def wait(stop: threading.Event, pause: timedelta) -> bool:
    """Wait, but not past ``stop``. Returns True when asked to stop."""
    return stop.wait(pause.total_seconds())
