"""How one contact is looked for and created, and which names Xero takes for the same."""

import re
from unicodedata import combining, normalize
from urllib.parse import quote

import msgspec

from accounting_link.contracts.records import CustomerImported, Person
from xero_adapter.xero import reading, wire
from xero_adapter.xero.client import Answer
from xero_adapter.xero.reading import Call
from xero_adapter.xero.refusals import NotValid, Unavailable

_PAGE = {"page": "1", "pageSize": str(reading.PAGE_SIZE)}
_NO_TEXT = re.compile(r'["\\]')  # how these are written in a where's text is documented nowhere
_NOBODY = "00000000-0000-0000-0000-000000000000"  # whom Xero gives as the id of what it did not write
_LONGEST_WHERE = 1500  # from addresses of 2,000 characters on, what stands between us and Xero may refuse
_LONGEST_TERM = 60


def by_number(number: str) -> Call:
    """Gives archived ones too; refused as Missing where nobody has it (spec, getContactByContactNumber)."""
    return Call(path=f"Contacts/{quote(number, safe='')}", query={}, headers={})


def by_name(name: str) -> Call:
    """Gives active ones; Name is a field that Xero filters by in organisations of any size. Where it cannot be written
    as a where's text, a part of it is searched for, and more than the name's own contacts are given."""
    if not _NO_TEXT.search(name) and len(quote(name)) <= _LONGEST_WHERE:
        return Call(path="Contacts", query={"where": f'Name=="{name}"', **_PAGE}, headers={})
    return _search(max(_NO_TEXT.split(name), key=len) or name)


def by_word(name: str) -> Call:
    """Gives active ones with the name's longest word, so also those whose white space is another."""
    return _search(max(re.split(r'[\s"\\]', name), key=len) or name)


def _search(term: str) -> Call:
    return Call(path="Contacts", query={"searchTerm": tidy(term[:_LONGEST_TERM]), **_PAGE}, headers={})


def create(name: str, person: Person, number: str, key: str) -> Call:
    """A PUT only ever creates: a POST would overwrite who has the name (xero-php-oauth2 issue 191). The same ``key``
    again is the same contact again."""
    fields = {
        "Name": name,
        "FirstName": person.first_name,
        "LastName": person.last_name,
        "EmailAddress": person.email,
        "ContactNumber": number,
    }
    body = {"Contacts": [{field: text for field, text in fields.items() if text}]}
    return Call(path="Contacts", query={}, headers={"Idempotency-Key": key}, body=msgspec.json.encode(body))


def sole(answer: Answer, number: str) -> CustomerImported:
    """The contact of that number, which the answer is to hold. Raises Unavailable."""
    found = [one for one in reading.read_contacts(answer) if one.contact_number == number and one.xero_id != _NOBODY]
    if len(found) != 1:
        raise Unavailable("Xero's answer does not hold the contact")
    return found[0]


def created(answer: Answer, number: str) -> CustomerImported:
    """As ``sole``, of what was put. Raises NotValid too: what was refused may be told in a 200."""
    refused = wire.refusal(answer.body).messages
    if refused:
        raise NotValid("Xero refused the contact", refused)
    return sole(answer, number)


def same_name(one: str, other: str) -> bool:
    """As Xero compares contacts: without case and accents (developer.xero.com, Contacts), and as people do: whatever
    the white space."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    bare = "".join(letter for letter in normalize("NFD", name.casefold()) if not combining(letter))
    return tidy(bare) or tidy(name)  # a name of accents alone is not that of a contact without a name


def tidy(name: str) -> str:
    return " ".join(name.split())
