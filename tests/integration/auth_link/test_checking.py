"""Connections that end at Xero: noticed within a day, or with the first refused call; lost once, and mended again."""

from datetime import timedelta
from typing import Any

import pytest

from accounting_link.contracts.cloudevents import decode
from accounting_link.contracts.connections import ConnectionLost
from tests.integration.auth_link.world import ADA, SERVICE_KEY, ZOE, World

pytestmark = pytest.mark.mongo

A_DAY = timedelta(days=1, minutes=1)


def check(world: World) -> int:
    return world.parts.checks.attend(lambda: True)


def lost(world: World) -> list[ConnectionLost]:
    rows = world.db.outbox.find().sort([("aggregate", 1), ("seq", 1)])
    events = [decode([(n, bytes(v)) for n, v in row["headers"]], bytes(row["value"])).event for row in rows]
    return [event for event in events if isinstance(event, ConnectionLost)]


def refused(world: World, connection: str, authorisation: int, key: str = SERVICE_KEY) -> Any:
    return world.client.post(
        f"/internal/connections/{connection}/refused",
        json={"authorisation": authorisation},
        headers={"Authorization": f"Bearer {key}"},
    )


def state(world: World, connection: str) -> str:
    return str(world.get(ADA, f"/connections/{connection}").json["state"])


def test_a_disconnect_made_inside_xero_is_noticed_within_a_day(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.simulator.identity.forget_tenant(world.kiwi)
    assert check(world) == 0  # its day is not over

    world.advance(A_DAY)
    check(world)

    assert state(world, connection) == "lost"
    assert [(event.tenant_id, event.authorisation) for event in lost(world)] == [(world.kiwi, 1)]
    assert "disconnected inside Xero" in lost(world)[0].reason


def test_a_connection_that_stands_is_confirmed_and_called_what_xero_calls_it(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.simulator.organisations[world.kiwi].profile["Name"] = "Kiwi Outfitters (2026) Ltd"
    world.advance(A_DAY)

    assert check(world) == 1

    shown = world.get(ADA, f"/connections/{connection}").json
    assert (shown["state"], shown["tenant_name"]) == ("connected", "Kiwi Outfitters (2026) Ltd")
    assert shown["last_good_at"] == world.clock.now().isoformat()
    assert check(world) == 0


def test_connections_of_one_token_set_cost_one_call_a_day(world: World) -> None:
    world.get(ADA, world.consent(world.begin(ADA), [world.kiwi, world.bakery]))
    world.connect(ZOE, [world.kiwi])
    world.advance(A_DAY)
    before = calls(world)

    assert check(world) == 3

    assert calls(world) - before == 2


def calls(world: World) -> int:
    return len([call for call in world.simulator.calls.told("identity")["calls"] if call["path"] == "/connections"])


def test_with_xero_down_nothing_is_lost_and_it_is_asked_again_soon(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.advance(A_DAY)
    world.fault("status", "/connect/token", status=503)
    world.fault("status", "/connections", status=503)
    check(world)
    assert state(world, connection) == "connected"
    assert check(world) == 0

    world.simulator.faults.remove(None)
    world.advance(timedelta(minutes=11))

    assert check(world) == 1
    assert lost(world) == []


def test_a_call_that_xero_refuses_loses_the_connection_once(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])

    assert [refused(world, connection, 1).json for _ in range(2)] == [{"lost": True}, {"lost": False}]

    assert state(world, connection) == "lost"
    assert len(lost(world)) == 1


def test_a_refusal_of_before_the_person_connected_again_changes_nothing(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.connect(ADA, [world.kiwi])

    assert refused(world, connection, 1).json == {"lost": False}
    assert state(world, connection) == "connected"
    assert refused(world, connection, 2).json == {"lost": True}  # the control: of now, it does


@pytest.mark.parametrize("key", ["", "x" * 40])
def test_nobody_but_a_service_says_that_a_connection_was_refused(world: World, key: str) -> None:
    connection = world.connect(ADA, [world.kiwi])

    assert refused(world, connection, 1, key).status_code == 401
    assert state(world, connection) == "connected"


def test_connecting_again_mends_what_was_lost(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    refused(world, connection, 1)

    assert world.connect(ADA, [world.kiwi]) == connection
    assert state(world, connection) == "connected"
    assert world.token(connection).status_code == 200
