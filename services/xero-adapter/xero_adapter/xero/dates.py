"""Xero's dates. ``/Date(1518685950940+0000)/`` is milliseconds since 1970, UTC; it may be negative, and the offset
may be missing and never moves the instant. ``2009-05-27T00:00:00`` is the organisation's own day, with no zone."""

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime

_MILLISECONDS = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str) -> datetime:
    """Raises ValueError."""
    found = _MILLISECONDS.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is none of Xero's dates")
    try:
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    except OverflowError as error:
        raise ValueError(f"{text!r} is beyond all calendars") from error


def day(date_string: str | None, milliseconds: str | None) -> date | None:
    """From DateString, else from the /Date(...)/ beside it. Raises ValueError."""
    if date_string:
        return datetime.fromisoformat(date_string).date()
    return instant(milliseconds).date() if milliseconds else None


def header(text: str | None) -> datetime | None:
    """An HTTP Date header: Xero's own time."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None


def if_modified_since(since: datetime) -> str:
    """UTC with no zone and no milliseconds; another form can be ignored, which silently reads everything
    (xero-facts: NangoHQ/integration-templates PR 451)."""
    return since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
