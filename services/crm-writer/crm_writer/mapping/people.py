"""A Xero contact's main person and ContactPersons → the CRM's people. Pure."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from accounting_link.contracts.records import ContactImported, Person
from crm_writer.mapping.names import folded, tidy
from crm_writer.mapping.rules import has_last_name

_PEOPLE = UUID("5a3c55a4-9a0b-4d0c-8a44-6f0c1ff7c0de")
MAIN = "main"

People = dict[str, dict[str, Any]]


def people_of(contact: ContactImported, connection_id: str) -> People:
    """By id, those with a last name.

    Xero gives a ContactPerson no id: its folded name and email say who it is, then its place among equals.
    The main person is always the same one, whatever it is called.
    """
    return {
        person_id(connection_id, contact.xero_id, key): _document(person, main=key == MAIN)
        for key, person in _keyed(contact)
        if has_last_name(person)
    }


def notes_on(contact: ContactImported) -> list[str]:
    """Who of its people is left out, one by one."""
    without = [person for person in contact.persons if not has_last_name(person)]
    return [f"{_called(person)} is left out: no last name" for person in without]


def person_id(connection_id: str, contact_id: str, key: str) -> str:
    return str(uuid5(_PEOPLE, f"{connection_id}\n{contact_id}\n{key}"))


def _keyed(contact: ContactImported) -> Iterator[tuple[str, Person]]:
    yield MAIN, contact.main_person
    seen: Counter[str] = Counter()
    for person in contact.persons:
        who = "\n".join(map(folded, (person.first_name, person.last_name, person.email)))
        seen[who] += 1
        yield f"{who}\n{seen[who]}", person


def _document(person: Person, *, main: bool) -> dict[str, Any]:
    return {
        "first_name": tidy(person.first_name),
        "last_name": tidy(person.last_name),
        "email": person.email.strip(),
        "main": main,
        "gone": False,
    }


def _called(person: Person) -> str:
    return tidy(person.first_name) or person.email.strip() or "A contact person without a name"
