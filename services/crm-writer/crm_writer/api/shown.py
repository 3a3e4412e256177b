"""Documents → what is shown of them, and the parts that views share."""

from collections.abc import Callable
from datetime import UTC, date, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import current_app

from accounting_link.chassis import paging
from accounting_link.chassis.callers import ADMIN, MEMBER
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.problems import ProblemError
from accounting_link.chassis.rates import Bucket
from accounting_link.chassis.web import caller
from accounting_link.contracts.words import Kind, Refusal
from crm_writer import reads
from crm_writer.books import Records
from crm_writer.contacts import said
from crm_writer.copies import record_key
from crm_writer.directory import contact_key
from crm_writer.exports import CREATED
from crm_writer.owed import AGES
from crm_writer.own import Own

BY_NAME = ("name_key", "_id")
NEWEST_FIRST = ("xero.date", "_id")
_PLAIN = {
    "connection_id": "connection_id",
    "kind": "kind",
    "status": "xero.status",
    "contact_id": "xero.contact_id",
    "currency": "xero.currency",
}


def own() -> Own:
    """The caller's account's documents."""
    found: Own = current_app.extensions["crm"](caller().account_id)
    return found


def records() -> Records:
    """To write with."""
    found: Records = current_app.extensions["records"]
    return found


def wishes() -> Bucket:
    """What people make and ask for, by account."""
    found: Bucket = current_app.extensions["wishes"]
    return found


def clock() -> Clock:
    found: Clock = current_app.extensions["clock"]
    return found


def today(connection_id: str) -> date:
    """That organisation's own day; UTC's while its time zone is not known."""
    organisation = own().one("organisations", connection_id)
    return clock().now().astimezone(_zone(organisation["time_zone"] if organisation else "")).date()


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def sees_money() -> bool:
    return caller().may((ADMIN, MEMBER))


def page(query: Document, key: tuple[str, ...], find: Callable[[list[Any] | None, int], list[Document]]) -> Document:
    """A page and the cursor of the next. ``key``: paths of the sort key; ``find`` takes the key of the last
    document shown before, and the most to give."""
    limit = query["limit"]
    found = find(_after(query["cursor"], len(key)), limit + 1)
    shown = found[:limit]
    more = len(found) > limit
    return {"items": shown, "next": paging.cursor([_at(shown[-1], path) for path in key]) if more else None}


def _after(cursor: str | None, parts: int) -> list[Any] | None:
    """Texts only: what is put into a query must not be able to ask one of its own."""
    if cursor is None:
        return None
    key = paging.key_of(cursor)
    if len(key) != parts or not all(part is None or isinstance(part, str) for part in key):
        raise ProblemError(400, "bad-cursor", "This cursor is of another list.", "Start again without a cursor.")
    return key


def _at(document: Document, path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value[name]
    return value


def company(document: Document) -> Document:
    return {"id": document["_id"], "name": document["name"], "parts": document["xero"]["parts"]}


def people(own: Own, documents: list[Document]) -> list[Document]:
    linked = [one for one in documents if one.get("xero_contact_id")]
    owners = reads.companies_by_contact(own, {(one["connection_id"], one["xero_contact_id"]) for one in linked})
    named = {one["company_id"] for one in documents if one.get("company_id")}
    companies = {one["_id"]: one for one in own.find("companies", {"_id": {"$in": list(named)}})} if named else {}
    return [_person(one, owners, companies) for one in documents]


def _person(document: Document, owners: dict[str, Document], companies: dict[str, Document]) -> Document:
    """Whom no Xero contact stands behind has a company of its own, or none."""
    connection_id, contact_id = document.get("connection_id"), document.get("xero_contact_id")
    company = companies.get(document.get("company_id") or "", {})
    own_company = {"company_id": company.get("_id"), "company_name": company.get("name")}
    return {
        **(document["xero"] if contact_id else {**said(document), "main": False, "gone": False}),
        "id": document["_id"],
        "connection_id": connection_id,
        "contact_id": contact_id,
        **(_owner(owners, connection_id, contact_id) if connection_id and contact_id else own_company),
    }


def contact(own: Own, document: Document) -> Document:
    """One of the people, with what was asked of Xero about them or their company, newest first."""
    shown = people(own, [document])[0]
    about: list[Document] = [{"contact_id": document["_id"]}]
    about += [{"company_id": shown["company_id"]}] if shown["company_id"] else []
    asked = own.find("exports", {"$or": about}, sort=[("requested_at", -1)])
    return {**shown, "exports": [export(own, one) for one in asked]}


def export(own: Own, document: Document) -> Document:
    contact = (document["connection_id"], document["xero_id"])
    is_there = document["refusal"] == Refusal.ALREADY_THERE and document["xero_id"]
    standing = _standing(own, *contact) if is_there else None
    removed = document["state"] == CREATED and own.one("links", contact_key(*contact)) is None
    return {**document, "id": document["_id"], "standing": standing, "removed": removed}


def _standing(own: Own, connection_id: str, contact_id: str) -> Document:
    record = own.one("xero_records", record_key(connection_id, Kind.CONTACT, contact_id)) or {}
    owner = _owner(reads.companies_by_contact(own, {(connection_id, contact_id)}), connection_id, contact_id)
    return {**owner, "state": record.get("state"), "reason": record.get("reason", "")}


def of_records(own: Own, documents: list[Document]) -> list[Document]:
    contacts = [one for one in documents if one["kind"] == Kind.CONTACT]
    owners = reads.companies_by_contact(own, {(one["connection_id"], one["xero_id"]) for one in contacts})
    return [{**one, **_owner(owners, one["connection_id"], one["xero_id"])} for one in documents]


def _owner(owners: dict[str, Document], connection_id: str, contact_id: str) -> Document:
    owner = owners.get(contact_key(connection_id, contact_id), {})
    return {"company_id": owner.get("_id"), "company_name": owner.get("name")}


def transactions(own: Own, documents: list[Document]) -> list[Document]:
    owners = reads.companies_by_contact(own, {(one["connection_id"], one["xero"]["contact_id"]) for one in documents})
    return [_transaction(one, owners) for one in documents]


def _transaction(document: Document, owners: dict[str, Document]) -> Document:
    return {
        **document["xero"],
        "id": document["_id"],
        "connection_id": document["connection_id"],
        "kind": document["kind"],
        "xero_id": document["xero_id"],
        **_owner(owners, document["connection_id"], document["xero"]["contact_id"]),
    }


def filters(query: Document) -> list[Document]:
    """What plain fields are asked for."""
    return [{field: query[name]} for name, field in _PLAIN.items() if query.get(name)]


def of_invoices(credit: Document) -> list[Document]:
    """What of a credit is allocated, and to which invoices."""
    return [
        {
            "transaction_id": record_key(credit["connection_id"], Kind.INVOICE, one["invoice_id"]),
            "kind": Kind.INVOICE.value,
            "number": one["invoice_number"],
            "amount": one["amount"],
            "date": one["date"],
        }
        for one in credit["xero"]["allocations"]
    ]


def of_credit(credit: Document, invoice_id: str) -> list[Document]:
    """What of a credit is allocated to this invoice."""
    return [
        {
            "transaction_id": credit["_id"],
            "kind": credit["kind"],
            "number": credit["xero"]["number"],
            "amount": one["amount"],
            "date": one["date"],
        }
        for one in credit["xero"]["allocations"]
        if one["invoice_id"] == invoice_id
    ]


def balance(group: Document) -> Document:
    return {**group, "currency": group["_id"], "ages": {age: group[age] for age in AGES}}
