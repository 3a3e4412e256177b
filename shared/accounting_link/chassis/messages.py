"""Kafka as our code sees it: what is sent, what is delivered, and who sends and reads.

The real broker (:mod:`~accounting_link.chassis.kafka`) and its twin in memory
(:mod:`accounting_link.testing.broker`) both pass ``tests/suites/broker.py``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple, Protocol

from accounting_link.chassis.clock import Clock
from accounting_link.contracts import cloudevents
from accounting_link.contracts.cloudevents import Envelope, Message, UnreadableError
from accounting_link.contracts.event import Event, Scope

# Kafka's default message.max.bytes is 1 MiB for a whole batch; headers and framing need their part.
LARGEST_VALUE_BYTES = 900_000


class Place(NamedTuple):
    topic: str
    partition: int


class Sent(NamedTuple):
    """Where the broker acknowledged a message."""

    place: Place
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message as it came from the broker, not yet understood."""

    place: Place
    offset: int
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None

    def read(self) -> "Received":
        """Raises UnreadableError."""
        return Received(place=self.place, offset=self.offset, envelope=cloudevents.decode(self.headers, self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An event, and where it lay."""

    place: Place
    offset: int
    envelope: Envelope

    @property
    def event(self) -> Event:
        return self.envelope.event

    @property
    def scope(self) -> Scope:
        return self.envelope.scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A delivery that could not be understood, and why."""

    delivery: Delivery
    error: UnreadableError


def read_all(deliveries: Iterable[Delivery]) -> tuple[list[Received], list[Unread]]:
    received, unread = [], []
    for delivery in deliveries:
        try:
            received.append(delivery.read())
        except UnreadableError as error:
            unread.append(Unread(delivery=delivery, error=error))
    return received, unread


class Transport(Protocol):
    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        """Returns once the broker has acknowledged every message, in the order given. Raises when one is
        not: then any of them may have been stored, so whoever sends again sends all again."""


class Consumer(Protocol):
    """A member of a consumer group. One thread only."""

    def poll(self, at_most: int, wait: timedelta) -> list[Delivery]:
        """What came, at once if there is something, else after ``wait`` at the latest. In order a partition."""

    def commit(self, offsets: Mapping[Place, int]) -> bool:
        """Says that all below each offset is done. Must not be called for what may yet fail. False when the group
        has moved on: then it is delivered again, to whoever holds the partition now."""

    def assigned(self) -> frozenset[Place]:
        """The partitions this member holds as of the last poll."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An event on its way. ``place`` overrides where its topic and key would take it."""

    event: Event
    scope: Scope
    causation_id: str = ""
    reading: int = 0
    place: Place | None = None


class Publisher:
    """Sends events, says when the broker has them."""

    def __init__(self, transport: Transport, *, source: str, clock: Clock) -> None:
        self._transport, self._source, self._clock = transport, source, clock

    def message(self, outgoing: Outgoing) -> Message:
        message = cloudevents.encode(
            outgoing.event,
            outgoing.scope,
            source=self._source,
            time=self._clock.now(),
            causation_id=outgoing.causation_id,
            reading=outgoing.reading,
        )
        if outgoing.place is None:
            return message
        return replace(message, topic=outgoing.place.topic, partition=outgoing.place.partition)

    def confirmed(self, outgoing: Iterable[Outgoing]) -> list[Sent]:
        """All acknowledged, or it raises."""
        return self.forward([self.message(one) for one in outgoing])

    def forward(self, messages: Sequence[Message]) -> list[Sent]:
        """As ``confirmed``, of messages made earlier (the outbox)."""
        return self._transport.deliver(messages) if messages else []
