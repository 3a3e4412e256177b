"""Reading lists the way Xero's query parameters ask: where, order, ids, search, since; and which page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from unicodedata import combining, normalize

from xero_simulator.kinds import NO_DAY, PAYABLE, Kind
from xero_simulator.organisation import Organisation
from xero_simulator.shelf import Shelf
from xero_simulator.where import Clause, QueryError, parse_order, parse_where, type_of
from xero_simulator.wire import to_ms

Numbers = Sequence[int]
_DAY = timedelta(days=1)


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

_FOLD: dict[str, Callable[[str], str]] = {"tolower": str.lower, "toupper": str.upper}
_PLAIN = ("==", "=", ">", ">=", "<", "<=")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">=": lambda a, b: a is not None and a >= b,
    "<=": lambda a, b: a is not None and a <= b,
    ">": lambda a, b: a is not None and a > b,
    "<": lambda a, b: a is not None and a < b,
    "contains": lambda a, b: b in (a or ""),
    "startswith": lambda a, b: (a or "").startswith(b),
    "endswith": lambda a, b: (a or "").endswith(b),
    "in": lambda a, b: a in b,
}


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
    if isinstance(value, tuple):
        return {_held(org, shelf, field, each) for each in value}
    if isinstance(value, Decimal):
        return value * 100
    if isinstance(value, datetime):
        if field == "UpdatedDateUTC":
            return to_ms(value.replace(tzinfo=UTC))
        return value.toordinal() + (value - datetime(value.year, value.month, value.day)) / _DAY  # noqa: DTZ001
    if value is None or type_of(shelf.kind, field) != "Guid":
        return value
    if field == shelf.kind.id:
        number = shelf.find(value)
        return None if number is None else shelf.key(number)
    kinds = ("contact",) if field == "Contact.ContactID" else PAYABLE
    found = next(((kind, n) for kind in kinds if (n := org.shelves[kind].find(value)) is not None), None)
    if found is None or field == "Contact.ContactID":
        return found and found[1]
    return org.parent_code(found[0], value)


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


def is_summary(kind: str, query: Mapping[str, str]) -> bool:
    """Contacts and invoices have a light form (spec, summaryOnly)."""
    return kind in ("contact", "invoice") and _flag(query, "summaryOnly")


# spec: every parameter that is heard; their names are read without case
_PARAMETERS = {
    name.lower(): name
    for name in (
        *("page", "pageSize", "where", "order", "IDs", "ContactIDs", "Statuses", "InvoiceNumbers", "References"),
        *("searchTerm", "summaryOnly", "includeArchived", "summarizeErrors", "authEventId"),
    )
}


def heard(query: Mapping[str, str]) -> dict[str, str]:
    """The parameters by the names that the spec gives them."""
    return {_PARAMETERS.get(name.lower(), name): value for name, value in query.items()}


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
    for parameter, searched in (("searchTerm", _SEARCHED.get(kind, ())), (ANYWHERE, _ALL_SEARCHED)):
        term = query.get(parameter, "").strip('"').casefold()
        if term and searched:
            tests.append(_containing(_texts(org, shelf, searched), term))
    return tests


def _clause_tests(org: Organisation, shelf: Shelf, clauses: list[Clause]) -> list[Test]:
    return [_comparison(org, shelf, clause) for clause in clauses]


# spec: parameters that each take a list, and the column it is looked for in
_LISTS = {
    "invoice": {"Statuses": "status", "InvoiceNumbers": "number"},
    "prepayment": {"InvoiceNumbers": "number"},
    "overpayment": {"References": "reference"},
}


def _comparison(org: Organisation, shelf: Shelf, clause: Clause) -> Test:
    get, value = _getter(org, shelf, clause.field), _held(org, shelf, clause.field, clause.value)
    compare, fold = _COMPARE[clause.operator], _FOLD.get(clause.fold)
    if fold:
        return lambda number: compare(fold(get(number) or ""), value)
    if shelf.kind.name == "contact" and isinstance(value, str) and clause.operator in ("==", "="):
        plain = _plain(value)
        return lambda number: _plain(get(number) or "") == plain
    return lambda number: compare(get(number), value)


def _plain(text: str) -> str:
    """Without case and accents, which Xero's contacts are compared without (developer.xero.com, Contacts)."""
    return "".join(each for each in normalize("NFD", text.casefold()) if not combining(each))


def _among(column: Sequence[Any], wanted: Iterable[Any]) -> Test:
    return lambda number: column[number] in wanted


# spec: where a searchTerm is looked for
_SEARCHED = {
    "contact": ("name", "first_name", "last_name", "number", "email"),
    "invoice": ("number", "reference"),
}
ANYWHERE = "simulator.search"  # what the simulator's own pages look by, which looks at the contact's name too
_ALL_SEARCHED = ("name", "first_name", "last_name", "number", "email", "reference")


def _texts(org: Organisation, shelf: Shelf, searched: Iterable[str]) -> list[Callable[[int], str | None]]:
    columns, names = shelf.columns, org.contacts.columns["name"]
    own: list[Callable[[int], str | None]] = [columns[name].__getitem__ for name in searched if name in columns]
    owners = columns.get("contact")
    return [*own, lambda number: names[owners[number]]] if owners and searched is _ALL_SEARCHED else own


def _containing(texts: list[Callable[[int], str | None]], term: str) -> Test:
    return lambda number: any(term in (text(number) or "").casefold() for text in texts)


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
        and (odd or _is_odd(shelf.kind, order) or not Page.of(kind, query, 1))
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
    if not known or clause.operator == "in":
        return True
    ranged = clause.operator in (">", ">=", "<", "<=")
    return clause.field in (known.range if ranged else known.equal) and clause.operator in _PLAIN and not clause.fold


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
    def of(cls, kind: str, query: Mapping[str, str], cap: int) -> "Page | None":
        """None where neither page nor pageSize is asked for: Xero then answers without line items.

        A summary is paged whether one asks or not, and a size out of bounds becomes the nearest that is in them
        (developer.xero.com, Contacts and requests and responses).
        """
        if not ("page" in query or "pageSize" in query or is_summary(kind, query)):
            return None
        try:
            number, size = int(query.get("page") or 1), int(query.get("pageSize") or 100)
        except ValueError as wrong:
            raise QueryError(f"page and pageSize must be whole numbers: {wrong}") from wrong
        if number < 1:
            raise QueryError("page must be 1 or more")
        return cls(number, min(max(size, 1), 1000, cap))

    def cut(self, numbers: Numbers) -> Numbers:
        return numbers[(self.number - 1) * self.size : self.number * self.size]

    def pagination(self, count: int) -> dict[str, int]:
        pages = -(-count // self.size)
        return {"page": self.number, "pageSize": self.size, "pageCount": pages, "itemCount": count}
