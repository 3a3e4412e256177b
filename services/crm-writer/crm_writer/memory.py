"""The record store's twin in memory: transactions one at a time, all or nothing, with MongoDB's two unique keys."""

import copy
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TypeVar

import bson
from pymongo.errors import DuplicateKeyError

from accounting_link.chassis import mongo
from accounting_link.chassis.messages import Outgoing
from crm_writer.books import BooksOf
from crm_writer.changes import Change, Changes, Document
from crm_writer.standing import of_document

T = TypeVar("T")
Tables = defaultdict[str, dict[str, Document]]


class MemoryRecords:
    def __init__(self) -> None:
        self.tables: Tables = defaultdict(dict)
        self._lock = threading.RLock()

    def transact(self, work: Callable[[BooksOf], T]) -> T:
        with self._lock:
            tables = copy.deepcopy(self.tables)
            done = work(lambda account_id: MemoryBooks(tables, account_id))
            self.tables = tables
            return done


class MemoryBooks:
    def __init__(self, tables: Tables, account_id: str) -> None:
        self._tables, self._account_id = tables, account_id

    def records(self, ids: Collection[str]) -> list[Document]:
        return self._find("xero_records", lambda one: one["_id"] in ids)

    def links(self, ids: Collection[str]) -> list[Document]:
        return self._find("links", lambda one: one["_id"] in ids)

    def companies(self, ids: Collection[str], name_keys: Collection[str]) -> list[Document]:
        return self._find("companies", lambda one: one["_id"] in ids or one["name_key"] in name_keys)

    def people(self, contacts: Collection[tuple[str, str]], ids: Collection[str] = ()) -> list[Document]:
        return self._find("contacts", lambda one: _contact_of(one) in contacts or one["_id"] in ids)

    def transactions(self, ids: Collection[str]) -> list[Document]:
        return self._find("transactions", lambda one: one["_id"] in ids)

    def with_sales(self, contacts: Collection[tuple[str, str]]) -> set[str]:
        sales = self._find("transactions", lambda one: (one["connection_id"], one["xero"]["contact_id"]) in contacts)
        return {sale["xero"]["contact_id"] for sale in sales}

    def settled(self, ids: Collection[str]) -> set[str]:
        found = (of_document(one) for one in self.records(ids))
        return {record.id for record in found if not record.is_missing_to_its_sales()}

    def organisations(self, ids: Collection[str]) -> list[Document]:
        return self._find("organisations", lambda one: one["_id"] in ids)

    def tombstones(self, connection_ids: Collection[str]) -> dict[str, int]:
        return {
            one["_id"]: one["authorisation"]
            for one in self._find("tombstones", lambda one: one["_id"] in connection_ids)
        }

    def exports(self, ids: Collection[str]) -> list[Document]:
        return self._find("exports", lambda one: one["_id"] in ids)

    def removals(self, ids: Collection[str]) -> list[Document]:
        return self._find("removals", lambda one: one["_id"] in ids)

    def imported(self, connection_id: str, upto: int, at_most: int) -> list[Document]:
        return self._imported(connection_id, upto)[:at_most]

    def count_imported(self, connection_id: str, upto: int) -> int:
        return len(self._imported(connection_id, upto))

    def _imported(self, connection_id: str, upto: int) -> list[Document]:
        return self._find(
            "xero_records", lambda one: one["connection_id"] == connection_id and one.get("authorisation", 0) <= upto
        )

    def people_of_companies(self, company_ids: Collection[str]) -> list[Document]:
        return self._find(
            "contacts", lambda one: one.get("company_id") in company_ids and one.get("xero_contact_id") is None
        )

    def write(self, changes: Changes) -> None:
        for collection, of in changes:
            for change in of:
                bson.encode(change.fields, codec_options=mongo.OPTIONS)  # raises on what MongoDB cannot hold
                self._carry_out(collection, copy.deepcopy(change))
        for (reading, authorisation), ids in changes.raised.items():
            for id_ in ids:
                self._carry_out(
                    "xero_records", Change("set", id_, {"reading": reading, "authorisation": authorisation})
                )

    def say(self, aggregate: str, seq: int, events: Sequence[Outgoing]) -> None:
        key = f"{aggregate}/{seq}"
        if key in self._tables["outbox"]:
            raise DuplicateKeyError(f"{key} is said already")
        self._tables["outbox"][key] = {"_id": key, "account_id": self._account_id, "events": list(events)}

    def _carry_out(self, collection: str, change: Change) -> None:
        table = self._tables[collection]
        if change.verb == "insert":
            if change.id in table:
                raise DuplicateKeyError(f"{collection}/{change.id} is there already")
            table[change.id] = change.fields
        elif change.verb == "delete":
            if self._is_ours(table.get(change.id)):
                del table[change.id]
        elif self._is_ours(table.get(change.id)):
            table[change.id] = change.fields if change.verb == "replace" else table[change.id] | change.fields
        self._check_names()

    def _check_names(self) -> None:
        names = [(one["account_id"], one["name_key"]) for one in self._tables["companies"].values()]
        if len(names) != len(set(names)):
            raise DuplicateKeyError("two companies of one account have the same name")

    def _is_ours(self, document: Document | None) -> bool:
        return document is not None and document["account_id"] == self._account_id

    def _find(self, collection: str, wanted: Callable[[Document], bool]) -> list[Document]:
        of = self._tables[collection].values()
        return [copy.deepcopy(one) for one in of if self._is_ours(one) and wanted(one)]


def _contact_of(person: Document) -> tuple[str | None, str | None]:
    """None of either for somebody who is linked to no Xero contact."""
    return person.get("connection_id"), person.get("xero_contact_id")


class MemoryOpenRemovals:
    def __init__(self, records: MemoryRecords) -> None:
        self._records = records

    def next(self, holder: str, now: datetime, until: datetime) -> Document | None:
        for one in self._records.tables["removals"].values():
            free = one["held_by"] in ("", holder) or one["held_until"] < now
            if one["look_at"] is not None and one["look_at"] <= now and free:
                one |= {"held_by": holder, "held_until": until}
                return copy.deepcopy(one)
        return None
