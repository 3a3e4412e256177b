"""Whether what a message asked for is done already, as MongoDB shows: what then comes again is delivered twice."""

from collections.abc import Callable

from accounting_link.chassis.messages import Received
from accounting_link.contracts.outcomes import PartitionDrained, RecordsApplied
from accounting_link.contracts.records import RecordEvent
from accounting_link.contracts.requests import SyncRequested
from accounting_link.contracts.sync_life import PageFetched, StreamEnded, SyncStarted
from tests.faults.world import Import

Trace = Callable[[Import, Received], bool]


def in_the_crm(run: Import, one: Received) -> bool:
    event = one.event
    if not isinstance(event, RecordEvent):
        return False
    key = f"{run.connection_id}/{event.record_kind()}/{event.xero_id}"
    stands = run.world.mongo.crm.xero_records.find_one({"_id": key, **run.of_account})
    return stands is not None and stands["reading"] >= one.envelope.reading


def in_the_log(run: Import, one: Received) -> bool:
    event, logs = one.event, run.world.mongo.logs
    if isinstance(event, PageFetched):
        return bool(run.log()["streams"][event.stream]["pages"] >= event.pages)
    if isinstance(event, RecordsApplied):
        rows = ({**run.of_sync, "kind": outcome.kind, "xero_id": outcome.xero_id} for outcome in event.outcomes)
        return all(logs.record_outcomes.find_one(row) for row in rows)
    return False


def in_the_sync(run: Import, one: Received) -> bool:
    event, sync = one.event, run.sync()
    if isinstance(event, SyncStarted):
        return bool(sync["started_ask"] >= one.scope.ask)
    if isinstance(event, RecordsApplied):
        place = sync["applied"].get(f"{event.topic}/{event.partition}", {"upto": -1})
        return bool(place["upto"] >= max(outcome.offset for outcome in event.outcomes))
    if not isinstance(event, PageFetched | StreamEnded | PartitionDrained):
        return False
    progress = sync["progress"].get(event.stream, {"pages": 0, "ended": None, "drained": ()})
    if isinstance(event, PageFetched):
        return bool(progress["pages"] >= event.pages)
    if isinstance(event, StreamEnded):
        return progress["ended"] is not None
    return f"{event.topic}/{event.partition}" in progress["drained"]


def in_a_checkpoint(run: Import, one: Received) -> bool:
    kept = run.world.mongo.xero_adapter.checkpoints.find(run.of_account)
    return isinstance(one.event, SyncRequested) and any(checkpoint["epoch"] for checkpoint in kept)
