"""Disconnecting: it holds at once, Xero is told when it answers, and nobody else loses anything by it."""

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from accounting_link.chassis.mongo import Document
from accounting_link.contracts.cloudevents import decode
from accounting_link.contracts.connections import ConnectionRemoved
from accounting_link.contracts.event import Event
from accounting_link.contracts.people import PersonActed
from auth_link.disconnecting import Disconnects
from auth_link.leases import LASTS, BusyError, Leases
from auth_link.web import build_app
from auth_link.xero import Grant, Organisation, XeroIdentity, XeroUnavailableError
from tests.integration.auth_link.world import ADA, BEN, HEMI, KIM, ZOE, World, signed

pytestmark = pytest.mark.mongo


def told(world: World) -> list[Event]:
    rows = world.db.outbox.find().sort([("aggregate", 1), ("seq", 1)])
    return [decode([(n, bytes(v)) for n, v in row["headers"]], bytes(row["value"])).event for row in rows]


def attend(world: World, what: Disconnects | None = None) -> int:
    return (what or world.parts.disconnects).attend(lambda: True)


def at_xero(world: World, person: str = KIM) -> set[str]:
    """The organisations that this person is connected to."""
    return {row["tenantId"] for row in world.simulator.connections(person, None)}


def revocations(world: World) -> int:
    return len([c for c in world.simulator.calls.told("identity")["calls"] if "revocation" in c["path"]])


def down(world: World) -> None:
    """Xero answers 503 to everything that a disconnect asks of it."""
    for path in ("/connections", "/connect/token", "/connect/revocation"):
        world.fault("status", path, status=503)


def up(world: World) -> None:
    world.simulator.faults.remove(None)


def test_a_disconnect_holds_at_once_and_is_told_with_who_did_it(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])

    shown = world.disconnect(ADA, connection).json

    assert (shown["state"], shown["authorisation"], shown["disconnected_by_name"]) == ("disconnected", 2, "Ada")
    assert world.token(connection).status_code == 409
    removed, acted = told(world)[-2:]
    assert isinstance(removed, ConnectionRemoved)
    assert (removed.authorisation, removed.removed_by, removed.tenant_id) == (2, "ada", world.kiwi)
    assert isinstance(acted, PersonActed)
    assert (acted.act, acted.about, acted.by, acted.address) == ("disconnected", connection, "ada", "127.0.0.1")


def test_afterwards_nothing_of_it_is_left_at_xero_nor_in_the_vault(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.disconnect(ADA, connection)
    assert at_xero(world) == {world.kiwi}

    assert attend(world) == 1

    assert at_xero(world) == set()
    assert revocations(world) == 1
    assert world.db.token_sets.count_documents({}) == world.db.owed.count_documents({}) == 0


def test_to_disconnect_twice_is_told_once(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])

    first, second = (world.disconnect(ADA, connection) for _ in range(2))

    assert first.json == second.json
    assert len([event for event in told(world) if isinstance(event, ConnectionRemoved)]) == 1
    assert world.db.owed.count_documents({}) == 1


@pytest.mark.parametrize(("caller", "status"), [(BEN, 403), (ZOE, 404), (ADA, 200)])
def test_only_an_administrator_of_the_account_disconnects(world: World, caller: Any, status: int) -> None:
    connection = world.connect(ADA, [world.kiwi])

    assert world.disconnect(caller, connection).status_code == status
    assert world.token(connection).status_code == (409 if caller is ADA else 200)


def test_the_other_organisation_of_one_consent_goes_on_working(world: World) -> None:
    world.get(ADA, world.consent(world.begin(ADA), [world.kiwi, world.bakery]))
    kiwi, bakery = (world.db.connections.find_one({"tenant_id": t})["_id"] for t in (world.kiwi, world.bakery))  # type: ignore[index]

    world.disconnect(ADA, kiwi)
    attend(world)

    assert at_xero(world) == {world.bakery}
    assert revocations(world) == 0
    world.advance(timedelta(minutes=26))
    assert world.token(bakery).status_code == 200


def test_a_bookkeepers_organisation_in_another_account_goes_on_working(world: World) -> None:
    ours, theirs = world.connect(ADA, [world.kiwi]), world.connect(ZOE, [world.bakery])

    world.disconnect(ADA, ours)
    attend(world)

    assert at_xero(world) == {world.bakery}
    world.advance(timedelta(minutes=26))
    assert world.token(theirs).status_code == 200


class Careless(Disconnects):
    """Control: revokes with every disconnect."""

    def _is_last(self, owed: Document) -> bool:
        return True


def careless(world: World) -> Careless:
    return Careless(
        world.db,
        world.parts.tokens,
        XeroIdentity(world.settings.xero),
        Leases(world.db, world.clock, world.clock.advance),
        world.parts.tokens._publisher,
        world.clock,
    )


def test_control_revoking_with_every_disconnect_takes_the_other_account_down(world: World) -> None:
    ours, theirs = world.connect(ADA, [world.kiwi]), world.connect(ZOE, [world.bakery])

    world.disconnect(ADA, ours)
    attend(world, careless(world))

    assert at_xero(world) == set()
    world.advance(timedelta(minutes=26))
    assert world.token(theirs).status_code == 409


def test_nothing_is_deleted_at_xero_while_another_account_holds_the_same_connection(world: World) -> None:
    ours, theirs = world.connect(ADA, [world.kiwi]), world.connect(ZOE, [world.kiwi])

    world.disconnect(ADA, ours)
    attend(world)
    assert at_xero(world) == {world.kiwi}
    assert world.token(theirs).status_code == 200

    world.disconnect(ZOE, theirs)
    attend(world)
    assert at_xero(world) == set()
    assert world.db.token_sets.count_documents({}) == 0


def test_with_xero_down_it_holds_and_xero_is_told_later(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    down(world)

    assert world.disconnect(ADA, connection).json["state"] == "disconnected"
    assert attend(world) == 1
    assert attend(world) == 0  # not at once again
    assert at_xero(world) == {world.kiwi}

    up(world)
    world.advance(timedelta(minutes=1))
    attend(world)
    assert at_xero(world) == set()
    assert world.db.token_sets.count_documents({}) == 0


def test_disconnected_with_xero_down_then_connected_again_it_stays_connected(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    down(world)
    world.disconnect(ADA, connection)
    attend(world)
    up(world)

    assert world.connect(ADA, [world.kiwi]) == connection
    world.advance(timedelta(hours=2))
    attend(world)

    assert at_xero(world) == {world.kiwi}
    assert world.token(connection).status_code == 200
    assert world.db.token_sets.count_documents({}) == 1
    assert world.db.owed.count_documents({}) == 0


class Forgetful(Disconnects):
    """Control: deletes what was once owed, whatever happened since."""

    def is_owed(self, owed: Document) -> bool:
        return True


def test_control_a_delete_that_is_not_looked_at_again_takes_the_new_connection_down(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.disconnect(ADA, connection)
    owed = list(world.db.owed.find())
    kept = list(world.db.token_sets.find())
    world.connect(ADA, [world.kiwi])
    world.db.owed.insert_many(owed)  # as it stood for a worker that read it before
    world.db.token_sets.insert_many(kept)

    sound = world.parts.disconnects
    assert not sound.is_owed(owed[0])
    forgetful = Forgetful(
        world.db,
        world.parts.tokens,
        XeroIdentity(world.settings.xero),
        Leases(world.db, world.clock, world.clock.advance),
        world.parts.tokens._publisher,
        world.clock,
    )
    attend(world, forgetful)

    assert at_xero(world) == set()


def test_an_organisation_that_was_removed_at_xero_already_is_done(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.simulator.identity.forget_tenant(world.kiwi)

    world.disconnect(ADA, connection)
    attend(world)

    assert world.db.owed.count_documents({}) == world.db.token_sets.count_documents({}) == 0


def test_a_lost_connection_can_be_disconnected(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.fault("token_death", count=1)
    world.advance(timedelta(minutes=26))
    assert world.token(connection).status_code == 409

    assert world.disconnect(ADA, connection).json["state"] == "disconnected"
    attend(world)

    assert world.db.owed.count_documents({}) == world.db.token_sets.count_documents({}) == 0


def test_a_consent_waits_for_a_revocation_and_one_that_was_revoked_meanwhile_says_connect_again(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    back = world.consent(world.begin(ZOE), [world.bakery])  # at Xero it stands; our part comes after the revocation
    world.disconnect(ADA, connection)
    attend(world)
    assert revocations(world) == 1

    answer = world.get(ZOE, back)

    assert "not-connected" in answer.headers["Location"]
    assert world.db.connections.count_documents({"account_id": "zenith"}) == 0
    assert world.db.token_sets.count_documents({}) == 0
    assert world.connect(ZOE, [world.bakery])  # and the next try works


def test_who_comes_while_another_tells_xero_about_the_same_person_is_asked_to_try_again(world: World) -> None:
    leases = Leases(world.db, world.clock, world.clock.advance)
    back, others = world.consent(world.begin(ADA), [world.kiwi]), world.consent(world.begin(ZOE), [world.bakery], HEMI)

    with leases.of(KIM):
        assert "xero-unavailable" in world.get(ADA, back).headers["Location"]
        assert "/connected?" in world.get(ZOE, others).headers["Location"]  # another person is nobody's business


def test_one_at_a_time_holds_a_lease_and_a_lapsed_one_stands_no_more(world: World) -> None:
    leases = Leases(world.db, world.clock, world.clock.advance)

    with leases.of(KIM) as first:
        with pytest.raises(BusyError), leases.of(KIM):
            raise AssertionError("two hold it")
        assert first.stands()
        world.advance(LASTS + timedelta(seconds=1))
        assert not first.stands()
        with leases.of(KIM) as second:
            assert second.stands()


class Dies(XeroIdentity):
    """Is killed as soon as Xero has deleted the connection."""

    def delete_connection(self, access_token: str, connection_id: str) -> None:
        super().delete_connection(access_token, connection_id)
        raise SystemExit


def test_a_worker_killed_between_deleting_and_revoking_leaves_it_to_the_next(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.disconnect(ADA, connection)
    dying = Disconnects(
        world.db,
        world.parts.tokens,
        Dies(world.settings.xero),
        Leases(world.db, world.clock, world.clock.advance),
        world.parts.tokens._publisher,
        world.clock,
    )
    with suppress(SystemExit):
        attend(world, dying)
    assert (at_xero(world), revocations(world)) == (set(), 0)

    attend(world)

    assert revocations(world) == 1
    assert world.db.owed.count_documents({}) == world.db.token_sets.count_documents({}) == 0


class Killed(XeroIdentity):
    """Never comes back from asking what a consent granted."""

    def organisations(self, grant: Grant) -> list[Organisation]:
        raise SystemExit


def test_a_connect_killed_half_way_leaves_nothing_half_made_and_connect_works_again(world: World) -> None:
    back = world.consent(world.begin(ADA), [world.kiwi])
    killed = build_app(world.settings, world.db, identity=Killed(world.settings.xero), clock=world.clock)
    with suppress(SystemExit):
        killed.test_client().get(f"/api/v1{back}", headers=signed(ADA))
    # A process that is killed gives no lease back.
    until = world.clock.now() + timedelta(seconds=30)
    world.db.leases.insert_one({"_id": f"xero-user/{KIM}", "holder": "the killed one", "until": until})

    assert world.db.connections.count_documents({}) == world.db.token_sets.count_documents({}) == 0
    world.advance(timedelta(seconds=31))
    assert world.token(world.connect(ADA, [world.kiwi])).status_code == 200


def test_an_expired_access_token_is_renewed_before_xero_is_told(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.disconnect(ADA, connection)
    world.advance(timedelta(hours=1))

    attend(world)

    assert at_xero(world) == set()


def test_of_a_disconnect_and_a_consent_at_once_either_order_ends_whole(world: World) -> None:
    """Connected with a token that works, or disconnected with nothing at Xero; never one without the other."""
    connection = world.connect(ADA, [world.kiwi])
    world.disconnect(ADA, connection)
    back = world.consent(world.begin(ADA), [world.kiwi])
    telling = threading.Thread(target=attend, args=(world,))
    telling.start()
    world.get(ADA, back)
    telling.join()
    world.advance(timedelta(hours=1))
    attend(world)

    state = world.get(ADA, f"/connections/{connection}").json["state"]
    assert (state == "connected") == (at_xero(world) == {world.kiwi})
    assert world.token(connection).status_code == (200 if state == "connected" else 409)


def test_what_xero_answers_otherwise_is_no_success(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    row = world.db.connections.find_one({"_id": connection})
    assert row
    world.fault("status", "/connections", status=429)

    with pytest.raises(XeroUnavailableError):
        XeroIdentity(world.settings.xero).delete_connection("any", row["xero_connection_id"])


def test_what_was_disconnected_and_is_being_connected_again_is_not_deleted_on_the_way(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.disconnect(ADA, connection)
    answer = world.consent(world.begin(ADA), [world.kiwi])

    attend(world)  # between Xero's consent and our hearing of it

    assert world.get(ADA, answer).headers["Location"].partition("?")[0].endswith("/accounting-link/connected")
    attend(world)
    assert at_xero(world) == {world.kiwi}
    assert world.token(connection).status_code == 200


def test_who_sets_out_and_does_not_come_back_puts_it_off_for_two_minutes_and_for_nobody_else(world: World) -> None:
    ours, theirs = world.connect(ADA, [world.kiwi]), world.connect(ZOE, [world.bakery], HEMI)
    world.disconnect(ADA, ours)
    world.disconnect(ZOE, theirs)
    world.begin(ADA)

    attend(world)
    assert (at_xero(world), at_xero(world, HEMI)) == ({world.kiwi}, set())

    world.advance(timedelta(minutes=2))
    attend(world)
    assert at_xero(world) == set()
