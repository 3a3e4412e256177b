"""MongoDB, the broker, Xero itself or the whole machine goes down in mid-sync and comes back."""

import os
import signal
import subprocess
import sys

import pytest

from tests.faults.check import ledger_rows, wrong_with
from tests.faults.shares import at_any_time
from tests.faults.world import World, until

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


@at_any_time
def test_mongod_killed_in_mid_sync_changes_nothing(world: World, share: float) -> None:
    with world.imported(share) as run:
        world.kill("mongod", run)

    assert wrong_with(run.ends()) == []


@at_any_time
def test_the_broker_killed_in_mid_sync_changes_nothing(world: World, share: float) -> None:
    """Apache Kafka goes on where it was. The embedded one has forgotten everything: a new attempt of the same sync."""
    with world.imported(share) as run:
        run.is_hit()
        world.platform.kill("broker")
    world.platform.wait_restarted("broker", timeout=180)
    world.platform.wait_ready()

    assert wrong_with(run.ends()) == []
    assert run.sync()["attempt"] == (2 if world.broker == "embedded" else 1)


def test_everything_stopped_half_way_and_started_again_changes_nothing(world: World) -> None:
    """As Ctrl-C does, and a second `make demo`."""
    with world.imported(0.5) as run:
        run.is_hit()
        world.stop()
        world.start()

    assert wrong_with(run.ends()) == []


def test_xero_stand_in_keeps_tokens_and_changes_across_a_kill(world: World) -> None:
    with world.imported(0.3) as run:
        sold_to = (row for row in ledger_rows(run, "contact") if row["complete"] and row["role"] == "customer")
        world.simulator(f"{run.tenant_id}/changes", {"kind": "contact", "id": next(sold_to)["id"], "op": "touch"})
        before = world.simulator("issued-secrets"), ledger_rows(run, "invoice"), ledger_rows(run, "contact")
        world.kill("xero-simulator", run)

    assert wrong_with(run.ends()) == []
    assert before == (world.simulator("issued-secrets"), ledger_rows(run, "invoice"), ledger_rows(run, "contact"))


# Begins a transaction that writes the log of a sync, says so, and waits to be killed.
HOLDS_A_SYNC = """
import sys, time
from pymongo import MongoClient
client = MongoClient(sys.argv[1])
session = client.start_session()
session.start_transaction()
found = client.logs.syncs.update_one({"sync_id": sys.argv[2]}, {"$inc": {"revision": 1}}, session=session)
print(found.modified_count, flush=True)
time.sleep(600)
"""


@pytest.mark.soak
def test_what_a_process_held_when_it_was_killed_in_a_transaction_is_free_again_soon(world: World) -> None:
    """MongoDB keeps the locks of a client that died until the transaction's time is up: 60 s, were it not told less."""
    run = world.imports().reaches(0.3)
    until(run.log, "the log knows the sync")
    command = [sys.executable, "-c", HOLDS_A_SYNC, world.platform.mongo_uri, run.sync_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "1\n"
        os.kill(holder.pid, signal.SIGKILL)

    assert wrong_with(run.ends(seconds=40)) == []
