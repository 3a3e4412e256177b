"""Each worker dies between having done something and having said so: what it did comes again, and changes nothing."""

from collections import Counter

import pytest

from accounting_link.contracts.topics import (
    CONNECTIONS,
    CRM_WRITER,
    LOG_SERVICE,
    REQUESTS,
    SYNC_ORCHESTRATOR,
    XERO_ADAPTER,
    Group,
    Lane,
    Topic,
)
from tests.faults.check import wrong_with
from tests.faults.topics import behind, records_told_twice, told_of
from tests.faults.traces import Trace, in_a_checkpoint, in_the_crm, in_the_log, in_the_sync
from tests.faults.world import Import, World, until

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


@pytest.mark.parametrize(
    ("name", "point", "after", "group", "trace"),
    [
        ("crm-writer-bulk", "crm-writer:after-write", 3, CRM_WRITER[Lane.BULK], in_the_crm),
        ("log-service-worker", "log-service:after-write", 3, LOG_SERVICE, in_the_log),
        ("sync-orchestrator-worker", "sync-orchestrator:after-write", 8, SYNC_ORCHESTRATOR, in_the_sync),
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
    marker = world.arm("xero-adapter-bulk", "xero-adapter:after-publish", after=12)
    run = world.imports()

    with world.dead_at("xero-adapter-bulk", marker, run):
        pass

    assert wrong_with(run.ends()) == []
    assert records_told_twice(run) > records_told_twice(world.undisturbed)


@pytest.mark.parametrize(("name", "topic"), [("sync-orchestrator-worker", REQUESTS), ("auth-link-worker", CONNECTIONS)])
def test_an_event_relayed_but_not_yet_forgotten_is_relayed_twice_and_counts_once(
    world: World, name: str, topic: Topic
) -> None:
    world.arm(name, "outbox:after-acknowledgement")
    run = world.imports()

    source = f"/{name.removesuffix('-worker')}"
    until(lambda: 2 in times_told(run, topic, source).values(), "an event is relayed once more")
    assert wrong_with(run.ends()) == []


def times_told(run: Import, topic: Topic, source: str) -> Counter[str]:
    return Counter(one.envelope.id for one in told_of(run, topic) if one.envelope.source == source)
