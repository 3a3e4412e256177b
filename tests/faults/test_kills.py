"""Any process dies in mid-sync by kill -9: nothing is lost, nothing is doubled, and it says so to the cent."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounting_link.contracts.topics import CRM_WRITER, LOG_SERVICE, SYNC_ORCHESTRATOR, Group, Lane
from deploy.local import services
from tests.faults.check import wrong_with
from tests.faults.shares import SHARES, at_any_time
from tests.faults.topics import behind, records_told
from tests.faults.traces import Trace, in_the_crm, in_the_log, in_the_sync
from tests.faults.world import WORKERS, World

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]

# Half way, in every run of the tests; all else in `make soak`. Those that are killed in a batch below need not be here.
IN_A_BATCH = {"crm-writer-bulk", "log-service-worker", "sync-orchestrator-worker", "xero-adapter-bulk"}
ALWAYS = {*WORKERS, "xero-simulator", "auth-link", "gateway"} - IN_A_BATCH


def every_process_at_any_time() -> Iterator[Any]:
    for name in services.NAMES:
        for share in SHARES:
            always = share == 0.5 and name in ALWAYS
            if name != "lag-exporter":  # it only looks on, and does not run here
                yield pytest.param(name, share, id=f"{name}-{share:.0%}", marks=() if always else pytest.mark.soak)


@pytest.mark.parametrize(("name", "share"), list(every_process_at_any_time()))
def test_a_process_killed_in_mid_sync_changes_nothing(world: World, name: str, share: float) -> None:
    with world.imported(share) as run:
        world.kill(name, run)

    assert wrong_with(run.ends()) == []


# By chance such a kill falls in between two batches. These fall where something is done and not yet committed.
@at_any_time
@pytest.mark.parametrize(
    ("name", "point", "group", "trace"),
    [
        ("crm-writer-bulk", "crm-writer:after-write", CRM_WRITER[Lane.BULK], in_the_crm),
        ("log-service-worker", "log-service:after-write", LOG_SERVICE, in_the_log),
        ("sync-orchestrator-worker", "sync-orchestrator:after-write", SYNC_ORCHESTRATOR, in_the_sync),
    ],
)
def test_a_worker_killed_in_mid_sync_is_given_again_what_it_did_and_changes_nothing(
    world: World, name: str, point: str, group: Group, trace: Trace, share: float
) -> None:
    run = world.connected()
    # What an earlier sync left uncommitted comes again first, and is not what is meant here.
    marker = world.hit_from(name, point, run, share, once=lambda: not behind(world, group))

    with world.dead(name, marker):
        again = [one for one in behind(world, group) if one.scope.sync_id == run.sync_id and trace(run, one)]

    assert wrong_with(run.ends()) == []
    assert again


@at_any_time
def test_an_adapter_killed_in_mid_sync_tells_records_twice_and_changes_nothing(world: World, share: float) -> None:
    run = world.connected()
    marker = world.hit_from("xero-adapter-bulk", "xero-adapter:after-publish", run, share)

    with world.dead("xero-adapter-bulk", marker):
        told = records_told(run)
        unknown = told.total() - sum(kept["read"] for kept in world.mongo.xero_adapter.checkpoints.find(run.of_account))

    assert wrong_with(run.ends()) == []
    told = records_told(run)
    assert told.total() - len(told) >= unknown > 0
