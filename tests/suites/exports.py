"""What Create in Xero must do in the CRM: run on the twin in memory and on a real MongoDB.

A subclass gives the fixture ``crm``.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import permutations
from typing import Any, TypeVar

import msgspec
import pytest

from accounting_link.chassis.callers import MEMBER, Caller
from accounting_link.chassis.messages import Delivery, Outgoing, Place, Received
from accounting_link.chassis.problems import ProblemError
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.exports import ContactExported, ContactExportRejected
from accounting_link.contracts.people import PersonActed
from accounting_link.contracts.records import CustomerImported, Person
from accounting_link.contracts.requests import ContactExportRequested
from accounting_link.contracts.words import Act, Refusal
from accounting_link.testing.builders import SCOPE, a_customer
from crm_writer import contacts, exports, organisations
from crm_writer.changes import Document
from crm_writer.copies import Copy, copy_of
from crm_writer.putting_away import put_away
from tests.suites.removals import AGAIN, BEFORE, ELSEWHERE, THEM, US, Crm, an_organisation, received

E = TypeVar("E", bound=Event)
KIM = Caller(account_id=US, user_id="kim", name="Kim", roles=frozenset({MEMBER}), address="192.0.2.7")
BEN = Person(first_name="Ben", last_name="Lo")
MARRIED = Person(first_name="Ana", last_name="Tui", email="tui@example.com")
ANA = {"first_name": "Ana", "last_name": "Ngata", "email": "ana@example.com"}


def known(crm: Crm, scope: Scope = BEFORE) -> None:
    """The organisation of the connection."""
    organisations.keep(crm.records, [received(an_organisation(), scope)])


def a_person(crm: Crm, company: str = "Tea Ltd", **own: str) -> str:
    return str(contacts.make(crm.records, US, {**ANA, **own}, company)["_id"])


def ask(crm: Crm, contact_id: str, caller: Caller = KIM, connection_id: str = "kiwi") -> Document:
    return exports.ask(crm.records, caller, connection_id, contact_id, crm.clock.now(), "reference-1")


def said_by_xero(crm: Crm, export: Document, contact_id: str = "new-1", **more: Any) -> CustomerImported:
    """The contact as Xero holds it afterwards."""
    subject = export["company_id"] or export["contact_id"]
    given = {"name": export["name"], "main_person": Person(**ANA), "is_customer": False, **more}
    return a_customer(contact_id, contact_number=exports.contact_number(subject), **given)


def a_scope(export: Document, ask_: int | None = None) -> Scope:
    return Scope(account_id=US, connection_id=export["connection_id"], ask=ask_ or export["ask"], authorisation=1)


def exported(export: Document, contact: CustomerImported, reading: int = 1) -> Received:
    return received(ContactExported(export_id=export["_id"], contact=contact), a_scope(export), reading)


def rejected(export: Document, ask_: int | None = None, detail: str = "No.", xero_id: str = "") -> Received:
    event = ContactExportRejected(
        export_id=export["_id"], refusal=Refusal.ALREADY_THERE, detail=detail, xero_id=xero_id
    )
    return received(event, a_scope(export, ask_))


def take(crm: Crm, *told: Received) -> None:
    """As the worker's batch does."""
    copies = [copy for copy in map(copy_of, told) if copy is not None]
    put_away(crm.records, copies, crm.clock.now())
    exports.settle(crm.records, told, crm.clock.now())


def imported(contact: CustomerImported, reading: int = 1, scope: Scope = BEFORE) -> Copy:
    copy = copy_of(received(contact, scope, reading))
    assert copy is not None
    return copy


def later(contact: CustomerImported, minutes: int, **more: Any) -> CustomerImported:
    return msgspec.structs.replace(contact, updated_at=contact.updated_at + timedelta(minutes=minutes), **more)


def a_person_who_married(crm: Crm) -> str:
    """Created in Xero, and called otherwise there since."""
    person = a_person(crm)
    asked = ask(crm, person)
    contact = said_by_xero(crm, asked)
    take(crm, exported(asked, contact))
    put_away(crm.records, [imported(later(contact, 1, main_person=MARRIED), 2)], crm.clock.now())
    return person


def export_of(crm: Crm, asked: Document) -> Document:
    found: Document = crm.found("exports")[asked["_id"]]
    return found


def said(crm: Crm, kind: type[E]) -> list[E]:
    """What waits in the outbox, in either store's way."""
    events = [event for row in crm.found("outbox").values() for event in row.get("events") or [_read(row)]]
    told = [one.event if isinstance(one, Outgoing) else one for one in events]
    return [event for event in told if isinstance(event, kind)]


def _read(row: Document) -> Event:
    headers = [(name, bytes(value)) for name, value in row["headers"]]
    return Delivery(place=Place("any", 0), offset=0, headers=headers, value=bytes(row["value"])).read().event


def asked_of_xero(crm: Crm) -> int:
    return len(said(crm, ContactExportRequested))


def world(crm: Crm) -> dict[str, Any]:
    """What stands of companies, links and people."""
    return {
        "companies": {one["name"]: one["xero"]["parts"] for one in crm.found("companies").values()},
        "links": crm.found("links"),
        "people": crm.found("contacts"),
    }


class ExportSuite:
    def test_what_is_asked_of_xero_is_the_company_with_the_chosen_person(self, crm: Crm) -> None:
        known(crm)
        person = a_person(crm)
        asked = ask(crm, person)
        company = crm.company("Tea Ltd")["_id"]
        assert (asked["state"], asked["name"], asked["company_id"]) == ("requested", "Tea Ltd", company)
        assert (asked["contact_id"], asked["requested_by"], asked["ask"]) == (person, "kim", 1)
        assert asked_of_xero(crm) == 1

    def test_somebody_without_a_company_is_asked_for_by_first_and_last_name(self, crm: Crm) -> None:
        known(crm)
        asked = ask(crm, a_person(crm, ""))
        assert (asked["name"], asked["company_id"]) == ("Ana Ngata", None)

    def test_a_person_of_a_company_that_is_there_joins_it(self, crm: Crm) -> None:
        first, second = a_person(crm, "Tea Ltd"), a_person(crm, "  TEA   ltd ", first_name="Ben")
        assert len(crm.ids("companies")) == 1
        assert {one["company_id"] for one in crm.found("contacts").values()} == crm.ids("companies")
        assert first != second

    def test_two_clicks_and_two_people_of_one_company_ask_once(self, crm: Crm) -> None:
        known(crm)
        ana, ben = a_person(crm), a_person(crm, first_name="Ben")
        first = ask(crm, ana)
        assert ask(crm, ana) == ask(crm, ben) == first
        assert asked_of_xero(crm) == 1

    def test_after_long_silence_it_is_asked_again(self, crm: Crm) -> None:
        """The embedded broker forgets a question; xero-adapter looks before it creates."""
        known(crm)
        person = a_person(crm)
        ask(crm, person)
        crm.clock.advance(exports.ASK_AGAIN_AFTER - timedelta(seconds=1))
        assert ask(crm, person)["ask"] == 1
        crm.clock.advance(timedelta(seconds=1))
        assert ask(crm, person)["ask"] == 2
        assert asked_of_xero(crm) == 2

    def test_what_is_created_is_linked_and_the_chosen_person_is_the_main_person(self, crm: Crm) -> None:
        known(crm)
        person, other = a_person(crm), a_person(crm, first_name="Ben")
        asked = ask(crm, person)
        take(crm, exported(asked, said_by_xero(crm, asked)))
        assert len(crm.ids("companies")) == 1
        assert crm.ids("contacts") == {person, other}, "nobody twice"
        company = crm.company("Tea Ltd")
        assert [part["contact_id"] for part in company["xero"]["parts"]] == ["new-1"]
        assert crm.found("links")["kiwi/new-1"]["company_id"] == company["_id"]
        linked = crm.found("contacts")[person]
        assert (linked["xero_contact_id"], linked["xero"]["main"]) == ("new-1", True)
        assert crm.found("contacts")[other]["xero_contact_id"] is None
        told = export_of(crm, asked)
        assert (told["state"], told["xero_id"]) == ("created", "new-1")

    def test_control_without_the_number_the_person_would_be_there_twice(self, crm: Crm) -> None:
        known(crm)
        person = a_person(crm)
        asked = ask(crm, person)
        unknown = msgspec.structs.replace(said_by_xero(crm, asked), contact_number="")
        take(crm, exported(asked, unknown))
        assert len(crm.ids("contacts")) == 2

    def test_somebody_without_a_company_gets_the_one_that_xero_made_of_them(self, crm: Crm) -> None:
        known(crm)
        person = a_person(crm, "")
        asked = ask(crm, person)
        take(crm, exported(asked, said_by_xero(crm, asked)))
        assert [one["name"] for one in crm.found("companies").values()] == ["Ana Ngata"]
        assert crm.ids("contacts") == {person}
        assert ask(crm, person)["_id"] == asked["_id"], "asked for again, it is the same one"

    def test_the_export_and_the_imported_copy_make_the_same_link_whichever_comes_first(self, crm: Crm) -> None:
        known(crm)
        ends = []
        for number, order in enumerate(permutations(("exported", "imported", "imported later"))):
            asked = ask(crm, a_person(crm, f"Company {number}"))
            contact = said_by_xero(crm, asked, f"new-{number}")
            newer = later(contact, 1)
            told: dict[str, Callable[[], Any]] = {
                "exported": partial(take, crm, exported(asked, contact)),
                "imported": partial(put_away, crm.records, [imported(contact, 2)], crm.clock.now()),
                "imported later": partial(put_away, crm.records, [imported(newer, 3)], crm.clock.now()),
            }
            for what in (*order, *order):
                told[what]()
            company = crm.company(f"Company {number}")
            people = [one for one in crm.found("contacts").values() if one["xero_contact_id"] == f"new-{number}"]
            ends.append(
                (
                    [part["updated_at"] == newer.updated_at for part in company["xero"]["parts"]],
                    [(one["_id"] == asked["contact_id"], one["xero"]["main"]) for one in people],
                    crm.found("links")[f"kiwi/new-{number}"]["company_id"] == company["_id"],
                    export_of(crm, asked)["state"],
                )
            )
        assert ends == [([True], [(True, True)], True, "created")] * 6
        assert len(crm.ids("companies")) == len(crm.ids("contacts")) == 6

    def test_it_is_told_for_the_audit_log_who_created_it_once_however_often_it_comes(self, crm: Crm) -> None:
        known(crm)
        asked = ask(crm, a_person(crm))
        contact = said_by_xero(crm, asked)
        for _ in range(2):
            take(crm, exported(asked, contact))
            crm.clock.advance(timedelta(minutes=1))
            put_away(crm.records, [imported(contact, 2)], crm.clock.now())
        [act] = said(crm, PersonActed)
        assert (act.act, act.by, act.by_name, act.address) == (Act.CREATED_IN_XERO, "kim", "Kim", "192.0.2.7")
        assert (act.about, act.details[0].value) == (asked["contact_id"], "new-1")

    def test_a_copy_that_is_imported_says_that_it_was_created_also_when_no_answer_ever_comes(self, crm: Crm) -> None:
        """Also when the answer was a refusal, because Xero's own was lost."""
        known(crm)
        for number, answered in enumerate((False, True)):
            person = a_person(crm, f"Company {number}")
            asked = ask(crm, person)
            if answered:
                take(crm, rejected(asked))
            put_away(crm.records, [imported(said_by_xero(crm, asked, f"new-{number}"), 2)], crm.clock.now())
            assert (export_of(crm, asked)["state"], export_of(crm, asked)["refusal"]) == ("created", None)
            assert ask(crm, person)["xero_id"] == f"new-{number}"
        assert len(said(crm, PersonActed)) == 2

    def test_what_is_found_again_after_a_removal_was_created_once(self, crm: Crm) -> None:
        known(crm)
        person = a_person(crm)
        asked = ask(crm, person)
        contact = said_by_xero(crm, asked)
        take(crm, exported(asked, contact))
        crm.remove()
        assert (crm.ids("links"), crm.ids("contacts")) == (set(), {person}), "whom people made stays"
        known(crm, AGAIN)
        crm.clock.advance(timedelta(minutes=5))
        again = ask(crm, person, a_caller("ada"))
        assert again["ask"] == 2
        of_now = msgspec.structs.replace(AGAIN, sync_id="", ask=2)
        take(crm, received(ContactExported(export_id=asked["_id"], contact=contact), of_now))
        assert [act.by for act in said(crm, PersonActed)] == ["kim"]
        assert crm.found("contacts")[person]["xero_contact_id"] == "new-1"
        assert export_of(crm, again)["state"] == "created"

    def test_control_another_contact_of_xeros_is_created_anew(self, crm: Crm) -> None:
        known(crm)
        person = a_person(crm)
        asked = ask(crm, person)
        take(crm, exported(asked, said_by_xero(crm, asked)))
        crm.remove()
        known(crm, AGAIN)
        again = ask(crm, person, a_caller("ada"))
        of_now = msgspec.structs.replace(AGAIN, sync_id="", ask=2)
        another = said_by_xero(crm, again, "new-2")
        take(crm, received(ContactExported(export_id=asked["_id"], contact=another), of_now))
        assert [act.by for act in said(crm, PersonActed)] == ["kim", "ada"]

    def test_a_refusal_is_kept_with_its_reason_and_can_be_asked_again(self, crm: Crm) -> None:
        known(crm)
        person = a_person(crm)
        asked = ask(crm, person)
        take(crm, rejected(asked, detail="It is there.", xero_id="there-1"))
        assert said(crm, PersonActed) == []
        told = export_of(crm, asked)
        assert (told["state"], told["refusal"], told["detail"]) == ("refused", "already_there", "It is there.")
        assert told["xero_id"] == "there-1"
        assert crm.ids("links") == set()
        again = ask(crm, person)
        assert (again["ask"], again["state"], again["detail"], again["xero_id"]) == (2, "requested", "", None)

    def test_a_late_refusal_of_an_earlier_ask_says_nothing_and_none_undoes_a_creation(self, crm: Crm) -> None:
        known(crm)
        person = a_person(crm)
        asked = ask(crm, person)
        take(crm, rejected(asked))
        again = ask(crm, person)
        take(crm, rejected(again, ask_=1))
        assert export_of(crm, again)["state"] == "requested"
        take(crm, exported(asked, said_by_xero(crm, asked)), rejected(again))
        assert export_of(crm, again)["state"] == "created"

    def test_who_or_whose_company_came_from_xero_is_refused(self, crm: Crm) -> None:
        known(crm)
        crm.given(a_customer("tea", name="Tea Ltd"))
        [theirs] = crm.ids("contacts")
        added = a_person(crm, "Tea Ltd")
        for person in (theirs, added):
            with pytest.raises(ProblemError) as refused:
                ask(crm, person)
            assert (refused.value.status, refused.value.slug) == (409, "already-in-xero")
        assert asked_of_xero(crm) == 0

    def test_somebody_of_a_contact_that_was_merged_is_sent_under_the_survivors_company(self, crm: Crm) -> None:
        known(crm)
        crm.given(
            a_customer("old", name="Tea old", status="ARCHIVED", merged_to="newer"),
            a_customer("newer", name="Tea newer", status="ARCHIVED", merged_to="survivor"),
            a_customer("survivor", name="Tea Ltd"),
            a_customer("lost", name="Tea lost", status="ARCHIVED", merged_to="nobody"),
            scope=ELSEWHERE,
        )
        asked = {one["xero_contact_id"]: ask(crm, id_)["name"] for id_, one in crm.found("contacts").items()}
        assert asked == {"old": "Tea Ltd", "newer": "Tea Ltd", "survivor": "Tea Ltd", "lost": "Tea lost"}

    def test_a_company_of_another_organisation_may_be_created_in_this_one(self, crm: Crm) -> None:
        known(crm)
        crm.given(a_customer("tea", name="Tea Ltd"), scope=ELSEWHERE)
        asked = ask(crm, a_person(crm, "Tea Ltd"))
        take(crm, exported(asked, said_by_xero(crm, asked)))
        assert [part["connection_id"] for part in crm.company("Tea Ltd")["xero"]["parts"]] == ["kiwi", "ozzy"]

    def test_one_person_sent_to_two_organisations_is_the_main_person_of_the_first(self, crm: Crm) -> None:
        """A person stands for one of Xero's; the other contact gets one of its own, and nothing is stuck."""
        known(crm)
        known(crm, ELSEWHERE)
        person = a_person(crm)
        here, there = ask(crm, person), ask(crm, person, connection_id="ozzy")
        take(crm, exported(here, said_by_xero(crm, here, "a")), exported(there, said_by_xero(crm, there, "b")))
        linked = {one["xero_contact_id"]: one["_id"] for one in crm.found("contacts").values()}
        assert linked.keys() == {"a", "b"}
        assert linked["a"] == person
        assert {one["company_id"] for one in crm.found("links").values()} == crm.ids("companies")

    def test_the_same_when_one_was_told_before_the_other_was_asked_for(self, crm: Crm) -> None:
        known(crm)
        known(crm, ELSEWHERE)
        person = a_person(crm)
        here = ask(crm, person)
        take(crm, exported(here, said_by_xero(crm, here, "a")))
        there = ask(crm, person, connection_id="ozzy")
        take(crm, exported(there, said_by_xero(crm, there, "b")))
        assert (there["name"], there["company_id"]) == (here["name"], here["company_id"])
        assert [part["contact_id"] for part in crm.company("Tea Ltd")["xero"]["parts"]] == ["a", "b"]

    @pytest.mark.parametrize("again", ["at once", "after a removal", "taken elsewhere"])
    def test_a_last_name_that_xero_lost_and_has_again_stops_nothing(self, crm: Crm, again: str) -> None:
        """Who was sent is then not linked, and the main person somebody new: never one id twice."""
        known(crm)
        known(crm, ELSEWHERE)
        person = a_person(crm)
        asked = ask(crm, person)
        contact, scope = said_by_xero(crm, asked, persons=(BEN,)), BEFORE
        if again == "after a removal":
            take(crm, exported(asked, contact))
            crm.remove()
            known(crm, AGAIN)
            scope = AGAIN
        elif again == "taken elsewhere":
            there = ask(crm, person, connection_id="ozzy")
        nameless = later(contact, 1, main_person=Person(first_name="Ana"))
        put_away(crm.records, [imported(nameless, 5, scope)], crm.clock.now())
        if again == "taken elsewhere":
            take(crm, exported(there, said_by_xero(crm, there, "b")))
            assert crm.found("contacts")[person]["xero_contact_id"] == "b"

        put_away(crm.records, [imported(later(contact, 2), 6, scope)], crm.clock.now())

        linked = [one["xero"] for one in crm.found("contacts").values() if one["xero_contact_id"] == "new-1"]
        assert sorted(one["last_name"] for one in linked if not one["gone"]) == ["Lo", "Ngata"]

    @pytest.mark.parametrize("before", ["unavailable", "silent", "removed"])
    def test_a_colleague_who_asks_later_stays_who_they_are(self, crm: Crm, before: str) -> None:
        """What the first ask made is found by its number, with the person who was sent then."""
        known(crm)
        ana, ben = a_person(crm), a_person(crm, first_name="Ben", last_name="Lo", email="")
        asked, scope = ask(crm, ana), BEFORE
        contact = said_by_xero(crm, asked)
        if before == "unavailable":
            take(crm, rejected(asked))
        elif before == "silent":
            crm.clock.advance(exports.ASK_AGAIN_AFTER)
        else:
            take(crm, exported(asked, contact))
            crm.remove()
            known(crm, AGAIN)
            scope = AGAIN
        again = ask(crm, ben)
        assert again["ask"] == 2
        event = ContactExported(export_id=again["_id"], contact=contact)
        take(crm, received(event, msgspec.structs.replace(scope, sync_id="", ask=2), 9))
        people = crm.found("contacts")
        assert (people[ana]["xero_contact_id"], people[ben]["xero_contact_id"]) == ("new-1", None)
        assert "xero" not in people[ben]
        assert len(said(crm, PersonActed)) == 1

    def test_what_the_main_person_is_called_later_changes_nothing_of_who_it_is(self, crm: Crm) -> None:
        known(crm)
        person = a_person_who_married(crm)
        assert crm.ids("contacts") == {person}
        assert crm.found("contacts")[person]["xero"]["last_name"] == "Tui"

    def test_of_two_people_of_one_name_the_one_who_was_sent_is_linked(self, crm: Crm) -> None:
        known(crm)
        one, two = a_person(crm, email="one@example.com"), a_person(crm, email="two@example.com")
        asked = ask(crm, one)
        sent = Person(**{**ANA, "email": "one@example.com"})
        take(crm, exported(asked, said_by_xero(crm, asked, main_person=sent)))
        people = crm.found("contacts")
        assert (people[one]["xero_contact_id"], people[two]["xero_contact_id"]) == ("new-1", None)

    def test_what_is_sent_is_what_is_shown_also_of_who_comes_from_another_organisation(self, crm: Crm) -> None:
        known(crm)
        known(crm, ELSEWHERE)
        person = a_person_who_married(crm)
        ask(crm, person, connection_id="ozzy")
        assert said(crm, ContactExportRequested)[-1].main_person == MARRIED

    def test_asked_again_after_a_removal_it_goes_by_the_number_that_xero_holds(self, crm: Crm) -> None:
        """Somebody without a company has one since, of their own name."""
        known(crm)
        person = a_person(crm, "")
        asked = ask(crm, person)
        take(crm, exported(asked, said_by_xero(crm, asked)))
        crm.remove()
        known(crm, AGAIN)
        ask(crm, person)
        first, second = said(crm, ContactExportRequested)
        assert first.contact_number == second.contact_number

    def test_who_is_renamed_in_xero_and_removed_is_called_as_before_and_known_again(self, crm: Crm) -> None:
        known(crm)
        person = a_person(crm)
        asked = ask(crm, person)
        married = Person(first_name="Ana", last_name="Tui", email="tui@example.com")
        contact = later(said_by_xero(crm, asked), 1, main_person=married)
        take(crm, exported(asked, said_by_xero(crm, asked)))
        put_away(crm.records, [imported(contact, 2)], crm.clock.now())
        assert crm.found("contacts")[person]["name_key"] == "tui ana"
        crm.remove()
        assert crm.found("contacts")[person]["name_key"] == "ngata ana"
        put_away(crm.records, [imported(contact, 3, AGAIN)], crm.clock.now())
        assert crm.found("contacts")[person]["name_key"] == "tui ana"
        assert crm.ids("contacts") == {person}

    def test_who_stayed_for_a_note_is_one_person_also_when_the_last_name_comes_later(self, crm: Crm) -> None:
        tea = a_customer("tea", name="Tea Ltd", persons=(BEN,))
        crm.given(tea)
        for person in crm.ids("contacts"):
            crm.by_hand("contacts", person, {"notes": "likes tea"})
        crm.remove()
        nameless = later(tea, 1, main_person=Person(first_name="Ada"))
        for reading, copy in ((5, nameless), (6, later(tea, 2))):
            put_away(crm.records, [imported(copy, reading, AGAIN)], crm.clock.now())
        assert [one["xero_contact_id"] for one in crm.found("contacts").values()] == ["tea", "tea"]

    def test_a_contact_of_one_key_is_made_once(self, crm: Crm) -> None:
        made = [contacts.make(crm.records, US, ANA, "Tea Ltd", "1") for _ in range(2)]
        assert made[0] == made[1]
        assert (crm.ids("contacts"), len(crm.ids("companies"))) == ({"1"}, 1)

    def test_what_is_read_before_the_imports_were_removed_links_nothing(self, crm: Crm) -> None:
        known(crm)
        person = a_person(crm)
        asked = ask(crm, person)
        crm.remove()
        take(crm, exported(asked, said_by_xero(crm, asked)))
        assert crm.ids("links") == set()
        assert crm.found("contacts")[person]["xero_contact_id"] is None
        assert export_of(crm, asked)["state"] == "created", "for in Xero it is"

    def test_another_accounts_contacts_and_connections_are_not_there(self, crm: Crm) -> None:
        known(crm)
        person = a_person(crm)
        stranger = a_caller("eve", THEM)
        with pytest.raises(ProblemError) as refused:
            ask(crm, person, stranger)
        assert refused.value.status == 404
        theirs = contacts.make(crm.records, THEM, ANA, "Tea Ltd")
        with pytest.raises(ProblemError) as refused:
            ask(crm, str(theirs["_id"]), stranger)
        assert refused.value.status == 404, "nor our connection for a contact of theirs"

    def test_control_the_same_by_its_own_account_is_taken(self, crm: Crm) -> None:
        known(crm)
        assert ask(crm, a_person(crm))["state"] == "requested"

    def test_somebody_elses_contact_with_our_number_is_linked_to_nothing_of_ours(self, crm: Crm) -> None:
        known(crm)
        asked = ask(crm, a_person(crm))
        before = world(crm)
        theirs = msgspec.structs.replace(SCOPE, account_id=THEM)
        contact = msgspec.structs.replace(said_by_xero(crm, asked), name="Coffee Ltd")
        put_away(crm.records, [imported(contact, scope=theirs)], crm.clock.now())
        ours = {one["_id"] for one in crm.found("companies").values() if one["account_id"] == US}
        assert {one["company_id"] for one in crm.found("links").values()}.isdisjoint(ours)
        assert world(crm)["companies"]["Tea Ltd"] == before["companies"]["Tea Ltd"]

    def test_an_event_of_no_known_export_is_passed_over(self, crm: Crm) -> None:
        unknown = {"_id": "nobody's", "connection_id": "kiwi", "ask": 1}
        take(crm, rejected(unknown))
        assert crm.ids("exports") == set()


def a_caller(user_id: str, account_id: str = US) -> Caller:
    return Caller(account_id=account_id, user_id=user_id, name=user_id.title(), roles=frozenset({MEMBER}))
