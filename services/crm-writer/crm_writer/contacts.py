"""Contacts that people make in the CRM itself. What Xero says of them, once it knows them, stands beside it."""

from uuid import uuid4

from crm_writer.books import Books, BooksOf, Records
from crm_writer.changes import Changes, Document
from crm_writer.mapping.names import folded, person_key, tidy

_SAID = ("first_name", "last_name", "email")


def said(person: Document) -> Document:
    """What somebody is called here: by Xero while it knows them, else by the CRM itself; who stayed when their
    connection's imports were removed, and was not made here, as Xero said last."""
    own = None if person.get("xero_contact_id") else person.get("own")
    known = own or person["xero"]
    return {name: known.get(name, "") for name in _SAID}


def make(records: Records, account_id: str, own: Document, company_name: str, contact_id: str = "") -> Document:
    """``own``: first_name, last_name, email. The company of this name is theirs, a new one where there is none; none
    without a name. Of the same ``contact_id`` it is made once."""
    contact_id, company_id = contact_id or str(uuid4()), str(uuid4())

    def work(books_of: BooksOf) -> Document:
        books, changes = books_of(account_id), Changes()
        for standing in books.people((), {contact_id}):
            return standing
        person = {
            "_id": contact_id,
            "account_id": account_id,
            "connection_id": None,
            "xero_contact_id": None,
            "company_id": _company(books, account_id, company_id, company_name, contact_id, changes),
            "name_key": person_key(own),
            "own": own,
        }
        changes.insert("contacts", person)
        books.write(changes)
        return person

    return records.transact(work)


def _company(books: Books, account_id: str, new_id: str, name: str, contact_id: str, changes: Changes) -> str | None:
    key = folded(name)
    if not key:
        return None
    for company in books.companies((), {key}):
        # Written, so that it is not removed at the same moment by who sees none of its people.
        changes.set("companies", company["_id"], {"joined": contact_id})
        return str(company["_id"])
    company = {"_id": new_id, "account_id": account_id, "name": tidy(name), "name_key": key, "xero": {"parts": []}}
    changes.insert("companies", company)
    return new_id
