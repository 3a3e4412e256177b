"""Reading while others write: by keyset nothing is lost; each part of it, broken on purpose, loses or never ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounting_link.testing.builders import JULY
from xero_adapter.planning import cursor as cursors
from xero_adapter.planning.cursor import Cursor, Mode, Page

Follow = Callable[[Cursor, Page], Cursor | None]
MOST_CALLS = 400


@dataclass
class ModelXero:
    """As little of Xero as paging needs: records with a time of change, ordered, filtered and cut into pages."""

    updated: dict[int, datetime]
    now: datetime
    page_size: int = 10
    random: Random = field(default_factory=lambda: Random(5))

    def read(self, cursor: Cursor) -> tuple[list[int], Page]:
        since = cursor.since
        held = [number for number, at in self.updated.items() if since is None or at >= since]
        by_id = cursor.mode == Mode.BY_ID
        held.sort(key=lambda number: (0 if by_id else self.updated[number].timestamp(), number))
        cut = held[(cursor.page - 1) * self.page_size : cursor.page * self.page_size]
        page = Page(
            size=len(cut),
            last_updated=max((self.updated[number] for number in cut), default=None),
            page=cursor.page,
            page_count=-(-len(held) // self.page_size),
            item_count=len(held),
            asked_for=1000,
        )
        return cut, page

    def edit(self, how_many: int) -> None:
        for number in self.random.sample(sorted(self.updated), how_many):
            self.now += timedelta(milliseconds=137)
            self.updated[number] = self.now


def read_all(xero: ModelXero, follow: Follow, edits: int) -> tuple[set[int], int]:
    """What a reader saw, and in how many calls; ``edits`` records change between any two."""
    seen: set[int] = set()
    cursor: Cursor | None = cursors.begin(None)
    calls = 0
    while cursor is not None and calls < MOST_CALLS:
        found, page = xero.read(cursor)
        seen.update(found)
        calls += 1
        cursor = follow(cursor, page)
        xero.edit(edits)
    return seen, calls


def over_years(count: int) -> ModelXero:
    return ModelXero({n: JULY + timedelta(hours=7 * n) for n in range(count)}, now=JULY + timedelta(days=365))


def at_once(count: int, within: timedelta) -> ModelXero:
    return ModelXero({n: JULY + within * (n / count) for n in range(count)}, now=JULY + timedelta(days=1))


def by_page_number(cursor: Cursor, page: Page) -> Cursor | None:
    """What everybody writes first."""
    return None if page.is_last() else Cursor(since=None, page=cursor.page + 1)


def keyset_without_its_turn_to_ids(cursor: Cursor, page: Page) -> Cursor | None:
    after = cursors.follow(cursor, page)
    return Cursor(since=cursor.since) if after and after.mode == Mode.BY_ID else after


@settings(max_examples=60)
@given(st.integers(0, 120), st.integers(0, 3), st.integers(0, 1000))
def test_nothing_is_missed_while_records_are_edited(count: int, edits: int, seed: int) -> None:
    xero = over_years(count)
    xero.random = Random(seed)

    seen, calls = read_all(xero, cursors.follow, min(edits, count))

    assert seen == set(range(count))
    assert calls < MOST_CALLS


def test_reading_by_page_number_misses_some() -> None:
    """The control: the same edits, the usual way of paging."""
    seen, _ = read_all(over_years(120), by_page_number, edits=3)

    assert seen < set(range(120))


@pytest.mark.parametrize("within", [timedelta(0), timedelta(milliseconds=900), timedelta(seconds=1.5)])
@pytest.mark.parametrize("edits", [0, 2])
def test_many_records_changed_at_once_are_all_read_and_the_reading_ends(within: timedelta, edits: int) -> None:
    seen, calls = read_all(at_once(250, within), cursors.follow, edits)

    assert seen == set(range(250))
    assert calls < MOST_CALLS


def test_the_keyset_without_its_turn_to_ids_never_ends() -> None:
    """The control of the test above."""
    _, calls = read_all(at_once(250, timedelta(seconds=1.5)), keyset_without_its_turn_to_ids, edits=0)

    assert calls == MOST_CALLS


def test_the_end_is_the_answers_own_pagination_not_a_short_page() -> None:
    short_but_not_last = Page(size=3, last_updated=JULY, page=1, page_count=2, item_count=13, asked_for=10)
    full_but_last = Page(size=10, last_updated=JULY, page=1, page_count=1, item_count=10, asked_for=10)
    without = Page(size=9, last_updated=JULY, page=1, page_count=None, item_count=None, asked_for=10)

    assert not short_but_not_last.is_last()
    assert full_but_last.is_last()
    assert without.is_last()


def test_if_modified_since_is_a_second_before_the_last_record_and_in_whole_seconds() -> None:
    last = JULY.replace(microsecond=999_000)
    page = Page(size=10, last_updated=last, page=1, page_count=2, item_count=20, asked_for=10)

    assert cursors.follow(cursors.begin(None), page) == Cursor(since=JULY - timedelta(seconds=1))


def test_a_page_of_which_no_date_can_be_read_turns_to_ids() -> None:
    page = Page(size=10, last_updated=None, page=1, page_count=2, item_count=20, asked_for=10)

    assert cursors.follow(cursors.begin(None), page) == Cursor(since=None, mode=Mode.BY_ID)
