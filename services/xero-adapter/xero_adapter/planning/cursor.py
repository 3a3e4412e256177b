"""Where a stream is to be read on. By keyset, never by page number: an edit between two pages moves a record
to the end and slides another onto a page already read, which loses it for good.

Keyset: page 1, ordered by UpdatedDateUTC, If-Modified-Since = the last record's UpdatedDateUTC less one
second. A full page that would not move that mark by a whole second (many records changed at once) means that
the rest is read from this mark by id, page after page: nothing can leave what that filter gives, so there a
record is never overtaken. Past a size Xero refuses orders and filters (xero-facts, HighVolumeException): then by id,
and where that is refused too, as it comes.

``tests/unit/xero_adapter/test_cursor.py`` breaks each part of this on purpose.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

_STEP = timedelta(seconds=1)


class Mode(StrEnum):
    KEYSET = "keyset"
    BY_ID = "by_id"
    AS_IT_COMES = "as_it_comes"  # no order and no filter: what a huge organisation does not refuse
    NAMED = "named"  # the records whose ids are asked for, so many a page


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    since: datetime | None  # If-Modified-Since, in whole seconds; None: everything
    mode: Mode = Mode.KEYSET
    page: int = 1


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says of itself. ``last_updated`` is the highest UpdatedDateUTC that could be read."""

    size: int
    last_updated: datetime | None
    page: int
    page_count: int | None  # None: the answer had no pagination
    item_count: int | None
    asked_for: int  # pageSize of the request

    def is_last(self) -> bool:
        """By the answer's own pagination; only an answer without one is judged by a short page."""
        if self.page_count is not None:
            return self.page >= self.page_count
        return self.size < self.asked_for


def begin(since: datetime | None) -> Cursor:
    return Cursor(since=whole_second(since) if since else None)


def by_name() -> Cursor:
    return Cursor(since=None, mode=Mode.NAMED)


def follow(cursor: Cursor, page: Page) -> Cursor | None:
    """Where to go on after ``page``; None at the end."""
    if page.is_last():
        return None
    if cursor.mode != Mode.KEYSET:
        return msgspec.structs.replace(cursor, page=cursor.page + 1)
    mark = whole_second(page.last_updated - _STEP) if page.last_updated else None
    if mark is None or (cursor.since is not None and mark - cursor.since < _STEP):
        return Cursor(since=cursor.since, mode=Mode.BY_ID)
    return Cursor(since=mark)


def fall_back(cursor: Cursor) -> Cursor | None:
    """Where to begin again, from the same mark, after Xero has refused the order or the filter; None: nowhere."""
    weaker = {Mode.KEYSET: Mode.BY_ID, Mode.BY_ID: Mode.AS_IT_COMES}.get(cursor.mode)
    return Cursor(since=cursor.since, mode=weaker) if weaker else None


def whole_second(time: datetime) -> datetime:
    """Downwards: If-Modified-Since has no fractions."""
    return time.replace(microsecond=0)
