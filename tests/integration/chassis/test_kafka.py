"""The real broker does what is asked of its twin."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from accounting_link.chassis import kafka
from accounting_link.chassis.kafka import GroupConsumer, KafkaTransport
from accounting_link.chassis.messages import Consumer
from accounting_link.contracts.topics import Group
from tests.suites.broker import BrokerSuite

pytestmark = pytest.mark.kafka


class Real:
    def __init__(self, servers: str, transport: KafkaTransport) -> None:
        self._servers, self.transport = servers, transport

    def join(self, group: Group) -> Consumer:
        return GroupConsumer(self._servers, group, session_timeout=timedelta(seconds=6), at_most=1000)


class TestKafka(BrokerSuite):
    @pytest.fixture
    def broker(self, kafka_brokers: str) -> Iterator[Real]:
        with kafka.transport(kafka_brokers) as transport:
            yield Real(kafka_brokers, transport)
