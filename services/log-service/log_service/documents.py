"""Documents that can be joined: two tellings of one thing make one document, in whichever order they come.

Every join in this service is commutative, associative and idempotent (property tests hold them to it), so
neither redelivery, nor the order between topics, nor the cut of batches changes what the log says.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from accounting_link.chassis.mongo import Document

Join = Callable[[Document, Document], Document]

BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)  # where no time is known, in comparisons


def stored(time: datetime | None) -> datetime | None:
    """As MongoDB keeps it, in whole milliseconds: what was stored must equal what is told again."""
    if time is None or not time.microsecond % 1000:  # as most are: Xero's times have no finer part
        return time
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def least(*values: Any) -> Any:
    """The smallest of those that are known, or None."""
    return min((value for value in values if value is not None), default=None)


def most(*values: Any) -> Any:
    """The greatest of those that are known, or None."""
    return max((value for value in values if value is not None), default=None)
