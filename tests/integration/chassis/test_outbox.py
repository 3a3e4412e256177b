"""The outbox on a real MongoDB: what was decided is told, in order, and told again after a crash."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from pymongo.errors import PyMongoError

from accounting_link.chassis import mongo, outbox
from accounting_link.chassis.messages import Outgoing, Publisher, Sent
from accounting_link.chassis.mongo import Db, Session
from accounting_link.chassis.outbox import Relay
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.sync_life import PageFetched
from accounting_link.contracts.topics import SYNC_LIFE
from accounting_link.contracts.words import Stream
from accounting_link.testing.broker import MemoryBroker
from accounting_link.testing.builders import SCOPE
from accounting_link.testing.clock import FakeClock

pytestmark = pytest.mark.mongo


class DiedAfterAcknowledgementError(Exception):
    pass


class DyingTransport:
    """The broker has everything; the process hears of it no more."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        self._broker.deliver(messages)
        raise DiedAfterAcknowledgementError


def a_page(number: int) -> Outgoing:
    page = PageFetched(stream=Stream.CONTACTS, pages=number, read=number, expected=None, calls=number, bytes=0)
    return Outgoing(event=page, scope=SCOPE)


class World:
    def __init__(self, db: Db) -> None:
        outbox.prepare(db)
        self.db, self.broker, self.clock = db, MemoryBroker(), FakeClock()
        self.publisher = Publisher(self.broker, source="/test", clock=self.clock)

    def decide(self, *pages: int, aggregate: str = "sync-1", seq: int = 1) -> None:
        def work(session: Session) -> None:
            outbox.store(self.db, session, self.publisher, aggregate, seq, [a_page(page) for page in pages])

        mongo.transact(self.db, work)

    def relay(self) -> Relay:
        return Relay(self.db, self.publisher, self.clock)

    def told(self) -> list[int]:
        events = (one.event for one in self.broker.log(SYNC_LIFE.name()))
        return [event.pages for event in events if isinstance(event, PageFetched)]


@pytest.fixture
def world(db: Db) -> World:
    return World(db)


def test_an_aggregates_events_are_told_in_the_order_they_were_decided(world: World) -> None:
    world.decide(4, 5, seq=2)
    world.decide(1, 2, 3, seq=1)
    assert world.relay().turn() == 5
    assert world.told() == [1, 2, 3, 4, 5]
    assert world.relay().turn() == 0


def test_what_was_decided_in_a_transaction_that_failed_is_never_told(world: World) -> None:
    def work(session: Session) -> None:
        outbox.store(world.db, session, world.publisher, "sync-1", 1, [a_page(1)])
        raise RuntimeError("decided otherwise")

    with pytest.raises(RuntimeError):
        mongo.transact(world.db, work)
    world.relay().turn()
    assert world.told() == []


def test_control_what_was_decided_in_one_that_held_is(world: World) -> None:
    world.decide(1)
    world.relay().turn()
    assert world.told() == [1]


def test_a_crash_between_acknowledgement_and_removal_tells_again_under_the_same_id(world: World) -> None:
    world.decide(1, 2)
    dying = Publisher(DyingTransport(world.broker), source="/test", clock=world.clock)
    crashed = Relay(world.db, dying, world.clock)
    with pytest.raises(DiedAfterAcknowledgementError):
        crashed.turn()
    world.clock.advance(timedelta(minutes=1))  # its lease lapses
    assert world.relay().turn() == 2
    assert world.told() == [1, 2, 1, 2]
    assert len({one.envelope.id for one in world.broker.log(SYNC_LIFE.name())}) == 2


def test_one_relay_at_a_time_holds_the_lease_and_another_takes_it_over_when_it_lapses(world: World) -> None:
    first, second = world.relay(), world.relay()
    first.turn()
    world.decide(1)
    assert second.turn() == 0
    assert first.turn() == 1
    world.decide(2, seq=2)
    world.clock.advance(timedelta(minutes=1))
    assert second.turn() == 1


def test_the_lease_is_renewed_well_before_it_lapses_and_not_at_every_turn(world: World) -> None:
    relay = world.relay()

    def lapses_after(**passed: float) -> datetime:
        world.clock.advance(timedelta(**passed))
        relay.turn()
        lease = world.db.leases.find_one({"_id": "relay"}) or {}
        until: datetime = lease["until"]
        return until

    first = lapses_after(seconds=0)
    assert lapses_after(seconds=1) == first
    assert lapses_after(seconds=2) == first + timedelta(seconds=3)


def test_a_relay_that_was_frozen_until_another_took_over_relays_nothing(world: World) -> None:
    frozen, other = world.relay(), world.relay()
    frozen.turn()
    world.clock.advance(timedelta(seconds=6))
    other.turn()
    world.decide(1)
    assert frozen.turn() == 0
    assert other.turn() == 1


def test_two_decisions_under_one_number_cannot_both_hold(world: World) -> None:
    world.decide(1, seq=1)
    with pytest.raises(PyMongoError):
        world.decide(2, seq=1)
