"""What the views ask of the database. Every function takes the account first and looks at nothing else's."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection

from accounting_link.chassis import paging
from accounting_link.chassis.mongo import Db, Document
from accounting_link.chassis.problems import ProblemError
from accounting_link.contracts.words import Reads
from log_service.store import OUTCOME_ORDER, SALES_ORDER
from log_service.sync_log import life

Page = tuple[list[Document], str | None]
_NEWEST_FIRST = (("at", DESCENDING), ("_id", DESCENDING))
_LATEST_DAY_FIRST = tuple((name, DESCENDING) for name in SALES_ORDER)
_BY_OUTCOME = tuple((name, ASCENDING) for name in OUTCOME_ORDER)


def syncs(db: Db, account_id: str, connection_id: str, limit: int, cursor: str | None) -> Page:
    return _page(db.syncs, {"account_id": account_id, "connection_id": connection_id}, _NEWEST_FIRST, limit, cursor)


def sync(db: Db, account_id: str, sync_id: str) -> Document | None:
    return db.syncs.find_one({"_id": f"{account_id}/{sync_id}", "account_id": account_id})


def counting(account_id: str, sync_id: str) -> list[Document]:
    """The pipeline of ``counts``."""
    of_sync = {"account_id": account_id, "sync_id": sync_id}
    by = {name: f"${name}" for name in ("kind", "result", "reason")}
    return [{"$match": of_sync}, {"$group": {"_id": by, "count": {"$sum": 1}}}]


def counts(db: Db, account_id: str, sync_id: str) -> list[Document]:
    """Of each kind, result and reason, how many records: counted now, from the rows, out of their index."""
    found = db.record_outcomes.aggregate(counting(account_id, sync_id))
    rows: list[Document] = [{**row["_id"], "count": row["count"]} for row in found]
    return sorted(rows, key=lambda row: (row["kind"], row["result"], -row["count"], row["reason"]))


@lru_cache(maxsize=2000)
def results(db: Db, account_id: str, sync_id: str, revision: int) -> Mapping[str, int]:
    """Of each result, how many records of all kinds. A sync's revision rises with every change of its rows, so what
    was counted under one is counted once in a process. Not to be changed: all who ask share it."""
    found: dict[str, int] = {}
    for row in counts(db, account_id, sync_id):
        found[row["result"]] = found.get(row["result"], 0) + row["count"]
    return found


def records(
    db: Db, account_id: str, sync_id: str, only: Mapping[str, str | None], limit: int, cursor: str | None
) -> Page:
    """``only``: a kind, a result, or both."""
    asked = {"account_id": account_id, "sync_id": sync_id, **_given(only)}
    return _page(db.record_outcomes, asked, _BY_OUTCOME, limit, cursor)


def sales_of(db: Db, account_id: str, outcomes: Iterable[Document]) -> dict[tuple[str, str], Document]:
    """By kind and Xero id: the sales that these outcomes of one account are of."""
    ids = [f"{account_id}/{row['connection_id']}/{row['kind']}/{row['xero_id']}" for row in outcomes]
    found = db.sales_log.find({"_id": {"$in": ids}, "account_id": account_id})
    return {(row["kind"], row["xero_id"]): row for row in found}


def sales(db: Db, account_id: str, wanted: Document, limit: int, cursor: str | None) -> Page:
    """``wanted``: see ``which_sales``."""
    return _page(db.sales_log, {"account_id": account_id, **wanted}, _LATEST_DAY_FIRST, limit, cursor)


def all_sales(db: Db, account_id: str, wanted: Document) -> Iterator[Document]:
    """As ``sales``, without end, a batch in memory at a time."""
    return db.sales_log.find({"account_id": account_id, **wanted}).sort(_LATEST_DAY_FIRST)


def dead_letters(db: Db, account_id: str, connection_id: str | None, limit: int, cursor: str | None) -> Page:
    """Without their values, which may be long."""
    asked = {"account_id": account_id, **_given({"connection_id": connection_id})}
    return _page(db.dead_letters, asked, _NEWEST_FIRST, limit, cursor, without=("value",))


def dead_letter(db: Db, account_id: str, letter_id: str) -> Document | None:
    return db.dead_letters.find_one({"_id": letter_id, "account_id": account_id})


def connection_events(db: Db, account_id: str, connection_id: str, limit: int, cursor: str | None) -> Page:
    asked = {"account_id": account_id, "connection_id": connection_id}
    return _page(db.connections, asked, _NEWEST_FIRST, limit, cursor)


def health(db: Db, account_id: str, connection_id: str) -> Document | None:
    return db.health.find_one({"_id": connection_id, "account_id": account_id})


def last_comparison(db: Db, account_id: str, connection_id: str) -> Document | None:
    """The last sync that read every record of Xero's and ended well."""
    everything = [Reads.FIRST_IMPORT.value, Reads.EVERYTHING.value]
    of_connection = {"account_id": account_id, "connection_id": connection_id}
    well = {"final.state": {"$in": [life.COMPLETED, life.COMPLETED_WITH_PROBLEMS]}}
    newest = db.syncs.find({**of_connection, **well, "asked.reads": {"$in": everything}}).sort(_NEWEST_FIRST)
    return next(iter(newest.limit(1)), None)


def audit(db: Db, account_id: str, only: Mapping[str, str | None], limit: int, cursor: str | None) -> Page:
    """``only``: a connection, an act, a user, or several of these."""
    return _page(db.audit, {"account_id": account_id, **_given(only)}, _NEWEST_FIRST, limit, cursor)


def which_sales(
    connection_id: str, only: Mapping[str, str | None], search: str | None, contacts: Sequence[str]
) -> Document:
    """``only``: a kind, a status, a currency. ``search``: part of a number, in either case; what is of one of
    ``contacts`` is found too."""
    ways: list[Document] = []
    if search:
        ways.append({"number": {"$regex": re.escape(search), "$options": "i"}})
    if contacts:
        ways.append({"contact_id": {"$in": list(contacts)}})
    return {"connection_id": connection_id, **_given(only), **({"$or": ways} if ways else {})}


def _given(only: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in only.items() if value}


def _page(
    collection: "Collection[Document]",
    asked: Document,
    order: Sequence[tuple[str, int]],
    limit: int,
    cursor: str | None,
    without: Sequence[str] = (),
) -> Page:
    """One more than asked for is read, to know whether a next page exists."""
    after = {"$and": [asked, _after(order, paging.key_of(cursor))]} if cursor else asked
    hidden = dict.fromkeys(without, False) or None
    found = list(collection.find(after, hidden).sort(order).limit(limit + 1))
    if len(found) <= limit:
        return found, None
    return found[:limit], paging.cursor([_to_text(found[limit - 1][name]) for name, _ in order])


def _after(order: Sequence[tuple[str, int]], key: list[Any]) -> Document:
    """What sorts behind ``key``: equal in the first names, behind in the next."""
    if len(key) != len(order) or not all(isinstance(value, str) for value in key):
        raise ProblemError(400, "bad-cursor", "This cursor is of another list.", "Start again without a cursor.")
    values = [_from_text(name, text) for (name, _), text in zip(order, key, strict=True)]
    return {
        "$or": [
            {
                **{earlier: value for (earlier, _), value in zip(order[:place], values, strict=False)},
                name: {"$gt" if direction == ASCENDING else "$lt": values[place]},
            }
            for place, (name, direction) in enumerate(order)
        ]
    }


def _to_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else value


def _from_text(name: str, text: str) -> Any:
    """Only ``at`` is a time; ISO days are texts in the database too."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if name == "at" else text
    except (ValueError, OverflowError) as error:
        raise ProblemError(400, "bad-cursor", "This cursor is of another list.", "Start again.") from error
