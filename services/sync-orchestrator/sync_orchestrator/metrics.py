"""Every metric of sync-orchestrator."""

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from sync_orchestrator.sync import State, Sync

OPEN_SYNCS = Gauge("sync_orchestrator_open_syncs", "Syncs that have not ended, by state.", ["state"])
PARKED_SYNCS = Gauge("sync_orchestrator_parked_syncs", "Syncs that wait for a time or a person, by reason.", ["reason"])
ENDED_SYNCS = Counter("sync_orchestrator_ended_syncs_total", "Syncs that have ended, by their final state.", ["state"])
SYNC_SECONDS = Histogram(
    "sync_orchestrator_sync_seconds",
    "From a sync's request to its end.",
    buckets=(1, 2, 5, 10, 30, 60, 180, 600, 1800, 3600, 14400),
)


def ended(sync: Sync) -> None:
    ENDED_SYNCS.labels(sync.state).inc()
    if sync.ended_at:
        SYNC_SECONDS.observe((sync.ended_at - sync.requested_at).total_seconds())


def seen(open_syncs: Iterable[Sync]) -> None:
    syncs = list(open_syncs)
    states = Tally(sync.state for sync in syncs)
    reasons = Tally(sync.parked.reason for sync in syncs if sync.parked)
    for state in State:
        OPEN_SYNCS.labels(state).set(states[state])
    PARKED_SYNCS.clear()
    for reason, number in reasons.items():
        PARKED_SYNCS.labels(reason).set(number)
