"""Up to where a partition may be committed when its records are finished in any order."""

from hypothesis import given
from hypothesis import strategies as st

from accounting_link.chassis.messages import Place
from accounting_link.chassis.offsets import OffsetTracker

ZERO, ONE = Place("requests", 0), Place("requests", 1)


def begun(*offsets: int) -> OffsetTracker:
    tracker = OffsetTracker()
    for offset in offsets:
        tracker.begin(ZERO, offset)
    return tracker


@given(st.lists(st.integers(0, 30), unique=True, min_size=1).map(sorted), st.data())
def test_nothing_unfinished_is_ever_below_what_may_be_committed(offsets: list[int], data: st.DataObject) -> None:
    tracker = begun(*offsets)
    finished = data.draw(st.lists(st.sampled_from(offsets), unique=True))
    for offset in finished:
        tracker.finish(ZERO, offset)
    done = tracker.committable()[ZERO]
    unfinished = set(offsets) - set(finished)
    assert all(offset >= done for offset in unfinished)
    assert done == min(unfinished, default=offsets[-1] + 1)


def test_control_committing_past_the_newest_finished_one_would_lose_the_oldest() -> None:
    tracker = begun(3, 4)
    tracker.finish(ZERO, 4)
    naive = 4 + 1
    assert tracker.committable() == {ZERO: 3}
    assert naive > 3


def test_what_is_in_hand_is_not_begun_a_second_time_when_it_is_delivered_again() -> None:
    tracker = begun(3)
    assert not tracker.begin(ZERO, 3)
    tracker.finish(ZERO, 3)
    assert not tracker.begin(ZERO, 3)


def test_what_was_committed_is_not_offered_for_commit_again_until_it_moves() -> None:
    tracker = begun(3, 4)
    tracker.finish(ZERO, 3)
    tracker.committed(tracker.committable())
    assert tracker.committable() == {}
    tracker.finish(ZERO, 4)
    assert tracker.committable() == {ZERO: 5}


def test_a_partition_that_is_anothers_now_is_forgotten_and_may_come_back() -> None:
    tracker = begun(3)
    tracker.drop(ZERO)
    tracker.finish(ZERO, 3)
    assert (tracker.committable(), tracker.in_hand()) == ({}, 0)
    assert tracker.begin(ZERO, 3)


def test_partitions_do_not_wait_for_each_other() -> None:
    tracker = begun(0)
    tracker.begin(ONE, 0)
    tracker.finish(ONE, 0)
    assert tracker.committable() == {ZERO: 0, ONE: 1}
    assert tracker.in_hand() == 1
