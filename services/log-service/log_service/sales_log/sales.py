"""One row a sale: what it now is, when it first came, and which sync last changed it. Pure.

A transaction names people by id only, so erasing a person leaves nothing behind here.
"""

from typing import Any

from accounting_link.chassis.messages import Received
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.outcomes import Outcome, RecordsApplied, Transaction
from accounting_link.contracts.words import Result
from log_service.documents import BEFORE_ALL, stored

_NEWS = frozenset({Result.CREATED, Result.UPDATED})


def rows(received: Received, event: RecordsApplied) -> list[Document]:
    """One for each outcome that tells what a transaction now is."""
    told = stored(received.envelope.time)
    scope = received.scope
    whose = {
        "account_id": scope.account_id,
        "connection_id": scope.connection_id,
        "authorisation": scope.authorisation,
    }
    return [
        _row(outcome, outcome.transaction, f"{scope.account_id}/{scope.connection_id}")
        | whose
        | {"first": {"at": told, "sync_id": scope.sync_id}, "changed": _change(outcome, scope.sync_id, told)}
        for outcome in event.outcomes
        if outcome.transaction is not None
    ]


def _row(outcome: Outcome, sale: Transaction, of_connection: str) -> Document:
    return {
        "_id": f"{of_connection}/{outcome.kind}/{outcome.xero_id}",
        "kind": outcome.kind.value,
        "xero_id": outcome.xero_id,
        "version": stored(outcome.version),
        "reading": outcome.reading,
        "number": sale.number,
        "contact_id": sale.contact_id,
        "status": sale.status,
        "currency": sale.currency,
        # ISO days, which sort as they read; an absent one is empty, for a query compares texts with texts only.
        "date": sale.date.isoformat() if sale.date else "",
        "due_date": sale.due_date.isoformat() if sale.due_date else "",
        "total": sale.total,
        "due": sale.due,
        "remaining": sale.remaining,
    }


def _change(outcome: Outcome, sync_id: str, at: Any) -> Document | None:
    if outcome.result not in _NEWS:
        return None
    return {"version": stored(outcome.version), "reading": outcome.reading, "sync_id": sync_id, "at": at}


def join(one: Document, other: Document) -> Document:
    """The row of both tellings of one sale."""
    changes = [change for change in (one["changed"], other["changed"]) if change]
    newest = max(one, other, key=_newness)
    return {
        **newest,
        "authorisation": max(one.get("authorisation", 0), other.get("authorisation", 0)),
        "first": min(one["first"], other["first"], key=lambda first: (first["at"], first["sync_id"])),
        "changed": max(changes, key=_change_newness, default=None),
    }


def _newness(row: Document) -> tuple[Any, ...]:
    # An older version kept no remainder.
    said = ("number", "contact_id", "status", "currency", "date", "due_date", "total", "due", "remaining")
    return (row["version"] or BEFORE_ALL, row["reading"], *(row.get(name, 0) for name in said))


def _change_newness(change: Document) -> tuple[Any, ...]:
    # The same change told again comes later; the first telling is when it happened.
    return change["version"] or BEFORE_ALL, change["reading"], change["sync_id"], BEFORE_ALL - change["at"]
