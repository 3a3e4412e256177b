"""The record store on a real MongoDB: the same suite as its twin, and what only a real one can show."""

import threading
from datetime import timedelta

import pytest

from accounting_link.chassis.mongo import Db
from accounting_link.testing.builders import JULY, a_customer, an_invoice
from crm_writer import store
from crm_writer.changes import Document
from crm_writer.own import Own
from crm_writer.putting_away import put_away
from crm_writer.store import MongoRecords
from tests.integration.crm_writer.conftest import records_of
from tests.suites.record_store import US, RecordStoreSuite, a_copy

pytestmark = pytest.mark.mongo


@pytest.fixture
def records(db: Db) -> MongoRecords:
    store.prepare(db)
    return records_of(db)


class TestMongoRecords(RecordStoreSuite):
    pass


def side_by_side(*works: "threading.Thread") -> None:
    for work in works:
        work.start()
    for work in works:
        work.join()


def test_two_writers_that_import_one_company_at_once_make_one(db: Db, records: MongoRecords) -> None:
    def importing(prefix: str) -> threading.Thread:
        copies = [a_copy(a_customer(f"{prefix}{n}", name=f"Company {n}")) for n in range(40)]
        return threading.Thread(target=lambda: [put_away(records, [copy], JULY) for copy in copies])

    side_by_side(importing("a"), importing("b"))

    assert db.companies.count_documents({}) == 40
    assert db.links.count_documents({}) == 80
    assert all(len(company["xero"]["parts"]) == 2 for company in db.companies.find())


def test_two_writers_with_old_and_new_copies_leave_the_newest(db: Db, records: MongoRecords) -> None:
    def playing(readings: range) -> threading.Thread:
        def play() -> None:
            for reading in readings:
                page = [
                    a_copy(
                        an_invoice(str(n), due=f"{reading}.00", updated_at=JULY + timedelta(minutes=reading)), reading
                    )
                    for n in range(20)
                ]
                put_away(records, page, JULY)

        return threading.Thread(target=play)

    side_by_side(playing(range(1, 30)), playing(range(29, 0, -1)))

    assert {(one["reading"], one["version"]) for one in db.xero_records.find()} == {(29, JULY + timedelta(minutes=29))}
    assert {str(one["xero"]["due"]) for one in db.transactions.find()} == {"29.00"}


def test_every_read_of_an_account_uses_an_index(db: Db, records: MongoRecords) -> None:
    put_away(records, [a_copy(a_customer()), a_copy(an_invoice())], JULY)
    own = Own(db, US)
    asked: list[tuple[str, Document]] = [
        ("companies", {"xero.parts": {"$elemMatch": {"connection_id": "kiwi", "merged_to": "x"}}}),
        ("companies", {"name_key": {"$gt": "a"}}),
        ("contacts", {"connection_id": "kiwi", "xero_contact_id": {"$in": ["x"]}}),
        ("transactions", {"connection_id": "kiwi", "xero.contact_id": "x"}),
        ("transactions", {"xero.date": {"$lt": "2026-01-01"}}),
        ("links", {"company_id": "x"}),
        ("xero_records", {"connection_id": "kiwi", "state": "failed"}),
        ("exports", {"$or": [{"contact_id": "x"}, {"company_id": "y"}]}),
    ]
    plans = [str(db[collection].find(own.scoped(which)).explain()["queryPlanner"]) for collection, which in asked]
    assert not [plan for plan in plans if "COLLSCAN" in plan]
