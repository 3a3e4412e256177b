"""Kafka by kafka-python.

Nothing here relies on transactions or on end offsets. Automatic commits and topic creation are off:
what was polled is not done (operations: a poll would commit what the last one returned), and a topic
that appears by itself has the wrong number of partitions.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from accounting_link.chassis import logs
from accounting_link.chassis.messages import Delivery, Place, Sent
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.topics import ALL_TOPICS, Group

log = logs.logger()

# The group has gone on without us, or cannot be asked: what we did is delivered again to whoever holds it.
_MOVED_ON = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    KafkaTimeoutError,
)
_CONFIRM_WITHIN = timedelta(seconds=30)


class WrongTopicsError(Exception):
    """A topic is missing or has another number of partitions than the table of topics says."""


def brokers(text: str) -> list[str]:
    return [broker.strip() for broker in text.split(",") if broker.strip()]


class KafkaTransport:
    """Acknowledged by all in-sync replicas, idempotent; a failure is final and ends the process, for an
    idempotent producer that has lost its place cannot go on (the embedded broker forgets it on restart)."""

    def __init__(self, servers: str) -> None:
        self._producer = KafkaProducer(
            bootstrap_servers=brokers(servers),
            compression_type="lz4",
            linger_ms=5,
            batch_size=256_000,
            delivery_timeout_ms=int(_CONFIRM_WITHIN.total_seconds() * 1000),
            request_timeout_ms=10_000,
            max_block_ms=10_000,
            allow_auto_create_topics=False,
        )

    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        futures = [
            self._producer.send(
                message.topic,
                key=message.key.encode(),
                value=message.value,
                headers=message.headers,
                partition=message.partition,
            )
            for message in messages
        ]
        # linger_ms makes batches fill; flush sends what waits at once instead of after the linger.
        self._producer.flush(timeout=_CONFIRM_WITHIN.total_seconds())
        return [_sent(future.get(timeout=_CONFIRM_WITHIN.total_seconds())) for future in futures]

    def close(self) -> None:
        # Everything worth sending was confirmed; a plain close() would wait up to the delivery timeout.
        try:
            self._producer.close(timeout=2)
        except KafkaTimeoutError:
            log.warning("the producer did not close in time")


def _sent(metadata: Any) -> Sent:
    return Sent(Place(metadata.topic, metadata.partition), metadata.offset)


class GroupConsumer:
    def __init__(self, servers: str, group: Group, *, session_timeout: timedelta, at_most: int) -> None:
        session_ms = int(session_timeout.total_seconds() * 1000)
        self._consumer = KafkaConsumer(
            bootstrap_servers=brokers(servers),
            group_id=group.name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=max(session_ms // 6, 100),
            max_poll_records=at_most,
            max_partition_fetch_bytes=4_000_000,
            request_timeout_ms=max(10_000, session_ms + 5_000),
        )
        check_partitions(self._consumer, group.topics)
        self._consumer.subscribe(list(group.topics))

    def poll(self, at_most: int, wait: timedelta) -> list[Delivery]:
        found = self._consumer.poll(timeout_ms=int(wait.total_seconds() * 1000), max_records=at_most)
        return [
            Delivery(
                place=Place(record.topic, record.partition),
                offset=record.offset,
                headers=record.headers,
                value=record.value,
            )
            for records in found.values()
            for record in records
        ]

    def commit(self, offsets: Mapping[Place, int]) -> bool:
        try:
            self._consumer.commit(
                {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()},
                timeout_ms=10_000,
            )
        except _MOVED_ON as error:
            log.warning("offsets not committed; these records come again", error=type(error).__name__)
            return False
        return True

    def assigned(self) -> frozenset[Place]:
        return frozenset(Place(tp.topic, tp.partition) for tp in self._consumer.assignment())

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=3000)


def check_partitions(consumer: KafkaConsumer, names: Sequence[str]) -> None:
    """Raises WrongTopicsError. A worker that read a topic of another shape would lose the order of its keys."""
    wanted = {name: topic.partitions for topic in ALL_TOPICS for name in topic.names()}
    for name in names:
        found = len(consumer.partitions_for_topic(name) or ())
        if found != wanted.get(name):
            raise WrongTopicsError(
                f"topic {name} has {found} partitions, the table says {wanted.get(name)}: "
                "run `python -m accounting_link.chassis.topics` first"
            )


@contextmanager
def transport(servers: str) -> Iterator[KafkaTransport]:
    made = KafkaTransport(servers)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def consumer(servers: str, group: Group, *, session_timeout: timedelta, at_most: int) -> Iterator[GroupConsumer]:
    made = GroupConsumer(servers, group, session_timeout=session_timeout, at_most=at_most)
    try:
        yield made
    finally:
        made.close()
