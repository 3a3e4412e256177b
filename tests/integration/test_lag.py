"""The lag exporter as its own process, looking at the real broker while no consumer lives."""

import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from accounting_link.chassis import kafka
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.lag import Exporter, KafkaBroker
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.topics import ALL_GROUPS, CRM_WRITER, RECORDS, Group, Lane
from tests.ports import free_port

pytestmark = pytest.mark.kafka

GROUP = CRM_WRITER[Lane.INTERACTIVE]
PLACE = TopicPartition(RECORDS.name(Lane.INTERACTIVE), 5)
OF_PARTITION = {"topic": PLACE.topic, "partition": str(PLACE.partition)}
OF_GROUP = {"consumergroup": GROUP.name, **OF_PARTITION}


def produce(kafka_brokers: str, count: int) -> int:
    """In one batch; returns the first one's offset."""
    message = Message(topic=PLACE.topic, key="k", headers=[], value=b"{}", partition=PLACE.partition)
    with kafka.transport(kafka_brokers) as transport:
        return min(sent.offset for sent in transport.deliver([message] * count))


def commit(kafka_brokers: str, group: Group, offset: int) -> None:
    """As a member would that then died: nobody is in the group afterwards."""
    consumer = KafkaConsumer(bootstrap_servers=kafka_brokers, group_id=group.name, enable_auto_commit=False)
    consumer.assign([PLACE])
    consumer.commit({PLACE: OffsetAndMetadata(offset, "", -1)})
    consumer.close(autocommit=False)


class Process:
    def __init__(self, address: str) -> None:
        self._address = address

    def value(self, name: str, **labels: str) -> float | None:
        with urllib.request.urlopen(f"http://{self._address}/metrics", timeout=20) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        found = (one.value for family in families for one in family.samples if (one.name, one.labels) == (name, labels))
        return next(found, None)

    def wait_for(self, expected: float, name: str, **labels: str) -> None:
        pause, deadline = threading.Event(), SYSTEM_CLOCK.monotonic() + 120
        while (value := self._try(name, labels)) != expected:
            assert SYSTEM_CLOCK.monotonic() < deadline, f"{name}{labels} is {value}, not {expected}"
            pause.wait(0.1)

    def _try(self, name: str, labels: dict[str, str]) -> float | None:
        try:
            return self.value(name, **labels)
        except OSError:  # not listening yet
            return None


@contextmanager
def exporter(kafka_brokers: str) -> Iterator[Process]:
    address = f"127.0.0.1:{free_port()}"
    told = {"KAFKA_BROKERS": kafka_brokers, "STATUS_BIND": address, "LAG_EVERY": "0.2"}
    command = [sys.executable, "-m", "accounting_link.chassis.lag"]
    with subprocess.Popen(command, env={**os.environ, **told}) as process:
        try:
            yield Process(address)
        finally:
            process.terminate()
            assert process.wait(60) == 0


def test_ten_produced_and_three_committed_are_a_lag_of_seven_though_every_consumer_is_dead(
    kafka_brokers: str,
) -> None:
    began = SYSTEM_CLOCK.monotonic()
    first = produce(kafka_brokers, 10)
    commit(kafka_brokers, GROUP, first + 3)
    with exporter(kafka_brokers) as process:
        process.wait_for(7, "kafka_consumergroup_lag", **OF_GROUP)
        assert process.value("kafka_consumergroup_current_offset", **OF_GROUP) == first + 3
        assert process.value("kafka_topic_partition_current_offset", **OF_PARTITION) == first + 10
        assert process.value("kafka_topic_partitions", topic=PLACE.topic) == RECORDS.partitions
        age = process.value("kafka_consumergroup_oldest_uncommitted_age_seconds", **OF_GROUP)
        assert age is not None
        assert 0 < age <= SYSTEM_CLOCK.monotonic() - began + 1
        commit(kafka_brokers, GROUP, first + 10)
        process.wait_for(0, "kafka_consumergroup_lag", **OF_GROUP)
        assert process.value("kafka_consumergroup_oldest_uncommitted_age_seconds", **OF_GROUP) == 0


def test_a_group_that_never_committed_lags_by_all_there_is(kafka_brokers: str) -> None:
    first = produce(kafka_brokers, 10)
    registry = CollectorRegistry()
    never = Group(name="never-lived", topics=(PLACE.topic,))
    looking = Exporter(lambda: KafkaBroker(kafka_brokers), [never], SYSTEM_CLOCK)
    registry.register(looking)
    looking.turn()
    looking.close()
    labels = {**OF_GROUP, "consumergroup": never.name}
    oldest = registry.get_sample_value("kafka_topic_partition_oldest_offset", OF_PARTITION)
    assert oldest is not None
    assert registry.get_sample_value("kafka_consumergroup_lag", labels) == first + 10 - oldest
    assert registry.get_sample_value("kafka_consumergroup_oldest_uncommitted_age_seconds", labels)


def test_without_a_broker_the_exporter_lives_on_and_says_that_it_sees_nothing() -> None:
    registry = CollectorRegistry()
    looking = Exporter(lambda: KafkaBroker(f"127.0.0.1:{free_port()}"), ALL_GROUPS, SYSTEM_CLOCK)
    registry.register(looking)
    looking.turn()
    assert registry.get_sample_value("lag_exporter_up") == 0
    assert looking.is_turning()
    assert not looking.is_up()
