"""Removing what a connection imported, on a real MongoDB; and what would go, told before it does."""

import msgspec
import pytest

from accounting_link.chassis.callers import MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Db
from accounting_link.contracts.removals import ImportsRemoved
from accounting_link.testing.builders import a_customer, an_invoice
from crm_writer import store
from crm_writer.own import Own
from crm_writer.store import OpenRemovals
from tests.integration.crm_writer.conftest import Build, records_of
from tests.integration.crm_writer.conftest import Crm as Web
from tests.suites.removals import BEFORE, ELSEWHERE, REMOVED, Crm, RemovalSuite, some

pytestmark = pytest.mark.mongo


@pytest.fixture
def crm(db: Db) -> Crm:
    store.prepare(db)
    return Crm(records_of(db), OpenRemovals(db), lambda name: {one["_id"]: one for one in db[name].find()})


class TestMongoRemovals(RemovalSuite):
    pass


@pytest.fixture
def web(build: Build) -> Web:
    return build(Own)


def test_what_would_go_is_what_goes(crm: Crm, web: Web) -> None:
    crm.given(a_customer("x", name="Both Ltd"), scope=ELSEWHERE)
    crm.given(*some(), a_customer("c", name="Both Ltd"), a_customer("d", name="Edited"), a_customer("e", name="Kept"))
    crm.by_hand("companies", crm.company("Edited")["_id"], {"notes": "likes tea"})
    [kept] = [id_ for id_, one in crm.found("contacts").items() if one["xero_contact_id"] == "e"]
    crm.by_hand("contacts", kept, {"notes": "birthday in May"})

    told = web.get("/records/removal", connection_id="kiwi").json
    done = crm.remove()

    assert told is not None
    assert told["companies"] == {
        "go": 2,
        "stay": 3,
        "reasons": [
            {"reason": "edited in the CRM", "count": 1},
            {"reason": "linked otherwise too", "count": 1},
            {"reason": "with people that stay", "count": 1},
        ],
    }
    assert (told["companies"]["go"], told["companies"]["stay"]) == (done.numbers.companies, done.numbers.companies_kept)
    assert (told["people"]["go"], told["people"]["stay"]) == (done.numbers.people, done.numbers.people_kept)
    assert (told["sales"], told["records"]) == (done.numbers.sales, done.records)
    again = web.get("/records/removal", connection_id="kiwi").json
    assert again == {
        "companies": {"go": 0, "stay": 0, "reasons": []},
        "people": {"go": 0, "stay": 0, "reasons": []},
        "sales": 0,
        "records": 0,
    }


def test_only_an_administrator_of_the_account_is_told_what_would_go(crm: Crm, web: Web) -> None:
    crm.given(*some())
    for role in (MEMBER, NO_MONEY):
        web.role = role
        assert web.get("/records/removal", connection_id="kiwi").status_code == 403
    web.role, web.account_id = "admin", "somebody-else"
    answer = web.get("/records/removal", connection_id="kiwi").json
    assert answer is not None
    assert answer["records"] == 0


def test_people_and_companies_that_stayed_are_shown_with_each_other(crm: Crm, web: Web) -> None:
    crm.given(a_customer("a", name="Of Ada"), an_invoice("a", contact_id="a"))
    [ada] = crm.ids("contacts")
    crm.by_hand("contacts", ada, {"notes": "birthday in May"})
    crm.remove()

    company = web.company("Of Ada")

    assert company["parts"] == []
    assert [(one["id"], one["contact_id"], one["company_name"]) for one in company["people"]] == [(ada, None, "Of Ada")]
    assert [one["id"] for one in web.items("/contacts", company_id=company["id"])] == [ada]
    assert web.items("/transactions") == []


def test_two_workers_that_remove_one_connection_at_once_count_everything_once(crm: Crm, db: Db) -> None:
    crm.given(a_customer("a"), *[an_invoice(str(n), contact_id="a") for n in range(1200)])
    crm.ask()
    # The hold is for economy only: without it the transactions alone keep the count.
    first, second = crm.worker(holder="one"), crm.worker(holder="two")
    for _ in range(20):
        first.turn()
        db.removals.update_one({}, {"$set": {"held_by": ""}})
        second.turn()
        db.removals.update_one({}, {"$set": {"held_by": ""}})
    assert crm.told(ImportsRemoved)[-1].numbers.sales == 1200


def test_a_removal_of_an_older_life_leaves_a_later_tombstone(crm: Crm, db: Db) -> None:
    crm.ask(msgspec.structs.replace(REMOVED, authorisation=6), "later")
    crm.ask(msgspec.structs.replace(REMOVED, authorisation=2), "earlier")
    assert [one["authorisation"] for one in db.tombstones.find()] == [6]
    assert crm.given(*some(), scope=msgspec.structs.replace(BEFORE, authorisation=5)) == []
