"""Create in Xero, on a real MongoDB and over HTTP."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.messages import Delivery, Place
from accounting_link.chassis.mongo import Db
from accounting_link.contracts.event import Scope
from accounting_link.contracts.records import Person
from accounting_link.contracts.requests import ContactExportRequested
from accounting_link.contracts.topics import REQUESTS, Lane
from accounting_link.testing.builders import SCOPE, a_customer
from crm_writer import contacts, store
from crm_writer.books import BooksOf, Records
from crm_writer.changes import Changes, Collection, Document
from crm_writer.own import Own
from crm_writer.store import OpenRemovals
from crm_writer.web import WISHES
from tests.integration.crm_writer.conftest import Build, records_of
from tests.integration.crm_writer.conftest import Crm as Web
from tests.suites.exports import ANA, ExportSuite, a_person, ask, known, rejected, take
from tests.suites.removals import US, Crm

pytestmark = pytest.mark.mongo
T = TypeVar("T")
NEW = {**ANA, "company_name": "Tea Ltd"}


@pytest.fixture
def crm(db: Db) -> Crm:
    store.prepare(db)
    return Crm(records_of(db), OpenRemovals(db), lambda name: {one["_id"]: one for one in db[name].find()})


class TestMongoExports(ExportSuite):
    pass


@pytest.fixture
def web(build: Build) -> Web:
    return build(Own)


def made(web: Web, **said: str) -> dict[str, Any]:
    answer = web.post("/contacts", {**NEW, **said})
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def wish(web: Web, contact_id: str) -> Any:
    return web.post("/exports", {"connection_id": "kiwi", "contact_id": contact_id})


def relayed(web: Web) -> list[tuple[ContactExportRequested, Scope]]:
    """What waits in the outbox, as xero-adapter will read it."""
    found = []
    for row in web.db.outbox.find():
        assert row["topic"] == REQUESTS.name(Lane.INTERACTIVE)
        headers = [(name, bytes(value)) for name, value in row["headers"]]
        told = Delivery(place=Place(row["topic"], 0), offset=0, headers=headers, value=bytes(row["value"])).read()
        assert isinstance(told.event, ContactExportRequested)
        found.append((told.event, told.scope))
    return found


def test_clicks_at_the_same_moment_make_one_export_and_one_question(crm: Crm, db: Db) -> None:
    known(crm)
    person = a_person(crm)
    ready, asked = threading.Barrier(8), []

    def click() -> None:
        ready.wait()
        asked.append(ask(crm, person)["_id"])

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 8
    assert len(set(asked)) == 1
    assert db.outbox.count_documents({}) == 1


def test_a_contact_is_made_shown_and_sent_to_xero_as_it_was_written(crm: Crm, web: Web) -> None:
    known(crm)
    person = made(web, first_name="  Ana  Maria ", last_name="Ngata")
    assert (person["first_name"], person["company_name"], person["connection_id"]) == ("Ana Maria", "Tea Ltd", None)
    assert [one["id"] for one in web.items("/contacts", search="ngata")] == [person["id"]]
    company = web.company("tea ltd")
    assert (company["parts"], [one["id"] for one in company["people"]]) == ([], [person["id"]])

    answer = wish(web, person["id"])

    assert answer.status_code == 202
    export = answer.get_json()
    [(event, scope)] = relayed(web)
    assert (event.name, event.main_person.first_name, event.main_person.last_name) == ("Tea Ltd", "Ana Maria", "Ngata")
    assert (event.tenant_id, event.contact_number) == ("t", f"crm-{person['company_id']}")
    assert (event.export_id, scope.account_id, scope.connection_id) == (export["id"], SCOPE.account_id, "kiwi")
    assert web.get(f"/exports/{export['id']}").get_json() == export
    assert web.get(f"/contacts/{person['id']}").get_json()["exports"] == [export]


def test_whoever_of_the_company_one_looks_at_sees_its_export(crm: Crm, web: Web) -> None:
    known(crm)
    ana, ben, else_ = made(web), made(web, first_name="Ben"), made(web, company_name="Coffee Ltd")
    wish(web, ana["id"])
    shown = {one["id"]: len(web.get(f"/contacts/{one['id']}").get_json()["exports"]) for one in (ana, ben, else_)}
    assert shown == {ana["id"]: 1, ben["id"]: 1, else_["id"]: 0}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"last_name": ""}, "last_name"),
        ({"last_name": " \t "}, "last_name"),
        ({"last_name": "x" * 128}, "last_name"),
        ({"last_name": "a\x00b"}, "last_name"),
        ({"last_name": "\u200b"}, "last_name"),
        ({"first_name": "half a pair \ud800"}, "first_name"),
        ({"email": "ana"}, "email"),
        *(({"email": odd}, "email") for odd in ("ana@example", ".a@b.nz", "a@@b.nz", "a@b..nz", "a b@c.nz")),
        ({"company_name": "y" * 256}, "company_name"),
        ({"account_id": "somebody-else"}, "account_id"),
    ],
)
def test_what_xero_would_refuse_is_refused_here_and_the_field_is_named(
    web: Web, said: dict[str, str], field: str
) -> None:
    answer = web.post("/contacts", {**NEW, **said})
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert field in answer.get_json()["fields"]["json"]
    assert web.items("/contacts") == []


def test_control_the_same_without_that_is_taken(web: Web) -> None:
    assert made(web, email="")["last_name"] == "Ngata"
    assert made(web, company_name="", email="ana@example.com")["company_id"] is None


def test_who_may_see_no_money_makes_and_creates_nothing(crm: Crm, web: Web) -> None:
    known(crm)
    person = made(web)
    web.role = NO_MONEY
    assert web.post("/contacts", NEW).status_code == wish(web, person["id"]).status_code == 403
    assert relayed(web) == []
    for role in (MEMBER, ADMIN):
        web.role = role
        assert wish(web, person["id"]).status_code == 202


def test_another_accounts_contact_connection_or_export_is_not_there(crm: Crm, web: Web) -> None:
    known(crm)
    person = made(web)
    export = wish(web, person["id"]).get_json()
    web.account_id = "somebody-else"
    theirs = made(web)
    assert theirs["company_id"] != person["company_id"], "of the same name, each their own"
    tried = (wish(web, person["id"]), wish(web, theirs["id"]), web.get(f"/exports/{export['id']}"))
    assert [answer.status_code for answer in tried] == [404, 404, 404]
    web.account_id = SCOPE.account_id
    assert web.get(f"/exports/{export['id']}").status_code == 200


def test_who_comes_from_xero_is_refused_with_what_to_do(crm: Crm, web: Web) -> None:
    known(crm)
    crm.given(a_customer("tea", name="Tea Ltd"))
    answer = wish(web, made(web)["id"]).get_json()
    assert (answer["status"], answer["type"].rpartition(":")[2].rpartition("/")[2]) == (409, "already-in-xero")
    assert answer["detail"] == "Tea Ltd is in Xero already."
    assert answer["do"]


def test_of_what_stands_in_xero_under_that_name_it_is_told_what_the_crm_knows_of_it(crm: Crm, web: Web) -> None:
    known(crm)
    crm.given(a_customer("here", name="Kererū Ltd"), a_customer("out", name="Left out Ltd", main_person=Person()))
    told = {}
    for there in ("here", "out", "never read"):
        person = made(web, company_name=f"Company {there}")
        asked = wish(web, person["id"]).get_json()
        take(crm, rejected({**asked, "_id": asked["id"], "ask": 1}, xero_id=there))
        told[there] = web.get(f"/contacts/{person['id']}").get_json()["exports"][0]["standing"]
    company = web.company("kererū ltd")
    assert told["here"] == {
        "company_id": company["id"],
        "company_name": "Kererū Ltd",
        "state": "imported",
        "reason": "",
    }
    assert (told["out"]["state"], told["out"]["company_id"]) == ("left_out", None)
    assert told["out"]["reason"] == "no contact person with a last name"
    assert told["never read"] == {"company_id": None, "company_name": None, "state": None, "reason": ""}


def test_an_account_that_asks_without_end_is_told_when_to_ask_again(crm: Crm, web: Web) -> None:
    known(crm)
    person = made(web)
    answers = [wish(web, person["id"]) for _ in range(WISHES.at_once)]  # one was used up by making the contact
    assert {answer.status_code for answer in answers[:-1]} == {202}
    assert (answers[-1].status_code, int(answers[-1].headers["Retry-After"]) > 0) == (429, True)


def test_a_contact_of_one_idempotency_key_is_made_once_in_an_account(web: Web) -> None:
    keyed = {"Idempotency-Key": "pressed twice"}
    first, second = (web.post("/contacts", NEW, keyed).get_json()["id"] for _ in range(2))
    assert first == second
    assert web.post("/contacts", NEW, {"Idempotency-Key": "another"}).get_json()["id"] != first
    web.account_id = "somebody-else"
    assert web.post("/contacts", NEW, keyed).get_json()["id"] != first


class Meanwhile:
    """Records of which something else happens once, between what is read and its commit."""

    def __init__(self, records: Records, what: Callable[[], object]) -> None:
        self._records, self._left = records, [what]

    def transact(self, work: Callable[[BooksOf], T]) -> T:
        def with_that(books_of: BooksOf) -> T:
            done = work(books_of)
            while self._left:
                self._left.pop()()
            return done

        return self._records.transact(with_that)


def joins_what_is_removed(crm: Crm) -> Document:
    """Somebody is made of a company in the moment that it goes."""
    crm.given(a_customer("tea", name="Tea Ltd"))
    crm.ask()
    return contacts.make(Meanwhile(crm.records, crm.work), US, ANA, "Tea Ltd")


def test_who_joins_a_company_while_it_is_removed_has_a_company_all_the_same(crm: Crm) -> None:
    assert joins_what_is_removed(crm)["company_id"] in crm.ids("companies")


def test_control_who_only_reads_it_is_left_with_one_that_is_gone(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    class ReadsOnly(Changes):
        def set(self, collection: Collection, id_: str, fields: Document) -> None:
            pass

    monkeypatch.setattr(contacts, "Changes", ReadsOnly)
    assert joins_what_is_removed(crm)["company_id"] not in crm.ids("companies")
