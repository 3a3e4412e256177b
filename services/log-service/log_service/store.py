"""The database `logs`: what was gathered is joined with what stands, in one transaction.

Several members may write: requests and life events of one sync lie on different topics. Where two meet on a
document, MongoDB lets one through and the other reads again.
"""

from collections.abc import Mapping

from pymongo import ASCENDING, DESCENDING, ReplaceOne
from pymongo.collection import Collection

from accounting_link.chassis import mongo
from accounting_link.chassis.mongo import Db, Document, Session
from log_service import kept
from log_service.documents import Join
from log_service.gather import Documents, Gathered
from log_service.sales_log import sales
from log_service.sync_log import life, outcomes

# Counts come from this index alone; it is also the order in which a sync's records are listed.
OUTCOME_ORDER = ("kind", "result", "reason", "xero_id")
# The latest day first, and of one day the highest number.
SALES_ORDER = ("date", "number", "_id")


def prepare(db: Db) -> None:
    """Every query starts with the account, and so does every index."""
    of_connection = [("account_id", ASCENDING), ("connection_id", ASCENDING)]
    newest = [("at", DESCENDING), ("_id", DESCENDING)]
    db.syncs.create_index([*of_connection, *newest])
    db.record_outcomes.create_index(
        [("account_id", ASCENDING), ("sync_id", ASCENDING), *((name, ASCENDING) for name in OUTCOME_ORDER)]
    )
    db.sales_log.create_index([*of_connection, *((name, DESCENDING) for name in SALES_ORDER)])
    db.dead_letters.create_index([("account_id", ASCENDING), *newest])
    db.connections.create_index([*of_connection, *newest])
    db.health.create_index(of_connection)
    db.audit.create_index([("account_id", ASCENDING), *newest])


def keep(db: Db, gathered: Gathered) -> None:
    """All of it or nothing. Safe to repeat, also with other cuts of the same events."""
    mongo.transact(db, lambda session: _keep(db, session, gathered))


def _keep(db: Db, session: Session, gathered: Gathered) -> None:
    changed = _merge(db.record_outcomes, session, gathered.outcomes, outcomes.join)
    _merge(db.forgotten, session, gathered.forgotten, kept.latest)
    for document in gathered.forgotten.values():
        db.sales_log.delete_many(_of_removed(document), session=session)
    _merge(db.sales_log, session, _still_told(db, session, gathered.sales), sales.join)
    _merge(db.dead_letters, session, gathered.letters, kept.join)
    _merge(db.connections, session, gathered.connections, kept.join)
    _merge(db.health, session, gathered.health, kept.newest)
    _merge(db.audit, session, gathered.audit, kept.join)
    touched = {f"{row['account_id']}/{row['sync_id']}" for row in changed}
    _merge_syncs(db.syncs, session, gathered.syncs, touched)


def _merge(collection: "Collection[Document]", session: Session, fresh: Documents, join: Join) -> list[Document]:
    """Returns the documents that are new or other than they were; only these are written."""
    standing = _standing(collection, session, fresh)
    changed = [
        joined
        for key, document in fresh.items()
        if (joined := join(standing[key], document) if key in standing else document) != standing.get(key)
    ]
    _write(collection, session, changed, standing)
    return changed


def _of_removed(forgotten: Document) -> Document:
    whose = {name: forgotten[name] for name in ("account_id", "connection_id")}
    # A row of an older version says no authorisation: it is of the first.
    return {**whose, "authorisation": {"$not": {"$gt": forgotten["authorisation"]}}}


def _still_told(db: Db, session: Session, fresh: Documents) -> Documents:
    """But for those of a connection whose imports were removed since."""
    if not fresh:
        return fresh
    ids = {row["connection_id"] for row in fresh.values()}
    upto = {one["_id"]: one["authorisation"] for one in db.forgotten.find({"_id": {"$in": list(ids)}}, session=session)}
    return {key: row for key, row in fresh.items() if row["authorisation"] > upto.get(row["connection_id"], -1)}


def _merge_syncs(collection: "Collection[Document]", session: Session, fresh: Documents, touched: set[str]) -> None:
    """A sync's ``revision`` rises with every change of its document or of its rows, so that a reader who has
    this revision needs nothing counted."""
    standing = _standing(collection, session, fresh)
    changed = []
    for key, document in fresh.items():
        old = standing.get(key)
        joined = life.join(old, document) if old else document
        revision = old["revision"] if old else 0
        if key in touched or {**joined, "revision": revision} != old:
            changed.append({**joined, "revision": revision + 1})
    _write(collection, session, changed, standing)


def _standing(collection: "Collection[Document]", session: Session, fresh: Documents) -> Documents:
    if not fresh:
        return {}
    return {row["_id"]: row for row in collection.find({"_id": {"$in": list(fresh)}}, session=session)}


def _write(
    collection: "Collection[Document]", session: Session, changed: list[Document], standing: Mapping[str, Document]
) -> None:
    if new := [row for row in changed if row["_id"] not in standing]:
        collection.insert_many(new, ordered=False, session=session)
    if other := [ReplaceOne({"_id": row["_id"]}, row) for row in changed if row["_id"] in standing]:
        collection.bulk_write(other, ordered=False, session=session)
