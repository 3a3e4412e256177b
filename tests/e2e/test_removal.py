"""Everything that a connection imported, removed through the gateway and imported again."""

from typing import Any

import pytest
from rich.console import Console

from accounting_link.chassis import mongo
from accounting_link.chassis.mongo import Db
from deploy.local.compare import Sources, compare
from tests.e2e.test_connection import Life, life
from tests.e2e.test_flow import log_has_ended, until

__all__ = ["life"]
COLLECTIONS = ("xero_records", "links", "transactions", "contacts")


@pytest.fixture
def crm(life: Life) -> Any:
    with mongo.database(life.platform.mongo_uri, "crm") as db:
        yield db


def sources(life: Life, sync_id: str) -> Sources:
    return Sources(
        simulator=f"http://{life.platform.address('xero-simulator')}",
        mongo_uri=life.platform.mongo_uri,
        crm=life.crm,
        account_id="totara",
        connection_id=life.connection,
        tenant_id=life.tenant,
        sync_id=sync_id,
    )


def parts_of(db: Db, life: Life) -> list[dict[str, Any]]:
    return list(db.companies.find({"xero.parts.connection_id": life.connection}))


def counts(db: Db, of_connection: Any) -> dict[str, int]:
    return {name: db[name].count_documents({"connection_id": of_connection}) for name in COLLECTIONS}


def test_what_was_imported_goes_what_people_touched_stays_and_connected_again_it_equals_the_ledger(
    life: Life, crm: Db
) -> None:
    assert life.ends(life.start()) == "completed"
    others = counts(crm, {"$ne": life.connection})
    # Another organisation of this account may have fed companies of the same names.
    edited, *rest = [one for one in parts_of(crm, life) if len(one["xero"]["parts"]) == 1]
    crm.companies.update_one({"_id": edited["_id"]}, {"$set": {"notes": "likes tea"}})
    of_others = {part["contact_id"] for company in rest for part in company["xero"]["parts"]}
    person = crm.contacts.find_one({"connection_id": life.connection, "xero_contact_id": {"$in": list(of_others)}})
    assert person is not None
    crm.contacts.update_one({"_id": person["_id"]}, {"$set": {"tags": ["vip"]}})
    made = {"_id": f"by hand {life.connection}", "account_id": "totara", "name": "Own", "name_key": life.connection}
    crm.companies.insert_one({**made, "xero": {"parts": []}})
    life.disconnect()
    would = life.crm.get("/records/removal", connection_id=life.connection)

    until(lambda: life.crm.accepts("/removals", {"connection_id": life.connection}))
    removal = life.crm.post("/removals", {"connection_id": life.connection})["id"]
    until(lambda: life.crm.get(f"/removals/{removal}")["state"] == "completed")

    done = life.crm.get(f"/removals/{removal}")
    assert (done["companies"], done["companies_kept"]) == (would["companies"]["go"], would["companies"]["stay"])
    assert (done["people"], done["people_kept"], done["sales"]) == (would["people"]["go"], 1, would["sales"])
    assert {"edited in the CRM", "with people that stay"} <= {one["reason"] for one in would["companies"]["reasons"]}
    assert done["records"] == done["records_in_all"] > done["sales"] > 0
    assert counts(crm, life.connection) == dict.fromkeys(COLLECTIONS, 0)
    assert counts(crm, {"$ne": life.connection}) == {**others, "contacts": others["contacts"] + 1}
    assert parts_of(crm, life) == []
    assert life.crm.get(f"/companies/{edited['_id']}")["parts"] == []
    assert crm.companies.find_one({"_id": made["_id"]}) is not None
    until(lambda: life.acts()[:2] == ["imports_removed", "removal_requested"])
    assert life.crm.get("/logs/sales", connection_id=life.connection)["items"] == []

    life.again()
    until(lambda: life.crm.accepts("/syncs", {"connection_id": life.connection}))
    started = life.crm.get("/syncs", connection_id=life.connection)["items"][0]["id"]
    assert life.ends(started) == "completed"
    until(lambda: log_has_ended(life.crm, started))

    assert compare(sources(life, started), Console(quiet=True)) == []
    log = life.crm.get(f"/logs/sync/{started}")["counts"]["invoice"]
    assert (log["unchanged"], log["updated"]) == (0, 0)
    assert log["created"] > 0
    linked = crm.contacts.find_one({"_id": person["_id"]})
    assert linked is not None
    assert (linked["connection_id"], linked["tags"]) == (life.connection, ["vip"])
    assert crm.companies.count_documents({"_id": edited["_id"], "xero.parts.connection_id": life.connection}) == 1
