"""What a broker must do, as our code sees it: run on the twin in memory and on the real one.

A subclass gives the fixture ``broker``. The real one is shared with other tests, so each test looks only at
messages that carry its own mark, in groups of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Protocol
from uuid import uuid4

import pytest

from accounting_link.chassis.batch_worker import next_offsets
from accounting_link.chassis.messages import Consumer, Delivery, Sent, Transport
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.topics import CONNECTIONS, SYNC_LIFE, Group

WAIT = timedelta(seconds=0.1)
PATIENCE = 1000  # polls in vain; a machine with much other work takes minutes to share partitions out


class Broker(Protocol):
    @property
    def transport(self) -> Transport: ...

    def join(self, group: Group) -> Consumer: ...


class Crowd:
    """Messages with one mark, the groups that read them, and what each member has got."""

    def __init__(self, broker: Broker) -> None:
        self._broker, self._mark = broker, uuid4().hex
        self._joined: list[Consumer] = []
        self.sizes: list[int] = []  # of every poll, other tests' messages included

    def group(self, *topics: str) -> Group:
        return Group(name=f"test-{uuid4()}", topics=topics or SYNC_LIFE.names())

    def message(self, value: int, key: str = "key", topic: str = "", partition: int | None = None) -> Message:
        headers = [("mark", self._mark.encode()), ("place", b"%d" % value)]
        name = topic or SYNC_LIFE.name()
        return Message(topic=name, key=key, headers=headers, value=b"%d" % value, partition=partition)

    def send(self, *messages: Message) -> list[Sent]:
        return self._broker.transport.deliver(messages)

    def join(self, group: Group) -> Consumer:
        member = self._broker.join(group)
        self._joined.append(member)
        return member

    def leave(self, member: Consumer) -> None:
        self._joined.remove(member)
        member.close()

    def leave_all(self) -> None:
        while self._joined:
            self._joined.pop().close()

    def poll(self, member: Consumer, at_most: int = 1000) -> list[Delivery]:
        polled = member.poll(at_most, WAIT)
        self.sizes.append(len(polled))
        return [one for one in polled if ("mark", self._mark.encode()) in list(one.headers)]

    def gather(
        self, count: int, *members: Consumer, at_most: int = 1000, done: Callable[[], bool] = lambda: True
    ) -> list[list[Delivery]]:
        """Polls them until they have so many between them; what each got. All at once, as in processes of their own:
        one that has to wait for its turn holds up how the group shares partitions out."""
        found: list[list[Delivery]] = [[] for _ in members]
        in_vain = 0  # how many messages of other tests lie before these is chance
        with ThreadPoolExecutor(len(members)) as pool:
            while in_vain < PATIENCE:
                if sum(map(len, found)) >= count and done():
                    return found
                polled = pool.map(lambda member: self.poll(member, at_most), members)
                for got, more in zip(found, polled, strict=True):
                    got += more
                in_vain += not any(self.sizes[-len(members) :])
        raise AssertionError(f"{sum(map(len, found))} of {count} messages came")


def values(deliveries: Sequence[Delivery]) -> list[int]:
    return [int(one.value or b"-1") for one in deliveries]


class BrokerSuite:
    @pytest.fixture
    def crowd(self, broker: Broker) -> Iterator[Crowd]:
        crowd = Crowd(broker)
        yield crowd
        crowd.leave_all()

    def test_what_is_acknowledged_is_delivered_as_it_was_sent_and_where_it_was_said_to_lie(self, crowd: Crowd) -> None:
        sent = crowd.send(crowd.message(7))
        [[delivery]] = crowd.gather(1, crowd.join(crowd.group()))
        assert (delivery.place, delivery.offset) == sent[0]
        assert (delivery.value, dict(delivery.headers)["place"]) == (b"7", b"7")

    def test_acknowledgements_come_in_the_order_of_the_messages(self, crowd: Crowd) -> None:
        sent = crowd.send(*(crowd.message(number, partition=number % 4) for number in range(8)))
        assert [one.place.partition for one in sent] == [number % 4 for number in range(8)]

    def test_messages_of_one_key_stay_on_one_partition_in_their_order(self, crowd: Crowd) -> None:
        sent = crowd.send(*(crowd.message(number) for number in range(20)))
        [got] = crowd.gather(20, crowd.join(crowd.group()))
        assert values(got) == list(range(20))
        assert len({one.place for one in sent}) == 1

    def test_a_member_reads_all_topics_of_its_group(self, crowd: Crowd) -> None:
        crowd.send(crowd.message(1), crowd.message(2, topic=CONNECTIONS.name()))
        [got] = crowd.gather(2, crowd.join(crowd.group(SYNC_LIFE.name(), CONNECTIONS.name())))
        assert {one.place.topic for one in got} == {SYNC_LIFE.name(), CONNECTIONS.name()}

    def test_a_poll_gives_no_more_than_it_was_asked_for(self, crowd: Crowd) -> None:
        crowd.send(*(crowd.message(number) for number in range(20)))
        crowd.gather(20, crowd.join(crowd.group()), at_most=3)
        assert max(crowd.sizes) <= 3

    def test_what_was_not_committed_comes_again_to_whoever_is_next(self, crowd: Crowd) -> None:
        group = crowd.group()
        crowd.send(*(crowd.message(number) for number in range(5)))
        first = crowd.join(group)
        crowd.gather(5, first)
        crowd.leave(first)
        [again] = crowd.gather(5, crowd.join(group))
        assert values(again) == list(range(5))

    def test_what_was_committed_does_not_come_again(self, crowd: Crowd) -> None:
        group = crowd.group()
        crowd.send(*(crowd.message(number) for number in range(5)))
        first = crowd.join(group)
        [got] = crowd.gather(5, first)
        first.commit(next_offsets(got[:3]))
        crowd.leave(first)
        [again] = crowd.gather(2, crowd.join(group))
        assert values(again) == [3, 4]

    def test_every_group_gets_everything(self, crowd: Crowd) -> None:
        crowd.send(*(crowd.message(number) for number in range(5)))
        got = crowd.gather(10, crowd.join(crowd.group()), crowd.join(crowd.group()))
        assert [values(each) for each in got] == [list(range(5))] * 2

    def test_two_members_share_the_partitions_and_neither_gets_what_is_the_others(self, crowd: Crowd) -> None:
        group = crowd.group()
        one, other = crowd.join(group), crowd.join(group)

        def shared() -> bool:
            held = (one.assigned(), other.assigned())
            return all(held) and sum(map(len, held)) == SYNC_LIFE.partitions

        crowd.gather(0, one, other, done=shared)
        held = (one.assigned(), other.assigned())
        assert not held[0] & held[1]
        crowd.send(*(crowd.message(number, partition=number % SYNC_LIFE.partitions) for number in range(40)))
        got = crowd.gather(40, one, other)
        assert sorted(values(got[0]) + values(got[1])) == list(range(40))
        assert all({delivery.place for delivery in mine} <= places for mine, places in zip(got, held, strict=True))

    def test_a_member_that_leaves_is_replaced_by_one_that_stays(self, crowd: Crowd) -> None:
        group = crowd.group()
        one, other = crowd.join(group), crowd.join(group)
        crowd.gather(0, one, other, done=lambda: bool(one.assigned() and other.assigned()))
        crowd.leave(other)
        crowd.send(*(crowd.message(number, partition=number % SYNC_LIFE.partitions) for number in range(8)))
        [got] = crowd.gather(8, one)
        assert sorted(values(got)) == list(range(8))
        assert len(one.assigned()) == SYNC_LIFE.partitions
