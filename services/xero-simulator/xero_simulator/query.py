"""Reading lists the way Xero's query parameters ask: where, order, ids, search, since; and which page."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from xero_simulator.organisation import Contact, Invoice, Organisation
from xero_simulator.wire import from_ms, to_ms

Getter = Callable[[Organisation, Any], Any]


class QueryError(Exception):
    """A parameter that Xero would refuse; ``kind`` is the Type of its 400 body."""

    def __init__(self, message: str, kind: str = "QueryParseException") -> None:
        super().__init__(message)
        self.kind = kind


def _midnight(name: str) -> Getter:
    def get(_: Organisation, record: Any) -> datetime | None:
        day = getattr(record, name)
        return day and datetime.combine(day, time())

    return get


def _own(name: str) -> Getter:
    return lambda _, record: getattr(record, name)


def _of_contact(name: str) -> Getter:
    return lambda org, record: getattr(org.contacts.records[record.contact_id], name)


def _updated(_: Organisation, record: Any) -> datetime:
    return from_ms(record.updated_ms).replace(tzinfo=None)


# Field -> (type, how to get it). Xero knows more; what stands here is what it is optimised for and what people use.
FIELDS: dict[str, dict[str, tuple[str, Getter]]] = {
    "contact": {
        "ContactID": ("Guid", _own("id")),
        "ContactStatus": ("String", _own("status")),
        "Name": ("String", _own("name")),
        "FirstName": ("String", _own("first_name")),
        "LastName": ("String", _own("last_name")),
        "EmailAddress": ("String", _own("email")),
        "ContactNumber": ("String", _own("number")),
        "AccountNumber": ("String", _own("account_number")),
        "IsCustomer": ("Boolean", _own("is_customer")),
        "IsSupplier": ("Boolean", _own("is_supplier")),
        "UpdatedDateUTC": ("DateTime", _updated),
    },
    "invoice": {
        "InvoiceID": ("Guid", _own("id")),
        "Type": ("String", _own("type")),
        "Status": ("String", _own("status")),
        "InvoiceNumber": ("String", _own("number")),
        "Reference": ("String", _own("reference")),
        "Date": ("DateTime", _midnight("date")),
        "DueDate": ("DateTime", _midnight("due_date")),
        "Total": ("Decimal", _own("total")),
        "AmountDue": ("Decimal", _own("due")),
        "AmountPaid": ("Decimal", _own("paid")),
        "Contact.ContactID": ("Guid", _own("contact_id")),
        "Contact.Name": ("String", _of_contact("name")),
        "Contact.ContactNumber": ("String", _of_contact("number")),
        "UpdatedDateUTC": ("DateTime", _updated),
    },
}
# cdn.cdata.com, Xero's Invoices table: past a threshold Xero refuses every other column (HighVolumeException).
_OPTIMISED_WHERE = {
    *("Status", "Contact.ContactID", "Contact.Name", "Contact.ContactNumber", "Reference"),
    *("Date", "Type", "AmountDue", "AmountPaid", "DueDate"),
}
_OPTIMISED_ORDER = {"InvoiceID", "UpdatedDateUTC", "Date"}

_CLAUSE = re.compile(
    r"""\s*(?P<field>[A-Za-z]+(?:\.(?:ContactID|Name|ContactNumber))?)
    (?:\.(?P<method>Contains|StartsWith|EndsWith)\(\s*(?P<part>"[^"]*")\s*\)
    |\s*(?P<op>==|!=|>=|<=|=|>|<)\s*
      (?P<value>"[^"]*"|(?:Guid|DateTime\.Parse)\(\s*"[^"]*"\s*\)|DateTime\([\d\s,]+\)|-?\d+(?:\.\d+)?|true|false|null))
    \s*(?P<joint>&&|AND\b|and\b|$)""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">=": lambda a, b: a is not None and a >= b,
    "<=": lambda a, b: a is not None and a <= b,
    ">": lambda a, b: a is not None and a > b,
    "<": lambda a, b: a is not None and a < b,
    "Contains": lambda a, b: b in (a or ""),
    "StartsWith": lambda a, b: (a or "").startswith(b),
    "EndsWith": lambda a, b: (a or "").endswith(b),
}


def _literal(text: str) -> tuple[str, Any]:
    """A value of a where clause with its type in Xero's words."""
    inside = text[text.find('"') + 1 : text.rfind('"')]
    try:
        if text.startswith("Guid"):
            return "Guid", inside.lower()
        if text.startswith("DateTime.Parse"):
            return "DateTime", datetime.fromisoformat(inside).replace(tzinfo=None)
        if text.startswith("DateTime"):
            return "DateTime", datetime(*[int(n) for n in text[9:-1].split(",")])  # type: ignore[arg-type]  # noqa: DTZ001 - Xero's own have no zone
    except (ValueError, TypeError) as wrong:
        raise QueryError(f"{text} is no valid value: {wrong}") from wrong
    if text.startswith('"'):
        return "String", inside
    if text in ("true", "false"):
        return "Boolean", text == "true"
    return ("null", None) if text == "null" else ("Decimal", Decimal(text))


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison of a where."""

    field: str
    get: Getter
    compare: Callable[[Any, Any], bool]
    value: Any

    def holds(self, org: Organisation, record: Any) -> bool:
        return self.compare(self.get(org, record), self.value)


def parse_where(kind: str, text: str) -> list[Clause]:
    """Comparisons joined by AND or &&. Everything else (OR, brackets, other functions) is a QueryError."""
    clauses: list[Clause] = []
    at = 0
    while at < len(text) or not clauses:
        found = _CLAUSE.match(text, at)
        if found is None:
            raise QueryError(f"where: cannot read {text[at:]!r}; comparisons joined by AND or && are understood")
        clauses.append(_clause(kind, found))
        at = found.end()
        if found["joint"] and at >= len(text):
            raise QueryError(f"where: {found['joint']} at the end")
    return clauses


def _clause(kind: str, found: re.Match[str]) -> Clause:
    field_type, get = _field(kind, found["field"])
    value_type, value = _literal(found["part"] or found["value"])
    name = found["method"] or found["op"]
    if value_type not in (field_type, "null"):
        raise QueryError(f"Operator '{name}' incompatible with operand types '{field_type}' and '{value_type}'")
    if value is None and name not in ("==", "=", "!="):
        raise QueryError(f"Operator '{name}' incompatible with operand types '{field_type}' and 'null'")
    return Clause(found["field"], get, _COMPARE[name], value)


def _field(kind: str, name: str) -> tuple[str, Getter]:
    if name not in FIELDS[kind]:
        raise QueryError(f"No property or field '{name}' exists in type '{kind.capitalize()}'")
    return FIELDS[kind][name]


def parse_order(kind: str, text: str) -> list[tuple[str, bool]]:
    """(field, descending) for each part, the first the strongest."""
    parts = []
    for part in text.split(","):
        words = part.split()
        if not 1 <= len(words) <= 2 or (len(words) == 2 and words[1].upper() not in ("ASC", "DESC")):
            raise QueryError(f"order: cannot read {part.strip()!r}")
        name = "InvoiceID" if words[0] == "InvoiceId" else words[0]
        _field(kind, name)
        parts.append((name, len(words) == 2 and words[1].upper() == "DESC"))
    return parts


def since_ms(header: str | None) -> int | None:
    """If-Modified-Since in either form, cut to the second; None (a full read, as at Xero) for any other text."""
    if not header:
        return None
    try:
        moment = datetime.fromisoformat(header.strip())
    except ValueError:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    return to_ms(moment) // 1000 * 1000


def _list(query: Mapping[str, str], name: str) -> set[str] | None:
    given = query.get(name, "")
    return {item.strip().strip('"') for item in given.split(",") if item.strip()} or None


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() == "true"


def _search_text(kind: str, org: Organisation, record: Any) -> str:
    parts: tuple[str | None, ...]
    if kind == "contact":
        parts = (record.name, record.first_name, record.last_name, record.email, record.number)
    else:
        parts = (record.number, record.reference, org.contacts.records[record.contact_id].name)
    return "\n".join(part for part in parts if part).casefold()


def _tests(
    kind: str, org: Organisation, query: Mapping[str, str], clauses: list[Clause]
) -> list[Callable[[Any], bool]]:
    """One test for each parameter that leaves records out."""
    tests: list[Callable[[Any], bool]] = []
    if kind == "contact" and not _flag(query, "includeArchived") and not _list(query, "IDs"):
        tests.append(lambda record: record.status == "ACTIVE")
    tests += [partial(clause.holds, org) for clause in clauses]
    lists = {"Statuses": "status", "InvoiceNumbers": "number", "ContactIDs": "contact_id"} if kind == "invoice" else {}
    for parameter, attribute in lists.items():
        wanted = _list(query, parameter)
        if wanted:
            tests.append(lambda record, w=wanted, a=attribute: getattr(record, a) in w)  # type: ignore[misc]
    term = query.get("searchTerm", "").casefold()
    if term:
        tests.append(lambda record: term in _search_text(kind, org, record))
    return tests


def _start(
    shelf: Any, key: str, order: list[tuple[str, bool]], ids: set[str] | None, since: int | None
) -> tuple[list[Any], bool]:
    """Records to filter, and whether they are in order already."""
    if ids is not None:
        found = (shelf.records.get(each.lower()) for each in sorted(ids))
        return [r for r in found if r is not None and (since is None or r.updated_ms >= since)], False
    if order == [("UpdatedDateUTC", False)]:
        return shelf.by_update(since), True
    return shelf.by_id(since), order == [(key, False)]


def select(org: Organisation, kind: str, query: Mapping[str, str], since: int | None, high_volume: int) -> list[Any]:
    """Every record that the query asks for, in its order (default UpdatedDateUTC); equals stand by id.

    Raises QueryError. ``since`` is inclusive, in milliseconds.
    """
    shelf: Any = org.contacts if kind == "contact" else org.invoices
    clauses = parse_where(kind, query["where"]) if query.get("where") else []
    order = parse_order(kind, query.get("order") or "UpdatedDateUTC")
    if kind == "invoice" and len(shelf.records) > high_volume:
        _refuse_high_volume(clauses, order)
    records, ordered = _start(
        shelf, "ContactID" if kind == "contact" else "InvoiceID", order, _list(query, "IDs"), since
    )
    for test in _tests(kind, org, query, clauses):
        records = [record for record in records if test(record)]
    return records if ordered else _sorted(org, kind, records, order)


def _refuse_high_volume(clauses: list[Clause], order: list[tuple[str, bool]]) -> None:
    odd = {c.field for c in clauses} - _OPTIMISED_WHERE | {name for name, _ in order} - _OPTIMISED_ORDER
    if odd:
        message = f"This organisation has too many invoices to filter or order by {', '.join(sorted(odd))}"
        raise QueryError(message, "HighVolumeException")


def _sorted(org: Organisation, kind: str, records: list[Any], order: list[tuple[str, bool]]) -> list[Any]:
    records = sorted(records, key=lambda record: record.id)
    for name, descending in reversed(order):
        get = FIELDS[kind][name][1]
        # None first, as SQL Server sorts it; sorting is stable, so equals keep their order by id both ways.
        records.sort(key=lambda record: ((v := get(org, record)) is not None, v), reverse=descending)
    return records


@dataclass(frozen=True, slots=True)
class Page:
    """Which slice, and what Xero's ``pagination`` says of it."""

    number: int
    size: int

    @classmethod
    def of(cls, query: Mapping[str, str], cap: int) -> "Page | None":
        """None where neither page nor pageSize is asked for: Xero then answers without line items."""
        if not ("page" in query or "pageSize" in query):
            return None
        try:
            number, size = int(query.get("page") or 1), int(query.get("pageSize") or 100)
        except ValueError as wrong:
            raise QueryError(f"page and pageSize must be whole numbers: {wrong}") from wrong
        if number < 1 or not 1 <= size <= 1000:
            raise QueryError("page must be 1 or more and pageSize from 1 to 1000")
        return cls(number, min(size, cap))

    def cut(self, records: list[Any]) -> list[Contact | Invoice]:
        return records[(self.number - 1) * self.size : self.number * self.size]

    def pagination(self, count: int) -> dict[str, int]:
        pages = -(-count // self.size)
        return {"page": self.number, "pageSize": self.size, "pageCount": pages, "itemCount": count}
