"""Two of a worker, one of which goes away politely, or neither works nor dies."""

import pytest

from accounting_link.contracts.topics import CRM_WRITER, LOG_SERVICE, SYNC_ORCHESTRATOR, Group, Lane
from tests.faults.check import wrong_with
from tests.faults.topics import behind
from tests.faults.traces import Trace, in_the_crm, in_the_log, in_the_sync
from tests.faults.world import WORKERS, World, until

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


def test_two_of_every_worker_leave_what_one_leaves(world: World) -> None:
    with world.doubled(*WORKERS):
        run = world.imports().ends()

    assert wrong_with(run) == []


@pytest.mark.soak
@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_asked_to_stop_half_way_stops_within_ten_seconds_and_changes_nothing(world: World, name: str) -> None:
    run = world.imports().reaches(0.5)

    with world.stopped(name, run):
        pass

    assert wrong_with(run.ends()) == []


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "group", "trace"),
    [
        ("crm-writer-bulk", CRM_WRITER[Lane.BULK], in_the_crm),
        ("log-service-worker", LOG_SERVICE, in_the_log),
        ("sync-orchestrator-worker", SYNC_ORCHESTRATOR, in_the_sync),
    ],
)
def test_a_worker_asked_to_stop_commits_all_that_it_has_done(
    world: World, name: str, group: Group, trace: Trace
) -> None:
    """Its control is a worker that dies instead: what it did and had not committed comes again."""
    run = world.imports().reaches(0.3)

    with world.stopped(name, run):
        waits = [one for one in behind(world, group) if one.scope.sync_id == run.sync_id]
        again = [one for one in waits if trace(run, one)]

    assert wrong_with(run.ends()) == []
    assert waits
    assert again == []


@pytest.mark.soak
def test_an_adapter_frozen_until_another_has_its_request_changes_nothing_when_it_thaws(world: World) -> None:
    both = ["xero-adapter-bulk", "xero-adapter-bulk#2"]
    with world.doubled("xero-adapter-bulk"):
        run = world.imports().reaches(0.2)
        holder, other = sorted(both, key=lambda name: -world.metric(name, "xero_adapter_held_requests"))
        with world.frozen(holder, run):
            until(lambda: world.metric(other, "xero_adapter_held_requests"), "the other has the request")
            run.reaches(0.6)
        run.ends()
        later = world.imports().ends()

    assert [*wrong_with(run), *wrong_with(later)] == []


@pytest.mark.soak
@pytest.mark.parametrize("thaws_at", [0.8, 1.0])
def test_a_writer_frozen_until_another_has_its_partitions_changes_nothing_when_it_thaws(
    world: World, thaws_at: float
) -> None:
    with world.doubled("crm-writer-bulk"):
        run = world.imports().reaches(0.2)
        with world.frozen("crm-writer-bulk", run):
            # Of what was not yet read the other's own partitions hold half: past that it has taken over.
            run.reaches(thaws_at)
        run.ends()
        later = world.imports().ends()

    assert [*wrong_with(run), *wrong_with(later)] == []
