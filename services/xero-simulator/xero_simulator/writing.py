"""Creating and updating contacts through the API, with Xero's refusals. Pure: a request in, documents and Answer out.

Wordings that Xero's documents or users do not show are UNCONFIRMED; the error numbers and types are Xero's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

from xero_simulator.accounting import NOT_FOUND, Answer, bad_request, envelope
from xero_simulator.changes import NEW_CONTACT, RefusedError, active_with_name, check_name
from xero_simulator.organisation import Organisation
from xero_simulator.wire import Doc, decode, encode, to_ms, updated

_NOBODY = "00000000-0000-0000-0000-000000000000"
# spec, Contact: texts that may be written, and how long each may be
_TEXTS = {
    **dict.fromkeys(("FirstName", "LastName", "EmailAddress"), 255),
    **dict.fromkeys(("ContactNumber", "AccountNumber", "CompanyNumber", "TaxNumber", "BankAccountDetails"), 50),
    **dict.fromkeys(("AccountsReceivableTaxType", "AccountsPayableTaxType", "DefaultCurrency"), 50),
    "Name": 1000,  # has a refusal of its own
}
_ADDRESS = {
    **{f"AddressLine{n}": 500 for n in (1, 2, 3, 4)},
    **dict.fromkeys(("City", "Region", "AttentionTo"), 255),
    **dict.fromkeys(("PostalCode", "Country"), 50),
}
_PHONE = {"PhoneNumber": 50, "PhoneAreaCode": 10, "PhoneCountryCode": 20}
_PERSON = dict.fromkeys(("FirstName", "LastName", "EmailAddress"), 255)
_ALWAYS = ("City", "Region", "PostalCode", "Country")
_PARTS = {
    "Addresses": ("AddressType", ("STREET", "POBOX", "DELIVERY"), _ADDRESS, _ALWAYS),
    "Phones": ("PhoneType", ("DEFAULT", "DDI", "FAX", "MOBILE", "OFFICE"), _PHONE, tuple(_PHONE)),
}
_MOST_PERSONS = 5
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # XML 1.0
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class _UnreadableError(Exception):
    """A body that is not what Xero's schema says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """A PUT or POST of ``/Contacts``, or a POST of ``/Contacts/{key}``.

    ``moment`` says when a contact of that id may be said to have changed, in milliseconds; ``new_id`` makes an id.
    """

    org: Organisation
    method: str
    key: str
    body: bytes
    query: Mapping[str, str]
    now: datetime
    moment: Callable[[str], int]
    new_id: Callable[[], str]


def write(asked: Writing) -> tuple[list[Doc], Answer]:
    """The contacts to put, and the answer.

    Those that are in order are put though others of the same request are refused (xero-php-oauth2 issue 13).
    """
    if asked.key and asked.org.contacts.find(asked.key) is None:
        return [], NOT_FOUND
    docs: list[Doc] = []
    try:
        keyed = {"ContactID": asked.key} if asked.key else {}
        told = [_told(asked, docs, {**element, **keyed}) for element in _elements(asked.body)]
    except _UnreadableError as error:
        return [], bad_request(14, "PostDataInvalidException", str(error))
    if not told:
        message = "No data has been processed for this endpoint. This endpoint is expecting Contact data."
        return [], bad_request(17, "NoDataProcessedException", message)
    return docs, _answer(told, asked.query.get("summarizeErrors", "").lower() != "false", asked.now)


def _elements(raw: bytes) -> list[Doc]:
    """The contacts of a body in JSON or XML: a list, one, or either under ``Contacts``."""
    try:
        body = _of_xml(raw) if raw.lstrip().startswith(b"<") else decode(raw) if raw.strip() else []
    except ValueError:
        raise _UnreadableError("JSON for post data was invalid,Could not parse JSON") from None
    except ParseError as wrong:
        raise _UnreadableError(f"XML for post data was invalid,{wrong}") from None
    body = body.get("Contacts", body) if isinstance(body, dict) else body
    elements = body if isinstance(body, list) else [body]
    if not all(isinstance(element, dict) for element in elements):
        raise _UnreadableError("JSON for post data was invalid,a contact must be an object")
    return elements


def _of_xml(raw: bytes) -> Any:
    """What the same would be in JSON (developer.xero.com, requests and responses); everything but lists is text."""

    def value(element: Element) -> Any:
        if element.tag in _XML_LISTS:
            return [value(part) for part in element]
        return {part.tag: value(part) for part in element} if len(element) else element.text or ""

    return value(fromstring(raw))  # noqa: S314 - who writes to a simulator attacks but themselves


_XML_LISTS = ("Contacts", "Addresses", "Phones", "ContactPersons", "ContactGroups")


def _answer(told: list[Doc], summarise: bool, now: datetime) -> Answer:
    failed = [one for one in told if one["HasValidationErrors"]]
    if failed and summarise:
        return bad_request(10, "ValidationException", "A validation exception occurred", Elements=failed)
    if not summarise:
        blank = {**NEW_CONTACT, **updated("contact", to_ms(now))}
        told = [{**blank, **one, "StatusAttributeString": "ERROR" if one in failed else "OK"} for one in told]
    return envelope(now, {}, "Contacts", [encode(one) for one in told])


def _told(asked: Writing, docs: list[Doc], element: Doc) -> Doc:
    """One contact as the answer shows it; made or changed, and added to ``docs``, where it is in order."""
    sent = _read(element)
    try:
        doc = _changed(asked, _meant(asked, sent), sent)
        _check(asked.org, docs, doc, sent)
    except RefusedError as error:
        shown = {"ContactID": element.get("ContactID") or _NOBODY, **sent}
        lists: Doc = {"Addresses": [], "Phones": [], "ContactGroups": [], "ContactPersons": []}
        return {**lists, **shown, "HasValidationErrors": True, "ValidationErrors": [{"Message": str(error)}]}
    docs.append(doc | updated("contact", asked.moment(doc["ContactID"])))
    return docs[-1]


def _read(element: Doc) -> Doc:
    """What of an element may be written. Other fields are left alone, as Xero does with what is read only."""
    sent: Doc = {name: _text(name, element[name]) for name in _TEXTS if element.get(name) is not None}
    for name in ("Addresses", "Phones", "ContactPersons"):
        if element.get(name) is not None:
            sent[name] = _parts(name, element[name])
    if element.get("ContactID"):
        sent["ContactID"] = _text("ContactID", element["ContactID"])
    if element.get("ContactStatus") is not None:
        if element["ContactStatus"] not in ("ACTIVE", "ARCHIVED"):
            raise _UnreadableError("JSON for post data was invalid,ContactStatus must be ACTIVE or ARCHIVED")
        sent["ContactStatus"] = element["ContactStatus"]
    return sent


def _text(name: str, value: Any) -> str:
    if isinstance(value, (dict, list)) or _FORBIDDEN.search(str(value)):
        raise _UnreadableError(f"JSON for post data was invalid,{name} must be a text without control characters")
    return str(value)


def _parts(name: str, parts: Any) -> list[Doc]:
    """Addresses, phones or people, with the fields that those have."""
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise _UnreadableError(f"JSON for post data was invalid,{name} must be a list of objects")
    if name == "ContactPersons":
        return [_person(part) for part in parts]
    type_field, types, texts_of, _ = _PARTS[name]
    if any(part.get(type_field) not in types for part in parts):
        raise _UnreadableError(f"JSON for post data was invalid,{type_field} must be one of {', '.join(types)}")
    return [{n: _text(n, part[n]) for n in (type_field, *texts_of) if part.get(n) is not None} for part in parts]


def _person(part: Doc) -> Doc:
    """IncludeInEmails may be text, as it is in Xero's own example."""
    texts = {name: _text(name, part[name]) for name in _PERSON if part.get(name) is not None}
    return {**texts, "IncludeInEmails": str(part.get("IncludeInEmails")).lower() == "true"}


def _meant(asked: Writing, sent: Doc) -> Doc | None:
    """The contact that an element changes: by id, else, where it is not a PUT, by number or name."""
    org, key, creating = asked.org, sent.get("ContactID"), asked.method == "PUT"
    if key and key != _NOBODY:
        if org.contacts.find(key) is None:
            raise RefusedError(f"The contact {key} could not be found")
        return org.doc("contact", key.lower())
    numbers = org.contacts.columns["number"]
    if sent.get("ContactNumber") and sent["ContactNumber"] in numbers:
        if creating:
            raise RefusedError(f"The contact number {sent['ContactNumber']} is already assigned to another contact.")
        return org.doc("contact", org.contacts.id(numbers.index(sent["ContactNumber"])))
    found = None if creating else active_with_name(org, sent.get("Name"))
    return org.doc("contact", found) if found else None


def _changed(asked: Writing, held: Doc | None, sent: Doc) -> Doc:
    """The contact as it will be. Raises RefusedError with Xero's message."""
    if held and held["ContactStatus"] != "ACTIVE":
        raise RefusedError("The contact is archived. An archived contact cannot be changed through the API.")
    doc = {**(held or {**NEW_CONTACT, "ContactID": asked.new_id()}), **sent}
    doc["ContactID"] = held["ContactID"] if held else doc["ContactID"]
    for name in ("Addresses", "Phones"):
        doc[name] = _whole(name, held[name] if held else [], sent.get(name, []))
    return doc


def _whole(name: str, held: list[Doc], sent: list[Doc]) -> list[Doc]:
    """One of each type that Xero always shows, with what is held and then what is sent."""
    type_field, types, _, blank = _PARTS[name]
    usual = types[:2] if name == "Addresses" else types[:4]
    made: dict[str, Doc] = {kind: {type_field: kind, **dict.fromkeys(blank, "")} for kind in usual}
    for part in (*held, *sent):
        made[part[type_field]] = {**made.get(part[type_field], {}), **part}
    return list(made.values())


def _check(org: Organisation, docs: list[Doc], doc: Doc, sent: Doc) -> None:
    """Raises RefusedError for what Xero would refuse; names are unique among ``docs`` of the same request too."""
    name = doc.get("Name", "")
    if not name.strip():
        raise RefusedError("Contact Name cannot be empty.")  # wording: xeroizer PR 380
    check_name(org, doc["ContactID"], name)
    folded = name.strip().casefold()
    if any(o["Name"].strip().casefold() == folded and o["ContactID"] != doc["ContactID"] for o in docs if "Name" in o):
        raise RefusedError(f"The contact name {name} must be unique across all active contacts.")
    for part, limits in ((doc, _TEXTS), *((p, _limits(n)) for n in _LISTS for p in sent.get(n, []))):
        long = next((n for n, most in limits.items() if len(part.get(n) or "") > most), None)
        if long:
            raise RefusedError(f"{long} must not be longer than {limits[long]} characters.")
    if len(sent.get("ContactPersons", [])) > _MOST_PERSONS:
        raise RefusedError(f"A contact can have no more than {_MOST_PERSONS} contact persons.")
    for email in (one.get("EmailAddress") for one in (sent, *sent.get("ContactPersons", []))):
        if email and not _EMAIL.fullmatch(email):
            raise RefusedError(f"Email address {email} is not valid.")


_LISTS = ("Addresses", "Phones", "ContactPersons")


def _limits(name: str) -> dict[str, int]:
    return _PERSON if name == "ContactPersons" else _PARTS[name][2]
