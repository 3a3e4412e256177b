"""The table of topics is what stands on the broker, or nothing starts."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from accounting_link.chassis import kafka, mongo, topics
from accounting_link.chassis.mongo import Db
from accounting_link.contracts.topics import ALL_TOPICS, RECORDS, Group
from accounting_link.testing.real_parts import RealParts
from deploy.local.run import Platform
from tests.conftest import BROKER


@pytest.fixture
def platform_db(parts: RealParts) -> Iterator[Db]:
    with mongo.database(parts.mongo_uri, topics.PLATFORM) as db:
        yield db


def settings_for(parts: RealParts) -> topics.Settings:
    return topics.Settings(
        kafka_brokers=parts.kafka_brokers, mongo_uri=parts.mongo_uri, replication=1, embedded=parts.embedded
    )


def test_every_topic_of_the_table_is_there_with_its_partitions(kafka_brokers: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka_brokers)
    wanted = {name: topic.partitions for topic in ALL_TOPICS for name in topic.names()}
    found = {t["name"]: len(t["partitions"]) for t in admin.describe_topics(sorted(wanted))}
    admin.close()

    assert found == wanted


def test_making_them_again_changes_nothing_not_even_the_generation(
    kafka_brokers: str, parts: RealParts, platform_db: Db
) -> None:
    before = topics.generation(platform_db)

    assert topics.prepare(settings_for(parts), platform_db) == before


def test_another_partition_count_than_the_tables_is_refused(kafka_brokers: str, parts: RealParts) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka_brokers)
    admin.create_topics({"accounting-link.odd": {"num_partitions": 3, "replication_factor": 1}})
    odd = dataclasses.replace(RECORDS, base="odd", laned=False)
    try:
        with pytest.raises(kafka.WrongTopicsError, match="3 partitions, the table says 8"):
            topics.ensure(admin, settings_for(parts), odd, odd.name(), 3)
    finally:
        admin.delete_topics(["accounting-link.odd"])
        admin.close()


def test_a_consumer_does_not_start_on_a_topic_of_another_shape(kafka_brokers: str) -> None:
    missing = Group(name="test-missing", topics=(RECORDS.name(), "accounting-link.records.nowhere"))
    right = Group(name="test-right", topics=(RECORDS.name(),))

    with kafka.consumer(kafka_brokers, right, session_timeout=timedelta(seconds=6), at_most=1) as made:
        assert made.assigned() == frozenset()
    with pytest.raises(kafka.WrongTopicsError, match="nowhere"):
        kafka.GroupConsumer(kafka_brokers, missing, session_timeout=timedelta(seconds=6), at_most=1)


def test_a_broker_that_forgot_is_noticed(tmp_path: Path) -> None:
    """A broker without its record raises the generation, one that kept it does not."""
    with Platform(tmp_path, BROKER, services=()) as platform:
        told = topics.Settings(
            kafka_brokers=platform.address("broker"),
            mongo_uri=platform.mongo_uri,
            replication=1,
            embedded=BROKER == "embedded",
        )
        with mongo.database(platform.mongo_uri, topics.PLATFORM) as db:
            first = topics.prepare(told, db)
            platform.kill("broker")
            platform.wait_restarted("broker")
            second = topics.prepare(told, db)

    assert first == 1
    assert second == (2 if BROKER == "embedded" else 1)
