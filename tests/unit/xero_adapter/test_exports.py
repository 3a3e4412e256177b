"""Create in Xero: one contact, once, whatever happens on the way; and nothing that stands there is changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Outgoing, Received, Sent
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.connections import CallsCounted
from accounting_link.contracts.event import Scope
from accounting_link.contracts.exports import ContactExported, ContactExportRejected, ExportEvent
from accounting_link.contracts.records import Person
from accounting_link.contracts.topics import CONNECTIONS, Lane
from accounting_link.contracts.words import Refusal
from accounting_link.testing.broker import MemoryBroker
from tests.suites.xero_faults import FAULTS, Fault
from tests.unit.xero_adapter.world import ANA, EXPORT, NUMBER, TwinXero, World
from xero_adapter.exports import ExportTask
from xero_adapter.planning.permits import Ledger, Limits
from xero_adapter.xero import contacts
from xero_adapter.xero.client import Answer
from xero_adapter.xero.tokens import Token
from xero_simulator import accounting

# A person's name stands for the company's, as with sole traders: neither is to be found in a log.
NAME = "Anahera Ngata"
LIST, WRITE = "^/Contacts$", {"path": "^/Contacts$", "after": 1, "count": 1}  # the list is asked for a name before


def a_world(**more: Any) -> World:
    return World(contacts=20, invoices=0, lane=Lane.INTERACTIVE, **more)


@pytest.fixture
def world() -> World:
    return a_world()


def ask(world: World, name: str = NAME, scope: Scope = EXPORT, **more: Any) -> None:
    world.publisher.confirmed([Outgoing(event=world.an_export(name, **more), scope=scope)])


def told(world: World) -> list[Received]:
    return [one for one in world.published() if isinstance(one.event, ExportEvent)]


def answer(world: World) -> ExportEvent:
    """The one that there is to be, of a request that is done with."""
    [one] = told(world)
    assert one.scope == EXPORT
    assert world.lag() == 0
    assert isinstance(one.event, ExportEvent)
    return one.event


def asks(world: World, name: str = NAME, **more: Any) -> ExportEvent:
    ask(world, name, **more)
    world.run()
    return answer(world)


def rejected(event: ExportEvent) -> ContactExportRejected:
    assert isinstance(event, ContactExportRejected), event
    return event


def exported(event: ExportEvent) -> ContactExported:
    assert isinstance(event, ContactExported), event
    return event


def held(world: World) -> dict[str, bytes]:
    """Every contact, byte for byte."""
    org, today = world.simulator.organisations[world.tenant], world.clock.now().date()
    shelf = org.contacts
    return {
        shelf.id(number): accounting.record_json(org, shelf, number, today, paged=True) for number in range(len(shelf))
    }


def ours(world: World) -> list[dict[str, Any]]:
    found = [dict(json.loads(raw)) for raw in held(world).values()]
    return [one for one in found if one.get("ContactNumber") == NUMBER]


def puts_in(world: World, **fields: Any) -> str:
    """A contact that a person made in Xero; its id."""
    [made] = world.simulator.change(world.tenant, [{"kind": "contact", "op": "create", "set": fields}])
    return str(made["id"])


def methods(world: World) -> list[str]:
    return [str(call["method"]) for call in world.calls()]


# -- what is created


def test_it_is_created_with_the_crms_fields_and_told_as_xero_answered(world: World) -> None:
    before = held(world)
    event = exported(asks(world, "  Harbour \t Cycles & Sons "))

    [made] = ours(world)
    assert {name: made[name] for name in ("Name", "FirstName", "LastName", "EmailAddress", "ContactStatus")} == {
        "Name": "Harbour Cycles & Sons",
        "FirstName": "Ana",
        "LastName": "Ngata",
        "EmailAddress": "ana@example.com",
        "ContactStatus": "ACTIVE",
    }
    contact = event.contact
    assert (contact.xero_id, contact.name, contact.contact_number) == (made["ContactID"], made["Name"], NUMBER)
    assert (contact.main_person, contact.is_customer) == (ANA, False)
    assert {key: raw for key, raw in held(world).items() if key in before} == before
    assert methods(world) == ["GET", "GET", "PUT"]


def test_the_copy_carries_the_reading_of_the_call_that_brought_it(world: World) -> None:
    asks(world)
    [one] = told(world)
    reading = world.ledgers.change(world.tenant, lambda ledger: (ledger, ledger.reading))
    assert one.envelope.reading == reading == len(world.calls())


def test_what_the_crm_does_not_know_is_not_sent(world: World) -> None:
    sent = json.loads(contacts.create("Kai", Person(last_name="Ngata"), NUMBER, "key").body)
    assert sent == {"Contacts": [{"Name": "Kai", "LastName": "Ngata", "ContactNumber": NUMBER}]}
    exported(asks(world, main_person=Person()))
    assert "FirstName" not in ours(world)[0]


ODD = [
    'D\'Arcy "Bo" & Daughters',
    '"""',
    "Either\\or / Both",
    "Fish & Chips + 100% #1?",
    "株式会社鈴木商店",
    "مكتبة النور",
    "😀 Happy Tours 🏔️",
    "=SUM(B1:B9)",
    'x" OR Name!="',
    "x" * 255,
    "山" * 255,
    "😀" * 255,
    "\u0301",
]


@pytest.mark.parametrize("name", ODD)
def test_a_name_of_any_letters_is_created_once_and_found_again(world: World, name: str) -> None:
    made = exported(asks(world, name)).contact
    assert made.name == name
    before = held(world)
    other = replace(EXPORT, correlation_id="another")
    ask(world, name.upper(), other, export_id="export-2", contact_number="crm-another")
    world.run()

    [again] = [one.event for one in told(world) if one.scope == other]
    assert isinstance(again, ContactExportRejected)
    assert (again.refusal, again.xero_id) == (Refusal.ALREADY_THERE, made.xero_id)
    assert held(world) == before
    assert max(len(urlencode(call["query"])) for call in world.calls()) < 2000


# -- what an earlier try has made


@dataclass
class Mortal(FaultPoint):
    """Ends the process once, when Xero has created the contact."""

    died: bool = False

    def reach(self, name: str) -> None:
        if name == "xero-adapter:after-create" and not self.died:
            self.died = True
            raise InterruptedError


class Forgetful(TwinXero):
    """Does not find by number."""

    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        if "/" in path:
            return Answer(status=404, headers={}, body=b"", egress=0)
        return super().get(token, path, query, headers)


class Blind(Forgetful):
    """The control: as if nothing were looked for."""

    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        return super().get(token, path, {**query, "where": 'Name=="nobody"'}, headers)


class Keyless(TwinXero):
    """The control: every PUT is another to Xero."""

    def put(self, token: Token, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return super().put(token, path, body, {})


class BlindAndKeyless(Blind, Keyless):
    pass


def dies_before_telling(world: World) -> ExportEvent:
    """The process ends when Xero has created it, and another takes the request over."""
    ask(world)
    with pytest.raises(InterruptedError):
        world.run()
    assert len(ours(world)) == 1
    assert told(world) == []
    world.take_over()
    world.run()
    return answer(world)


def test_a_crash_after_it_was_created_leaves_one_contact_and_it_is_told() -> None:
    world = a_world(faults=Mortal())
    event = exported(dies_before_telling(world))
    assert [one["ContactID"] for one in ours(world)] == [event.contact.xero_id]
    assert methods(world) == ["GET", "GET", "PUT", "GET"]


@pytest.mark.parametrize("xero", [Keyless, Blind])
def test_either_the_look_or_the_key_is_enough_for_that(xero: type[TwinXero]) -> None:
    world = a_world(faults=Mortal(), xero=xero)
    exported(dies_before_telling(world))
    assert len(ours(world)) == 1


def test_control_without_look_and_key_what_was_created_is_told_as_refused() -> None:
    event = rejected(dies_before_telling(a_world(faults=Mortal(), xero=BlindAndKeyless)))
    assert event.refusal == Refusal.NOT_VALID


LOST = [
    {"kind": "reset"},  # Xero has created it
    {"kind": "latency", "seconds": 50.0},  # it has, and answers too late
    {"kind": "malformed"},
    {"kind": "answer", "status": 503},
    {"kind": "answer", "status": 200, "body": '{"Contacts": []}'},
    {"kind": "answer", "status": 201, "body": "made"},
    {"kind": "answer", "status": 409, "body": "at work"},
    {"kind": "hang", "seconds": 0.0},  # it has not
    {"kind": "status", "status": 500},
    {"kind": "throttle", "retry_after": 5},
    {"kind": "token_death"},
]


@pytest.mark.parametrize("rule", LOST, ids=str)
def test_where_the_answer_to_creating_is_lost_there_is_one_contact_and_it_is_told(
    world: World, rule: dict[str, Any]
) -> None:
    world.simulator.add_fault({**rule, **WRITE})
    event = exported(asks(world))
    assert [one["ContactID"] for one in ours(world)] == [event.contact.xero_id]


def test_after_a_lost_answer_it_is_looked_for_before_anything_is_created_again(world: World) -> None:
    world.simulator.add_fault({"kind": "reset", **WRITE})
    asks(world)
    assert methods(world) == ["GET", "GET", "PUT", "GET"]


def test_an_id_of_zeros_is_no_contact(world: World) -> None:
    rule = {"kind": "rewrite", "pattern": '"ContactID":"[^"]+"', "by": f'"ContactID":"{NOBODY}"'}
    world.simulator.add_fault({**rule, **WRITE})
    assert exported(asks(world)).contact.xero_id == ours(world)[0]["ContactID"] != NOBODY


def test_control_without_the_look_a_lost_answer_later_than_xero_remembers_is_told_as_refused() -> None:
    world = a_world(xero=Blind)
    world.simulator.behave({"idempotency_seconds": 0})
    world.simulator.add_fault({"kind": "reset", **WRITE})
    assert rejected(asks(world)).refusal == Refusal.NOT_VALID


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_whatever_passes_it_is_created_once_and_told(world: World, fault: Fault) -> None:
    world.simulator.add_fault({**fault.rule, "path": "^/Contacts", "count": min(fault.passing, 5)})
    event = exported(asks(world))
    assert [one["ContactID"] for one in ours(world)] == [event.contact.xero_id]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_whatever_never_passes_is_told_within_minutes(world: World, fault: Fault) -> None:
    began = world.clock.now()
    world.simulator.add_fault({**fault.rule, "path": "^/Contacts"})
    event = asks(world)
    if not isinstance(event, ContactExported):
        assert rejected(event).refusal == Refusal.UNAVAILABLE
    assert len(ours(world)) <= 1
    assert world.clock.now() - began < timedelta(minutes=15)


def test_a_contact_that_was_archived_since_is_found_all_the_same(world: World) -> None:
    made = puts_in(world, Name=NAME, ContactNumber=NUMBER)
    world.simulator.change(world.tenant, [{"kind": "contact", "id": made, "op": "archive"}])
    event = exported(asks(world))
    assert (event.contact.xero_id, event.contact.status) == (made, "ARCHIVED")
    assert methods(world) == ["GET"]


def test_one_of_our_number_is_known_by_its_name_too() -> None:
    world = a_world(xero=Forgetful)
    made = puts_in(world, Name=NAME, ContactNumber=NUMBER)
    assert exported(asks(world)).contact.xero_id == made


def test_another_contact_than_was_asked_for_is_not_believed(world: World) -> None:
    somebody = json.loads(held(world).popitem()[1])
    rule = {"kind": "answer", "status": 200, "body": json.dumps({"Contacts": [somebody]})}
    world.simulator.add_fault({**rule, "path": "^/Contacts/", "count": 1})
    assert exported(asks(world)).contact.name == NAME


# -- two at once


@dataclass
class Two:
    """Two tasks at once, a turn at a time in whichever order."""

    world: World
    scopes: Sequence[Scope] = (EXPORT, EXPORT)
    finished: list[int] = field(default_factory=list)

    def run(self, order: Sequence[bool]) -> None:
        request = self.world.an_export(NAME)
        tasks = [
            ExportTask(self.world.tools, scope, request, lambda n=n: self.finished.append(n))  # type: ignore[misc]
            for n, scope in enumerate(self.scopes)
        ]
        turns = [*order, *[False] * 20, *[True] * 20]
        for second in turns:
            if int(second) not in self.finished:
                tasks[second]()
                self.world.clock.advance(timedelta(seconds=1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), max_size=10), st.booleans())
def test_two_replicas_at_once_and_two_presses_make_one_contact(order: list[bool], pressed_twice: bool) -> None:
    world = a_world()
    two = Two(world, (EXPORT, replace(EXPORT, ask=2) if pressed_twice else EXPORT))
    two.run(order)

    assert sorted(two.finished) == [0, 1]
    assert len(ours(world)) == 1
    assert {type(one.event) for one in told(world)} == {ContactExported}


def test_control_without_look_and_key_one_of_two_is_told_as_refused() -> None:
    world = a_world(xero=BlindAndKeyless)
    Two(world).run([])
    assert {type(one.event) for one in told(world)} == {ContactExported, ContactExportRejected}


# -- what stands there already


NOBODY = "00000000-0000-0000-0000-000000000000"
CAFE = "Café Ōtautahi & Sons"


@pytest.mark.parametrize(
    ("name", "there"),
    [
        (CAFE, CAFE),
        ("CAFE OTAUTAHI & SONS", CAFE),
        ("  café   ōtautahi & sons\t", CAFE),
        (CAFE, "Cafe Otautahi & Sons"),
        (CAFE, f"  {CAFE.upper()} "),  # which the filter does not give, and Xero's refusal tells
    ],
)
def test_a_name_that_stands_there_is_told_and_the_contact_left_as_it_is(world: World, name: str, there: str) -> None:
    made = puts_in(world, Name=there, EmailAddress="old@example.com")
    before = held(world)
    event = rejected(asks(world, name))

    assert (event.refusal, event.xero_id) == (Refusal.ALREADY_THERE, made)
    assert held(world) == before
    assert f'"{there}"' in event.detail
    for words in ("left as it is", "Sync", "choose another"):
        assert words in event.detail


class Posts(TwinXero):
    """The control: creates or updates."""

    def put(self, token: Token, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return self._called(token, path, {}, headers, "POST", body)


class BlindAndPosts(Blind, Posts):
    pass


def test_without_the_look_for_the_name_xero_refuses_it_and_nothing_is_changed() -> None:
    world = a_world(xero=Blind)
    puts_in(world, Name=NAME, EmailAddress="old@example.com")
    before = held(world)
    assert rejected(asks(world)).refusal == Refusal.ALREADY_THERE
    assert held(world) == before


def test_control_a_post_overwrites_who_has_the_name() -> None:
    world = a_world(xero=BlindAndPosts)
    there = puts_in(world, Name=NAME, EmailAddress="old@example.com")
    before = held(world)
    assert exported(asks(world)).contact.xero_id == there
    assert held(world)[there] != before[there]


class SomebodyElse(TwinXero):
    """Creates a contact of the name just before we do."""

    world: World
    made = ""

    def put(self, token: Token, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.made = self.made or puts_in(self.world, Name=NAME)
        return super().put(token, path, body, headers)


def test_who_creates_the_name_between_our_look_and_our_creating_is_named() -> None:
    world = a_world(xero=SomebodyElse)
    xero = world.twin
    assert isinstance(xero, SomebodyElse)
    xero.world = world
    event = rejected(asks(world))
    assert (event.refusal, event.xero_id) == (Refusal.ALREADY_THERE, xero.made)
    assert methods(world).count("PUT") == 1


def test_an_archived_contact_of_the_name_is_in_nobodys_way(world: World) -> None:
    old = puts_in(world, Name=NAME)
    world.simulator.change(world.tenant, [{"kind": "contact", "id": old, "op": "archive"}])
    before = held(world)
    assert exported(asks(world)).contact.xero_id != old
    assert held(world)[old] == before[old]


def test_an_archived_contact_is_in_nobodys_way_though_xero_gave_it(world: World) -> None:
    old = puts_in(world, Name=NAME)
    world.simulator.change(world.tenant, [{"kind": "contact", "id": old, "op": "archive"}])
    body = json.dumps({"Contacts": [json.loads(held(world)[old])]})
    world.simulator.add_fault({"kind": "answer", "status": 200, "body": body, "path": LIST, "count": 1})
    assert exported(asks(world)).contact.xero_id != old


def test_a_contact_without_a_name_is_not_one_of_accents_alone(world: World) -> None:
    puts_in(world, EmailAddress="nameless@example.com")
    assert exported(asks(world, "\u0301")).contact.name == "\u0301"


def test_nobody_is_taken_to_be_there_by_an_answer_that_nothing_changed(world: World) -> None:
    there = puts_in(world, Name=NAME)
    world.simulator.add_fault({"kind": "answer", "status": 304, "path": LIST, "count": 1})
    assert rejected(asks(world)).xero_id == there
    assert "PUT" not in methods(world)


def test_control_whom_the_filter_gives_beside_the_name_is_not_taken_for_it(world: World) -> None:
    world.simulator.add_fault({"kind": "ignore", "name": "where", "path": LIST})
    exported(asks(world))


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SPOILT = st.sampled_from([str.upper, str.swapcase, lambda name: f"  {name}\t", lambda name: name])


@settings(max_examples=150, deadline=None)
@given(NAMES, SPOILT)
def test_whatever_the_name_it_is_answered_once_and_nobody_else_is_changed(name: str, spoil: Any) -> None:
    world = a_world()
    before = held(world)
    first = asks(world, name)
    after = held(world)
    assert {key: raw for key, raw in after.items() if key in before} == before
    if isinstance(first, ContactExportRejected):
        assert (first.refusal, after) == (Refusal.NOT_VALID, before)
        return
    assert [one["Name"] for one in ours(world)] == [contacts.tidy(name)]
    other = replace(EXPORT, correlation_id="another")
    ask(world, spoil(name), other, export_id="export-2", contact_number="crm-another")
    world.run()
    [second] = [one.event for one in told(world) if one.scope == other]
    if contacts.same_name(spoil(name), name):  # some letters have no way back from upper case
        assert isinstance(second, ContactExportRejected)
        assert (second.refusal, held(world)) == (Refusal.ALREADY_THERE, after)


@given(NAMES)
def test_a_name_is_the_same_however_it_is_spaced_and_cased(name: str) -> None:
    assert contacts.same_name(f" {name}  ", name)
    assert contacts.same_name(name.casefold(), name)
    assert not contacts.same_name(f"{name}x", name)


def test_an_organisation_of_any_size_may_be_asked_for_a_name(world: World) -> None:
    """The control is a search that Xero refuses there, which is told in its words."""
    world.simulator.behave({"high_volume": 5})
    exported(asks(world))
    body = '{"ErrorNumber":51,"Type":"HighVolumeException","Message":"too many"}'
    world.simulator.add_fault({"kind": "answer", "status": 400, "body": body, "path": LIST})
    other = replace(EXPORT, correlation_id="another")
    ask(world, "Another", other, export_id="export-2", contact_number="crm-another")
    world.run()
    [second] = [one.event for one in told(world) if one.scope == other]
    assert isinstance(second, ContactExportRejected)
    assert "too many" in second.detail


# -- what Xero refuses


@pytest.mark.parametrize(
    ("name", "email", "words"),
    [
        (NAME, "nobody at home", "Email address nobody at home is not valid."),
        ("x" * 256, "", "The Contact Name must not be longer than 255 characters."),
        ("HighVolume Ltd", "nobody", "Email address nobody is not valid."),
        ("  ", "", "A contact in Xero needs a name."),
        ("a\x01b", "", "control characters"),
    ],
)
def test_what_xero_refuses_is_told_in_its_words(world: World, name: str, email: str, words: str) -> None:
    before = held(world)
    event = rejected(asks(world, name, main_person=Person(email=email)))
    assert event.refusal == Refusal.NOT_VALID
    assert words in event.detail
    assert held(world) == before


def test_a_refusal_in_a_200_is_one(world: World) -> None:
    """Xero gives the contact that it did not write, under an id of zeros (xero-php-oauth2 issue 179)."""
    refused = {
        "ContactID": NOBODY,
        "Name": NAME,
        "ContactNumber": NUMBER,
        "UpdatedDateUTC": "/Date(1518685950940+0000)/",
        "HasValidationErrors": True,
        "ValidationErrors": [{"Message": "No."}, {"Message": "Not ever."}],
    }
    rule = {"kind": "answer", "status": 200, "body": json.dumps({"Contacts": [refused]})}
    ask(world, main_person=Person(email="nobody"))
    world.simulator.add_fault({**rule, **WRITE})
    world.run()
    assert rejected(answer(world)).detail == "No. Not ever."


def unauthorised(detail: str) -> dict[str, Any]:
    body = f'{{"Type":null,"Title":"Unauthorized","Status":401,"Detail":"{detail}"}}'
    return {"kind": "answer", "status": 401, "body": body}


@pytest.mark.parametrize("after", [0, 1])
def test_a_right_that_was_not_granted_is_told_with_what_mends_it(world: World, after: int) -> None:
    """To read, or to write alone; the control is a token that Xero calls expired, which is renewed."""

    class Unallowed(TwinXero):
        def put(self, token: Token, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
            refused = str(unauthorised("AuthorizationUnsuccessful")["body"]).encode()
            return Answer(status=401, headers={}, body=refused, egress=len(refused))

    if after:
        world = a_world(xero=Unallowed)
    else:
        world.simulator.add_fault({**unauthorised("AuthorizationUnsuccessful"), "path": "^/Contacts"})
    event = rejected(asks(world))
    assert event.refusal == Refusal.NOT_GRANTED
    assert "connect again" in event.detail
    assert (ours(world), world.auth_link.renewed) == ([], 0)


def test_control_a_token_that_expired_is_renewed(world: World) -> None:
    world.simulator.add_fault({**unauthorised("TokenExpired: at noon"), "path": "^/Contacts", "count": 1})
    exported(asks(world))
    assert world.auth_link.renewed == 1


def test_a_connection_that_is_gone_is_told_and_auth_link_knows(world: World) -> None:
    world.simulator.add_fault({"kind": "status", "status": 403, "path": "^/Contacts"})
    assert rejected(asks(world)).refusal == Refusal.CONNECTION_LOST
    assert world.auth_link.lost == [("kiwi", 1)]


def test_where_there_is_no_token_any_more_xero_is_not_asked(world: World) -> None:
    world.auth_link.gone = True
    event = rejected(asks(world))
    assert (event.refusal, world.calls()) == (Refusal.CONNECTION_LOST, [])
    assert "Connect again" in event.detail


# -- limits, and a Xero that does not answer


@pytest.mark.parametrize("a_day", [0, 1, 2])
def test_where_the_day_is_used_up_it_is_told_when_to_try_again(a_day: int) -> None:
    world = a_world(limits=Limits(a_day=a_day))
    event = rejected(asks(world))
    assert event.refusal == Refusal.LIMIT_REACHED
    assert event.detail == "Xero's limit of calls a day is used up. Try again after 00:00 UTC on 2 July 2026."
    assert (len(world.calls()), ours(world)) == (a_day, [])


def test_control_with_one_call_more_it_is_created() -> None:
    exported(asks(a_world(limits=Limits(a_day=3))))


def test_xeros_own_word_of_the_day_is_told_too(world: World) -> None:
    world.simulator.add_fault({"kind": "throttle", "retry_after": 3601, "problem": "minute", "path": "^/Contacts"})
    event = rejected(asks(world))
    assert (event.refusal, len(world.calls())) == (Refusal.LIMIT_REACHED, 1)
    assert event.detail.startswith("Xero asked to wait. Try again after ")


def test_a_wait_of_moments_is_waited_for(world: World) -> None:
    world.simulator.add_fault({"kind": "throttle", "retry_after": 50, "path": "^/Contacts", "count": 3})
    exported(asks(world))


def test_where_xero_never_answers_it_is_told_and_what_to_do(world: World) -> None:
    began = world.clock.now()
    world.simulator.add_fault({"kind": "status", "status": 503, "path": "^/Contacts"})
    event = rejected(asks(world))
    assert (event.refusal, len(world.calls())) == (Refusal.UNAVAILABLE, 10)
    assert "Xero does not answer" in event.detail
    assert "first looks whether it was made" in event.detail
    assert world.clock.now() - began < timedelta(minutes=4)


@pytest.mark.parametrize("lost", [True, False])
def test_where_xeros_answer_was_lost_every_refusal_says_that_it_may_be_there(lost: bool) -> None:
    """The control is one whose look says that it is not."""
    world = a_world(limits=Limits(a_day=3 if lost else 4))
    world.simulator.add_fault({"kind": "reset" if lost else "status", **WRITE})
    event = rejected(asks(world))
    assert event.refusal == Refusal.LIMIT_REACHED
    assert ("It may be in Xero all the same" in event.detail) == bool(ours(world)) == lost


def good_calls(world: World) -> int:
    return sum(isinstance(one.event, CallsCounted) for one in world.broker.log(CONNECTIONS.name()))


@pytest.mark.parametrize(
    ("rule", "counted"),
    [
        ({}, 1),
        ({"kind": "answer", "status": 400, "body": '{"Type":"ValidationException"}', **WRITE}, 1),
        ({"kind": "status", "status": 403}, 0),
        ({"kind": "status", "status": 503}, 0),
        ({"kind": "throttle", "retry_after": 3601}, 0),
    ],
)
def test_a_good_call_is_told_where_xero_answered_and_nowhere_else(
    world: World, rule: dict[str, Any], counted: int
) -> None:
    """A connection that Xero has just refused must not look healthy."""
    if rule:
        world.simulator.add_fault({"path": "^/Contacts", **rule})
    asks(world)
    assert good_calls(world) == counted


def test_what_is_too_large_to_be_told_is_refused_and_does_not_come_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xero_adapter.exports.LARGEST_VALUE_BYTES", 100)
    assert rejected(asks(world)).refusal == Refusal.NOT_VALID


def test_pressed_again_it_is_found_where_xero_did_not_answer_in_time(world: World) -> None:
    world.simulator.add_fault({"kind": "reset", **WRITE})
    world.simulator.add_fault({"kind": "status", "status": 503, "path": "^/Contacts", "after": 3, "count": 9})
    assert rejected(asks(world)).refusal == Refusal.UNAVAILABLE
    again = replace(EXPORT, ask=2)
    ask(world, scope=again)
    world.run()
    [second] = [one.event for one in told(world) if one.scope == again]
    assert isinstance(second, ContactExported)
    assert [one["ContactID"] for one in ours(world)] == [second.contact.xero_id]


@pytest.mark.parametrize(("lane", "waited"), [(Lane.INTERACTIVE, False), (Lane.BULK, True)])
def test_a_person_takes_the_calls_that_bulk_work_leaves_to_people(lane: Lane, waited: bool) -> None:
    """The control is the same in the bulk lane."""
    world = World(contacts=20, invoices=0, lane=lane)
    used = Ledger(answered=(world.clock.now(),) * 55, day=world.clock.now().date().isoformat(), calls_today=55)
    world.ledgers.change(world.tenant, lambda _: (used, None))
    began = world.clock.now()
    ask(world, scope=replace(EXPORT, lane=lane))
    world.run()
    [one] = told(world)
    assert isinstance(one.event, ContactExported)
    assert (world.clock.now() > began) == waited


# -- the end


class Deaf(MemoryBroker):
    """Acknowledges no answer until it hears."""

    hears = False

    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        if any("records" in message.topic for message in messages) and not self.hears:
            raise ConnectionError
        return super().deliver(messages)


def test_a_request_is_finished_only_when_the_broker_has_its_answer() -> None:
    broker = Deaf()
    world = a_world(broker=broker)
    ask(world)
    with pytest.raises(ConnectionError):
        world.run()
    assert world.lag() == 1
    broker.hears = True
    world.take_over()
    world.run()
    exported(answer(world))
    assert len(ours(world)) == 1


ENDS: dict[str, dict[str, Any]] = {
    "created": {},
    "refused": {**unauthorised("AuthorizationUnsuccessful")},
    "gone": {"kind": "status", "status": 403},
    "limit": {"kind": "throttle", "retry_after": 7200},
    "unavailable": {"kind": "status", "status": 503},
    "odd": {"kind": "answer", "status": 418, "body": "a teapot"},
}


@pytest.mark.parametrize("rule", ENDS.values(), ids=ENDS)
def test_however_it_ends_it_finishes_once_and_names_nobody_in_the_log(world: World, rule: dict[str, Any]) -> None:
    if rule:
        world.simulator.add_fault({**rule, "path": "^/Contacts"})
    finished: list[int] = []
    task = ExportTask(world.tools, EXPORT, world.an_export(NAME), lambda: finished.append(len(told(world))))
    with capture_logs() as logs:
        while (at := task()) is not None:
            world.clock.advance(max(at - world.clock.now(), timedelta(0)))

    assert finished == [1]  # once, when its one answer was there
    assert logs
    for kept in (NAME, "Ana", "Ngata", "example.com", "a teapot"):
        assert kept not in str(logs)
