"""xero-adapter dies between Xero's creating a contact and its saying so: the contact is there once, and is told of."""

import uuid

import pytest

from tests.faults.world import Import, World, until

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]
ADAPTER = "xero-adapter-interactive"


def puts(world: World, run: Import) -> int:
    calls = world.simulator("calls", tenant=run.tenant_id)["calls"]
    return sum(call["method"] == "PUT" for call in calls)


def at_xero(world: World, run: Import) -> set[str]:
    return {row["id"] for row in world.simulator("ledger/records", tenant=run.tenant_id, kind="contact")["items"]}


def test_a_contact_created_and_not_told_of_is_found_again_and_created_once(world: World) -> None:
    run = world.connected()
    until(lambda: run.crm.knows(f"/organisations/{run.connection_id}"), "the organisation is read")
    person = run.crm.post("/contacts", {"last_name": "Ngata", "company_name": f"Company {uuid.uuid4().hex}"})
    before = at_xero(world, run)
    marker = world.arm(ADAPTER, "xero-adapter:after-create")

    export = run.crm.post("/exports", {"connection_id": run.connection_id, "contact_id": person["id"]})["id"]
    with world.dead(ADAPTER, marker):
        assert run.crm.get(f"/exports/{export}")["state"] == "requested"
        assert puts(world, run) == 1, "Xero has it, and nobody knows"

    until(lambda: run.crm.get(f"/exports/{export}")["state"] == "created", "it is told of after all", 120)
    assert puts(world, run) == 1
    assert at_xero(world, run) - before == {run.crm.get(f"/exports/{export}")["xero_id"]}
