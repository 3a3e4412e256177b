"""Which company a Xero contact belongs to, and who its people are: from what was read, what to write."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from crm_writer.changes import Changes
from crm_writer.mapping.companies import ContactMade
from crm_writer.mapping.names import folded

Document = dict[str, Any]


def contact_key(connection_id: str, contact_id: str) -> str:
    return f"{connection_id}/{contact_id}"


@dataclass(slots=True)
class Directory:
    """An account's companies, links and people, as far as some contacts need them.

    ``links`` by contact key, ``companies`` by id, ``people`` by contact key and id.
    """

    account_id: str
    links: dict[str, Document] = field(default_factory=dict)
    companies: dict[str, Document] = field(default_factory=dict)
    people: defaultdict[str, dict[str, Document]] = field(default_factory=lambda: defaultdict(dict))
    by_name: dict[str, Document] = field(init=False)

    def __post_init__(self) -> None:
        self.by_name = {company["name_key"]: company for company in self.companies.values()}

    def know(self, people: list[Document], contacts: list[ContactMade]) -> None:
        """``people``: of these contacts, or with the ids that theirs have."""
        owners = {id_: (contact.connection_id, contact.contact_id) for contact in contacts for id_ in contact.people}
        for person in people:
            owner = (person.get("connection_id"), person.get("xero_contact_id"))
            if None in owner:
                owner = owners[person["_id"]]
            self.people[contact_key(*owner)][person["_id"]] = person

    def put(self, contact: ContactMade, changes: Changes) -> None:
        """The contact becomes part of its company: the one it is linked to, else the one of the same name, else
        a new one."""
        company = self._linked(contact)
        if company is None:
            company, how = self._of_the_same_name(contact, changes)
            self._link(contact, company, how, changes)
        self._put_part(company, contact, changes)
        self._put_people(contact, changes)

    def _linked(self, contact: ContactMade) -> Document | None:
        link = self.links.get(contact_key(contact.connection_id, contact.contact_id))
        return self.companies.get(link["company_id"]) if link else None

    def _of_the_same_name(self, contact: ContactMade, changes: Changes) -> tuple[Document, str]:
        # Only a contact that is here already comes without a name, and then only where its company was deleted.
        name = contact.name or contact.contact_id
        key = folded(name)
        if key in self.by_name:
            return self.by_name[key], "name"
        # Not made from the contact: that one may be unlinked or its company renamed, and then need another.
        company: Document = {
            "_id": str(uuid4()),
            "account_id": self.account_id,
            "name": name,
            "name_key": key,
            "xero": {"made": True, "parts": [contact.part]},
        }
        self.companies[company["_id"]] = self.by_name[key] = company
        changes.insert("companies", dict(company))
        return company, "new"

    def _link(self, contact: ContactMade, company: Document, how: str, changes: Changes) -> None:
        key = contact_key(contact.connection_id, contact.contact_id)
        fields = {"company_id": company["_id"], "how": how}
        if key in self.links:
            self.links[key].update(fields)
            changes.set("links", key, fields)
            return
        link = {
            "_id": key,
            "account_id": self.account_id,
            "connection_id": contact.connection_id,
            "contact_id": contact.contact_id,
            **fields,
        }
        self.links[key] = link
        changes.insert("links", dict(link))

    def _put_part(self, company: Document, contact: ContactMade, changes: Changes) -> None:
        parts = [part for part in company["xero"]["parts"] if _key(part) != _key(contact.part)]
        parts = sorted([*parts, contact.part], key=_key)
        fields: Document = {**self._renamed(company, contact, len(parts)), "xero": {**company["xero"], "parts": parts}}
        if fields == {name: company[name] for name in fields}:
            return
        company.update(fields)
        changes.set("companies", company["_id"], fields)

    def _renamed(self, company: Document, contact: ContactMade, parts: int) -> Document:
        """A company of one part is called what Xero calls it, unless another company here has that name."""
        key = folded(contact.name)
        if parts > 1 or not key or company["name"] == contact.name:
            return {}
        if self.by_name.setdefault(key, company) is not company:
            return {}
        if key != company["name_key"]:
            del self.by_name[company["name_key"]]
        return {"name": contact.name, "name_key": key}

    def _put_people(self, contact: ContactMade, changes: Changes) -> None:
        """Who is no longer told by Xero is marked, not removed: notes may hang on them."""
        known = self.people[contact_key(contact.connection_id, contact.contact_id)]
        for person_id, xero in contact.people.items():
            if person_id in known:
                _link_again(known[person_id], contact, changes)
                _update(known[person_id], xero, changes)
            else:
                known[person_id] = self._person(contact, person_id, xero)
                changes.insert("contacts", dict(known[person_id]))
        for person_id in known.keys() - contact.people.keys():
            _update(known[person_id], {**known[person_id]["xero"], "gone": True}, changes)

    def _person(self, contact: ContactMade, person_id: str, xero: Document) -> Document:
        return {
            "_id": person_id,
            "account_id": self.account_id,
            "connection_id": contact.connection_id,
            "xero_contact_id": contact.contact_id,
            "name_key": _name_key(xero),
            "xero": xero,
        }


def _link_again(known: Document, contact: ContactMade, changes: Changes) -> None:
    """To somebody who stayed when what the connection had imported was removed."""
    if known.get("xero_contact_id") is None:
        fields = {"connection_id": contact.connection_id, "xero_contact_id": contact.contact_id, "company_id": None}
        known.update(fields)
        changes.set("contacts", known["_id"], fields)


def _update(known: Document, xero: Document, changes: Changes) -> None:
    if known["xero"] == xero:
        return
    fields = {"name_key": _name_key(xero), "xero": xero}
    known.update(fields)
    changes.set("contacts", known["_id"], fields)


def _name_key(xero: Document) -> str:
    return folded(f"{xero['last_name']} {xero['first_name']}")


def _key(part: Document) -> tuple[str, str]:
    return part["connection_id"], part["contact_id"]
