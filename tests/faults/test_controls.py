"""The check can fail: the same check, with something broken on purpose, says what is wrong."""

import uuid

import pytest
from bson.decimal128 import Decimal128

from accounting_link.contracts.topics import CRM_WRITER, Lane
from tests.faults.check import wrong_with
from tests.faults.topics import behind
from tests.faults.world import Doc, Import, World, until

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


@pytest.fixture(scope="package")
def finished(world: World) -> Import:
    """An import in which nothing is wrong, yet."""
    run = world.imports().ends()
    assert wrong_with(run) == []
    return run


def test_a_writer_that_commits_before_it_writes_loses_records_and_the_check_names_them(world: World) -> None:
    world.undisturbed.ends()  # written by a sound writer: the check holds the other against it
    marker = world.folder / uuid.uuid4().hex
    marker.touch()  # as long as it is there the broken writer lives on
    faults = {"FAULT_POINT": "broken:between:1", "FAULT_MARKER": str(marker)}

    with world.replaced("crm-writer-bulk", "tests.faults.broken.commits_first", **faults):
        run = world.connected()
        with world.held_at(run, 0.5):
            # Of sales, for contacts would be asked for again; and of this import, not what an earlier one left.
            until(lambda: not behind(world, CRM_WRITER[Lane.BULK]), "the broken writer has written what there is")
            run.is_hit()
            marker.unlink()
        until(marker.exists, "the broken writer dies")
        run.ends()

    wrong = wrong_with(run)
    missing = [said for said in wrong if said.endswith("is missing")]
    assert any(said.startswith("outcome (") for said in missing)
    assert any(said.startswith("record (") for said in missing)


def test_a_missing_outcome_is_named(finished: Import) -> None:
    outcomes = finished.world.mongo.logs.record_outcomes
    row = taken(outcomes.find_one_and_delete(finished.of_sync))
    said = wrong_with(finished)
    outcomes.insert_one(row)

    assert [one for one in said if row["xero_id"] in one and "missing" in one]


def test_a_doubled_outcome_is_named(finished: Import) -> None:
    outcomes = finished.world.mongo.logs.record_outcomes
    row = taken(outcomes.find_one(finished.of_sync))
    outcomes.insert_one({**row, "_id": "once more"})
    said = wrong_with(finished)
    outcomes.delete_one({"_id": "once more"})

    assert [one for one in said if row["xero_id"] in one and "not so often" in one]


def test_an_outcome_that_says_something_else_is_named(finished: Import) -> None:
    outcomes = finished.world.mongo.logs.record_outcomes
    row = taken(
        outcomes.find_one_and_update({**finished.of_sync, "result": "created"}, {"$set": {"result": "updated"}})
    )
    said = wrong_with(finished)
    outcomes.replace_one({"_id": row["_id"]}, row)

    assert [one for one in said if row["xero_id"] in one and "updated" in one]


def test_an_amount_that_is_a_cent_off_is_told(finished: Import) -> None:
    sales = finished.world.mongo.crm.transactions
    row = taken(sales.find_one(finished.of_connection))
    sales.update_one({"_id": row["_id"]}, {"$inc": {"xero.total": Decimal128("0.01")}})
    said = wrong_with(finished)
    sales.replace_one({"_id": row["_id"]}, row)

    assert len(said) == 1
    assert said[0].startswith("sales (")


def test_a_company_that_is_there_twice_is_named(finished: Import) -> None:
    companies = finished.world.mongo.crm.companies
    row = taken(companies.find_one(finished.of_account))
    companies.insert_one({**row, "_id": "twin", "name_key": "twin"})
    said = wrong_with(finished)
    companies.delete_one({"_id": "twin"})

    assert said
    assert "twin" in said[0]


def test_a_kill_after_the_end_is_no_kill_in_mid_sync(finished: Import) -> None:
    with pytest.raises(AssertionError, match="over before"):
        finished.is_hit()


def taken(row: Doc | None) -> Doc:
    assert row is not None
    return row
