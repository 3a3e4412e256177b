"""One outcome a record a sync, whatever the number, order and batching of its copies. Pure.

The rule: failed or left out by the newest copy; else created over updated over unchanged. Of two failed by
the same copy (an unreadable copy carries the version of what stands) failing shows before being left out,
and that before what was imported. A joined row remembers both halves of the rule, the ``standing`` of its
newest copy and the ``best`` of all that were imported, for a newer copy may yet turn the answer either way.
"""

from typing import Any

from accounting_link.chassis.messages import Received
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.outcomes import Outcome, RecordsApplied
from accounting_link.contracts.words import Result
from log_service.documents import BEFORE_ALL, stored

_IMPORTED = "imported"
_SHOWN_FIRST = {_IMPORTED: 0, Result.LEFT_OUT.value: 1, Result.FAILED.value: 2}
_BETTER = {None: 0, Result.UNCHANGED.value: 1, Result.UPDATED.value: 2, Result.CREATED.value: 3}


def rows(received: Received, event: RecordsApplied) -> list[Document]:
    """The outcomes of one event, each as a row of its own. ``topic``, ``partition`` and ``offset`` say where
    the record's copy lay."""
    scope = received.scope
    of_sync = f"{scope.account_id}/{scope.sync_id}"
    whose = {"account_id": scope.account_id, "connection_id": scope.connection_id, "sync_id": scope.sync_id}
    place = {"topic": event.topic, "partition": event.partition}
    return [_row(outcome, of_sync) | whose | place for outcome in event.outcomes]


def _row(outcome: Outcome, of_sync: str) -> Document:
    result = outcome.result.value
    imported = result in _BETTER
    return {
        "_id": f"{of_sync}/{outcome.kind}/{outcome.xero_id}",
        "kind": outcome.kind.value,
        "xero_id": outcome.xero_id,
        "version": stored(outcome.version),
        "reading": outcome.reading,
        "offset": outcome.offset,
        "standing": _IMPORTED if imported else result,
        "best": result if imported else None,
        "result": result,
        "reason": outcome.reason,
    }


def join(one: Document, other: Document) -> Document:
    """The row of both tellings of one record in one sync."""
    newest = max(one, other, key=_newness)
    best = max(one["best"], other["best"], key=_BETTER.__getitem__)
    result = best if newest["standing"] == _IMPORTED else newest["standing"]
    return {**newest, "best": best, "result": result}


def _newness(row: Document) -> tuple[Any, ...]:
    """Total: rows that are equal in it say the same, so the choice between them is none."""
    return (
        row["version"] or BEFORE_ALL,
        row["reading"],
        _SHOWN_FIRST[row["standing"]],
        row["reason"],
        row["topic"],
        row["partition"],
        row["offset"],
    )
