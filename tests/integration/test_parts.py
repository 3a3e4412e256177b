"""The real parts: what outlives a kill, and what does not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from pymongo import MongoClient

from deploy.local.run import Platform
from tests.ports import free_port

BROKER = os.environ.get("BROKER") or "embedded"
TOPIC = "parts"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def platform(state: Path) -> Iterator[Platform]:
    with Platform(state, BROKER, services=()) as platform:
        yield platform


def produce(platform: Platform, *values: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=platform.address("broker"), allow_auto_create_topics=False)
    for sent in [producer.send(TOPIC, value) for value in values]:
        sent.get(60)
    producer.close()


def consumed(platform: Platform, group: str, *wanted: bytes) -> set[bytes]:
    """What a new group reads until it has seen what is wanted, or nothing came for a minute."""
    consumer = KafkaConsumer(
        TOPIC,
        bootstrap_servers=platform.address("broker"),
        group_id=group,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
        consumer_timeout_ms=60_000,
    )
    found: set[bytes] = set()
    while not found >= set(wanted):
        found.add(next(consumer).value)
    consumer.close(autocommit=False)
    return found


def create_topic(platform: Platform) -> None:
    admin = KafkaAdminClient(bootstrap_servers=platform.address("broker"))
    if TOPIC not in admin.list_topics():
        admin.create_topics({TOPIC: {"num_partitions": 4, "replication_factor": 1}})
    admin.close()


@pytest.mark.mongo
def test_mongod_keeps_its_data_and_takes_writes_again_after_a_kill(platform: Platform) -> None:
    with MongoClient[dict[str, object]](platform.mongo_uri, w="majority") as client:
        client.parts.kept.insert_one({"_id": "before"})

        platform.kill("mongod")
        platform.wait_restarted("mongod")

        client.parts.kept.insert_one({"_id": "after"})
        assert {row["_id"] for row in client.parts.kept.find()} == {"before", "after"}


@pytest.mark.mongo
def test_mongod_is_a_replica_set_so_transactions_work(platform: Platform) -> None:
    with MongoClient[dict[str, object]](platform.mongo_uri) as client, client.start_session() as session:
        with session.start_transaction():
            client.parts.undone.insert_one({"_id": 1}, session=session)
            session.abort_transaction()

        assert client.parts.undone.count_documents({}) == 0


@pytest.mark.mongo
def test_mongod_finds_its_data_again_under_another_port(tmp_path: Path) -> None:
    for number in range(2):
        with (
            Platform(tmp_path, services=(), parts=("mongod",), ports={"mongod": free_port()}) as platform,
            MongoClient[dict[str, object]](platform.mongo_uri, w="majority") as client,
        ):
            client.parts.kept.insert_one({"_id": number})
            assert client.parts.kept.count_documents({}) == number + 1


@pytest.mark.kafka
def test_what_is_produced_is_consumed_by_a_group(platform: Platform) -> None:
    create_topic(platform)

    produce(platform, b"one", b"two")

    assert consumed(platform, "readers", b"one", b"two") == {b"one", b"two"}


@pytest.mark.kafka
@pytest.mark.skipif(BROKER != "kafka", reason="the embedded broker forgets: BROKER=kafka")
def test_apache_kafka_keeps_what_it_acknowledged_through_a_kill(platform: Platform) -> None:
    create_topic(platform)
    produce(platform, b"kept")

    platform.kill("broker")
    platform.wait_restarted("broker")

    assert b"kept" in consumed(platform, "later-readers", b"kept")


@pytest.mark.kafka
@pytest.mark.skipif(BROKER != "embedded", reason="about the embedded broker")
def test_the_embedded_broker_comes_back_empty(platform: Platform) -> None:
    """Why the runner starts the services over after it."""
    create_topic(platform)
    produce(platform, b"gone")

    platform.kill("broker")
    platform.wait_restarted("broker")

    admin = KafkaAdminClient(bootstrap_servers=platform.address("broker"))
    assert TOPIC not in admin.list_topics()
    admin.close()


def test_workers_are_scaled_up_and_down_to_none(tmp_path: Path) -> None:
    with Platform(tmp_path, services=["lag-exporter"]) as platform:
        platform.scale("lag-exporter", 2)
        assert workers(platform) == {"lag-exporter": "ready", "lag-exporter#2": "ready"}

        platform.scale("lag-exporter", 0)
        assert workers(platform) == {}

        platform.scale("lag-exporter", 1)
        assert workers(platform) == {"lag-exporter": "ready"}


def workers(platform: Platform) -> dict[object, object]:
    return {row["name"]: row["state"] for row in platform.rows() if row["kind"] == "worker"}
