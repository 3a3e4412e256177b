"""Requests that take long: the loop never waits for them, and commits up to the oldest unfinished."""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

from accounting_link.chassis.messages import Delivery, Place
from accounting_link.chassis.task_worker import TaskWorker
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.topics import REQUESTS, XERO_ADAPTER, Lane
from accounting_link.testing.broker import MemoryBroker, MemoryConsumer
from accounting_link.testing.clock import FakeClock

GROUP = XERO_ADAPTER[Lane.BULK]
TOPIC = REQUESTS.name(Lane.BULK)


class Tasks:
    """Finishes what the test says."""

    def __init__(self, room: int = 10) -> None:
        self.begun: dict[bytes, Callable[[], None]] = {}
        self.lost_places: frozenset[Place] = frozenset()
        self._room = room

    def begin(self, delivery: Delivery, finished: Callable[[], None]) -> None:
        self.begun[delivery.value or b""] = finished

    def lost(self, places: frozenset[Place]) -> None:
        self.lost_places |= places

    def turn(self) -> None:
        pass

    def room(self) -> int:
        return self._room - len(self.begun)


class World:
    def __init__(self, requests: int = 3, room: int = 10) -> None:
        self.broker, self.tasks, self.clock = MemoryBroker(), Tasks(room), FakeClock()
        self.broker.deliver(
            [Message(topic=TOPIC, key="k", headers=[], value=b"%d" % n, partition=0) for n in range(requests)]
        )
        self.worker = self.join(self.tasks)

    def join(self, tasks: Tasks) -> TaskWorker:
        self.member = self.broker.consumer(GROUP)
        return TaskWorker(self.member, tasks, wait=timedelta(0), clock=self.clock)

    def committed(self) -> int:
        return self.broker.committed(GROUP).get(Place(TOPIC, 0), 0)


def test_a_request_that_is_still_worked_on_is_not_committed() -> None:
    world = World()
    world.worker.turn()
    assert (len(world.tasks.begun), world.committed()) == (3, 0)


def test_later_requests_that_are_finished_wait_for_the_oldest() -> None:
    world = World()
    world.worker.turn()
    world.tasks.begun[b"1"]()
    world.worker.turn()
    assert world.committed() == 0
    world.tasks.begun[b"0"]()
    world.worker.turn()
    assert world.committed() == 2


def test_control_what_is_uncommitted_when_a_worker_dies_is_begun_by_the_next() -> None:
    world = World()
    world.worker.turn()
    world.tasks.begun[b"0"]()
    world.worker.turn()
    world.member.close()
    heir = Tasks()
    world.join(heir).turn()
    assert set(heir.begun) == {b"1", b"2"}


def test_what_is_delivered_again_to_the_one_who_works_on_it_is_not_begun_twice() -> None:
    world = World(requests=1)
    world.worker.turn()
    first = world.tasks.begun[b"0"]
    other = world.broker.consumer(GROUP)
    other.close()  # dealt anew, twice: every position goes back to what was committed
    world.worker.turn()
    assert world.tasks.begun[b"0"] is first


def test_partitions_that_go_to_another_are_told_to_the_tasks_and_finishing_them_commits_nothing() -> None:
    world = World()
    world.worker.turn()
    held = world.member.assigned()
    world.broker.consumer(GROUP)
    world.worker.turn()
    assert world.tasks.lost_places == held - world.member.assigned()
    for finished in world.tasks.begun.values():
        finished()
    lost_zero = Place(TOPIC, 0) in world.tasks.lost_places
    world.worker.turn()
    assert world.committed() == (0 if lost_zero else 3)


def test_no_more_is_taken_on_than_there_is_room_for() -> None:
    world = World(requests=5, room=2)
    world.worker.turn()
    assert len(world.tasks.begun) == 2


def test_a_task_that_finishes_in_another_thread_is_committed() -> None:
    world = World(requests=1)
    world.worker.turn()
    thread = threading.Thread(target=world.tasks.begun[b"0"])
    thread.start()
    thread.join()
    world.worker.turn()
    assert world.committed() == 1


def test_what_was_finished_before_being_asked_to_stop_is_committed_on_the_way_out() -> None:
    world = World(requests=1)
    world.worker.turn()
    world.tasks.begun[b"0"]()
    stop = threading.Event()
    stop.set()
    world.worker.run(stop)
    assert world.committed() == 1


def test_a_loop_that_no_longer_turns_is_not_live() -> None:
    world = World()
    world.worker.turn()
    assert world.worker.is_turning()
    world.clock.advance(timedelta(minutes=5))
    assert not world.worker.is_turning()


class Deaf(MemoryConsumer):
    """A member whose first commit the group refuses, as while it is being dealt anew."""

    refusals = 1

    def commit(self, offsets: Mapping[Place, int]) -> bool:
        if self.refusals:
            self.refusals -= 1
            return False
        return super().commit(offsets)


def test_a_commit_that_the_group_refused_is_made_again() -> None:
    world = World(requests=1)
    world.worker.turn()
    world.member.__class__ = Deaf
    world.tasks.begun[b"0"]()
    world.worker.turn()
    assert world.committed() == 0
    world.worker.turn()
    assert world.committed() == 1
