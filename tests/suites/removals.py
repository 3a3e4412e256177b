"""What removing a connection's imports must do: run on the twin in memory and on a real MongoDB.

A subclass gives the fixture ``crm``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from accounting_link.chassis.messages import Delivery, Outgoing, Place, Publisher, Received
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.organisations import OrganisationRead
from accounting_link.contracts.outcomes import Outcome
from accounting_link.contracts.records import VersionedRecord
from accounting_link.contracts.removals import ImportsRemoved, RemovalProgressed, RemovalRequested
from accounting_link.contracts.topics import CONNECTIONS
from accounting_link.contracts.words import Result
from accounting_link.testing.broker import MemoryBroker
from accounting_link.testing.builders import JULY, SCOPE, a_customer, an_invoice
from accounting_link.testing.clock import FakeClock
from crm_writer import organisations, removals
from crm_writer.books import Records
from crm_writer.changes import Document
from crm_writer.putting_away import put_away
from crm_writer.removals import LOOKED_AT_AGAIN_AFTER, OpenRemovals, Removals
from tests.suites.record_store import a_copy, write

BEFORE = msgspec.structs.replace(SCOPE, authorisation=1)
REMOVED = msgspec.structs.replace(SCOPE, sync_id="", authorisation=2)
AGAIN = msgspec.structs.replace(SCOPE, sync_id="sync-2", authorisation=3)
ELSEWHERE = msgspec.structs.replace(SCOPE, connection_id="ozzy", authorisation=1)
US, THEM = SCOPE.account_id, "somebody-else"
E = TypeVar("E", bound=Event)
COLLECTIONS = ("companies", "links", "contacts", "transactions", "xero_records", "organisations")


class KilledError(Exception):
    """The process ends here."""


@dataclass
class Crm:
    """``found`` gives all documents of a collection by id, of every account."""

    records: Records
    waiting: OpenRemovals
    found: Callable[[str], dict[str, Document]]
    clock: FakeClock = field(default_factory=FakeClock)
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    readings: int = 0

    def given(self, *events: VersionedRecord, scope: Scope = BEFORE, **more: Any) -> list[Outcome]:
        self.readings += 1
        copies = [a_copy(event, self.readings, scope) for event in events]
        return [outcome for _, outcome in put_away(self.records, copies, self.clock.now(), **more)]

    def by_hand(self, collection: Any, id_: str, fields: Document) -> None:
        write(self.records, US, ("set", collection, (id_, fields)))

    def ask(self, scope: Scope = REMOVED, removal_id: str = "removal-1") -> None:
        event = RemovalRequested(
            removal_id=removal_id,
            authorisation=scope.authorisation,
            requested_by="ada",
            requested_by_name="Ada",
            requested_at=self.clock.now(),
        )
        removals.begin(self.records, [received(event, scope)])

    def worker(self, publisher: Publisher | None = None, holder: str = "one") -> Removals:
        publisher = publisher or Publisher(self.broker, source="/test", clock=self.clock)
        return Removals(self.records, self.waiting, publisher, self.clock, holder)

    def work(self) -> None:
        """Until nothing is left to do now."""
        worker = self.worker()
        while worker.turn():
            pass

    def remove(self) -> ImportsRemoved:
        self.ask()
        self.work()
        return self.told(ImportsRemoved)[-1]

    def told(self, kind: type[E]) -> list[E]:
        return [one.event for one in self.broker.log(CONNECTIONS.name()) if isinstance(one.event, kind)]

    def ids(self, collection: str) -> set[str]:
        return set(self.found(collection))

    def company(self, name: str) -> Document:
        [one] = [one for one in self.found("companies").values() if one["name"] == name]
        return one

    def shape(self) -> dict[str, Any]:
        """All that was made, but for what names one import: ids that are made up, readings, stamps."""
        names = {one["_id"]: one["name"] for one in self.found("companies").values()}
        links = {one["_id"]: names[one["company_id"]] for one in self.found("links").values()}
        parts = {one["name"]: one["xero"]["parts"] for one in self.found("companies").values()}
        people = {id_: one["xero"] for id_, one in self.found("contacts").items()}
        sales = {id_: one["xero"] for id_, one in self.found("transactions").items()}
        states = {id_: (one["state"], one["version"]) for id_, one in self.found("xero_records").items()}
        return {"links": links, "parts": parts, "people": people, "sales": sales, "states": states}


def received(event: Event, scope: Scope, reading: int = 0) -> Received:
    publisher = Publisher(MemoryBroker(), source="/test", clock=FakeClock())
    message = publisher.message(Outgoing(event=event, scope=scope, reading=reading))
    return Delivery(place=Place("records", 0), offset=0, headers=message.headers, value=message.value).read()


def an_organisation() -> OrganisationRead:
    return OrganisationRead(
        tenant_id="t", name="Kiwi", short_code="!k", base_currency="NZD", country="NZ", time_zone="", read_at=JULY
    )


def some() -> list[VersionedRecord]:
    """Three customers with two sales each, one of whom is left out, and a sale of nobody's."""
    customers = [a_customer(name, name=f"Company {name}") for name in ("a", "b")]
    nameless = a_customer("nameless", name=" ")
    sales = [an_invoice(f"{name}-{n}", contact_id=name) for name in ("a", "b", "nameless") for n in (1, 2)]
    return [*customers, nameless, *sales, an_invoice("of nobody", contact_id="nobody")]


class RemovalSuite:
    def test_all_that_only_this_connection_imported_goes_and_the_numbers_say_so(self, crm: Crm) -> None:
        crm.given(*some())
        organisations.keep(crm.records, [received(an_organisation(), BEFORE)])
        assert all(crm.ids(collection) for collection in COLLECTIONS)

        done = crm.remove()

        assert {collection: crm.ids(collection) for collection in COLLECTIONS} == {key: set() for key in COLLECTIONS}
        assert done.records == 10
        assert (done.numbers.companies, done.numbers.people, done.numbers.sales) == (2, 2, 7)
        assert (done.numbers.companies_kept, done.numbers.people_kept) == (0, 0)
        assert (done.requested_by, done.authorisation) == ("ada", 2)

    def test_what_another_connection_or_account_imported_stays_as_it_is(self, crm: Crm) -> None:
        theirs = msgspec.structs.replace(ELSEWHERE, account_id=THEM, connection_id="theirs")
        crm.given(a_customer("x", name="Ozzy Ltd"), an_invoice("x", contact_id="x"), scope=ELSEWHERE)
        crm.given(a_customer("x", name="Ozzy Ltd"), an_invoice("x", contact_id="x"), scope=theirs)
        before = {collection: crm.found(collection) for collection in COLLECTIONS}
        crm.given(*some())

        crm.remove()

        assert {collection: crm.found(collection) for collection in COLLECTIONS} == before

    def test_a_company_that_another_organisation_feeds_too_stays_with_that_part(self, crm: Crm) -> None:
        crm.given(a_customer("x", name="Both Ltd"), scope=ELSEWHERE)
        crm.given(a_customer("a", name="Both Ltd"), an_invoice("a", contact_id="a"))

        done = crm.remove()

        assert [part["connection_id"] for part in crm.company("Both Ltd")["xero"]["parts"]] == ["ozzy"]
        assert crm.ids("links") == {"ozzy/x"}
        assert (done.numbers.companies, done.numbers.companies_kept, done.numbers.sales) == (0, 1, 1)

    def test_who_is_fed_by_two_and_then_by_none_goes_with_the_second(self, crm: Crm) -> None:
        crm.given(a_customer("x", name="Both Ltd"), scope=ELSEWHERE)
        crm.given(a_customer("a", name="Both Ltd"))
        crm.remove()
        crm.ask(msgspec.structs.replace(REMOVED, connection_id="ozzy"), "removal-2")
        crm.work()
        assert crm.ids("companies") == set()

    def test_a_company_made_by_hand_stays_and_loses_the_link(self, crm: Crm) -> None:
        made = {"_id": "1", "account_id": US, "name": "Own Ltd", "name_key": "own ltd", "xero": {"parts": []}}
        write(crm.records, US, ("insert", "companies", made))
        crm.given(a_customer("a", name="Own Ltd"), an_invoice("a", contact_id="a"))
        assert crm.ids("links") == {"kiwi/a"}

        done = crm.remove()

        assert crm.company("Own Ltd") == made
        assert crm.ids("links") == crm.ids("transactions") == crm.ids("contacts") == set()
        assert (done.numbers.companies, done.numbers.companies_kept) == (0, 1)

    def test_a_company_edited_by_hand_stays_and_an_emptied_field_is_no_edit(self, crm: Crm) -> None:
        crm.given(a_customer("a", name="Edited Ltd"), a_customer("b", name="Emptied Ltd"))
        crm.by_hand("companies", crm.company("Edited Ltd")["_id"], {"notes": "likes tea"})
        crm.by_hand("companies", crm.company("Emptied Ltd")["_id"], {"notes": "", "tags": []})

        crm.remove()

        assert [one["name"] for one in crm.found("companies").values()] == ["Edited Ltd"]
        assert crm.company("Edited Ltd")["notes"] == "likes tea"
        assert crm.company("Edited Ltd")["xero"]["parts"] == []

    def test_a_person_edited_by_hand_stays_with_the_company_and_without_the_link(self, crm: Crm) -> None:
        crm.given(a_customer("a", name="Of Ada"), a_customer("b", name="Of Bob"))
        [ada] = [id_ for id_, one in crm.found("contacts").items() if one["xero_contact_id"] == "a"]
        crm.by_hand("contacts", ada, {"notes": "birthday in May"})

        done = crm.remove()

        assert crm.ids("contacts") == {ada}
        kept = crm.found("contacts")[ada]
        assert (kept["connection_id"], kept["xero_contact_id"]) == (None, None)
        assert kept["company_id"] == crm.company("Of Ada")["_id"]
        assert kept["xero"]["last_name"] == "Lovelace"
        assert crm.ids("companies") == {kept["company_id"]}
        assert (done.numbers.people, done.numbers.people_kept, done.numbers.companies_kept) == (1, 1, 1)

    def test_a_company_that_a_person_was_added_to_or_that_a_person_linked_stays(self, crm: Crm) -> None:
        crm.given(a_customer("a", name="With Kim"), a_customer("b", name="Linked"), a_customer("c", name="Plain"))
        company_id = crm.company("With Kim")["_id"]
        kim = {"_id": "kim", "account_id": US, "company_id": company_id, "name_key": "kim", "xero": {}}
        write(crm.records, US, ("insert", "contacts", kim))
        crm.by_hand("links", "kiwi/b", {"how": "person"})

        crm.remove()

        assert {one["name"] for one in crm.found("companies").values()} == {"With Kim", "Linked"}
        assert crm.ids("contacts") == {"kim"}

    def test_a_late_copy_of_the_removed_life_brings_nothing_back_and_tells_nothing(self, crm: Crm) -> None:
        crm.given(*some())
        crm.remove()

        assert crm.given(*some(), scope=BEFORE) == []
        organisations.keep(crm.records, [received(an_organisation(), BEFORE)])

        assert {collection: crm.ids(collection) for collection in COLLECTIONS} == {key: set() for key in COLLECTIONS}

    def test_control_without_the_tombstone_it_would(self, crm: Crm) -> None:
        crm.given(*some())
        crm.remove()

        crm.given(*some(), scope=BEFORE, is_forgotten=lambda *_: False)

        assert crm.ids("companies")

    def test_connected_again_all_is_imported_as_new_and_equal_to_before(self, crm: Crm) -> None:
        crm.given(*some())
        before = crm.shape()
        crm.remove()

        told = crm.given(*some(), scope=AGAIN)

        assert {outcome.result for outcome in told} == {Result.CREATED, Result.LEFT_OUT}
        assert crm.shape() == before

    def test_a_person_who_stayed_is_linked_again_and_not_made_twice(self, crm: Crm) -> None:
        crm.given(a_customer("a", name="Of Ada"))
        [ada] = crm.ids("contacts")
        crm.by_hand("contacts", ada, {"notes": "birthday in May"})
        crm.remove()

        crm.given(a_customer("a", name="Of Ada"), scope=AGAIN)

        assert crm.ids("contacts") == {ada}
        kept = crm.found("contacts")[ada]
        assert (kept["xero_contact_id"], kept["notes"], kept["company_id"]) == ("a", "birthday in May", None)
        assert len(crm.ids("companies")) == 1

    def test_a_sync_of_the_new_life_keeps_what_it_has_read_before_the_removal_came_to_it(self, crm: Crm) -> None:
        crm.given(*some())
        crm.ask()
        crm.given(*some(), scope=AGAIN)
        stood = crm.shape()

        crm.work()

        assert crm.shape() == stood
        assert crm.told(ImportsRemoved)[-1].records == 0

    def test_also_where_nothing_but_the_authorisation_is_newer(self, crm: Crm) -> None:
        crm.given(*some(), scope=BEFORE)
        crm.ask()
        put_away(crm.records, [a_copy(event, 0, AGAIN) for event in some()], JULY)  # a lower reading: changes nothing
        crm.work()
        assert len(crm.ids("xero_records")) == 10

    def test_a_request_that_comes_twice_is_one_removal(self, crm: Crm) -> None:
        crm.given(*some())
        done = crm.remove()
        crm.ask()
        crm.work()
        assert crm.told(ImportsRemoved) == [done]

    def test_killed_after_every_slice_it_goes_on_and_counts_each_once(self, crm: Crm) -> None:
        sales = [an_invoice(str(n), contact_id="a") for n in range(1200)]
        crm.given(a_customer("a"), *sales)
        crm.ask()
        killed = 0
        while not crm.told(ImportsRemoved):
            try:
                crm.worker(Publisher(Dying(crm.broker, killed % 2), source="/test", clock=crm.clock), "").turn()
            except KilledError:
                killed += 1

        done = crm.told(ImportsRemoved)[-1]
        assert killed > 2
        assert (done.records, done.numbers.sales, done.numbers.companies) == (1201, 1200, 1)

    def test_it_is_told_how_far_it_is(self, crm: Crm) -> None:
        crm.given(a_customer("a"), *[an_invoice(str(n), contact_id="a") for n in range(1200)])
        crm.remove()
        told = crm.told(RemovalProgressed)
        assert len(told) > 2
        assert [one.records for one in told] == sorted({one.records for one in told})
        assert {one.records_in_all for one in told} == {1201}

    def test_what_was_being_written_when_it_was_asked_for_is_found_later(self, crm: Crm) -> None:
        crm.given(*some())
        crm.remove()
        crm.given(an_invoice("late"), scope=BEFORE, is_forgotten=lambda *_: False)  # as a transaction begun before

        crm.clock.advance(LOOKED_AT_AGAIN_AFTER)
        crm.work()

        assert crm.ids("transactions") == set()
        assert [one.records for one in crm.told(ImportsRemoved)] == [10, 11]

    def test_control_before_that_time_it_still_stands(self, crm: Crm) -> None:
        crm.given(*some())
        crm.remove()
        crm.given(an_invoice("late"), scope=BEFORE, is_forgotten=lambda *_: False)
        crm.clock.advance(LOOKED_AT_AGAIN_AFTER - timedelta(seconds=1))
        crm.work()
        assert len(crm.ids("transactions")) == 1

    def test_two_replicas_do_not_work_on_one_removal_at_once_and_a_dead_one_is_followed(self, crm: Crm) -> None:
        crm.given(*some())
        crm.ask()
        assert crm.worker(holder="one").turn()
        assert not crm.worker(holder="two").turn()
        crm.clock.advance(timedelta(seconds=11))
        assert crm.worker(holder="two").turn()


class Dying:
    """A broker before which, or after which, the process that tells it something is killed, once."""

    def __init__(self, broker: MemoryBroker, after: int) -> None:
        self._broker, self._after = broker, after

    def deliver(self, messages: Sequence[Message]) -> Any:
        if self._after:
            self._broker.deliver(messages)
        raise KilledError
