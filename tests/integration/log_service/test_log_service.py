"""log-service on a real MongoDB: what is kept, and what each person may read of it."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from accounting_link.chassis import callers
from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY, Caller
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Delivery, Outgoing, Publisher
from accounting_link.chassis.mongo import Db
from accounting_link.chassis.web import WebSettings
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.connections import CallsCounted, ConnectionEstablished, ConnectionRemoved
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.outcomes import Outcome, RecordsApplied, Transaction
from accounting_link.contracts.people import Detail, PersonActed
from accounting_link.contracts.removals import ImportsRemoved, Numbers
from accounting_link.contracts.requests import StreamRequest
from accounting_link.contracts.sync_life import PageFetched, SyncCompleted, SyncStarted
from accounting_link.contracts.topics import LOG_SERVICE
from accounting_link.contracts.words import Act, Kind, Result, Stream, SyncKind
from accounting_link.testing.broker import MemoryBroker
from accounting_link.testing.builders import JULY, SCOPE, a_request
from accounting_link.testing.clock import FakeClock
from log_service import queries, store
from log_service.handlers import KeepLog
from log_service.web import build_app

pytestmark = pytest.mark.mongo
KEY = "k" * 32
Handle = Callable[[Sequence[Delivery]], None]


class World:
    """A log that is told things, and who reads it."""

    def __init__(self, db: Db, transaction_outcomes: int = 4000) -> None:
        self.db, self.broker, self.clock = db, MemoryBroker(), FakeClock()
        store.prepare(db)
        self.publisher = Publisher(self.broker, source="/test", clock=self.clock)
        dead = DeadLetters(self.publisher, consumer="log-service", clock=self.clock)
        self.handle: Handle = KeepLog(db, dead, self.clock, FaultPoint(), transaction_outcomes=transaction_outcomes)
        self.consumer = self.broker.consumer(LOG_SERVICE)

    def tell(self, *events: Event, scope: Scope = SCOPE) -> None:
        self.publisher.confirmed(Outgoing(event=event, scope=scope) for event in events)

    def keep(self, at_most: int = 1000) -> None:
        while deliveries := self.consumer.poll(at_most, timedelta(0)):
            self.handle(deliveries)

    def redeliver(self) -> None:
        """All again, as to a group that never committed."""
        self.consumer.close()
        self.consumer = self.broker.consumer(LOG_SERVICE)

    def reader(self, *roles: str, account: str = SCOPE.account_id) -> "Reader":
        web = WebSettings(caller_key=KEY, log_level="INFO")
        app = build_app(web, self.db, self.clock)
        person = Caller(account_id=account, user_id="ada", name="Ada", roles=frozenset(roles or (MEMBER,)))
        return Reader(app.test_client(), callers.sign(person, KEY, SYSTEM_CLOCK))


class Reader:
    def __init__(self, client: FlaskClient, header: str) -> None:
        self._client, self._header = client, header

    def get(self, path: str, **headers: str) -> Any:
        return self._client.get(path, headers={callers.HEADER: self._header, **headers})

    def items(self, path: str) -> list[dict[str, Any]]:
        """Of all pages."""
        answer, found = self.get(path).json, []
        while True:
            found += answer["items"]
            if not answer["next"]:
                return found
            answer = self.get(f"{path}&cursor={answer['next']}").json


@pytest.fixture
def world(db: Db) -> World:
    return World(db)


def a_sale(number: str, **more: Any) -> Transaction:
    given: dict[str, Any] = {
        "number": number,
        "contact_id": "contact-1",
        "status": "AUTHORISED",
        "currency": "NZD",
        "date": date(2026, 7, 1),
        "due_date": None,
        "total": Decimal("115.00"),
        "due": Decimal("15.00"),
    }
    return Transaction(**{**given, **more})


def an_outcome(kind: Kind, xero_id: str, result: Result, **more: Any) -> Outcome:
    given: dict[str, Any] = {"version": JULY, "reading": 1, "offset": 0, **more}
    return Outcome(kind=kind, xero_id=xero_id, result=result, **given)


def applied(*outcomes: Outcome) -> RecordsApplied:
    return RecordsApplied(topic="accounting-link.records.bulk", partition=3, outcomes=outcomes)


ASKED = a_request(streams=(StreamRequest(stream=Stream.CONTACTS),), requested_by_name="Ada", first=True)
STARTED = SyncStarted(at=JULY + timedelta(seconds=2))
PAGE = PageFetched(stream=Stream.CONTACTS, pages=2, read=6, expected=6, calls=2, bytes=900)
OUTCOMES = applied(
    an_outcome(Kind.CONTACT, "c1", Result.CREATED),
    an_outcome(Kind.CONTACT, "c2", Result.LEFT_OUT, reason="no person has a last name"),
    an_outcome(Kind.CONTACT, "c3", Result.LEFT_OUT, reason="no person has a last name"),
    an_outcome(Kind.CONTACT, "c4", Result.FAILED, reason="too large", version=None, reading=0),
    an_outcome(Kind.INVOICE, "i1", Result.CREATED, transaction=a_sale("INV-1")),
    an_outcome(Kind.INVOICE, "i2", Result.UPDATED, transaction=a_sale("INV-2", date=None, status="PAID")),
)
DONE = SyncCompleted(problems=True, ended_at=JULY + timedelta(seconds=7))
CONNECTED = ConnectionEstablished(
    tenant_id="t", authorisation=1, tenant_name="Kiwi Hats", connected_by="ada", connected_at=JULY
)
UNREADABLE = [("ce_accountid", b"legrand"), ("ce_connectionid", b"kiwi")]
WHOLE = (ASKED, STARTED, PAGE, OUTCOMES, DONE)


def the_log(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.reader().get("/api/v1/logs/sync/sync-1").json
    return found


def all_rows(db: Db) -> dict[str, list[Any]]:
    return {name: sorted(db[name].find(), key=lambda row: str(row["_id"])) for name in db.list_collection_names()}


def test_the_log_of_a_sync_says_what_it_did(world: World) -> None:
    world.tell(*WHOLE)
    world.keep()
    log = the_log(world)
    assert (log["state"], log["duration_seconds"], log["calls"], log["bytes"]) == (
        "completed_with_problems",
        5.0,
        2,
        900,
    )
    assert {kind: counts for kind, counts in log["counts"].items() if any(counts.values())} == {
        "contact": {"created": 1, "updated": 0, "unchanged": 0, "left_out": 2, "failed": 1},
        "invoice": {"created": 1, "updated": 1, "unchanged": 0, "left_out": 0, "failed": 0},
    }
    assert log["reasons"] == [
        {"kind": "contact", "result": "failed", "reason": "too large", "count": 1},
        {"kind": "contact", "result": "left_out", "reason": "no person has a last name", "count": 2},
    ]


@pytest.mark.parametrize("at_most", [1, 3, 1000])
def test_everything_delivered_twice_changes_nothing_whatever_the_batches(db: Db, at_most: int) -> None:
    world = World(db, transaction_outcomes=2)
    world.tell(*WHOLE)
    world.keep()
    before = all_rows(db)
    world.redeliver()
    world.keep(at_most)
    assert all_rows(db) == before


def test_control_counts_that_are_added_up_are_wrong_after_redelivery(world: World) -> None:
    added = 0

    def also_add_up(deliveries: Sequence[Delivery]) -> None:
        nonlocal added
        keep_log(deliveries)
        events = (delivery.read().event for delivery in deliveries)
        added += sum(len(event.outcomes) for event in events if isinstance(event, RecordsApplied))

    keep_log, world.handle = world.handle, also_add_up
    world.tell(*WHOLE)
    world.keep()
    world.redeliver()
    world.keep()
    counted = sum(sum(results.values()) for results in the_log(world)["counts"].values())
    assert (counted, added) == (6, 12)


def test_events_in_the_opposite_order_make_the_same_log(db: Db) -> None:
    first = World(db)
    first.tell(*WHOLE)
    first.keep()
    expected = the_log(first)
    for name in db.list_collection_names():
        db[name].delete_many({})
    second = World(db)
    for event in reversed(WHOLE):
        second.tell(event)
        second.keep()
    assert the_log(second) == expected


def test_two_replicas_that_write_the_same_at_once_make_the_log_that_one_makes(db: Db) -> None:
    world = World(db)
    world.tell(*WHOLE, applied(*(an_outcome(Kind.CONTACT, f"x{number}", Result.CREATED) for number in range(50))))
    deliveries = world.consumer.poll(1000, timedelta(0))
    with ThreadPoolExecutor(2) as pool:
        orders = (deliveries, deliveries[::-1])
        replicas = [pool.submit(lambda order: [world.handle([one]) for one in order], order) for order in orders]
        for replica in replicas:
            replica.result()
    at_once = the_log(world)
    for name in db.list_collection_names():
        db[name].delete_many({})
    world.handle(deliveries)
    assert at_once == the_log(world)
    assert at_once["counts"]["contact"]["created"] == 51


def test_a_reader_who_has_the_newest_log_is_answered_304_until_something_changes(world: World) -> None:
    world.tell(ASKED, STARTED)
    world.keep()
    reader = world.reader()
    tag = reader.get("/api/v1/logs/sync/sync-1").headers["ETag"]
    again = {"If-None-Match": tag}
    assert reader.get("/api/v1/logs/sync/sync-1", **again).status_code == 304
    world.redeliver()
    world.keep()
    assert reader.get("/api/v1/logs/sync/sync-1", **again).status_code == 304
    world.tell(OUTCOMES)
    world.keep()
    assert reader.get("/api/v1/logs/sync/sync-1", **again).status_code == 200


def test_a_changed_outcome_alone_is_news_though_the_sync_itself_is_as_it_was(world: World) -> None:
    world.tell(*WHOLE)
    world.keep()
    tag = world.reader().get("/api/v1/logs/sync/sync-1").headers["ETag"]
    world.tell(applied(an_outcome(Kind.CONTACT, "c2", Result.CREATED, reading=2)))
    world.keep()
    answer = world.reader().get("/api/v1/logs/sync/sync-1", **{"If-None-Match": tag})
    assert (answer.status_code, answer.json["counts"]["contact"]["created"]) == (200, 2)


def test_counting_reads_the_index_and_no_row(world: World) -> None:
    world.tell(*WHOLE)
    world.keep()
    pipeline = queries.counting(SCOPE.account_id, SCOPE.sync_id)
    asked = {"aggregate": "record_outcomes", "pipeline": pipeline, "cursor": {}}
    explained = json.dumps(world.db.command("explain", asked, verbosity="executionStats"), default=str)
    assert '"totalDocsExamined": 0' in explained
    assert '"IXSCAN"' in explained


def test_records_are_paged_without_gap_or_repeat_by_kind_result_and_reason(world: World) -> None:
    world.tell(*WHOLE)
    world.keep()
    reader = world.reader()
    path = "/api/v1/logs/sync/sync-1/records?limit=1"
    assert [row["xero_id"] for row in reader.items(path)] == ["c1", "c4", "c2", "c3", "i1", "i2"]
    assert [row["xero_id"] for row in reader.items(f"{path}&result=left_out")] == ["c2", "c3"]
    assert [row["xero_id"] for row in reader.items(f"{path}&kind=invoice")] == ["i1", "i2"]


def test_syncs_are_listed_newest_first_in_pages(world: World) -> None:
    for number in range(5):
        scope = msgspec.structs.replace(SCOPE, sync_id=f"s{number}")
        asked = msgspec.structs.replace(ASKED, requested_at=JULY + timedelta(minutes=number % 3))
        world.tell(asked, scope=scope)
    world.keep()
    found = world.reader().items("/api/v1/logs/sync?connection_id=kiwi&limit=2")
    assert [one["id"] for one in found] == ["s2", "s4", "s1", "s3", "s0"]


def test_a_line_of_the_list_says_who_asked_what_was_read_and_what_came_of_it(world: World) -> None:
    world.tell(*WHOLE)
    world.keep()
    [line] = world.reader().items("/api/v1/logs/sync?connection_id=kiwi")
    assert (line["requested_by_name"], line["reads"]) == ("Ada", "first_import")
    assert line["results"] == {"created": 2, "updated": 1, "unchanged": 0, "left_out": 2, "failed": 1}


def test_a_line_of_the_list_is_counted_again_when_an_outcome_has_changed(world: World) -> None:
    world.tell(*WHOLE)
    world.keep()
    world.reader().items("/api/v1/logs/sync?connection_id=kiwi")
    world.tell(applied(an_outcome(Kind.CONTACT, "c2", Result.CREATED, reading=2)))
    world.keep()
    [line] = world.reader().items("/api/v1/logs/sync?connection_id=kiwi")
    assert (line["results"]["created"], line["results"]["left_out"]) == (3, 1)


def test_a_sale_in_the_log_of_a_sync_says_its_number_whose_it_is_and_its_total(world: World) -> None:
    world.tell(*WHOLE)
    world.keep()
    path = "/api/v1/logs/sync/sync-1/records?kind=invoice"
    sale = {"number": "INV-1", "contact_id": "contact-1", "currency": "NZD", "total": "115.00"}
    assert world.reader().get(path).json["items"][0]["sale"] == sale
    assert [row["sale"] for row in world.reader(NO_MONEY).get(path).json["items"]] == [None, None]


def test_sales_are_found_by_part_of_their_number_or_by_their_contact(world: World) -> None:
    theirs = a_sale("CN-9", contact_id="contact-2")
    world.tell(*WHOLE, applied(an_outcome(Kind.CREDIT_NOTE, "n1", Result.CREATED, transaction=theirs)))
    world.keep()
    path = "/api/v1/logs/sales?connection_id=kiwi"
    reader = world.reader()
    assert [sale["number"] for sale in reader.items(f"{path}&search=inv-1&contact_ids=contact-2")] == ["INV-1", "CN-9"]
    assert [sale["number"] for sale in reader.items(f"{path}&contact_ids=contact-2,nobody")] == ["CN-9"]


def test_sales_of_one_day_are_listed_by_number_the_highest_first(world: World) -> None:
    numbers = ("INV-7", "INV-9", "INV-8")
    kinds = (Kind.PAYMENT, Kind.INVOICE, Kind.CREDIT_NOTE)
    rows = (
        an_outcome(kind, f"id-{number}", Result.CREATED, transaction=a_sale(number))
        for kind, number in zip(kinds, numbers, strict=True)
    )
    world.tell(applied(*rows))
    world.keep()
    found = world.reader().items("/api/v1/logs/sales?connection_id=kiwi&limit=1")
    assert [sale["number"] for sale in found] == ["INV-9", "INV-8", "INV-7"]


def test_sales_are_listed_newest_date_first_those_without_a_date_last(world: World) -> None:
    world.tell(
        *WHOLE,
        applied(an_outcome(Kind.INVOICE, "i3", Result.CREATED, transaction=a_sale("inv-30", date=date(2026, 8, 1)))),
    )
    world.keep()
    reader = world.reader()
    path = "/api/v1/logs/sales?connection_id=kiwi&limit=1"
    found = reader.items(path)
    assert [(sale["number"], sale["date"], sale["due"]) for sale in found] == [
        ("inv-30", "2026-08-01", "15.00"),
        ("INV-1", "2026-07-01", "15.00"),
        ("INV-2", None, "15.00"),
    ]
    assert found[1]["first_seen"]["sync_id"] == found[1]["changed"]["sync_id"] == "sync-1"
    assert [sale["number"] for sale in reader.items(f"{path}&search=inv-3")] == ["inv-30"]
    assert [sale["number"] for sale in reader.items(f"{path}&status=PAID")] == ["INV-2"]
    assert reader.items(f"{path}&currency=USD") == []
    assert reader.items(f"{path}&search=.*") == []


def test_the_sales_file_holds_every_sale_with_its_filters(world: World) -> None:
    world.tell(*WHOLE)
    world.keep()
    answer = world.reader().get("/api/v1/logs/sales.csv?connection_id=kiwi")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(line["number"], line["total"], line["changed_by_sync_id"]) for line in lines] == [
        ("INV-1", "115.00", "sync-1"),
        ("INV-2", "115.00", "sync-1"),
    ]


def test_a_malformed_message_is_kept_once_as_a_dead_letter_and_the_rest_goes_on(world: World) -> None:
    good = world.publisher.message(Outgoing(event=OUTCOMES, scope=SCOPE))
    bad = Message(topic=good.topic, key=good.key, headers=good.headers, value=b"{broken")
    world.broker.deliver([bad, good])
    world.keep()
    world.redeliver()
    world.keep()
    letters = world.reader().get("/api/v1/dead-letters").json["items"]
    assert [(one["consumer"], one["topic"], one["offset"], one["size"]) for one in letters] == [
        ("log-service", good.topic, 0, len(b"{broken"))
    ]
    assert "value" not in letters[0]
    assert world.reader().get(f"/api/v1/dead-letters/{letters[0]['id']}").json["value"] == "e2Jyb2tlbg=="
    assert the_log(world)["counts"]["contact"]["created"] == 1


def test_what_became_of_a_connection_is_told(world: World) -> None:
    world.tell(CONNECTED, CONNECTED)
    world.keep()
    found = world.reader().items("/api/v1/logs/connections?connection_id=kiwi")
    assert [(one["what"], one["tenant_name"], one["by"]) for one in found] == [
        ("ConnectionEstablished", "Kiwi Hats", "ada")
    ]


PATHS = (
    "/api/v1/logs/sync/sync-1",
    "/api/v1/logs/sync/sync-1/records?limit=9",
    "/api/v1/logs/sync?connection_id=kiwi",
    "/api/v1/logs/sales?connection_id=kiwi",
    "/api/v1/logs/sales.csv?connection_id=kiwi",
    "/api/v1/logs/connections?connection_id=kiwi",
    "/api/v1/dead-letters?connection_id=kiwi",
)


def found(answer: Any) -> int:
    """How many things an answer tells of."""
    if answer.status_code == 404:
        return 0
    assert answer.status_code == 200
    if answer.content_type.startswith("text/csv"):
        return len(list(csv.DictReader(io.StringIO(answer.text))))
    return len(answer.json["items"]) if "items" in answer.json else 1


@pytest.mark.parametrize("path", PATHS)
def test_another_account_finds_nothing_where_this_one_finds_something(world: World, path: str) -> None:
    world.tell(*WHOLE, CONNECTED)
    world.broker.deliver([Message(topic=LOG_SERVICE.topics[0], key="", headers=UNREADABLE, value=b"{")])
    world.keep()
    assert found(world.reader().get(path)) > 0
    assert found(world.reader(account="somebody-else").get(path)) == 0


def test_another_accounts_dead_letter_cannot_be_opened(world: World) -> None:
    world.broker.deliver([Message(topic=LOG_SERVICE.topics[0], key="", headers=UNREADABLE, value=b"{")])
    world.keep()
    letter = world.reader().get("/api/v1/dead-letters").json["items"][0]["id"]
    assert world.reader().get(f"/api/v1/dead-letters/{letter}").status_code == 200
    assert world.reader(account="somebody-else").get(f"/api/v1/dead-letters/{letter}").status_code == 404


def test_who_sees_no_money_reads_sync_logs_but_neither_sales_nor_letters(world: World) -> None:
    world.tell(*WHOLE)
    world.keep()
    reader = world.reader(NO_MONEY)
    assert {path: reader.get(path).status_code for path in PATHS} == {
        path: 403 if "sales" in path or "dead-letters" in path else 200 for path in PATHS
    }


@pytest.mark.parametrize("path", PATHS)
def test_nobody_reads_anything_without_saying_who_they_are(world: World, path: str) -> None:
    answer = world.reader(ADMIN).get(path, **{callers.HEADER: "forged"})
    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")


@pytest.mark.parametrize("cursor", ["none", "WzFd", "W10", "WyJ4IiwgIngiXQ"])
def test_a_cursor_of_another_list_is_a_problem_and_no_error(world: World, cursor: str) -> None:
    answer = world.reader().get(f"/api/v1/logs/sync?connection_id=kiwi&cursor={cursor}")
    assert (answer.status_code, answer.json["type"]) == (400, "/api/problems/bad-cursor")


def acted(act: Act, by: str = "ada", hours: int = 0, about: str = "kiwi") -> PersonActed:
    at = JULY + timedelta(hours=hours)
    details = (Detail(name="frequency", value="daily"),)
    return PersonActed(act=act, about=about, by=by, by_name=by.title(), address="203.0.113.7", at=at, details=details)


ACTS = (acted(Act.CONNECTED), acted(Act.SETTINGS_CHANGED, "ben", 1), acted(Act.SYNC_STARTED, "ada", 2, "sync-1"))
AUDIT = "/api/v1/logs/audit?limit=2"


def test_an_administrator_reads_what_people_did_newest_first_once_however_often_it_was_told(world: World) -> None:
    world.tell(*ACTS, *ACTS)
    world.keep()
    world.redeliver()
    world.keep()

    found = world.reader(ADMIN).items(AUDIT)

    assert [(each["act"], each["by_name"], each["about"]) for each in found] == [
        ("sync_started", "Ada", "sync-1"),
        ("settings_changed", "Ben", "kiwi"),
        ("connected", "Ada", "kiwi"),
    ]
    assert found[0]["address"] == "203.0.113.7"
    assert found[0]["details"] == {"frequency": "daily"}


def test_the_audit_log_can_be_asked_for_one_person_one_act_and_one_connection(world: World) -> None:
    world.tell(*ACTS)
    world.keep()
    reader = world.reader(ADMIN)

    assert [each["act"] for each in reader.items(f"{AUDIT}&by=ben")] == ["settings_changed"]
    assert [each["by"] for each in reader.items(f"{AUDIT}&act=connected")] == ["ada"]
    assert len(reader.items(f"{AUDIT}&connection_id=kiwi")) == 3
    assert reader.items(f"{AUDIT}&connection_id=other") == []


@pytest.mark.parametrize("role", [MEMBER, NO_MONEY])
def test_only_administrators_read_the_audit_log_and_only_of_their_account(world: World, role: str) -> None:
    world.tell(*ACTS)
    world.keep()

    assert world.reader(role).get(AUDIT).status_code == 403
    assert world.reader(ADMIN, account="somebody-else").items(AUDIT) == []
    assert len(world.reader(ADMIN).items(AUDIT)) == 3


def counted(calls: int, hours: float = 0, budget: int = 0) -> CallsCounted:
    at = JULY + timedelta(hours=hours)
    more = {"day": at.date().isoformat(), "calls_a_day": 5000, "bytes": calls * 1000, "bytes_a_day": budget}
    return CallsCounted(tenant_id="t-1", authorisation=1, at=at, calls=calls, **more)  # type: ignore[arg-type]


def health(world: World, account: str = SCOPE.account_id) -> dict[str, Any]:
    told: dict[str, Any] = world.reader(account=account).get("/api/v1/logs/health?connection_id=kiwi").json
    return told


def test_the_newest_count_is_shown_in_whatever_order_counts_came(world: World) -> None:
    world.clock.advance(JULY + timedelta(hours=3) - world.clock.now())
    world.tell(counted(7, hours=2, budget=50_000), counted(3, hours=1))
    world.keep()

    assert health(world) == {
        "last_call_at": (JULY + timedelta(hours=2)).isoformat(),
        "calls_left": 4993,
        "calls_a_day": 5000,
        "bytes_today": 7000,
        "bytes_left": 43_000,
        "last_comparison": None,
    }
    assert set(health(world, "somebody-else").values()) == {None}


def test_the_last_sync_that_read_everything_and_ended_well_is_the_last_comparison(world: World) -> None:
    world.tell(*WHOLE)
    world.keep()
    first = {"sync_id": "sync-1", "first_import": True, "records": 6, "differed": 3, "failed": 1}
    assert health(world)["last_comparison"] == {**first, "at": DONE.ended_at.isoformat()}

    for number, kind, ended in ((2, SyncKind.FULL, True), (3, SyncKind.DELTA, True), (4, SyncKind.FULL, False)):
        begun = JULY + timedelta(days=number)
        streams = (StreamRequest(stream=Stream.CONTACTS, since=JULY if kind == SyncKind.DELTA else None),)
        asked = msgspec.structs.replace(ASKED, kind=kind, first=False, streams=streams, requested_at=begun)
        done = msgspec.structs.replace(DONE, ended_at=begun + timedelta(minutes=1))
        scope = msgspec.structs.replace(SCOPE, sync_id=f"sync-{number}")
        world.tell(asked, *([done] if ended else []), scope=scope)
    world.keep()

    second = {"sync_id": "sync-2", "first_import": False, "records": 0, "differed": 0, "failed": 0}
    at = (JULY + timedelta(days=2, minutes=1)).isoformat()
    assert health(world)["last_comparison"] == {**second, "at": at}
    assert health(world, "somebody-else")["last_comparison"] is None


def test_yesterdays_count_says_nothing_of_today(world: World) -> None:
    world.tell(counted(4999))
    world.keep()
    world.clock.advance(JULY + timedelta(days=1) - world.clock.now())

    assert (health(world)["calls_left"], health(world)["bytes_today"]) == (5000, 0)
    assert health(world)["last_call_at"] == JULY.isoformat()


def test_a_disconnect_stands_in_the_story_of_its_connection(world: World) -> None:
    removed = ConnectionRemoved(
        tenant_id="t-1", authorisation=2, tenant_name="Kiwi Hats", removed_by="ben", removed_at=JULY
    )
    world.tell(removed)
    world.keep()

    [told] = world.reader().items("/api/v1/logs/connections?connection_id=kiwi")
    assert (told["what"], told["by"], told["tenant_name"]) == ("ConnectionRemoved", "ben", "Kiwi Hats")


def gone(records: int = 6, authorisation: int = 2) -> ImportsRemoved:
    return ImportsRemoved(
        removal_id="removal-1",
        authorisation=authorisation,
        records=records,
        numbers=Numbers(companies=4, people=5, sales=2, companies_kept=1),
        requested_by="ada",
        requested_by_name="Ada",
        ended_at=JULY + timedelta(hours=1),
    )


def in_life(authorisation: int) -> Scope:
    return msgspec.structs.replace(SCOPE, authorisation=authorisation)


def sales_of_kiwi(world: World) -> list[str]:
    return [one["number"] for one in world.reader().items("/api/v1/logs/sales?connection_id=kiwi")]


def test_what_was_removed_leaves_the_sales_log_and_the_audit_log_proves_it(world: World) -> None:
    world.tell(*WHOLE, scope=in_life(1))
    world.keep()
    assert sales_of_kiwi(world)

    world.tell(gone(), gone(), scope=in_life(2))
    world.keep()

    assert sales_of_kiwi(world) == []
    [proof] = world.reader(ADMIN).items(f"{AUDIT}&act=imports_removed")
    assert (proof["by_name"], proof["about"]) == ("Ada", "kiwi")
    assert proof["details"] == {
        "companies": "4",
        "people": "5",
        "sales": "2",
        "companies_kept": "1",
        "people_kept": "0",
    }
    assert the_log(world)["state"] == "completed_with_problems"  # what syncs did stays told, people by id only


@pytest.mark.parametrize("at_most", [1, 1000])
def test_sales_of_the_removed_life_that_are_told_late_stay_away_and_those_of_the_next_do_not(
    world: World, at_most: int
) -> None:
    world.tell(gone(), scope=in_life(2))
    world.tell(OUTCOMES, scope=in_life(1))
    world.keep(at_most)
    world.redeliver()
    world.keep(at_most)
    assert sales_of_kiwi(world) == []

    world.tell(OUTCOMES, scope=in_life(3))
    world.keep(at_most)
    assert sorted(sales_of_kiwi(world)) == ["INV-1", "INV-2"]


def test_control_a_removal_of_another_connection_takes_nothing_of_this_one(world: World) -> None:
    world.tell(*WHOLE, scope=in_life(1))
    world.tell(gone(), scope=msgspec.structs.replace(in_life(2), connection_id="ozzy"))
    world.keep()
    assert sorted(sales_of_kiwi(world)) == ["INV-1", "INV-2"]
