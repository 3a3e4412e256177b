"""What Xero does to a sync, seen by whoever waits for it."""

import time

import pytest

from tests.faults.check import apart, picture
from tests.faults.world import FINAL, World, until

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


def test_a_list_that_xero_refuses_fails_the_sync_with_the_reason_and_everything_else_is_imported(world: World) -> None:
    run = world.connected()
    world.simulator("faults", {"kind": "status", "status": 404, "path": "^/Payments$", "tenant": run.tenant_id})
    run.begin().ends()

    sync, log = run.sync(), run.log()
    assert sync["state"] == "failed"
    assert "Xero refused the call (404)" in sync["reason"]
    assert log["final"]["reason"] == sync["reason"]
    assert "Xero refused the call (404)" in log["streams"]["payments"]["problem"]
    missing, besides = apart(picture(world.undisturbed), picture(run))
    assert besides == {}
    assert {row[0] for row in missing["outcome"]} == {"payment"}
    assert not any(row["kind"] == "payment" for row in world.mongo.logs.record_outcomes.find(run.of_sync))


def test_a_cancel_ends_the_sync_long_before_a_slow_xero_answers(world: World) -> None:
    """Within two seconds where nothing else runs: here it is told apart from waiting, which takes half a minute."""
    run = world.connected()
    world.simulator("faults", {"kind": "latency", "seconds": 35.0, "path": "^/Invoices$", "tenant": run.tenant_id})
    run.begin()
    until(lambda: run.applied() > 0, "the first records are applied")
    pressed = time.monotonic()
    run.crm.post(f"/syncs/{run.sync_id}/cancel", {})
    until(lambda: run.sync()["state"] in FINAL, "the sync ends")

    assert run.sync()["state"] == "cancelled"
    assert time.monotonic() - pressed < 20
