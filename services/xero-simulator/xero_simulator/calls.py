"""What was called: the last calls one by one, and totals for each organisation since they were last reset."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call. ``bytes`` is the body's length; ``seconds`` and ``cpu_seconds`` leave out latency made by rules."""

    at: str
    tenant: str
    method: str
    path: str
    query: Mapping[str, str]
    if_modified_since: str | None
    status: int
    bytes: int
    seconds: float
    cpu_seconds: float


class CallLog:
    """Not thread-safe: the simulator's lock is held around every method."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._totals: dict[str, dict[str, Any]] = {}

    def add(self, call: Call) -> None:
        self._calls.append(call)
        totals = self._totals.setdefault(
            call.tenant, {"calls": 0, "bytes": 0, "seconds": 0.0, "cpu_seconds": 0.0, "by_status": {}}
        )
        totals["calls"] += 1
        for name in ("bytes", "seconds", "cpu_seconds"):
            totals[name] += getattr(call, name)
        totals["by_status"][str(call.status)] = totals["by_status"].get(str(call.status), 0) + 1

    def told(self, tenant: str | None) -> dict[str, Any]:
        """Calls, oldest first (the last 20,000), and totals by organisation (of all since the reset)."""
        calls = [asdict(call) for call in self._calls if tenant in (None, call.tenant)]
        return {"calls": calls, "totals": {k: v for k, v in self._totals.items() if tenant in (None, k)}}

    def reset(self, tenant: str | None) -> None:
        kept = [call for call in self._calls if tenant not in (None, call.tenant)]
        self._calls = deque(kept, maxlen=_KEPT)
        self._totals = {key: total for key, total in self._totals.items() if tenant not in (None, key)}
