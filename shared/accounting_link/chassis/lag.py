"""``python -m accounting_link.chassis.lag``: how much waits in every queue, and for how long.

One small process that looks at the broker, so its numbers are right even when every consumer is dead, which is
when they matter. Names and labels are those of danielqsj/kafka_exporter, so the dashboards made for it work.
Three things differ, on purpose:

- A group that never committed on a partition lags from that partition's start (kafka_exporter says -1, and
  nothing at all for a group that never lived): a consumer that died before its first commit must show.
- What retention has already deleted is no longer counted as waiting.
- ``kafka_consumergroup_oldest_uncommitted_age_seconds`` is ours: the age of the record AT the committed
  offset, by the time its producer gave it. It is 0 where nothing waits.

``kafka_consumergroup_members`` is not told: the embedded broker's answer about groups cannot be read.
"""

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from accounting_link.chassis import env, kafka, logs, status
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from accounting_link.chassis.messages import Place
from accounting_link.chassis.shutdown import asked_to_stop
from accounting_link.contracts.topics import ALL_GROUPS, ALL_TOPICS, Group

log = logs.logger()

Spot = tuple[Place, int]  # one record: where, and its offset

_OF_GROUP, _OF_PARTITION = ("consumergroup", "topic", "partition"), ("topic", "partition")
METRICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "kafka_consumergroup_lag": ("Records a group has not committed, of one partition.", _OF_GROUP),
    "kafka_consumergroup_lag_sum": ("Records a group has not committed, of one topic.", ("consumergroup", "topic")),
    "kafka_consumergroup_current_offset": ("A group's committed offset; -1 when it never committed.", _OF_GROUP),
    "kafka_consumergroup_oldest_uncommitted_age_seconds": (
        "Age of the oldest record that a group has not committed; 0 when none waits.",
        _OF_GROUP,
    ),
    "kafka_topic_partitions": ("Partitions of a topic.", ("topic",)),
    "kafka_topic_partition_current_offset": ("A partition's end: the offset its next record will have.", _OF_PARTITION),
    "kafka_topic_partition_oldest_offset": ("The oldest offset that a partition still holds.", _OF_PARTITION),
    "lag_exporter_up": ("1 when the last look at the broker succeeded; otherwise nothing else is told.", ()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kafka_brokers: str
    status_bind: str
    log_level: str
    every: timedelta

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        with env.reading(environ) as read:
            return cls(
                kafka_brokers=read.text("KAFKA_BROKERS", "where the broker is found at first: host:port,host:port"),
                status_bind=read.text("STATUS_BIND", "host:port of health and metrics", default="0.0.0.0:9000"),
                log_level=read.choice(
                    "LOG_LEVEL", "least severe log line", among=("DEBUG", "INFO", "WARNING"), default="INFO"
                ),
                every=read.seconds("LAG_EVERY", "time between two looks at the broker", default=5),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look at the broker. A place that a group never committed on is absent from ``committed``."""

    oldest: Mapping[Place, int]
    ends: Mapping[Place, int]
    committed: Mapping[str, Mapping[Place, int]]


class Broker(Protocol):
    def look(self, groups: Sequence[Group]) -> Seen:
        """Raises KafkaError or OSError when it cannot be asked."""

    def written_at(self, spots: Iterable[Spot]) -> dict[Spot, datetime]:
        """When these records were produced, of those that could be read in time. Where a record is gone, the
        next one that is still there speaks for it."""

    def close(self) -> None: ...


def next_to_read(seen: Seen, group: Group, place: Place) -> int:
    """Where the group goes on: what it committed, unless that is deleted already, else the log's start."""
    return max(seen.committed.get(group.name, {}).get(place, 0), seen.oldest[place])


def lag(seen: Seen, group: Group, place: Place) -> int:
    """Never negative, though offsets are asked for one after another and a consumer may commit in between."""
    return max(0, seen.ends[place] - next_to_read(seen, group, place))


def places_of(seen: Seen, group: Group) -> list[Place]:
    return sorted(place for place in seen.ends if place.topic in group.topics)


def waiting(seen: Seen, groups: Sequence[Group]) -> set[Spot]:
    """The oldest record that waits, of each group and partition where any does."""
    return {
        (place, next_to_read(seen, group, place))
        for group in groups
        for place in places_of(seen, group)
        if lag(seen, group, place)
    }


Sample = tuple[str, tuple[str, ...], float]


def samples(
    seen: Seen, groups: Sequence[Group], written_at: Mapping[Spot, datetime], now: datetime
) -> Iterator[Sample]:
    """Everything told after a look that succeeded: name, labels in the order of METRICS, value."""
    yield "lag_exporter_up", (), 1
    yield from _of_topics(seen)
    for group in groups:
        yield from _of_group(seen, group, written_at, now)


def _of_topics(seen: Seen) -> Iterator[Sample]:
    partitions: dict[str, int] = defaultdict(int)
    for place, end in seen.ends.items():
        partitions[place.topic] += 1
        labels = (place.topic, str(place.partition))
        yield "kafka_topic_partition_current_offset", labels, end
        yield "kafka_topic_partition_oldest_offset", labels, seen.oldest[place]
    for topic, count in partitions.items():
        yield "kafka_topic_partitions", (topic,), count


def _of_group(seen: Seen, group: Group, written_at: Mapping[Spot, datetime], now: datetime) -> Iterator[Sample]:
    sums: dict[str, int] = defaultdict(int)
    for place in places_of(seen, group):
        labels = (group.name, place.topic, str(place.partition))
        behind = lag(seen, group, place)
        sums[place.topic] += behind
        yield "kafka_consumergroup_lag", labels, behind
        yield "kafka_consumergroup_current_offset", labels, seen.committed.get(group.name, {}).get(place, -1)
        if (age := _age(behind, written_at.get((place, next_to_read(seen, group, place))), now)) is not None:
            yield "kafka_consumergroup_oldest_uncommitted_age_seconds", labels, age
    for topic, behind in sums.items():
        yield "kafka_consumergroup_lag_sum", (group.name, topic), behind


def _age(behind: int, written_at: datetime | None, now: datetime) -> float | None:
    if not behind:
        return 0
    # A producer's clock may be ahead of ours.
    return max(0.0, (now - written_at).total_seconds()) if written_at else None


class Exporter(Collector):
    """Tells what the last look saw. A series whose partition or topic is gone is gone with it."""

    def __init__(self, connect: Callable[[], Broker], groups: Sequence[Group], clock: Clock) -> None:
        self._connect, self._groups, self._clock = connect, groups, clock
        self._broker: Broker | None = None
        self._written_at: dict[Spot, datetime] = {}
        self._told: list[Sample] = [("lag_exporter_up", (), 0)]
        self._turned_at = clock.monotonic()

    def turn(self) -> None:
        """One look. An outage is told and tried again next time, over a new connection."""
        try:
            self._told = list(self._look())
        except (KafkaError, OSError) as error:
            log.warning("the broker cannot be looked at", error=type(error).__name__)
            self.close()
            self._told = [("lag_exporter_up", (), 0)]
        self._turned_at = self._clock.monotonic()

    def _look(self) -> Iterator[Sample]:
        if self._broker is None:
            self._broker = self._connect()
        seen = self._broker.look(self._groups)
        wanted = waiting(seen, self._groups)
        # A record's time never changes, so one that still waits is not read again.
        known = {spot: at for spot, at in self._written_at.items() if spot in wanted}
        self._written_at = known | self._broker.written_at(wanted - known.keys())
        return samples(seen, self._groups, self._written_at, self._clock.now())

    def run(self, until: threading.Event, every: timedelta) -> None:
        while not until.is_set():
            self.turn()
            until.wait(every.total_seconds())
        self.close()

    def close(self) -> None:
        broker, self._broker = self._broker, None
        self._written_at = {}
        if broker:
            with suppress(KafkaError, OSError):
                broker.close()

    def is_turning(self) -> bool:
        return self._clock.monotonic() - self._turned_at < timedelta(seconds=90).total_seconds()

    def is_up(self) -> bool:
        return ("lag_exporter_up", (), 1) in self._told

    def collect(self) -> Iterator[GaugeMetricFamily]:
        told = self._told
        for name, (what, labels) in METRICS.items():
            family = GaugeMetricFamily(name, what, labels=labels)
            for sample, values, value in told:
                if sample == name:
                    family.add_metric(values, value)
            yield family


class KafkaBroker:
    """The real one. Belongs to no group and commits nothing."""

    def __init__(self, servers: str) -> None:
        wait = {"bootstrap_timeout_ms": 5000, "request_timeout_ms": 10_000}
        self._admin = KafkaAdminClient(bootstrap_servers=kafka.brokers(servers), **wait)
        self._consumer = KafkaConsumer(
            bootstrap_servers=kafka.brokers(servers),
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=65_536,
            **wait,
        )

    def look(self, groups: Sequence[Group]) -> Seen:
        # Committed first: what is written after is more lag, never less.
        places = self._places()
        committed = {group.name: self._committed(group, places) for group in groups}
        oldest = self._consumer.beginning_offsets(places)
        return Seen(
            oldest={Place(*place): offset for place, offset in oldest.items()},
            ends={Place(*place): offset for place, offset in self._ends(places).items()},
            committed=committed,
        )

    def _places(self) -> list[TopicPartition]:
        # Only topics that are there: the embedded broker makes one that is merely asked about.
        ours = {name for topic in ALL_TOPICS for name in topic.names()} & set(self._admin.list_topics())
        return [
            TopicPartition(name, partition)
            for name in sorted(ours)
            for partition in sorted(self._consumer.partitions_for_topic(name) or ())
        ]

    def _committed(self, group: Group, places: Sequence[TopicPartition]) -> dict[Place, int]:
        asked = [place for place in places if place.topic in group.topics]
        found = self._admin.list_group_offsets({group.name: asked})[group.name] if asked else {}
        return {Place(*place): said.offset for place, said in found.items() if said.offset >= 0}

    def _ends(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The embedded broker answers with one past the FIRST record of the last batch. Asking for what lies
        behind brings the true end with the answer; where the first answer was true, that is nothing."""
        ends: dict[TopicPartition, int] = self._consumer.end_offsets(places)
        self._read_from(ends)
        self._consumer.poll(timeout_ms=200, max_records=1)
        for _ in range(len(places)):
            if not self._consumer.poll(timeout_ms=0):
                break
        return {place: max(end, self._consumer.highwater(place) or 0) for place, end in ends.items()}

    def _read_from(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._consumer.assign(list(offsets))
        for place, offset in offsets.items():
            self._consumer.seek(place, offset)

    def written_at(self, spots: Iterable[Spot]) -> dict[Spot, datetime]:
        found: dict[Spot, datetime] = {}
        for once in rounds(spots):
            found |= self._first_times(once)
        return found

    def _first_times(self, offsets: Mapping[Place, int]) -> dict[Spot, datetime]:
        """Gives up after two seconds: what was not read is tried again at the next look."""
        self._read_from({TopicPartition(*place): offset for place, offset in offsets.items()})
        missing, found = dict(offsets), {}
        for _ in range(20):
            if not missing:
                break
            for read, records in self._consumer.poll(timeout_ms=100).items():
                if (offset := missing.pop(Place(*read), None)) is not None:
                    found[Place(*read), offset] = datetime.fromtimestamp(records[0].timestamp / 1000, UTC)
                    self._consumer.pause(read)
        return found

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=1000)
        self._admin.close()


def rounds(spots: Iterable[Spot]) -> list[dict[Place, int]]:
    """One consumer reads one offset of a partition at a time; groups may want different ones."""
    made: list[dict[Place, int]] = []
    for place, offset in sorted(spots):
        free = next((one for one in made if place not in one), None)
        if free is None:
            made.append(free := {})
        free[place] = offset
    return made


def main() -> None:
    settings = Settings.from_env(os.environ)
    logs.start("lag-exporter", settings.log_level)
    stop = asked_to_stop()
    exporter = Exporter(lambda: KafkaBroker(settings.kafka_brokers), ALL_GROUPS, SYSTEM_CLOCK)
    REGISTRY.register(exporter)
    with status.page(settings.status_bind, live=exporter.is_turning, ready=exporter.is_up):
        exporter.run(stop, settings.every)


if __name__ == "__main__":
    main()
