"""Queue depth from one look at the broker, and what is told when there is no broker to look at."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pytest
from kafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from accounting_link.chassis.lag import METRICS, Broker, Exporter, Seen, Spot, lag, rounds, samples, waiting
from accounting_link.chassis.messages import Place
from accounting_link.contracts.topics import Group
from accounting_link.testing.builders import JULY
from accounting_link.testing.clock import FakeClock

WRITERS = Group(name="writers", topics=("records",))
READERS = Group(name="readers", topics=("records",))
ZERO, ONE = Place("records", 0), Place("records", 1)


def seen(committed: dict[Place, int], end: int = 10, oldest: int = 0) -> Seen:
    return Seen(oldest={ZERO: oldest, ONE: 0}, ends={ZERO: end, ONE: 0}, committed={"writers": committed})


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (seen({ZERO: 3}), 7),
        (seen({ZERO: 10}), 0),
        (seen({}), 10),
        (seen({}, oldest=4), 6),
        (seen({ZERO: 3}, oldest=4), 6),
        (seen({ZERO: 12}), 0),
    ],
    ids=["committed", "done", "never committed", "never committed, trimmed", "trimmed past it", "end told too low"],
)
def test_lag_is_what_a_group_could_still_read(look: Seen, expected: int) -> None:
    assert lag(look, WRITERS, ZERO) == expected


def told(look: Seen, at: dict[Spot, timedelta] | None = None) -> dict[tuple[str, tuple[str, ...]], float]:
    written_at = {spot: JULY - ago for spot, ago in (at or {}).items()}
    return {(name, labels): value for name, labels, value in samples(look, [WRITERS], written_at, JULY)}


def test_the_age_is_that_of_the_record_at_the_committed_offset() -> None:
    found = told(seen({ZERO: 3}), {(ZERO, 3): timedelta(seconds=40), (ZERO, 4): timedelta(seconds=1)})
    name = "kafka_consumergroup_oldest_uncommitted_age_seconds"
    assert (found[name, ("writers", "records", "0")], found[name, ("writers", "records", "1")]) == (40, 0)


def test_a_record_that_could_not_be_read_has_no_age_rather_than_a_wrong_one() -> None:
    found = told(seen({ZERO: 3}))
    assert ("kafka_consumergroup_oldest_uncommitted_age_seconds", ("writers", "records", "0")) not in found


def test_a_clock_ahead_of_ours_makes_no_negative_age() -> None:
    found = told(seen({ZERO: 3}), {(ZERO, 3): timedelta(seconds=-5)})
    assert found["kafka_consumergroup_oldest_uncommitted_age_seconds", ("writers", "records", "0")] == 0


def test_sums_and_topics_are_told_beside_the_partitions() -> None:
    found = told(seen({ZERO: 3}))
    assert found["kafka_consumergroup_lag_sum", ("writers", "records")] == 7
    assert found["kafka_topic_partitions", ("records",)] == 2
    assert found["kafka_consumergroup_current_offset", ("writers", "records", "1")] == -1


def test_only_partitions_where_something_waits_are_read_for_ages() -> None:
    assert waiting(seen({ZERO: 3}), [WRITERS, READERS]) == {(ZERO, 3), (ZERO, 0)}


def test_two_groups_at_two_offsets_of_a_partition_are_read_one_after_the_other() -> None:
    assert rounds({(ZERO, 3), (ZERO, 0), (ONE, 5)}) == [{ZERO: 0, ONE: 5}, {ZERO: 3}]


class ABroker:
    """A broker that can be out."""

    def __init__(self) -> None:
        self.look_at: Seen | None = seen({ZERO: 3})
        self.asked: list[set[Spot]] = []
        self.connections = 0

    def connect(self) -> Broker:
        self.connections += 1
        return self

    def look(self, groups: Sequence[Group]) -> Seen:
        if self.look_at is None:
            raise KafkaConnectionError
        return self.look_at

    def written_at(self, spots: Iterable[Spot]) -> dict[Spot, datetime]:
        self.asked.append(set(spots))
        return dict.fromkeys(self.asked[-1], JULY)

    def close(self) -> None:
        pass


class World:
    def __init__(self) -> None:
        self.broker, self.clock, self.registry = ABroker(), FakeClock(JULY), CollectorRegistry()
        self.exporter = Exporter(self.broker.connect, [WRITERS], self.clock)
        self.registry.register(self.exporter)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


LABELS = {"consumergroup": "writers", "topic": "records", "partition": "0"}


def test_an_outage_takes_every_number_away_and_says_so_and_passes() -> None:
    world = World()
    world.exporter.turn()
    assert (world.value("kafka_consumergroup_lag", **LABELS), world.value("lag_exporter_up")) == (7, 1)
    look, world.broker.look_at = world.broker.look_at, None
    world.exporter.turn()
    assert (world.value("kafka_consumergroup_lag", **LABELS), world.value("lag_exporter_up")) == (None, 0)
    world.broker.look_at = look
    world.exporter.turn()
    assert (world.value("kafka_consumergroup_lag", **LABELS), world.broker.connections) == (7, 2)


def test_a_record_that_still_waits_is_read_once() -> None:
    world = World()
    world.exporter.turn()
    world.clock.advance(timedelta(seconds=30))
    world.exporter.turn()
    assert world.broker.asked == [{(ZERO, 3)}, set()]
    assert world.value("kafka_consumergroup_oldest_uncommitted_age_seconds", **LABELS) == 30


def test_a_partition_that_is_gone_is_told_no_more() -> None:
    world = World()
    world.exporter.turn()
    world.broker.look_at = Seen(oldest={}, ends={}, committed={})
    world.exporter.turn()
    assert world.value("kafka_consumergroup_lag", **LABELS) is None


def test_nothing_is_told_under_a_name_that_is_not_described() -> None:
    assert {name for name, _, _ in samples(seen({ZERO: 3}), [WRITERS], {(ZERO, 3): JULY}, JULY)} == set(METRICS)
