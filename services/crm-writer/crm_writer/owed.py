"""What is owed, per currency and by age, worked out whole from the transactions each time it is read.

Owed is what is due of invoices; what a customer has to their credit (left of credit notes, overpayments and
prepayments) is told beside it, for until a person allocates it nobody knows which invoice it pays. Payments need no
adding up: Xero has them in what is due and left. Drafts, what waits for approval, and what was voided or deleted are
owed by nobody. Days are compared as ISO text (the organisation's own days, as Xero tells them).
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from accounting_link.chassis.mongo import Document
from accounting_link.contracts.words import CREDITS, Kind

NOT_OWED = ("DRAFT", "SUBMITTED", "VOIDED", "DELETED")
AGES = ("current", "days_1_30", "days_31_60", "days_61_90", "days_over_90")

Stage = dict[str, Any]
_CREDITS = [kind.value for kind in CREDITS]
_IS_INVOICE = {"$eq": ["$kind", Kind.INVOICE.value]}


def counts() -> Document:
    return {"xero.status": {"$nin": list(NOT_OWED)}}


def overdue(today: date) -> Document:
    """Which transactions are past their day and not paid. One without a due date is never overdue."""
    return {"kind": Kind.INVOICE.value, **counts(), "xero.due_date": {"$lt": today.isoformat()}, "xero.due": {"$gt": 0}}


def per_currency(today: date) -> list[Stage]:
    """Stages that follow a match of somebody's transactions."""
    past_due = _is_past_due(today)
    return [
        {"$match": {"kind": {"$in": [Kind.INVOICE.value, *_CREDITS]}, **counts()}},
        {
            "$group": {
                "_id": "$xero.currency",
                "invoices": {"$sum": {"$cond": [_IS_INVOICE, 1, 0]}},
                "invoiced": {"$sum": {"$cond": [_IS_INVOICE, "$xero.total", 0]}},
                "credit": {"$sum": {"$cond": [_IS_INVOICE, 0, "$xero.remaining"]}},
                "outstanding": {"$sum": "$xero.due"},
                "open_invoices": {"$sum": {"$cond": [{"$gt": ["$xero.due", 0]}, 1, 0]}},
                "overdue": {"$sum": {"$cond": [past_due, "$xero.due", 0]}},
                "overdue_invoices": {"$sum": {"$cond": [{"$and": [past_due, {"$gt": ["$xero.due", 0]}]}, 1, 0]}},
                **{age: {"$sum": {"$cond": [within, "$xero.due", 0]}} for age, within in _ages(today).items()},
            }
        },
    ]


def added(groups: Iterable[Document]) -> list[Document]:
    """One group a currency of those of several organisations, each counted on its own day; and what is owed after
    what is to their credit (``balance``)."""
    found: dict[str, Document] = {}
    for group in groups:
        known = found.setdefault(group["_id"], {"_id": group["_id"]})
        for name, value in group.items():
            if name != "_id":
                known[name] = known.get(name, 0) + value
    return [{**group, "balance": group["outstanding"] - group["credit"]} for _, group in sorted(found.items())]


def _is_past_due(today: date) -> Document:
    # A missing day sorts below any text, so it has to be asked for.
    return {"$and": [{"$gt": ["$xero.due_date", None]}, {"$lt": ["$xero.due_date", today.isoformat()]}]}


def _ages(today: date) -> dict[str, Document]:
    """Each bucket's condition: 1 to 30 days late is due before today and not before 30 days ago."""
    late = [today - timedelta(days=days) for days in (0, 30, 60, 90)]
    between = {
        age: {"$and": [_is_past_due(before), {"$gte": ["$xero.due_date", since.isoformat()]}]}
        for age, before, since in zip(AGES[1:4], late, late[1:], strict=False)
    }
    return {AGES[0]: {"$not": [_is_past_due(today)]}, **between, AGES[4]: _is_past_due(late[3])}
