"""Reading lists the way Xero's query parameters ask: where, order, ids, search, since; and which page."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from xero_simulator.kinds import NO_DAY, PAYABLE, Kind
from xero_simulator.organisation import Organisation
from xero_simulator.shelf import Shelf
from xero_simulator.wire import to_ms

Numbers = Sequence[int]
_DAY = timedelta(days=1)


class QueryError(Exception):
    """A parameter that Xero would refuse; ``kind`` and ``number`` are the Type and ErrorNumber of its 400 body."""

    kind, number = "QueryParseException", 16


class HighVolumeError(QueryError):
    """More records than Xero goes through for one call (wording and number: xero-python 148, Xero-NetStandard 604)."""

    kind, number = "HighVolumeException", 51

    def __init__(self, resource: str) -> None:
        super().__init__(
            f"Your request is not filtering {resource} efficiently, given the extremely high volume for this"
            " organisation. Please check https://developer.xero.com/documentation/api/efficient-data-retrieval for"
            f" tips on making {resource.removesuffix('s')} retrieval more efficient."
        )


@dataclass(frozen=True, slots=True)
class Optimised:
    """What a call may ask for however much there is: fields that must equal something, or may be in a range too; and
    the orders besides those by UpdatedDateUTC and by id."""

    equal: frozenset[str]
    range: frozenset[str]
    order: frozenset[str]


def _optimised(equal: str, in_range: str, order: str) -> Optimised:
    ranges = frozenset(in_range.split())
    return Optimised(ranges | {*equal.split()}, ranges, frozenset(order.split()))


_OF_CONTACT = "Contact.ContactID Contact.Name Contact.ContactNumber"
# developer.xero.com, the page of each resource. Those of overpayments and prepayments know no such threshold.
_OPTIMISED = {
    "contact": _optimised("Name EmailAddress AccountNumber", "", "Name"),
    "invoice": _optimised(
        f"Status {_OF_CONTACT} Reference InvoiceNumber InvoiceID Type AmountPaid", "Date DueDate AmountDue", "Date"
    ),
    "creditnote": _optimised(f"Status {_OF_CONTACT} Reference Type", "Date", "Date"),
    "payment": _optimised("PaymentType Status Invoice.InvoiceID Reference", "Date", "Date"),
}

_CLAUSE = re.compile(
    r"""\s*(?P<field>[A-Za-z]+(?:\.(?:ContactID|Name|ContactNumber|InvoiceID))?)
    (?:\.(?P<method>Contains|StartsWith|EndsWith)\(\s*(?P<part>"[^"]*")\s*\)
    |\s*(?P<op>==|!=|>=|<=|=|>|<)\s*
      (?P<value>"[^"]*"|(?:Guid|DateTime\.Parse)\(\s*"[^"]*"\s*\)|DateTime\([\d\s,]+\)|-?\d+(?:\.\d+)?|true|false|null))
    \s*(?P<joint>&&|AND\b|and\b|$)""",
    re.VERBOSE,
)
_PLAIN = ("==", "=", ">", ">=", "<", "<=")
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
    """One comparison of a where, with a value as it is written."""

    field: str
    operator: str
    value: Any


def parse_where(kind: Kind, text: str) -> list[Clause]:
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


def _clause(kind: Kind, found: re.Match[str]) -> Clause:
    field_type = _type(kind, found["field"])
    value_type, value = _literal(found["part"] or found["value"])
    name = found["method"] or found["op"]
    only_equal = value is None or field_type in ("Guid", "Boolean")
    if value_type not in (field_type, "null") or (only_equal and name not in ("==", "=", "!=")):
        raise QueryError(f"Operator '{name}' incompatible with operand types '{field_type}' and '{value_type}'")
    return Clause(found["field"], name, value)


def _type(kind: Kind, field: str) -> str:
    """Xero knows more fields; what stands here is what it is optimised for and what people use."""
    if field in kind.fields:
        return kind.fields[field].type
    if field in ("Contact.Name", "Contact.ContactNumber") and "Contact.ContactID" in kind.fields:
        return "String"
    if field not in (kind.id, "UpdatedDateUTC"):
        raise QueryError(f"No property or field '{field}' exists in type '{kind.name.capitalize()}'")
    return "Guid" if field == kind.id else "DateTime"


def _getter(org: Organisation, shelf: Shelf, field: str) -> Callable[[int], Any]:
    """What a record has in this field, by its number; None for nothing."""
    if field in ("Contact.Name", "Contact.ContactNumber"):
        owners, texts = shelf.columns["contact"], org.contacts.columns["name" if field[8:] == "Name" else "number"]
        return lambda number: texts[owners[number]]
    if field == shelf.kind.id:
        return shelf.key
    if field == "UpdatedDateUTC":
        return shelf.updated.__getitem__
    column = shelf.kind.fields[field]
    values = shelf.columns[column.name]
    if column.type == "DateTime":
        return lambda number: None if values[number] == NO_DAY else values[number]
    get: Callable[[int], Any] = values.__getitem__
    return get


def _held(org: Organisation, shelf: Shelf, field: str, value: Any) -> Any:
    """A where's value as the shelf holds such values, so that the records need not be turned into Xero's."""
    if isinstance(value, Decimal):
        return value * 100
    if isinstance(value, datetime):
        if field == "UpdatedDateUTC":
            return to_ms(value.replace(tzinfo=UTC))
        return value.toordinal() + (value - datetime(value.year, value.month, value.day)) / _DAY  # noqa: DTZ001
    if value is None or _type(shelf.kind, field) != "Guid":
        return value
    if field == shelf.kind.id:
        number = shelf.find(value)
        return None if number is None else shelf.key(number)
    kinds = ("contact",) if field == "Contact.ContactID" else PAYABLE
    found = next(((kind, n) for kind in kinds if (n := org.shelves[kind].find(value)) is not None), None)
    if found is None or field == "Contact.ContactID":
        return found and found[1]
    return org.parent_code(found[0], value)


def parse_order(kind: Kind, text: str) -> list[tuple[str, bool]]:
    """(field, descending) for each part, the first the strongest."""
    parts = []
    for part in text.split(","):
        words = part.split()
        if not 1 <= len(words) <= 2 or (len(words) == 2 and words[1].upper() not in ("ASC", "DESC")):
            raise QueryError(f"order: cannot read {part.strip()!r}")
        name = "InvoiceID" if words[0] == "InvoiceId" else words[0]
        _type(kind, name)
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


Test = Callable[[int], Any]


def _tests(org: Organisation, shelf: Shelf, query: Mapping[str, str], clauses: list[Clause]) -> list[Test]:
    """One test for each parameter that leaves records out."""
    tests: list[Test] = []
    kind, columns = shelf.kind.name, shelf.columns
    if kind == "contact" and not _flag(query, "includeArchived") and not _list(query, "IDs"):
        tests.append(_among(columns["status"], {"ACTIVE"}))
    tests += _clause_tests(org, shelf, clauses)
    wanted = _list(query, "ContactIDs") if kind == "invoice" else None
    if wanted:
        tests.append(_among(columns["contact"], {org.contacts.find(each) for each in wanted}))
    for parameter, column in _LISTS.get(kind, {}).items():
        wanted = _list(query, parameter)
        if wanted:
            tests.append(_among(columns[column], wanted))
    term = query.get("searchTerm", "").casefold()
    if term:
        tests.append(lambda number: term in _search_text(org, shelf, number))
    return tests


def _clause_tests(org: Organisation, shelf: Shelf, clauses: list[Clause]) -> list[Test]:
    held = [_held(org, shelf, clause.field, clause.value) for clause in clauses]
    gets = [_getter(org, shelf, clause.field) for clause in clauses]
    return [_comparison(_COMPARE[c.operator], get, value) for c, get, value in zip(clauses, gets, held, strict=True)]


# spec: parameters that each take a list, and the column it is looked for in
_LISTS = {
    "invoice": {"Statuses": "status", "InvoiceNumbers": "number"},
    "prepayment": {"InvoiceNumbers": "number"},
    "overpayment": {"References": "reference"},
}


def _comparison(compare: Callable[[Any, Any], bool], get: Test, value: Any) -> Test:
    return lambda number: compare(get(number), value)


def _among(column: Sequence[Any], wanted: Iterable[Any]) -> Test:
    return lambda number: column[number] in wanted


def _search_text(org: Organisation, shelf: Shelf, number: int) -> str:
    own = ("name", "first_name", "last_name", "email", "number", "reference")
    parts = [shelf.columns[column][number] for column in own if column in shelf.columns]
    if "contact" in shelf.columns:
        parts.append(org.contacts.columns["name"][shelf.columns["contact"][number]])
    return "\n".join(part for part in parts if part).casefold()


def select(org: Organisation, kind: str, query: Mapping[str, str], since: int | None, high_volume: int) -> Numbers:
    """The numbers of all records that the query asks for, in its order (UpdatedDateUTC unless told); equals by id.

    Raises QueryError. ``since`` is inclusive, in milliseconds. By UpdatedDateUTC, and narrowed by nothing but the
    type, nothing is gone through record by record, however many there are.
    """
    shelf = org.shelves[kind]
    clauses = parse_where(shelf.kind, query["where"]) if query.get("where") else []
    order = parse_order(shelf.kind, query.get("order") or "UpdatedDateUTC")
    ids = _list(query, "IDs")
    odd = [] if ids else [clause for clause in clauses if not _is_optimised(kind, clause)]
    part, clauses = ("", clauses) if ids else _part(shelf.kind, [clause for clause in clauses if clause not in odd])
    if ids:
        found = {number for each in ids if (number := shelf.find(each)) is not None}
        numbers: Numbers = [n for n in sorted(found, key=shelf.key) if since is None or shelf.updated[n] >= since]
    else:
        numbers = shelf.by_update(part, since)
    for test in _tests(org, shelf, query, clauses):
        numbers = [number for number in numbers if test(number)]
    if (
        len(numbers) > high_volume
        and kind in _OPTIMISED
        and (odd or _is_odd(shelf.kind, order) or not Page.of(query, 1))
    ):
        raise HighVolumeError(shelf.kind.resource)
    for test in _clause_tests(org, shelf, odd):
        numbers = [number for number in numbers if test(number)]
    return numbers if order == [("UpdatedDateUTC", False)] and not ids else _sorted(org, shelf, numbers, order)


def _part(kind: Kind, clauses: list[Clause]) -> tuple[str, list[Clause]]:
    """The type that a where asks for, for which the shelf keeps an order, and the clauses that are left."""
    found = [c for c in clauses if c.field == kind.columns[0].field and c.operator in ("==", "=") and c.value]
    return (found[0].value, [c for c in clauses if c is not found[0]]) if found else ("", clauses)


def _is_optimised(kind: str, clause: Clause) -> bool:
    known = _OPTIMISED.get(kind)
    ranged = clause.operator in (">", ">=", "<", "<=")
    return not known or (clause.field in (known.range if ranged else known.equal) and clause.operator in _PLAIN)


def _is_odd(kind: Kind, order: list[tuple[str, bool]]) -> bool:
    return bool({name for name, _ in order} - {*_OPTIMISED[kind.name].order, "UpdatedDateUTC", kind.id})


def _sorted(org: Organisation, shelf: Shelf, numbers: Numbers, order: list[tuple[str, bool]]) -> Numbers:
    wanted = set(numbers)
    # those of a whole shelf stand by id already
    by_id = [n for n in shelf.by_id if n in wanted] if len(wanted) > 1000 else sorted(wanted, key=shelf.key)
    for name, descending in reversed(order) if order != [(shelf.kind.id, False)] else ():
        get = _getter(org, shelf, name)
        # None first, as SQL Server sorts it; sorting is stable, so equals keep their order by id both ways.
        by_id.sort(key=lambda number: ((v := get(number)) is not None, v), reverse=descending)
    return by_id


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

    def cut(self, numbers: Numbers) -> Numbers:
        return numbers[(self.number - 1) * self.size : self.number * self.size]

    def pagination(self, count: int) -> dict[str, int]:
        pages = -(-count // self.size)
        return {"page": self.number, "pageSize": self.size, "pageCount": pages, "itemCount": count}
