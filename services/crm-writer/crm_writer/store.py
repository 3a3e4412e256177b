"""The CRM's records in MongoDB (database ``crm``)."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pymongo import ASCENDING, DESCENDING, DeleteOne, IndexModel, InsertOne, ReplaceOne, UpdateOne

from accounting_link.chassis import mongo, outbox
from accounting_link.chassis.messages import Outgoing, Publisher
from accounting_link.chassis.mongo import Db, Session
from crm_writer.books import BooksOf
from crm_writer.changes import Change, Changes, Document
from crm_writer.mapping.rules import AS_SUPPLIER
from crm_writer.standing import LEFT_OUT

T = TypeVar("T")

# Where the order of writes matters; elsewhere one round trip a verb is faster.
_IN_ORDER = "companies"

_AS_SUPPLIER = {"state": LEFT_OUT, "reason": {"$in": list(AS_SUPPLIER)}}

_INDEXES = {
    "xero_records": [IndexModel([("account_id", 1), ("connection_id", 1), ("state", 1), ("kind", 1), ("_id", 1)])],
    "links": [IndexModel([("account_id", 1), ("company_id", 1)])],
    "companies": [
        IndexModel([("account_id", 1), ("name_key", 1)], unique=True),
        IndexModel([("account_id", 1), ("xero.parts.connection_id", 1), ("xero.parts.merged_to", 1)]),
    ],
    "contacts": [
        IndexModel([("account_id", 1), ("connection_id", 1), ("xero_contact_id", 1)]),
        IndexModel([("account_id", 1), ("name_key", 1), ("_id", 1)]),
        # Only people that are linked to no Xero contact have the field.
        IndexModel([("account_id", 1), ("company_id", 1)], partialFilterExpression={"company_id": {"$exists": True}}),
    ],
    "organisations": [IndexModel([("account_id", 1)])],
    "removals": [IndexModel([("look_at", 1)])],
    "exports": [
        IndexModel([("account_id", 1), ("contact_id", 1)]),
        IndexModel([("account_id", 1), ("company_id", 1)]),
    ],
    "transactions": [
        IndexModel([("account_id", 1), ("connection_id", 1), ("xero.contact_id", 1)]),
        IndexModel([("account_id", ASCENDING), ("xero.date", DESCENDING), ("_id", ASCENDING)]),
        # What is paid for and put against a sale; only a payment and a credit have these fields.
        IndexModel(
            [("account_id", 1), ("connection_id", 1), ("xero.pays_id", 1)],
            partialFilterExpression={"xero.pays_id": {"$exists": True}},
        ),
        IndexModel(
            [("account_id", 1), ("connection_id", 1), ("xero.allocations.invoice_id", 1)],
            partialFilterExpression={"xero.allocations.invoice_id": {"$exists": True}},
        ),
    ],
}


def prepare(db: Db) -> None:
    """Makes the indexes; harmless when they are there. Every query is by account, so every index begins with it."""
    for collection, indexes in _INDEXES.items():
        db[collection].create_indexes(indexes)
    outbox.prepare(db)


class MongoRecords:
    """``publisher`` words what is said; who relays it to the broker is the worker."""

    def __init__(self, db: Db, publisher: Publisher) -> None:
        self._db, self._publisher = db, publisher

    def transact(self, work: Callable[[BooksOf], T]) -> T:
        def in_session(session: Session) -> T:
            return work(lambda account: MongoBooks(self._db, session, account, self._publisher))

        return mongo.transact(self._db, in_session)


class MongoBooks:
    def __init__(self, db: Db, session: Session, account_id: str, publisher: Publisher) -> None:
        self._db, self._session, self._account_id, self._publisher = db, session, account_id, publisher

    def records(self, ids: Collection[str]) -> list[Document]:
        return self._find("xero_records", {"_id": {"$in": list(ids)}})

    def links(self, ids: Collection[str]) -> list[Document]:
        return self._find("links", {"_id": {"$in": list(ids)}})

    def companies(self, ids: Collection[str], name_keys: Collection[str]) -> list[Document]:
        found = self._find("companies", {"_id": {"$in": list(ids)}}) if ids else []
        named = self._find("companies", {"name_key": {"$in": list(name_keys)}}) if name_keys else []
        return list({company["_id"]: company for company in (*found, *named)}.values())

    def people(self, contacts: Collection[tuple[str, str]], ids: Collection[str] = ()) -> list[Document]:
        named = self._find("contacts", {"_id": {"$in": list(ids)}}) if ids else []
        of_contacts = [
            person
            for connection, theirs in _by_connection(contacts).items()
            for person in self._find("contacts", {"connection_id": connection, "xero_contact_id": {"$in": theirs}})
        ]
        return list({person["_id"]: person for person in (*of_contacts, *named)}.values())

    def transactions(self, ids: Collection[str]) -> list[Document]:
        return self._find("transactions", {"_id": {"$in": list(ids)}})

    def with_sales(self, contacts: Collection[tuple[str, str]]) -> set[str]:
        return {
            contact_id
            for connection, ids in _by_connection(contacts).items()
            for contact_id in self._db.transactions.distinct(
                "xero.contact_id",
                {"account_id": self._account_id, "connection_id": connection, "xero.contact_id": {"$in": ids}},
                session=self._session,
            )
        }

    def settled(self, ids: Collection[str]) -> set[str]:
        which = {"_id": {"$in": list(ids)}, "account_id": self._account_id, "$nor": [_AS_SUPPLIER]}
        return {record["_id"] for record in self._db.xero_records.find(which, {"_id": 1}, session=self._session)}

    def organisations(self, ids: Collection[str]) -> list[Document]:
        return self._find("organisations", {"_id": {"$in": list(ids)}})

    def tombstones(self, connection_ids: Collection[str]) -> dict[str, int]:
        return {
            one["_id"]: one["authorisation"] for one in self._find("tombstones", {"_id": {"$in": list(connection_ids)}})
        }

    def exports(self, ids: Collection[str]) -> list[Document]:
        return self._find("exports", {"_id": {"$in": list(ids)}})

    def removals(self, ids: Collection[str]) -> list[Document]:
        return self._find("removals", {"_id": {"$in": list(ids)}})

    def imported(self, connection_id: str, upto: int, at_most: int) -> list[Document]:
        which = {**_imported(connection_id, upto), "account_id": self._account_id}
        return list(self._db.xero_records.find(which, {"stamps": 0, "unread": 0}, session=self._session).limit(at_most))

    def count_imported(self, connection_id: str, upto: int) -> int:
        which = {**_imported(connection_id, upto), "account_id": self._account_id}
        return self._db.xero_records.count_documents(which, session=self._session)

    def people_of_companies(self, company_ids: Collection[str]) -> list[Document]:
        return self._find("contacts", {"company_id": {"$in": list(company_ids)}, "xero_contact_id": None})

    def write(self, changes: Changes) -> None:
        for collection, of in changes:
            self._write(collection, of)
        for (reading, authorisation), ids in changes.raised.items():
            # All copies of one page have one reading: one write for all of them, not one each.
            self._db.xero_records.update_many(
                {"_id": {"$in": ids}, "account_id": self._account_id},
                {"$set": {"reading": reading, "authorisation": authorisation}},
                session=self._session,
            )

    def say(self, aggregate: str, seq: int, events: Sequence[Outgoing]) -> None:
        outbox.store(self._db, self._session, self._publisher, aggregate, seq, events)

    def _write(self, collection: str, changes: list[Change]) -> None:
        documents = self._db[collection]
        if all(change.verb == "insert" for change in changes):
            documents.insert_many((change.fields for change in changes), ordered=False, session=self._session)
            return
        requests = [self._request(change) for change in changes]
        documents.bulk_write(requests, ordered=collection == _IN_ORDER, session=self._session)

    def _request(self, change: Change) -> Any:
        if change.verb == "insert":
            return InsertOne(change.fields)
        which = {"_id": change.id, "account_id": self._account_id}
        if change.verb == "delete":
            return DeleteOne(which)
        if change.verb == "replace":
            return ReplaceOne(which, change.fields)
        return UpdateOne(which, {"$set": change.fields})

    def _find(self, collection: str, which: Document) -> list[Document]:
        return list(self._db[collection].find({**which, "account_id": self._account_id}, session=self._session))


def _imported(connection_id: str, upto: int) -> Document:
    # What was kept before records said so is of the first life there was.
    return {"connection_id": connection_id, "authorisation": {"$not": {"$gt": upto}}}


class OpenRemovals:
    """For the worker: of all accounts."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def next(self, holder: str, now: datetime, until: datetime) -> Document | None:
        free = {"look_at": {"$lte": now}, "$or": [{"held_by": {"$in": ["", holder]}}, {"held_until": {"$lt": now}}]}
        held = {"$set": {"held_by": holder, "held_until": until}}
        return self._db.removals.find_one_and_update(free, held, sort=[("look_at", 1)], return_document=True)


def _by_connection(contacts: Collection[tuple[str, str]]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for connection_id, contact_id in contacts:
        found[connection_id].append(contact_id)
    return found
