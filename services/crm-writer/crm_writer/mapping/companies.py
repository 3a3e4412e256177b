"""A Xero contact → its part of a company, and its people. Pure."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from accounting_link.contracts.records import ContactImported
from crm_writer.mapping.made import Made, digest
from crm_writer.mapping.names import tidy
from crm_writer.mapping.people import People, notes_on, people_of
from crm_writer.mapping.rules import refused_as_supplier, why_left_out

_NOT_OF_THE_PART = ("xero_id", "updated_at", "name", "main_person", "persons", "setting", "selected")


class ContactMade(NamedTuple):
    """One Xero contact as the CRM keeps it: a part of some company, and people."""

    connection_id: str
    contact_id: str
    name: str
    part: dict[str, Any]
    people: People


def made_of(
    contact: ContactImported, version: datetime, connection_id: str, *, was_here: bool, has_sales: bool
) -> Made:
    """A contact that is here already stays, also when it would be left out now: its part says why."""
    reason = why_left_out(contact, has_sales=has_sales)
    if reason and not was_here:
        return Made("", None, reason, tidy(contact.name))
    part = _part(contact, connection_id, has_sales=has_sales)
    part["notes"] = [
        *([f"stays here, though it would not be imported today: {reason}"] if reason else []),
        *notes_on(contact),
    ]
    people = people_of(contact, connection_id)
    of_content = digest((part, people))
    part["updated_at"] = version
    return Made(of_content, ContactMade(connection_id, contact.xero_id, part["name"], part, people))


def _part(contact: ContactImported, connection_id: str, *, has_sales: bool) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(contact)
    for name in _NOT_OF_THE_PART:
        said.pop(name, None)
    part = {"connection_id": connection_id, "contact_id": contact.xero_id, "name": tidy(contact.name), **said}
    # Only asked where it decides: a supplier that the settings would refuse.
    part["is_customer"] = contact.is_customer or (has_sales and bool(refused_as_supplier(contact)))
    return part
