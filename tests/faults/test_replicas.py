"""Two of a worker, one of which goes away politely, or neither works nor dies."""

from collections.abc import Iterable

import pytest

from accounting_link.contracts.topics import CRM_WRITER, LOG_SERVICE, SYNC_ORCHESTRATOR, Group, Lane
from deploy.local.parts import is_ok
from tests.faults.check import ledger_rows, wrong_with
from tests.faults.topics import behind
from tests.faults.traces import Trace, in_the_crm, in_the_log, in_the_sync
from tests.faults.world import WORKERS, Import, World, until

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


# What each has done, by its own word. auth-link's does not count: only what it relays makes a connection known.
WORK = {
    "sync-orchestrator-worker": "sync_orchestrator_ended_syncs_total",
    "xero-adapter-bulk": "xero_adapter_records_total",
    "xero-adapter-interactive": "xero_adapter_records_total",
    "crm-writer-bulk": "crm_writer_records_total",
    "crm-writer-interactive": "crm_writer_records_total",
    "log-service-worker": "log_service_outcomes_total",
}


def done_by(world: World, names: Iterable[str]) -> dict[str, float]:
    return {name: world.metric(name, WORK[name.partition("#")[0]]) for name in names}


def have_worked_since(world: World, before: dict[str, float]) -> None:
    """They count a moment after they have written."""
    until(lambda: all(done > before[name] for name, done in done_by(world, before).items()), "each has done something")


SECONDS = [f"{name}#2" for name in WORK]


def test_two_of_every_worker_leave_what_one_leaves(world: World) -> None:
    both = ["crm-writer-bulk", "crm-writer-bulk#2"]  # its partitions are by record; who has a sync's others is chance
    with world.doubled(*WORKERS):
        before = done_by(world, both)
        with world.imported(0.5) as run:
            # One that was frozen for a moment, and so shut out, has come back for the other half.
            until(lambda: all(is_ok(f"http://{world.platform.address(name)}/readyz") for name in both), "both are in")
        run.ends()
        have_worked_since(world, before)

    assert wrong_with(run) == []


def test_the_second_of_every_worker_does_all_the_work_while_the_first_is_frozen(world: World) -> None:
    with world.doubled(*WORKERS):
        with world.left_to_the_second(*WORKERS):
            before = done_by(world, SECONDS)
            run = world.imports().ends()
            wrong = wrong_with(run)
            a_supplier_comes_in(run)
            have_worked_since(world, before)
        later = world.imports().ends()

    assert [*wrong, *wrong_with(later)] == []
    with pytest.raises(KeyError):  # the control: where there is one of each, there is no second to ask
        done_by(world, SECONDS)


def a_supplier_comes_in(run: Import) -> None:
    """Something is sold to one that was left out: the contact is asked for by itself, where somebody waits."""
    records = run.world.mongo.crm.xero_records
    left_out = {row["xero_id"] for row in records.find({**run.of_connection, "kind": "contact", "state": "left_out"})}
    supplier = next(
        row["id"] for row in ledger_rows(run, "contact")
        if row["id"] in left_out and row["complete"] and row["role"] == "supplier" and row["status"] == "ACTIVE"
    )  # fmt: skip
    lines = [{"Description": "Hats", "Quantity": "1", "UnitAmount": "10.00"}]
    sale = {"Contact": {"ContactID": supplier}, "LineItems": lines}
    run.world.simulator(f"{run.tenant_id}/changes", {"kind": "invoice", "op": "create", "set": sale})
    run.crm.post("/syncs", {"connection_id": run.connection_id, "kind": "delta"})
    its = {**run.of_connection, "kind": "contact", "xero_id": supplier, "state": "imported"}
    until(lambda: records.find_one(its), "the supplier is imported")


@pytest.mark.soak
@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_asked_to_stop_half_way_stops_within_ten_seconds_and_changes_nothing(world: World, name: str) -> None:
    with world.imported(0.5) as run, world.stopped(name, run):
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
