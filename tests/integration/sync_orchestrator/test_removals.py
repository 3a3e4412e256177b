"""Removing what a connection imported: asked for over HTTP, told on by what crm-writer says."""

from typing import Any

import msgspec
import pytest
from werkzeug.test import TestResponse

from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Db
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.people import PersonActed
from accounting_link.contracts.removals import ImportsRemoved, Numbers, RemovalProgressed, RemovalRequested
from accounting_link.contracts.topics import PEOPLE, RECORDS, Lane
from accounting_link.contracts.words import Act
from tests.integration.sync_orchestrator.test_syncs import World, disconnect

pytestmark = pytest.mark.mongo
WISH = {"connection_id": "kiwi"}
SCOPE = Scope(account_id="legrand", connection_id="kiwi")


@pytest.fixture
def world(db: Db) -> World:
    made = World(db)
    made.connect()
    return made


def ask(world: World, account: str = "legrand", *roles: str) -> TestResponse:
    return world.client(account, *roles).post("/api/v1/removals", json=WISH)


def asked(world: World) -> dict[str, Any]:
    answer = ask(world)
    assert answer.status_code == 202, answer.json
    return dict(answer.json or {})


def requested(world: World) -> list[tuple[Scope, Event]]:
    world.requests()
    return [(one.scope, one.event) for one in world.broker.log(RECORDS.name(Lane.INTERACTIVE))]


def delta(world: World) -> list[bool]:
    """Of each stream of a new delta: does it read since a mark?"""
    world.start("delta")
    return [wanted.since is not None for wanted in world.delta_request().streams]


def progressed(removal_id: str, records: int) -> RemovalProgressed:
    numbers = Numbers(sales=records)
    return RemovalProgressed(
        removal_id=removal_id, authorisation=2, records=records, records_in_all=900, numbers=numbers
    )


def removed(world: World, removal_id: str, records: int = 900) -> ImportsRemoved:
    return ImportsRemoved(
        removal_id=removal_id,
        authorisation=2,
        records=records,
        numbers=Numbers(companies=10, people=12, sales=880, companies_kept=2),
        requested_by="ada",
        requested_by_name="Ada",
        ended_at=world.clock.now(),
    )


def test_it_is_stored_told_to_who_keeps_the_records_and_told_of_the_person(world: World) -> None:
    disconnect(world)
    removal = asked(world)

    [(scope, request)] = requested(world)
    assert isinstance(request, RemovalRequested)
    assert (request.removal_id, request.authorisation, request.requested_by) == (removal["id"], 2, "ada")
    assert (scope.connection_id, scope.authorisation, scope.lane) == ("kiwi", 2, Lane.INTERACTIVE)
    [acted] = [one.event for one in world.broker.log(PEOPLE.name())]
    assert isinstance(acted, PersonActed)
    assert (acted.act, acted.about, acted.by_name) == (Act.REMOVAL_REQUESTED, "kiwi", "Ada")
    assert (removal["state"], removal["records"], removal["records_in_all"]) == ("waiting", 0, None)


def test_what_is_connected_or_lost_cannot_be_removed(world: World) -> None:
    assert (ask(world).status_code, (ask(world).json or {})["type"]) == (409, "/api/problems/still-connected")
    assert requested(world) == []
    disconnect(world)
    world.connect(authorisation=3)
    assert ask(world).status_code == 409


def test_asked_for_twice_it_is_one_and_after_the_next_disconnect_another(world: World) -> None:
    disconnect(world)
    first = asked(world)
    assert asked(world)["id"] == first["id"]
    assert len(requested(world)) == 1

    world.connect(authorisation=3)
    disconnect(world, authorisation=4)
    assert asked(world)["id"] != first["id"]
    assert len((world.client().get("/api/v1/removals?connection_id=kiwi").json or {})["items"]) == 2


def test_the_first_sync_after_connecting_again_reads_everything(world: World) -> None:
    world.finish(world.start("full")["id"])
    disconnect(world)
    asked(world)
    world.connect(authorisation=3)

    assert set(delta(world)) == {False}


def test_control_without_a_removal_it_reads_since_the_marks(world: World) -> None:
    world.finish(world.start("full")["id"])
    disconnect(world)
    world.connect(authorisation=3)

    assert set(delta(world)) == {True}


def test_a_mark_that_a_sync_of_before_sets_at_that_very_moment_is_no_good(world: World) -> None:
    started = world.start("full")
    sync = world.store.get("legrand", started["id"])
    assert sync is not None
    connection = world.store.connection("legrand", "kiwi")
    assert connection is not None
    # As told by a worker that has heard of the disconnect and not yet ended its syncs.
    world.store.told(msgspec.structs.replace(connection, removed=True, authorisation=2), world.clock.now())
    asked(world)
    world.finish(started["id"])
    assert world.get(started["id"])["state"] == "completed"
    assert world.db.marks.count_documents({}) > 0
    world.connect(authorisation=3)

    assert set(delta(world)) == {False}
    world.finish(world.start("full")["id"])


def test_the_schedule_rests_until_a_person_presses_sync_again_and_the_settings_stay(world: World) -> None:
    world.client().put("/api/v1/settings/kiwi", json={"frequency": "daily", "suppliers": "all"})
    disconnect(world)
    asked(world)
    world.connect(authorisation=3)

    kept = world.client().get("/api/v1/settings/kiwi").json or {}
    assert (kept["frequency"], kept["suppliers"], kept["next_due"]) == ("daily", "all", None)
    world.start()
    assert (world.client().get("/api/v1/settings/kiwi").json or {})["next_due"] is not None


def test_how_far_it_is_only_rises_in_whatever_order_it_is_told(world: World) -> None:
    disconnect(world)
    removal = asked(world)["id"]

    def shown() -> tuple[str, int, int]:
        told = dict(world.client().get(f"/api/v1/removals/{removal}").json or {})
        return told["state"], told["records"], told["sales"]

    world.tell(progressed(removal, 500), SCOPE)
    world.tell(progressed(removal, 200), SCOPE)
    assert shown() == ("running", 500, 500)
    for event in (removed(world, removal), progressed(removal, 600), progressed(removal, 950)):
        world.tell(event, SCOPE)
    assert shown() == ("completed", 900, 880)


def test_another_account_neither_asks_for_it_nor_sees_it(world: World) -> None:
    world.connect(account="kauri", connection="wool")
    disconnect(world)
    assert ask(world, "kauri").status_code == 404
    removal = asked(world)["id"]
    assert world.client("kauri").get(f"/api/v1/removals/{removal}").status_code == 404
    assert (world.client("kauri").get("/api/v1/removals").json or {})["items"] == []
    world.tell(removed(world, removal), Scope(account_id="kauri", connection_id="kiwi"))
    assert (world.client().get(f"/api/v1/removals/{removal}").json or {})["state"] == "waiting"


@pytest.mark.parametrize("role", [MEMBER, NO_MONEY])
def test_only_an_administrator_may(world: World, role: str) -> None:
    disconnect(world)
    assert ask(world, "legrand", role).status_code == 403
    assert world.client("legrand", role).get("/api/v1/removals").status_code == 403
    assert ask(world, "legrand", ADMIN).status_code == 202
