"""Kafka's twin does what is asked of the real one."""

from datetime import timedelta

import pytest

from accounting_link.chassis.batch_worker import next_offsets
from accounting_link.chassis.messages import Consumer, Delivery
from accounting_link.contracts.topics import Group
from accounting_link.testing.broker import MemoryBroker
from tests.suites import broker as suite


class Twin:
    def __init__(self) -> None:
        self.transport = MemoryBroker()

    def join(self, group: Group) -> Consumer:
        return self.transport.consumer(group)


class TestMemoryBroker(suite.BrokerSuite):
    @pytest.fixture
    def broker(self) -> Twin:
        return Twin()


class Forgetful(Twin):
    """Takes commits for granted: what a member polled counts as done."""

    def join(self, group: Group) -> Consumer:
        member = self.transport.consumer(group)
        poll = member.poll

        def poll_and_commit(at_most: int, wait: timedelta) -> list[Delivery]:
            found = poll(at_most, wait)
            member.commit(next_offsets(found))
            return found

        member.poll = poll_and_commit  # type: ignore[method-assign]
        return member


def test_control_a_broker_that_commits_what_was_merely_polled_does_not_pass() -> None:
    crowd = suite.Crowd(Forgetful())
    with pytest.raises(AssertionError, match="0 of 5 messages came"):
        suite.BrokerSuite().test_what_was_not_committed_comes_again_to_whoever_is_next(crowd)
