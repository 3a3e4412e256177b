"""Each worker dies between having done something and having said so: what it did comes again, and changes nothing."""

from collections import Counter
from collections.abc import Callable

import pytest

from accounting_link.chassis.messages import Received
from accounting_link.contracts.outcomes import RecordsApplied
from accounting_link.contracts.records import RecordEvent
from accounting_link.contracts.requests import SyncRequested
from accounting_link.contracts.sync_life import PageFetched
from accounting_link.contracts.topics import (
    CONNECTIONS,
    CRM_WRITER,
    LOG_SERVICE,
    RECORDS,
    REQUESTS,
    SYNC_ORCHESTRATOR,
    XERO_ADAPTER,
    Group,
    Lane,
    Topic,
)
from tests.faults.check import wrong_with
from tests.faults.topics import behind, told_of
from tests.faults.world import Import, World

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]

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
    if isinstance(event, PageFetched):
        return bool(sync["progress"].get(event.stream, {"pages": 0})["pages"] >= event.pages)
    if isinstance(event, RecordsApplied):
        place = sync["applied"].get(f"{event.topic}/{event.partition}", {"upto": -1})
        return bool(place["upto"] >= max(outcome.offset for outcome in event.outcomes))
    return False


def in_a_checkpoint(run: Import, one: Received) -> bool:
    kept = run.world.mongo.xero_adapter.checkpoints.find(run.of_account)
    return isinstance(one.event, SyncRequested) and any(checkpoint["epoch"] for checkpoint in kept)


@pytest.mark.parametrize(
    ("name", "point", "after", "group", "trace"),
    [
        ("crm-writer-bulk", "crm-writer:after-write", 3, CRM_WRITER[Lane.BULK], in_the_crm),
        ("log-service-worker", "log-service:after-write", 8, LOG_SERVICE, in_the_log),
        ("sync-orchestrator-worker", "sync-orchestrator:after-write", 8, SYNC_ORCHESTRATOR, in_the_sync),
        ("xero-adapter-bulk", "xero-adapter:after-publish", 5, XERO_ADAPTER[Lane.BULK], in_a_checkpoint),
        ("xero-adapter-bulk", "xero-adapter:before-markers", 1, XERO_ADAPTER[Lane.BULK], in_a_checkpoint),
    ],
)
def test_what_a_worker_did_and_had_not_committed_comes_again_and_changes_nothing(
    world: World, name: str, point: str, after: int, group: Group, trace: Trace
) -> None:
    marker = world.arm(name, point, after)
    run = world.imports()

    with world.dead_at(name, marker, run):
        again = [one for one in behind(world, group) if one.scope.sync_id == run.sync_id and trace(run, one)]

    assert wrong_with(run.ends()) == []
    assert again


def test_a_page_that_was_published_before_its_checkpoint_is_published_twice_and_counts_once(world: World) -> None:
    marker = world.arm("xero-adapter-bulk", "xero-adapter:after-publish", after=5)
    run = world.imports()

    with world.dead_at("xero-adapter-bulk", marker, run):
        pass

    assert wrong_with(run.ends()) == []
    records = (one.event.subject() for one in told_of(run, RECORDS) if isinstance(one.event, RecordEvent))
    assert max(Counter(records).values()) == 2


@pytest.mark.parametrize(("name", "topic"), [("sync-orchestrator-worker", REQUESTS), ("auth-link-worker", CONNECTIONS)])
def test_an_event_relayed_but_not_yet_forgotten_is_relayed_twice_and_counts_once(
    world: World, name: str, topic: Topic
) -> None:
    marker = world.arm(name, "outbox:after-acknowledgement")
    run = world.imports()

    assert wrong_with(run.ends()) == []
    assert marker.exists()
    assert sorted(Counter(one.envelope.id for one in told_of(run, topic)).values()) == [2]
