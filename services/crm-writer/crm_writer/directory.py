"""Which company a Xero contact belongs to, and who its people are: from what was read, what to write."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from crm_writer.changes import Changes
from crm_writer.mapping.companies import ContactMade
from crm_writer.mapping.names import folded, person_key
from crm_writer.mapping.people import People

Document = dict[str, Any]


def contact_key(connection_id: str, contact_id: str) -> str:
    return f"{connection_id}/{contact_id}"


@dataclass(slots=True)
class Directory:
    """An account's companies, links and people, as far as some contacts need them.

    ``links`` by contact key, ``companies`` by id, ``people`` by contact key and id, ``unlinked`` people by id,
    ``exports`` (which the CRM itself had Xero make) by contact key.
    """

    account_id: str
    links: dict[str, Document] = field(default_factory=dict)
    companies: dict[str, Document] = field(default_factory=dict)
    exports: dict[str, Document] = field(default_factory=dict)
    people: defaultdict[str, dict[str, Document]] = field(default_factory=lambda: defaultdict(dict))
    unlinked: dict[str, Document] = field(default_factory=dict)
    by_name: dict[str, Document] = field(init=False)

    def __post_init__(self) -> None:
        self.by_name = {company["name_key"]: company for company in self.companies.values()}

    def know(self, people: list[Document]) -> None:
        """Of these contacts, and those that are linked to none but may be again."""
        for person in people:
            if person.get("xero_contact_id") is None:
                self.unlinked[person["_id"]] = person
            else:
                self.people[contact_key(person["connection_id"], person["xero_contact_id"])][person["_id"]] = person

    def put(self, contact: ContactMade, changes: Changes) -> None:
        """The contact becomes part of its company: the one it is linked to, else the one that it was made of in Xero,
        else the one of the same name, else a new one."""
        company = self._linked(contact)
        if company is None:
            company, how = self._exported(contact) or self._of_the_same_name(contact, changes)
            self._link(contact, company, how, changes)
        self._put_part(company, contact, changes)
        self._put_people(contact, changes)

    def _linked(self, contact: ContactMade) -> Document | None:
        link = self.links.get(contact_key(contact.connection_id, contact.contact_id))
        return self.companies.get(link["company_id"]) if link else None

    def _exported(self, contact: ContactMade) -> tuple[Document, str] | None:
        export = self.exports.get(contact_key(contact.connection_id, contact.contact_id))
        company = self.companies.get(export["company_id"]) if export else None
        return (company, "export") if company else None

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
        fields = {"company_id": company["_id"], "how": how, **self._sent(contact, company)}
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

    def _sent(self, contact: ContactMade, company: Document) -> Document:
        """Of a contact that the CRM had Xero make: who of its people are who of the CRM's own, by name. They stay so
        whatever they are called later."""
        export = self.exports.get(contact_key(contact.connection_id, contact.contact_id))
        if export is None:
            return {}
        own = [
            one
            for one in self.unlinked.values()
            if one.get("own") and (company["_id"] == one.get("company_id") or _is_of(one, export))
        ]
        # Also who was sent and is another contact's by now: no namesake is to stand in.
        own += [one for people in self.people.values() for one in people.values() if _is_of(one, export)]
        found: dict[str, str] = {}
        for id_, xero in contact.people.items():
            same = [one for one in own if one["_id"] not in found and _may_be(one, xero)]
            if same:  # of several of one name the one of that email, else the one who was sent
                best = max(same, key=lambda one: (_has_email(one, xero["email"]), _is_of(one, export)))
                found[best["_id"]] = id_
        return {"people": {own_id: id_ for own_id, id_ in found.items() if own_id in self.unlinked}}

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
        key = contact_key(contact.connection_id, contact.contact_id)
        known, told = self.people[key], self._told(contact)
        for id_, xero in told.items():
            if id_ in self.unlinked:
                known[id_] = self.unlinked.pop(id_)
                _link_again(known[id_], contact, changes)
            if id_ in known:
                _update(known[id_], xero, changes)
            else:
                known[id_] = self._person(contact, id_, xero)
                changes.insert("contacts", dict(known[id_]))
        for id_ in known.keys() - told.keys():
            _update(known[id_], {**known[id_]["xero"], "gone": True}, changes)

    def _told(self, contact: ContactMade) -> People:
        """By id, which is the CRM's own of who was sent from it, unless another contact has them now."""
        key = contact_key(contact.connection_id, contact.contact_id)
        own = {id_: own_id for own_id, id_ in self.links[key].get("people", {}).items()}
        here = self.people[key].keys() | self.unlinked.keys()
        return {own[id_] if own.get(id_) in here else id_: xero for id_, xero in contact.people.items()}

    def _person(self, contact: ContactMade, id_: str, xero: Document) -> Document:
        return {
            "_id": id_,
            "account_id": self.account_id,
            "connection_id": contact.connection_id,
            "xero_contact_id": contact.contact_id,
            "name_key": person_key(xero),
            "xero": xero,
        }


def _may_be(person: Document, xero: Document) -> bool:
    """Of one name, as it is here or as Xero last had it, and not of two emails."""
    called = _called(person)
    emails = {folded(one["email"]) for one in called} - {""}
    is_of_the_email = not emails or not xero["email"] or folded(xero["email"]) in emails
    return is_of_the_email and person_key(xero) in map(person_key, called)


def _has_email(person: Document, email: str) -> bool:
    return any(one["email"] == email for one in _called(person))


def _called(person: Document) -> list[Document]:
    """What they are called here, and what by Xero last."""
    return [one for one in (person.get("own"), person.get("xero")) if one]


def _is_of(person: Document, export: Document) -> bool:
    return bool(person["_id"] == export["contact_id"])


def _link_again(known: Document, contact: ContactMade, changes: Changes) -> None:
    """To somebody who stayed when what the connection had imported was removed, or was made in the CRM."""
    fields = {"connection_id": contact.connection_id, "xero_contact_id": contact.contact_id, "company_id": None}
    known.update(fields)
    changes.set("contacts", known["_id"], fields)


def _update(known: Document, xero: Document, changes: Changes) -> None:
    fields = {"name_key": person_key(xero), "xero": xero}
    if all(known.get(name) == value for name, value in fields.items()):
        return
    known.update(fields)
    changes.set("contacts", known["_id"], fields)


def _key(part: Document) -> tuple[str, str]:
    return part["connection_id"], part["contact_id"]
