"""Syncs as they are kept and asked for, on the real MongoDB, through the service's own HTTP."""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from accounting_link.chassis import callers, outbox
from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY, Caller
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.messages import Delivery, Outgoing, Place, Publisher
from accounting_link.chassis.mongo import Db
from accounting_link.chassis.outbox import Relay
from accounting_link.chassis.web import WebSettings
from accounting_link.contracts.connections import ConnectionEstablished, ConnectionLost, ConnectionRemoved
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.outcomes import Outcome, RecordsApplied, Transaction
from accounting_link.contracts.people import PersonActed
from accounting_link.contracts.requests import (
    ContactsRequested,
    OrganisationRequested,
    SyncRequested,
    SyncStopRequested,
)
from accounting_link.contracts.sync_life import (
    FetchFailed,
    StreamEnded,
    SyncCancelled,
    SyncCompleted,
    SyncParked,
    SyncStarted,
)
from accounting_link.contracts.topics import CONNECTIONS, PEOPLE, REQUESTS, SYNC_LIFE, Lane
from accounting_link.contracts.words import Kind, ParkReason, Result, Stream, SyncKind
from accounting_link.testing.broker import MemoryBroker
from accounting_link.testing.clock import FakeClock
from sync_orchestrator import metrics
from sync_orchestrator import store as stores
from sync_orchestrator.api.followers import OF_AN_ACCOUNT
from sync_orchestrator.handlers import Advance, Tend
from sync_orchestrator.removals import Removals
from sync_orchestrator.store import Store
from sync_orchestrator.web import build_app

KEY = "a key of at least thirty-two characters"


@dataclass
class World:
    """The orchestrator's web service and worker on one database, and a broker in memory."""

    db: Db
    clock: FakeClock = field(default_factory=FakeClock)
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    generation: int = 1

    def __post_init__(self) -> None:
        stores.prepare(self.db)
        self.app = build_app(WebSettings(caller_key=KEY, log_level="INFO"), self.db, self.clock)
        publisher = Publisher(self.broker, source="/sync-orchestrator", clock=self.clock)
        self.store = Store(self.db, publisher)
        self.removals = Removals(self.db, publisher, self.clock)
        dead = DeadLetters(publisher, consumer="sync-orchestrator", clock=self.clock)
        self.advance = Advance(self.store, self.removals, dead, self.clock)
        every = timedelta(0)
        self.tend = Tend(self.store, lambda: self.generation, self.clock, silence=timedelta(minutes=5), every=every)
        self.relay = Relay(self.db, publisher, self.clock)

    def tell(self, event: Event, scope: Scope) -> None:
        """The worker hears it."""
        elsewhere = Publisher(self.broker, source="/test", clock=self.clock)
        message = elsewhere.message(Outgoing(event=event, scope=scope))
        place = Place(message.topic, 0)
        self.advance([Delivery(place=place, offset=0, headers=message.headers, value=message.value)])

    def connect(self, account: str = "legrand", connection: str = "kiwi", authorisation: int = 1) -> None:
        event = ConnectionEstablished(
            tenant_id="t-1",
            authorisation=authorisation,
            tenant_name="Kiwi Ltd",
            connected_by="ada",
            connected_at=self.clock.now(),
        )
        self.tell(event, Scope(account_id=account, connection_id=connection))

    def client(self, account: str = "legrand", *roles: str) -> FlaskClient:
        caller = Caller(account_id=account, user_id="ada", name="Ada", roles=frozenset(roles or (ADMIN,)))
        client = self.app.test_client()
        # Signed by real time: PyJWT checks it against a clock of its own.
        client.environ_base["HTTP_X_CALLER"] = callers.sign(caller, KEY, SYSTEM_CLOCK)
        return client

    def start(self, kind: str = "full", **headers: str) -> dict[str, Any]:
        body = {"connection_id": "kiwi", "kind": kind}
        answer = self.client().post("/api/v1/syncs", json=body, headers=headers)
        assert answer.status_code == 202, answer.json
        return dict(answer.json or {})

    def get(self, sync_id: str) -> dict[str, Any]:
        return dict(self.client().get(f"/api/v1/syncs/{sync_id}").json or {})

    def requests(self) -> list[Event]:
        while self.relay.turn():
            pass
        return [one.event for one in self.broker.log(REQUESTS.name(Lane.BULK))]

    def delta_request(self) -> SyncRequested:
        [found] = [r for r in self.requests() if isinstance(r, SyncRequested) and r.kind == SyncKind.DELTA]
        return found

    def finish(self, sync_id: str, **more: Any) -> None:
        """The adapter found nothing to read."""
        sync = self.store.get("legrand", sync_id)
        assert sync is not None
        for stream in Stream:
            ended = StreamEnded(stream=stream, topic="records", read=0, calls=1, bytes=1, began_at=self.clock.now())
            self.tell(msgspec.structs.replace(ended, **more), sync.scope())


@pytest.fixture
def world(db: Db) -> World:
    made = World(db)
    made.connect()
    return made


def test_a_sync_is_stored_with_its_request_and_the_relay_sends_it(world: World) -> None:
    started = world.start()

    [request] = world.requests()
    assert isinstance(request, SyncRequested)
    assert (request.tenant_id, [s.stream for s in request.streams]) == ("t-1", list(Stream))
    assert world.get(started["id"])["state"] == "running"
    assert outbox.waiting(world.db) == 0


def test_the_same_idempotency_key_gives_the_same_sync(world: World) -> None:
    one = world.start(**{"Idempotency-Key": "click-1"})
    again = world.start(**{"Idempotency-Key": "click-1"})

    assert one["id"] == again["id"]
    assert len(world.requests()) == 1


def test_a_sync_that_has_not_begun_is_joined_and_one_that_has_is_followed_by_one(world: World) -> None:
    one = world.start("delta")
    joined = world.start("delta")
    world.tell(SyncStarted(at=world.clock.now()), world.store.get("legrand", one["id"]).scope())  # type: ignore[union-attr]
    following, waiting_too = world.start("delta"), world.start("delta")

    assert joined["id"] == one["id"]
    assert following["id"] != one["id"]
    assert (following["state"], waiting_too["id"]) == ("waiting", following["id"])
    assert len(world.requests()) == 1

    world.finish(one["id"])
    world.tend.turn()
    assert world.get(one["id"])["state"] == "completed"
    assert world.get(following["id"])["state"] == "running"
    assert len(world.requests()) == 2


def test_of_many_clicks_at_once_one_sync_runs_and_one_waits(world: World) -> None:
    threads = [threading.Thread(target=world.start, args=(kind,)) for kind in ("full", "delta") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    states = [sync["state"] for sync in (world.client().get("/api/v1/syncs").json or {})["items"]]
    assert states.count("running") == 1
    assert set(states) <= {"running", "waiting"}
    assert len(states) <= 3  # what runs, and one waiting of each kind


def test_completing_moves_the_marks_so_that_a_delta_reads_since_then(world: World) -> None:
    began = world.clock.now()
    world.finish(world.start("full")["id"])
    world.clock.advance(timedelta(hours=1))
    world.start("delta")

    request = world.delta_request()
    assert {s.since for s in request.streams} == {began - timedelta(seconds=2)}


def test_a_wider_choice_of_suppliers_has_no_mark_and_reads_contacts_in_full(world: World) -> None:
    world.finish(world.start("full")["id"])
    body = {"frequency": "manual", "suppliers": "all", "selected_suppliers": []}
    assert world.client().put("/api/v1/settings/kiwi", json=body).status_code == 200
    world.start("delta")

    request = world.delta_request()
    since = {s.stream: s.since for s in request.streams}
    assert since[Stream.CONTACTS] is None
    assert since[Stream.INVOICES] is not None
    assert request.settings.suppliers == "all"


def test_a_sync_says_what_it_reads_whatever_its_kind(world: World) -> None:
    first = world.start("delta")
    world.finish(first["id"])
    said = [first["reads"]]
    for kind in ("delta", "full"):
        world.clock.advance(timedelta(hours=1))
        started = world.start(kind)
        world.finish(started["id"])
        said.append(started["reads"])
    world.client().put("/api/v1/settings/kiwi", json={"frequency": "manual", "suppliers": "all"})
    assert [*said, world.start("delta")["reads"]] == ["first_import", "changes", "everything", "widened"]


def test_a_first_import_that_was_cancelled_is_followed_by_another_first_import(world: World) -> None:
    started = world.start("delta")
    world.client().post(f"/api/v1/syncs/{started['id']}/cancel")
    world.finish(started["id"], stopped=True)
    assert world.start("delta")["reads"] == "first_import"


def test_what_waits_reads_only_what_the_sync_before_it_has_not(world: World) -> None:
    first = world.start("delta")
    world.tell(SyncStarted(at=world.clock.now()), world.store.get("legrand", first["id"]).scope())  # type: ignore[union-attr]
    began = world.clock.now()
    second = world.start("delta")
    assert (second["state"], second["waits_for"]) == ("waiting", first["id"])
    world.finish(first["id"])
    world.clock.advance(timedelta(minutes=1))
    world.tend.turn()

    assert (world.get(second["id"])["reads"], world.get(second["id"])["waits_for"]) == ("changes", None)
    [latest] = [r for r in world.requests() if isinstance(r, SyncRequested) and not r.first]
    assert {s.since for s in latest.streams} == {began - timedelta(seconds=2)}


def test_who_started_and_who_cancelled_a_sync_are_told_by_name(world: World) -> None:
    started = world.start()
    answer = world.client().post(f"/api/v1/syncs/{started['id']}/cancel").json or {}
    assert started["requested_by_name"] == "Ada"
    assert answer["reason"] == "Cancelled by Ada; what was imported before stays"
    world.finish(started["id"], stopped=True)
    while world.relay.turn():
        pass
    [end] = [one.event for one in world.broker.log(SYNC_LIFE.name()) if isinstance(one.event, SyncCancelled)]
    assert end.reason == answer["reason"]


def test_after_a_stream_that_failed_the_next_delta_reads_that_one_whole_and_the_others_since(world: World) -> None:
    started = world.start("full")
    sync = world.store.get("legrand", started["id"])
    assert sync is not None
    world.tell(FetchFailed(stream=Stream.PAYMENTS, reason="Xero answers 503"), sync.scope())
    began = world.clock.now()
    ended = StreamEnded(stream=Stream.PAYMENTS, topic="records", read=0, calls=1, bytes=1, began_at=began, stopped=True)
    for stream in set(Stream) - {Stream.PAYMENTS}:
        world.tell(msgspec.structs.replace(ended, stream=stream, stopped=False), sync.scope())
    world.tell(ended, sync.scope())
    assert world.get(started["id"])["state"] == "failed"

    world.start("delta")
    [latest] = [r for r in world.requests() if isinstance(r, SyncRequested) and not r.first]
    since = {wanted.stream: wanted.since for wanted in latest.streams}
    assert since.pop(Stream.PAYMENTS) is None
    assert set(since.values()) == {began - timedelta(seconds=2)}


def test_a_cancelled_sync_moves_no_mark(world: World) -> None:
    started = world.start("full")
    world.client().post(f"/api/v1/syncs/{started['id']}/cancel")
    world.finish(started["id"], stopped=True)

    assert world.get(started["id"])["state"] == "cancelled"
    connection = world.store.connection("legrand", "kiwi")
    assert connection is not None
    assert world.store.marks(connection, world.store.preferences("legrand", "kiwi").scopes()) == {}


def test_cancelling_asks_the_adapter_to_stop(world: World) -> None:
    started = world.start()
    answer = world.client().post(f"/api/v1/syncs/{started['id']}/cancel")

    assert (answer.json or {})["state"] == "cancelling"
    assert [type(event) for event in world.requests()] == [SyncRequested, SyncStopRequested]


def test_the_end_is_said_once_however_often_it_is_heard(world: World) -> None:
    started = world.start()
    world.finish(started["id"])
    world.finish(started["id"])
    while world.relay.turn():
        pass

    ends = [one for one in world.broker.log(SYNC_LIFE.name()) if isinstance(one.event, SyncCompleted)]
    assert len(ends) == 1


def test_nothing_is_scheduled_until_a_person_saves_or_syncs_once(world: World) -> None:
    world.clock.advance(timedelta(days=30))
    world.tend.turn()
    assert world.requests() == []

    world.finish(world.start()["id"])
    world.clock.advance(timedelta(hours=1))
    world.tend.turn()
    world.tend.turn()  # its turn comes
    assert len(world.requests()) == 2


def scheduled(world: World, after: timedelta) -> SyncRequested:
    """The request of the sync that is due then, which ends at once."""
    world.clock.advance(after)
    world.tend.turn()
    world.tend.turn()  # its turn comes
    newest = (world.client().get("/api/v1/syncs").json or {})["items"][0]
    assert newest["requested_by"] == "schedule"
    world.finish(newest["id"])
    asked = [one for one in world.requests() if isinstance(one, SyncRequested)]
    return max(asked, key=lambda one: one.requested_at)


def test_once_a_week_the_schedule_reads_everything(world: World) -> None:
    world.finish(world.start("full")["id"])

    kinds = [scheduled(world, after).kind for after in (timedelta(days=6), timedelta(days=1), timedelta(hours=1))]

    assert kinds == [SyncKind.DELTA, SyncKind.FULL, SyncKind.DELTA]


def test_an_import_is_a_comparison_and_a_cancelled_one_is_tried_again_a_day_later(world: World) -> None:
    world.finish(world.start("delta")["id"])  # the first
    world.clock.advance(timedelta(days=7))
    cancelled = world.start("full")["id"]
    world.client().post(f"/api/v1/syncs/{cancelled}/cancel")
    world.finish(cancelled, stopped=True)
    assert world.get(cancelled)["state"] == "cancelled"

    kinds = [scheduled(world, after).kind for after in (timedelta(hours=1), timedelta(hours=22), timedelta(hours=1))]

    assert kinds == [SyncKind.DELTA, SyncKind.DELTA, SyncKind.FULL]


def test_two_schedulers_make_one_sync_of_one_due_time(world: World) -> None:
    world.finish(world.start()["id"])
    world.clock.advance(timedelta(hours=1))
    other = Tend(world.store, lambda: 1, world.clock, silence=timedelta(minutes=5), every=timedelta(0))
    threads = [threading.Thread(target=tend.turn) for tend in (world.tend, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.tend.turn()

    assert len((world.client().get("/api/v1/syncs").json or {})["items"]) == 2


def test_a_broker_that_forgot_starts_every_open_sync_anew_under_its_id(world: World) -> None:
    started = world.start()
    world.generation = 2
    world.tend.turn()

    assert world.get(started["id"])["attempt"] == 2
    assert len(world.requests()) == 2


def test_a_lost_connection_is_said_before_anything_is_started(world: World) -> None:
    lost = ConnectionLost(tenant_id="t-1", authorisation=1, reason="invalid_grant", lost_at=world.clock.now())
    world.tell(lost, Scope(account_id="legrand", connection_id="kiwi"))
    answer = world.client().post("/api/v1/syncs", json={"connection_id": "kiwi"})

    assert answer.status_code == 409
    assert answer.content_type == "application/problem+json"
    assert "Connect to Xero again" in (answer.json or {})["do"]
    world.connect(authorisation=2)
    assert world.start()["state"] == "running"


def disconnect(world: World, authorisation: int = 2) -> None:
    removed = ConnectionRemoved(
        tenant_id="t-1",
        authorisation=authorisation,
        tenant_name="Kiwi Ltd",
        removed_by="ben",
        removed_at=world.clock.now(),
    )
    world.tell(removed, Scope(account_id="legrand", connection_id="kiwi"))


def test_a_disconnect_ends_what_runs_and_what_waits(world: World) -> None:
    running = world.start("full")
    world.tell(SyncStarted(at=world.clock.now()), world.store.get("legrand", running["id"]).scope())  # type: ignore[union-attr]
    waiting = world.start("delta")
    disconnect(world)

    assert world.get(waiting["id"])["state"] == "cancelled"
    stopping = world.get(running["id"])
    assert (stopping["state"], stopping["reason"]) == (
        "cancelling",
        "The organisation was disconnected from Xero; what was imported before stays",
    )
    assert [type(event) for event in world.requests()] == [SyncRequested, SyncStopRequested]
    world.finish(running["id"], stopped=True)
    assert world.get(running["id"])["state"] == "cancelled"


def test_nothing_starts_by_hand_or_by_schedule_while_it_is_disconnected(world: World) -> None:
    wanted = {"frequency": "hourly", "suppliers": "none"}
    world.client().put("/api/v1/settings/kiwi", json=wanted)
    disconnect(world)
    world.clock.advance(timedelta(hours=3))
    world.tend.turn()

    answer = world.client().post("/api/v1/syncs", json={"connection_id": "kiwi"})
    assert (answer.status_code, (answer.json or {})["type"]) == (409, "/api/problems/disconnected")
    assert world.requests() == []

    world.connect(authorisation=3)
    world.clock.advance(timedelta(hours=2))
    world.tend.turn()
    assert len(world.requests()) == 1  # and its settings are as they were


def test_a_disconnect_of_before_the_connection_was_made_again_ends_nothing(world: World) -> None:
    world.connect(authorisation=3)
    started = world.start()
    disconnect(world, authorisation=2)

    assert world.get(started["id"])["state"] == "running"


def acts(world: World) -> list[PersonActed]:
    world.requests()
    events = [one.event for one in world.broker.log(PEOPLE.name())]
    return [event for event in events if isinstance(event, PersonActed)]


def test_what_a_person_does_is_told_with_who_it_was_and_once(world: World) -> None:
    world.client().put("/api/v1/settings/kiwi", json={"frequency": "daily", "suppliers": "all"})
    started, _ = (world.start(**{"Idempotency-Key": "click-1"}) for _ in range(2))
    for _ in range(2):
        world.client().post(f"/api/v1/syncs/{started['id']}/cancel")

    told = [(act.act, act.about, act.by, act.address, {d.name: d.value for d in act.details}) for act in acts(world)]
    assert sorted(told, key=str) == [
        ("settings_changed", "kiwi", "ada", "127.0.0.1", {"frequency": "daily", "suppliers": "all"}),
        ("sync_cancelled", started["id"], "ada", "127.0.0.1", {}),
        ("sync_started", started["id"], "ada", "127.0.0.1", {"kind": "full"}),
    ]


def test_what_is_refused_is_told_by_nobody(world: World) -> None:
    world.client("legrand", NO_MONEY).post("/api/v1/syncs", json={"connection_id": "kiwi"})
    world.client("kauri").put("/api/v1/settings/kiwi", json={"frequency": "daily", "suppliers": "all"})
    disconnect(world)
    world.client().post("/api/v1/syncs", json={"connection_id": "kiwi"})

    assert acts(world) == []


def test_a_schedule_is_no_person(world: World) -> None:
    world.client().put("/api/v1/settings/kiwi", json={"frequency": "hourly", "suppliers": "none"})
    world.clock.advance(timedelta(hours=2))
    world.tend.turn()

    assert len(world.requests()) == 1
    assert [act.act for act in acts(world)] == ["settings_changed"]


def test_word_of_an_older_authorisation_changes_nothing(world: World) -> None:
    world.connect(authorisation=3)
    late = ConnectionLost(tenant_id="t-1", authorisation=2, reason="late", lost_at=world.clock.now())
    world.tell(late, Scope(account_id="legrand", connection_id="kiwi"))

    assert world.start()["state"] == "running"


def test_another_accounts_sync_and_settings_are_not_there(world: World) -> None:
    started = world.start()
    other = world.client("kauri")
    paths = [f"/api/v1/syncs/{started['id']}", f"/api/v1/syncs/{started['id']}/progress", "/api/v1/settings/kiwi"]

    for path in paths:
        assert other.get(path).status_code == 404
    assert (other.get("/api/v1/syncs").json or {})["items"] == []
    assert other.post("/api/v1/syncs", json={"connection_id": "kiwi"}).status_code == 404
    assert other.post(f"/api/v1/syncs/{started['id']}/cancel").status_code == 404
    # The control: they are there for their own account, so it is the account that hides them.
    assert [world.client().get(path).status_code for path in (paths[0], paths[2])] == [200, 200]
    assert world.db.syncs.find_one({"_id": started["id"]}) is not None  # and without the filter, for anybody


@pytest.mark.parametrize(
    ("role", "may_start", "may_save"), [(ADMIN, 202, 200), (MEMBER, 202, 403), (NO_MONEY, 403, 403)]
)
def test_roles_decide_who_may_start_and_who_may_save(world: World, role: str, may_start: int, may_save: int) -> None:
    client = world.client("legrand", role)
    settings = {"frequency": "daily", "suppliers": "none"}

    assert client.post("/api/v1/syncs", json={"connection_id": "kiwi"}).status_code == may_start
    assert client.put("/api/v1/settings/kiwi", json=settings).status_code == may_save
    assert client.get("/api/v1/syncs").status_code == 200


def test_a_request_that_went_around_the_gateway_is_refused(world: World) -> None:
    anybody = world.app.test_client()

    assert anybody.get("/api/v1/syncs").status_code == 401
    assert anybody.get("/api/v1/syncs", headers={"X-Caller": "forged"}).status_code == 401


def test_lists_are_paged_without_gaps_or_repeats(world: World) -> None:
    made = []
    for _ in range(7):
        sync = world.start("full")
        made.append(sync["id"])
        world.finish(sync["id"])
        world.clock.advance(timedelta(seconds=1))
    seen: list[str] = []
    cursor = None
    while cursor is not None or not seen:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = world.client().get("/api/v1/syncs", query_string=query).json or {}
        seen += [sync["id"] for sync in page["items"]]
        cursor = page["next"]

    assert seen == made[::-1]
    assert world.client().get("/api/v1/syncs?cursor=nonsense").status_code == 400


def test_wrong_input_is_named_field_by_field(world: World) -> None:
    answer = world.client().put("/api/v1/settings/kiwi", json={"frequency": "sometimes", "suppliers": "none"})

    assert answer.status_code == 422
    assert "frequency" in str((answer.json or {})["fields"])
    assert (answer.json or {})["reference"]


def test_progress_is_told_until_the_end(world: World) -> None:
    started = world.start()
    world.finish(started["id"])
    answer = world.client().get(f"/api/v1/syncs/{started['id']}/progress")

    assert answer.content_type.startswith("text/event-stream")
    assert '"state": "completed"' in answer.get_data(as_text=True)


def test_an_unreadable_message_is_kept_and_the_rest_goes_on(world: World) -> None:
    started = world.start()
    odd = Delivery(place=Place(CONNECTIONS.name(), 0), offset=5, headers=[], value=b"{")
    world.advance([odd])
    world.finish(started["id"])

    assert world.get(started["id"])["state"] == "completed"
    [letter] = world.broker.log("accounting-link.dead-letters")
    assert msgspec.to_builtins(letter.event)["offset"] == 5


def test_a_person_who_connects_again_before_the_sync_is_told_parked_is_not_waited_for(world: World) -> None:
    started = world.start()
    sync = world.store.get("legrand", started["id"])
    assert sync is not None
    world.connect(authorisation=2)
    world.tell(SyncParked(reason=ParkReason.CONNECTION_LOST, detail="", until=None, authorisation=1), sync.scope())
    assert world.get(started["id"])["state"] == "parked"
    world.tend.turn()

    assert world.get(started["id"])["state"] == "running"


def parked(world: World, reason: ParkReason, until: datetime | None) -> dict[str, Any]:
    """A sync that the adapter gave back, and the worker has looked at."""
    started = world.start()
    world.tend.turn()  # it is of this broker from now on
    sync = world.store.get("legrand", started["id"])
    assert sync is not None
    world.tell(SyncParked(reason=reason, detail="the words for it", until=until, authorisation=1), sync.scope())
    world.tend.turn()
    return started


def parked_syncs() -> dict[str, float]:
    """As the metric tells them, by reason."""
    [metric] = metrics.PARKED_SYNCS.collect()
    return {sample.labels["reason"]: sample.value for sample in metric.samples}


def test_a_parked_sync_says_why_and_when_it_goes_on_and_is_counted_by_its_reason(world: World) -> None:
    until = world.clock.now() + timedelta(hours=3)
    started = parked(world, ParkReason.DAY_LIMIT, until)

    shown = world.get(started["id"])
    assert (shown["state"], shown["parked"]["reason"]) == ("parked", "day_limit")
    assert shown["parked"]["detail"] == "the words for it"
    assert datetime.fromisoformat(shown["parked"]["until"]) == until
    assert parked_syncs() == {"day_limit": 1}

    world.clock.advance(timedelta(hours=3))
    world.tend.turn()
    world.tend.turn()
    assert (world.get(started["id"])["state"], world.get(started["id"])["parked"]) == ("running", None)
    assert parked_syncs() == {}  # the control: it counts what is parked, and nothing else


def test_a_sync_that_waits_for_a_person_says_that_no_time_brings_it_on(world: World) -> None:
    started = parked(world, ParkReason.CONNECTION_LOST, None)

    assert world.get(started["id"])["parked"]["until"] is None
    assert parked_syncs() == {"connection_lost": 1}


def test_of_one_authorisation_the_loss_counts_in_whichever_order_it_is_told(world: World) -> None:
    lost = ConnectionLost(tenant_id="t-1", authorisation=1, reason="", lost_at=world.clock.now())
    world.tell(lost, Scope(account_id="legrand", connection_id="kiwi"))
    world.connect(authorisation=1)  # told late, by a relay that was thought dead

    assert world.client().post("/api/v1/syncs", json={"connection_id": "kiwi"}).status_code == 409


def test_one_idempotency_key_for_two_wishes_is_refused(world: World) -> None:
    world.start("delta", **{"Idempotency-Key": "click-1"})
    answer = world.client().post(
        "/api/v1/syncs", json={"connection_id": "kiwi", "kind": "full"}, headers={"Idempotency-Key": "click-1"}
    )

    assert answer.status_code == 422
    assert "another wish" in (answer.json or {})["detail"]


def a_sale_of(contact: str, *, missing: bool) -> Outcome:
    sale = Transaction(
        number="", contact_id=contact, status="PAID", currency="NZD",
        date=None, due_date=None, total=Decimal(1), due=Decimal(0),
    )  # fmt: skip
    return an_outcome(Kind.INVOICE, f"sale of {contact}", transaction=sale, contact_missing=missing)


def an_outcome(kind: Kind, xero_id: str, result: Result = Result.CREATED, **more: Any) -> Outcome:
    return Outcome(kind=kind, xero_id=xero_id, result=result, version=None, reading=1, offset=0, **more)


def runs(world: World, *outcomes: Outcome) -> None:
    """A sync in which these came, in this order."""
    sync_id = world.start("delta")["id"]
    sync = world.store.get("legrand", sync_id)
    assert sync is not None
    for number, outcome in enumerate(outcomes):
        batch = RecordsApplied(topic="records", partition=number, outcomes=(outcome,))
        world.tell(batch, sync.scope())
    world.finish(sync_id)
    world.tend.turn()


def asked_for(world: World) -> list[tuple[str, ...]]:
    world.requests()
    log = world.broker.log(REQUESTS.name(Lane.INTERACTIVE))
    return [one.event.contact_ids for one in log if isinstance(one.event, ContactsRequested)]


def test_contacts_that_a_syncs_sales_miss_are_asked_for_at_its_end_by_a_sync_of_their_own(world: World) -> None:
    sync_id = world.start("delta")["id"]
    sync = world.store.get("legrand", sync_id)
    assert sync is not None
    batch = RecordsApplied(topic="records", partition=0, outcomes=(a_sale_of("absent", missing=True),))
    world.tell(batch, sync.scope())
    world.tend.turn()
    assert asked_for(world) == []

    world.finish(sync_id)
    world.tend.turn()
    assert asked_for(world) == [("absent",)]
    [contacts] = [one for one in world.client().get("/api/v1/syncs").json["items"] if one["kind"] == "contacts"]  # type: ignore[index]
    assert (contacts["state"], list(contacts["streams"])) == ("running", ["contacts"])

    own = world.store.get("legrand", contacts["id"])
    assert own is not None
    ended = StreamEnded(
        stream=Stream.CONTACTS, topic="records", read=1, calls=1, bytes=1, began_at=world.clock.now()
    )  # fmt: skip
    world.tell(ended, own.scope())
    assert world.get(contacts["id"])["state"] == "completed"


LEFT_OUT = Result.LEFT_OUT


@pytest.mark.parametrize(
    ("later", "asked"),
    [
        (an_outcome(Kind.CONTACT, "c"), []),
        (an_outcome(Kind.CONTACT, "c", LEFT_OUT, reason="no company name"), []),
        (an_outcome(Kind.CONTACT, "c", LEFT_OUT, reason="suppliers are not imported", as_supplier=True), [("c",)]),
        (an_outcome(Kind.CONTACT, "another"), [("c",)]),
    ],
)
def test_one_that_came_later_in_the_same_sync_is_not_asked_for(
    world: World, later: Outcome, asked: list[tuple[str, ...]]
) -> None:
    runs(world, a_sale_of("c", missing=True), later)
    assert asked_for(world) == asked


def test_a_contact_is_asked_for_once_a_day_at_most(world: World) -> None:
    runs(world, a_sale_of("c", missing=True))
    runs(world, a_sale_of("c", missing=True), a_sale_of("d", missing=True))
    assert sorted(asked_for(world)) == [("c",), ("d",)]
    world.clock.advance(timedelta(hours=25))
    runs(world, a_sale_of("c", missing=True))
    assert sorted(asked_for(world)) == [("c",), ("c",), ("d",)]


def test_control_a_sale_whose_contact_is_here_asks_for_nobody(world: World) -> None:
    runs(world, a_sale_of("c", missing=False))
    assert asked_for(world) == []


def test_a_sync_of_contacts_moves_no_mark(world: World) -> None:
    runs(world, a_sale_of("c", missing=True))
    marks = list(world.db.marks.find())
    [own] = world.store.open()
    ended = StreamEnded(stream=Stream.CONTACTS, topic="records", read=1, calls=1, bytes=1, began_at=world.clock.now())
    world.clock.advance(timedelta(minutes=1))
    world.tell(ended, own.scope())
    assert list(world.db.marks.find()) == marks


def test_nobody_can_ask_for_a_sync_of_contacts_over_http(world: World) -> None:
    answer = world.client().post("/api/v1/syncs", json={"connection_id": "kiwi", "kind": "contacts"})
    assert answer.status_code == 422


def looks(world: World) -> list[tuple[int, str]]:
    world.requests()
    asked = world.broker.log(REQUESTS.name(Lane.INTERACTIVE))
    looked = [(one.scope, one.event) for one in asked]
    return [
        (scope.authorisation, event.tenant_id) for scope, event in looked if isinstance(event, OrganisationRequested)
    ]


def test_what_was_connected_is_looked_at_once_for_each_consent_and_nothing_else_is_asked(world: World) -> None:
    world.connect()
    assert looks(world) == [(1, "t-1")]
    disconnect(world)
    world.connect()  # told late
    assert looks(world) == [(1, "t-1")]
    world.connect(authorisation=3)
    world.connect(authorisation=3)
    assert looks(world) == [(1, "t-1"), (3, "t-1")]
    assert world.requests() == []


def test_who_follows_too_much_is_told_to_wait_and_nobody_else_is(world: World) -> None:
    started = world.start()["id"]
    ours = world.client()

    def follow() -> TestResponse:
        return ours.get(f"/api/v1/syncs/{started}/progress", buffered=False)

    following = [follow() for _ in range(OF_AN_ACCOUNT)]
    refused = follow()

    assert {answer.status_code for answer in following} == {200}
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    world.connect("kauri", "wool")
    theirs = world.client("kauri").post("/api/v1/syncs", json={"connection_id": "wool"}).json or {}
    elsewhere = world.client("kauri").get(f"/api/v1/syncs/{theirs['id']}/progress", buffered=False)
    assert elsewhere.status_code == 200
    for answer in (*following, elsewhere):  # read by nobody
        answer.close()
    assert follow().status_code == 200
