"""What is shown of companies, people and transactions. Looked up when read: which Xero contacts a company
stands for (links), and who was merged into whom, so that neither has to be rewritten when it changes."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any

from accounting_link.chassis.mongo import Document
from accounting_link.contracts.words import Kind
from crm_writer import owed
from crm_writer.copies import record_key
from crm_writer.directory import contact_key
from crm_writer.own import Own

Contact = tuple[str, str]  # connection id, Xero's contact id
ById = Callable[[Collection[str]], list[Document]]
MOST_MERGES = 5  # merged into one that was merged into one ...; Xero allows chains
_BY_NAME = (("name_key", 1), ("_id", 1))
_NEWEST_FIRST = (("xero.date", -1), ("_id", 1))
_OLDEST_FIRST = (("xero.date", 1), ("_id", 1))


def by_name(own: Own, collection: str, which: Document, after: list[Any] | None, limit: int) -> list[Document]:
    """A page of companies or contacts; ``after`` is (name_key, _id) of the last one shown."""
    if after:
        key, id_ = after
        further = {"$or": [{"name_key": {"$gt": key}}, {"name_key": key, "_id": {"$gt": id_}}]}
        which = {"$and": [which, further]} if which else further
    return own.find(collection, which, sort=_BY_NAME, limit=limit)


def newest_first(own: Own, which: Document, after: list[Any] | None, limit: int) -> list[Document]:
    """A page of transactions without their lines; those without a date come last."""
    if after:
        which = {"$and": [which, {"$or": _older_than(*after)}]}
    return own.find("transactions", which, sort=_NEWEST_FIRST, limit=limit, without=["xero.lines"])


def by_id(own: Own, which: Document, after: list[Any] | None, limit: int) -> list[Document]:
    """A page of ``xero_records``."""
    if after:
        which = {"$and": [which, {"_id": {"$gt": after[0]}}]}
    return own.find("xero_records", which, sort=[("_id", 1)], limit=limit, without=["stamps", "unread"])


def _older_than(day: str | None, id_: str) -> list[Document]:
    same = {"xero.date": day, "_id": {"$gt": id_}}
    return [same] if day is None else [same, {"xero.date": {"$lt": day}}, {"xero.date": None}]


def companies_by_contact(own: Own, contacts: Iterable[Contact]) -> dict[str, Document]:
    """As :func:`owners`, of what is shown."""

    def by_id(collection: str) -> ById:
        return lambda ids: own.find(collection, {"_id": {"$in": list(ids)}})

    return owners(by_id("links"), by_id("companies"), contacts)


def owners(links: ById, companies: ById, contacts: Iterable[Contact]) -> dict[str, Document]:
    """The company of each Xero contact that has one, by contact key; of one that was merged, the survivor's."""
    linked = partial(_linked, links, companies)
    wanted = set(contacts)
    found = linked(wanted)
    moved = {contact: into for contact in wanted if (into := _survivor(found, contact))}
    for _ in range(MOST_MERGES):
        if not moved:
            break
        survivors = linked(set(moved.values()))
        found |= {
            contact_key(*was): survivors[contact_key(*into)]
            for was, into in moved.items()
            if contact_key(*into) in survivors
        }
        moved = {was: further for was, into in moved.items() if (further := _survivor(survivors, into))}
    return found


def _linked(links: ById, companies: ById, contacts: set[Contact]) -> dict[str, Document]:
    found = links({contact_key(*contact) for contact in contacts})
    by_id = {one["_id"]: one for one in companies({link["company_id"] for link in found})}
    return {link["_id"]: by_id[link["company_id"]] for link in found if link["company_id"] in by_id}


def _survivor(companies: Mapping[str, Document], contact: Contact) -> Contact | None:
    """The one it was merged into."""
    company = companies.get(contact_key(*contact))
    parts = company["xero"]["parts"] if company else ()
    into = next((part["merged_to"] for part in parts if (part["connection_id"], part["contact_id"]) == contact), None)
    return (contact[0], into) if into else None


def contacts_of(own: Own, company_id: str) -> set[Contact]:
    """The Xero contacts whose sales are this company's: those linked to it, and those merged into them. One that
    was merged into a contact of another company counts there."""
    linked = {(link["connection_id"], link["contact_id"]) for link in own.find("links", {"company_id": company_id})}
    companies = companies_by_contact(own, linked)
    survivors = {one for one in linked if companies.get(contact_key(*one), {}).get("_id") == company_id}
    found, last = set(survivors), survivors
    for _ in range(MOST_MERGES):
        last = _merged_into(own, last) - found
        found |= last
        if not last:
            break
    return found


def _merged_into(own: Own, survivors: Iterable[Contact]) -> set[Contact]:
    into = set(survivors)
    if not into:
        return set()
    which = [{"connection_id": connection_id, "merged_to": contact_id} for connection_id, contact_id in into]
    companies = own.find("companies", {"$or": [{"xero.parts": {"$elemMatch": one}} for one in which]})
    return {
        (part["connection_id"], part["contact_id"])
        for company in companies
        for part in company["xero"]["parts"]
        if (part["connection_id"], part["merged_to"]) in into
    }


def sales_of(contacts: Iterable[Contact]) -> Document:
    """Which transactions are theirs."""
    which = [{"connection_id": connection_id, "xero.contact_id": id_} for connection_id, id_ in sorted(contacts)]
    return {"$or": which} if which else {"_id": {"$in": []}}


def people_of(own: Own, company_id: str, contacts: Iterable[Contact]) -> list[Document]:
    return own.find("contacts", {"$or": persons(company_id, contacts)}, sort=_BY_NAME)


def persons(company_id: str, contacts: Iterable[Contact]) -> list[Document]:
    """Which people are a company's: its Xero contacts', and those that are linked to none."""
    linked = [{"connection_id": connection_id, "xero_contact_id": id_} for connection_id, id_ in sorted(contacts)]
    return [{"company_id": company_id, "xero_contact_id": None}, *linked]


def balances(own: Own, contacts: set[Contact], today: Callable[[str], date]) -> list[Document]:
    """What these contacts owe, per currency. ``today``: of an organisation, by connection id."""
    of_connection: defaultdict[str, set[Contact]] = defaultdict(set)
    for contact in contacts:
        of_connection[contact[0]].add(contact)
    return owed.added(
        group
        for connection_id, its in of_connection.items()
        for group in own.aggregate("transactions", sales_of(its), owed.per_currency(today(connection_id)))
    )


def last_invoice(own: Own, contacts: set[Contact]) -> Document | None:
    is_one = {"kind": Kind.INVOICE.value, **owed.counts()}
    found = newest_first(own, {"$and": [sales_of(contacts), is_one]}, None, 1)
    return found[0] if found else None


def standing(own: Own, contacts: Iterable[Contact]) -> dict[Contact, Document]:
    """The record of each of these contacts: in step, or failing and why."""
    ids = [record_key(connection_id, Kind.CONTACT, contact_id) for connection_id, contact_id in contacts]
    records = own.find("xero_records", {"_id": {"$in": ids}})
    return {(record["connection_id"], record["xero_id"]): record for record in records}


def fresh_at(parts: list[Document], invoice: Document | None) -> datetime | None:
    """When Xero last changed something that is shown."""
    times = [part["updated_at"] for part in parts] + ([invoice["xero"]["updated_at"]] if invoice else [])
    return max(times, default=None)


def totals(own: Own, which: Document) -> list[Document]:
    return own.aggregate(
        "transactions",
        which,
        [
            {
                "$group": {
                    "_id": {"currency": "$xero.currency", "status": "$xero.status", "kind": "$kind"},
                    "count": {"$sum": 1},
                    "total": {"$sum": "$xero.total"},
                    "due": {"$sum": "$xero.due"},
                    "remaining": {"$sum": "$xero.remaining"},
                }
            },
            {"$sort": {"_id": 1}},
        ],
    )


def paid_for(own: Own, sale: Document) -> list[Document]:
    """The payments of an invoice; of a credit, what was paid back of it. Oldest first."""
    which = {
        "connection_id": sale["connection_id"],
        "xero.pays_id": sale["xero_id"],
        "xero.pays_kind": sale["kind"],
    }
    return own.find("transactions", which, sort=_OLDEST_FIRST)


def put_against(own: Own, invoice: Document) -> list[Document]:
    """The credits of which something is allocated to this invoice. Oldest first."""
    which = {"connection_id": invoice["connection_id"], "xero.allocations.invoice_id": invoice["xero_id"]}
    return own.find("transactions", which, sort=_OLDEST_FIRST, without=["xero.lines"])


def record_counts(own: Own, which: Document) -> list[Document]:
    stages: list[Document] = [
        {"$group": {"_id": {"kind": "$kind", "state": "$state"}, "count": {"$sum": 1}}},
        {"$sort": {"_id": 1}},
    ]
    return own.aggregate("xero_records", which, stages)
