"""``python -m accounting_link.chassis.topics``: makes the topics of contracts/topics.py, refuses other shapes.

Run it before the services start. Settings: KAFKA_BROKERS, MONGO_URI, KAFKA_REPLICATION (1), and EMBEDDED_BROKER=1
for the broker that forgets everything when it stops and makes topics of four partitions on first touch.

A broker is new when its generation topic holds no record. Then ``broker_generation`` is raised in MongoDB
(database ``platform``), the topics are created, and that record is written last: a crash in between starts
over. Whoever relied on the old broker compares generations (the orchestrator gives open syncs a new attempt).
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError

from accounting_link.chassis import env, kafka, logs, mongo
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.topics import ALL_TOPICS, GENERATION, Topic

log = logs.logger()
PLATFORM = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kafka_brokers: str
    mongo_uri: str
    replication: int
    embedded: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        with env.reading(environ) as read:
            return cls(
                kafka_brokers=read.text("KAFKA_BROKERS", "where the broker is found at first: host:port,host:port"),
                mongo_uri=read.secret("MONGO_URI", "where the database `platform` lives"),
                replication=read.number("KAFKA_REPLICATION", "copies of each partition", default=1, between=(1, 9)),
                embedded=read.number("EMBEDDED_BROKER", "1: the broker forgets all", default=0, between=(0, 1)) == 1,
            )


def generation(db: mongo.Db) -> int:
    """The number of the broker that is in use; 0 before the first."""
    found = db.broker.find_one({"_id": "generation"})
    return int(found["number"]) if found else 0


def prepare(settings: Settings, db: mongo.Db) -> int:
    """Returns the broker's generation. Raises WrongTopicsError on a topic of another shape."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.brokers(settings.kafka_brokers))
    try:
        fresh = _is_new(settings, admin)
        if fresh:
            number = _raise_generation(db)
            if settings.embedded:
                _delete_touched(admin)
        existing = _partitions(admin)
        for topic in ALL_TOPICS:
            for name in topic.names():
                ensure(admin, settings, topic, name, existing.get(name, 0))
    finally:
        admin.close()
    if fresh:
        _write_generation(settings, number)
    return generation(db)


def _is_new(settings: Settings, admin: Any) -> bool:
    if GENERATION.name() not in _partitions(admin):
        return True
    reader = KafkaConsumer(
        bootstrap_servers=kafka.brokers(settings.kafka_brokers),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
    )
    try:
        place = TopicPartition(GENERATION.name(), 0)
        # Raises when the broker cannot say: one that is slow must not be taken for one that is new.
        return bool(reader.end_offsets([place])[place] == 0)
    finally:
        reader.close()


def _raise_generation(db: mongo.Db) -> int:
    db.broker.update_one({"_id": "generation"}, {"$inc": {"number": 1}}, upsert=True)
    return generation(db)


def _partitions(admin: Any) -> dict[str, int]:
    wanted = {name for topic in ALL_TOPICS for name in topic.names()}
    present = sorted(wanted.intersection(admin.list_topics()))
    found = admin.describe_topics(present) if present else []
    return {topic["name"]: len(topic["partitions"]) for topic in found}


def _delete_touched(admin: Any) -> None:
    for name in _partitions(admin):
        try:
            admin.delete_topics([name])
        except UnknownTopicOrPartitionError:
            log.info("topic was gone already", topic=name)


def ensure(admin: Any, settings: Settings, topic: Topic, name: str, found: int) -> None:
    """``found``: the partitions it has now, 0 for none. Raises WrongTopicsError on any other count than the table's."""
    if found and found != topic.partitions:
        raise kafka.WrongTopicsError(
            f"topic {name} has {found} partitions, the table says {topic.partitions}: "
            "partition counts are never changed in place, give the topic a new name"
        )
    if not found:
        try:
            admin.create_topics(
                {
                    name: {
                        "num_partitions": topic.partitions,
                        "replication_factor": settings.replication,
                        "configs": {"retention.ms": str(_milliseconds(topic.retention))},
                    }
                }
            )
            log.info("topic created", topic=name, partitions=topic.partitions)
        except TopicAlreadyExistsError:
            log.info("topic was made meanwhile", topic=name)


def _milliseconds(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)


def _write_generation(settings: Settings, number: int) -> None:
    record = Message(topic=GENERATION.name(), key="", headers=[], value=b"%d" % number, partition=0)
    with kafka.transport(settings.kafka_brokers) as transport:
        transport.deliver([record])


def main() -> int:
    logs.start("topics")
    try:
        settings = Settings.from_env(os.environ)
        with mongo.database(settings.mongo_uri, PLATFORM) as db:
            number = prepare(settings, db)
    except (env.SettingsError, kafka.WrongTopicsError) as error:
        log.error("topics not ready", problem=str(error))
        return 1
    log.info("topics ready", broker_generation=number)
    return 0


if __name__ == "__main__":
    sys.exit(main())
