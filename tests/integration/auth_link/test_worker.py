"""auth-link's worker: events reach Kafka in order, tokens are cared for, and it stops when asked."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.outbox import Relay
from accounting_link.contracts.connections import ConnectionEvent
from accounting_link.contracts.topics import CONNECTIONS
from accounting_link.testing.broker import MemoryBroker
from auth_link import flow
from auth_link.main import Worker, chores
from auth_link.parts import SOURCE
from auth_link.tokens import Tokens
from tests.integration.auth_link.world import ADA, World

pytestmark = pytest.mark.mongo


def worker(world: World, broker: MemoryBroker, tokens: Tokens | None = None) -> Worker:
    relay = Relay(world.db, Publisher(broker, source=SOURCE, clock=world.clock), world.clock)
    parts = replace(world.parts, tokens=tokens or world.parts.tokens)
    return Worker(world.db, relay, chores(parts), world.clock)


def turn(one: Worker, times: int = 1) -> None:
    """Turns of the loop, each with its chores finished."""
    stopped = threading.Event()
    for _ in range(times):
        with ThreadPoolExecutor(3) as pool:
            one.turn(pool, stopped)


def test_what_became_of_a_connection_is_told_in_order(world: World) -> None:
    broker = MemoryBroker()
    connection = world.connect(ADA, [world.kiwi])
    world.fault("token_death", count=1)
    world.advance(timedelta(minutes=26))
    world.token(connection)
    world.connect(ADA, [world.kiwi])

    turn(worker(world, broker))

    told = broker.log(CONNECTIONS.name())
    assert [type(each.event).__name__ for each in told] == [
        "ConnectionEstablished",
        "ConnectionLost",
        "ConnectionEstablished",
    ]
    assert [each.event.authorisation for each in told if isinstance(each.event, ConnectionEvent)] == [1, 1, 2]
    assert {each.scope.connection_id for each in told} == {connection}
    assert {type(each.event) for each in told} <= {*flow.PUBLISHES}
    assert world.db.outbox.count_documents({}) == 0


def test_tokens_are_looked_after_at_the_start_and_then_every_minute(world: World) -> None:
    world.connect(ADA, [world.kiwi])
    one = worker(world, MemoryBroker())
    world.advance(timedelta(days=21))
    turn(one, times=5)
    assert world.refreshes() == 2

    world.advance(timedelta(days=21))
    turn(one, times=5)
    assert world.refreshes() == 3


class Broken(Tokens):
    def attend(self, go_on: Callable[[], bool]) -> int:
        raise RuntimeError("the database has gone")


def test_a_worker_that_cannot_care_for_tokens_ends_instead_of_going_on_without(world: World) -> None:
    broken = world.tokens(kind=Broken)

    with pytest.raises(RuntimeError, match="the database has gone"):
        worker(world, MemoryBroker(), broken).run(threading.Event())


def test_a_worker_asked_to_stop_returns(world: World) -> None:
    stop = threading.Event()
    running = threading.Thread(target=worker(world, MemoryBroker()).run, args=(stop,))
    running.start()
    stop.set()
    running.join(timeout=60)

    assert not running.is_alive()


def test_a_loop_that_has_not_turned_for_a_minute_is_not_live(world: World) -> None:
    one = worker(world, MemoryBroker())
    turn(one)
    assert one.is_turning()
    world.advance(timedelta(minutes=1))

    assert not one.is_turning()
