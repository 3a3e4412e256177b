"""Where a page of what is listed newest first goes on."""

from datetime import UTC, datetime

from accounting_link.chassis import paging
from accounting_link.chassis.problems import ProblemError


def before(cursor: str | None) -> tuple[datetime, str] | None:
    """The time and id of the last one shown. Raises the 400 problem for a cursor that no such list gave."""
    if cursor is None:
        return None
    key = paging.key_of(cursor)
    try:
        at, id_ = key
        # Texts only: what is put into a query must not be able to ask one of its own.
        if not isinstance(id_, str):
            raise TypeError
        return datetime.fromisoformat(at).astimezone(UTC), id_
    except (TypeError, ValueError, OverflowError):
        raise ProblemError(
            400, "bad-cursor", "This cursor is of another list.", "Start again without a cursor."
        ) from None
