"""What of a connection's imports goes when they are removed, what stays, and why. One slice is one transaction.

A Xero record belongs to the last authorisation of its connection that told of it: those of the removed authorisation
and of earlier ones go, and with each what was made of it. So a removal and the first sync after connecting again may
run side by side, and neither undoes the other. See docs/decisions/0013-remove-by-authorisation.md.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from accounting_link.contracts.words import Kind
from crm_writer.books import Books
from crm_writer.changes import Changes, Document
from crm_writer.copies import Copy, record_key
from crm_writer.directory import contact_key
from crm_writer.mapping.names import person_key

AT_ONCE = 500  # records in a slice

MADE_HERE = "made in the CRM"
EDITED = "edited in the CRM"
ITS_PEOPLE_STAY = "with people that stay"
LINKED_BY_A_PERSON = "linked by a person"
OTHERWISE_LINKED = "linked otherwise too"

_OF_A_COMPANY = frozenset({"_id", "account_id", "name", "name_key", "xero", "joined"})
_OF_A_PERSON = frozenset({"_id", "account_id", "connection_id", "xero_contact_id", "company_id", "name_key", "xero"})
_BY_THE_WRITER = frozenset({"new", "name"})

Contact = tuple[str, str]  # connection id, Xero's contact id


def is_forgotten(copy: Copy, forgotten: dict[str, int]) -> bool:
    """``forgotten``: by connection, up to which authorisation everything was removed."""
    return copy.scope.authorisation <= forgotten.get(copy.scope.connection_id, -1)


def why_company_stays(company: Document, going: Collection[Contact], links: Iterable[Document], own_people: int) -> str:
    """Empty when it goes. ``links`` of it; ``own_people``: how many that are linked to no Xero contact are its."""
    if any(_contact(part) not in going for part in company["xero"]["parts"]):
        return OTHERWISE_LINKED
    if not company["xero"].get("made"):
        return MADE_HERE
    if _has_own_fields(company, _OF_A_COMPANY):
        return EDITED
    if own_people:
        return ITS_PEOPLE_STAY
    return LINKED_BY_A_PERSON if any(link["how"] not in _BY_THE_WRITER for link in links) else ""


def why_person_stays(person: Document) -> str:
    """Empty when it goes."""
    if person.get("own"):
        return MADE_HERE
    return EDITED if _has_own_fields(person, _OF_A_PERSON) else ""


def remove_slice(books: Books, connection_id: str, upto: int) -> Counter[str]:
    """Takes away some records and what was made of them. Says how much; nothing when nothing is left."""
    slice_ = books.imported(connection_id, upto, AT_ONCE)
    contacts = [record["xero_id"] for record in slice_ if record["kind"] == Kind.CONTACT]
    changes, counted = Changes(), Counter[str]()
    if contacts:
        slice_ += _rest_of_companies(books, connection_id, upto, contacts)
        contacts = [record["xero_id"] for record in slice_ if record["kind"] == Kind.CONTACT]
        _remove_contacts(books, connection_id, contacts, changes, counted)
    sales = [record["_id"] for record in slice_ if record["kind"] != Kind.CONTACT]
    for sale in books.transactions(sales) if sales else ():
        changes.delete("transactions", sale["_id"])
        counted["sales"] += 1
    for record in slice_:
        changes.delete("xero_records", record["_id"])
    books.write(changes)
    counted["records"] = len(slice_)
    return counted


def _rest_of_companies(books: Books, connection_id: str, upto: int, contacts: list[str]) -> list[Document]:
    """The other contacts of the same companies, so that each company is decided on once and as a whole."""
    links = books.links({contact_key(connection_id, contact) for contact in contacts})
    companies = books.companies({link["company_id"] for link in links}, ())
    more = {
        part["contact_id"]
        for company in companies
        for part in company["xero"]["parts"]
        if part["connection_id"] == connection_id
    }.difference(contacts)
    found = books.records({record_key(connection_id, Kind.CONTACT, contact) for contact in more})
    return [record for record in found if record.get("authorisation", 0) <= upto]


def _remove_contacts(
    books: Books, connection_id: str, contacts: list[str], changes: Changes, counted: Counter[str]
) -> None:
    links = books.links({contact_key(connection_id, contact) for contact in contacts})
    companies = {one["_id"]: one for one in books.companies({link["company_id"] for link in links}, ())}
    links_of = defaultdict[str, list[Document]](list)
    for link in links:
        changes.delete("links", link["_id"])
        links_of[link["company_id"]].append(link)
    going = {(connection_id, contact) for contact in contacts}
    company_of = {(link["connection_id"], link["contact_id"]): link["company_id"] for link in links}
    own_people = Counter(person["company_id"] for person in books.people_of_companies(companies))
    for person in books.people(going):
        if why_person_stays(person):
            company_id = company_of.get((connection_id, person["xero_contact_id"]))
            changes.set("contacts", person["_id"], {**UNLINKED, **_named_here(person), "company_id": company_id})
            own_people[company_id] += 1
            counted["people_kept"] += 1
        else:
            changes.delete("contacts", person["_id"])
            counted["people"] += 1
    for company in companies.values():
        _remove_company(company, going, links_of[company["_id"]], own_people[company["_id"]], changes, counted)


def _named_here(person: Document) -> Document:
    """Who was made in the CRM is called as they are there."""
    own = person.get("own")
    return {"name_key": person_key(own)} if own else {}


UNLINKED = {"connection_id": None, "xero_contact_id": None}


def _remove_company(
    company: Document,
    going: Collection[Contact],
    links: list[Document],
    own_people: int,
    changes: Changes,
    counted: Counter[str],
) -> None:
    if not why_company_stays(company, going, links, own_people):
        changes.delete("companies", company["_id"])
        counted["companies"] += 1
        return
    left = [part for part in company["xero"]["parts"] if _contact(part) not in going]
    changes.set("companies", company["_id"], {"xero": {**company["xero"], "parts": left}})
    counted["companies_kept"] += 1


def _has_own_fields(document: Document, known: Collection[str]) -> bool:
    return any(value not in (None, "", [], {}) for name, value in document.items() if name not in known)


def _contact(part: Document) -> Contact:
    return part["connection_id"], part["contact_id"]
