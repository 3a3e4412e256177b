"""Kafka's twin in memory: partitions, groups, redelivery of what was not committed. One process, any threads."""

import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from accounting_link.chassis.messages import Delivery, Place, Received, Sent
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.topics import ALL_TOPICS, Group

_PARTITIONS = {name: topic.partitions for topic in ALL_TOPICS for name in topic.names()}


@dataclass
class _GroupState:
    committed: dict[Place, int] = field(default_factory=dict)
    members: list["MemoryConsumer"] = field(default_factory=list)


class MemoryBroker:
    """Also a Transport: what it acknowledges can be read back at once."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._logs: dict[Place, list[Delivery]] = {}
        self._groups: dict[str, _GroupState] = {}

    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        with self._lock:
            return [self._append(message) for message in messages]

    def _append(self, message: Message) -> Sent:
        partition = message.partition
        if partition is None:
            partition = zlib.crc32(message.key.encode()) % _PARTITIONS[message.topic]
        place = Place(message.topic, partition)
        written = self._logs.setdefault(place, [])
        written.append(Delivery(place=place, offset=len(written), headers=tuple(message.headers), value=message.value))
        return Sent(place, len(written) - 1)

    def consumer(self, group: Group) -> "MemoryConsumer":
        """Joins the group; partitions are dealt anew among its members."""
        with self._lock:
            member = MemoryConsumer(self, group)
            self._groups.setdefault(group.name, _GroupState()).members.append(member)
            self._deal(group)
            return member

    def leave(self, member: "MemoryConsumer") -> None:
        """As a clean close, or as the broker's noticing that a member is dead."""
        with self._lock:
            self._groups[member.group.name].members.remove(member)
            member.give(frozenset(), {})
            self._deal(member.group)

    def committed(self, group: Group) -> dict[Place, int]:
        with self._lock:
            return dict(self._groups.setdefault(group.name, _GroupState()).committed)

    def ends(self) -> dict[Place, int]:
        """Of every partition, the offset that its next record will have."""
        with self._lock:
            places = (Place(topic, number) for topic, count in _PARTITIONS.items() for number in range(count))
            return {place: len(self._logs.get(place, ())) for place in places}

    def lag(self, group: Group) -> int:
        with self._lock:
            done = self.committed(group)
            return sum(
                len(log) - done.get(place, 0) for place, log in self._logs.items() if place.topic in group.topics
            )

    def log(self, topic: str) -> list[Received]:
        """Everything ever sent to a topic, for tests to look at."""
        with self._lock:
            return [one.read() for place, log in sorted(self._logs.items()) if place.topic == topic for one in log]

    def _deal(self, group: Group) -> None:
        state = self._groups[group.name]
        places = sorted(Place(topic, p) for topic in group.topics for p in range(_PARTITIONS[topic]))
        for seat, member in enumerate(state.members):
            member.give(frozenset(places[seat :: len(state.members)]), state.committed)

    def read(self, place: Place, start: int, at_most: int) -> list[Delivery]:
        with self._lock:
            return self._logs.get(place, [])[start : start + at_most]

    def commit(self, member: "MemoryConsumer", offsets: Mapping[Place, int]) -> None:
        with self._lock:
            held = member.assigned()
            self._groups[member.group.name].committed.update({p: o for p, o in offsets.items() if p in held})


class MemoryConsumer:
    def __init__(self, broker: MemoryBroker, group: Group) -> None:
        self._broker, self.group = broker, group
        self._positions: dict[Place, int] = {}
        self._seen: frozenset[Place] = frozenset()

    def give(self, places: frozenset[Place], committed: Mapping[Place, int]) -> None:
        """The group was dealt anew: every position goes back to what was committed."""
        self._positions = {place: committed.get(place, 0) for place in places}

    def poll(self, at_most: int, wait: timedelta) -> list[Delivery]:
        del wait  # nothing comes by waiting in one process
        found: list[Delivery] = []
        for place in sorted(self._positions):
            more = self._broker.read(place, self._positions[place], at_most - len(found))
            self._positions[place] += len(more)
            found += more
        return found

    def commit(self, offsets: Mapping[Place, int]) -> bool:
        self._broker.commit(self, offsets)
        return offsets.keys() <= self.assigned()

    def assigned(self) -> frozenset[Place]:
        return frozenset(self._positions)

    def close(self) -> None:
        self._broker.leave(self)
