"""What a ``where`` or an ``order`` says, in Xero's words; which records that means is ``query``'s to find."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from xero_simulator.kinds import Kind


class QueryError(Exception):
    """A parameter that Xero would refuse; ``kind`` and ``number`` are the Type and ErrorNumber of its 400 body."""

    kind, number = "QueryParseException", 16


# Names of fields and functions are read without case, as .NET's dynamic LINQ does, and as Xero's examples write them.
_CLAUSE = re.compile(
    r"""\s*(?P<field>[A-Z]+(?:\.(?:ContactID|Name|ContactNumber|InvoiceID))?)
    (?:\.(?P<fold>ToLower|ToUpper)\(\s*\))?
    (?:\.(?P<method>Contains|StartsWith|EndsWith)\(\s*(?P<part>"[^"]*")\s*\)
    |\s*(?P<op>==|!=|>=|<=|=|>|<)\s*
      (?P<value>"[^"]*"|(?:Guid|DateTime\.Parse)\(\s*"[^"]*"\s*\)|DateTime\([\d\s,]+\)|-?\d+(?:\.\d+)?|true|false|null))
    \s*(?P<joint>&&|\|\||AND\b|OR\b|$)""",
    re.VERBOSE | re.IGNORECASE,
)


def _literal(text: str) -> tuple[str, Any]:
    """A value of a where clause with its type in Xero's words."""
    inside, lower = text[text.find('"') + 1 : text.rfind('"')], text.lower()
    try:
        if lower.startswith("guid"):
            return "Guid", inside.lower()
        if lower.startswith("datetime.parse"):
            return "DateTime", datetime.fromisoformat(inside).replace(tzinfo=None)
        if lower.startswith("datetime"):
            return "DateTime", datetime(*[int(n) for n in text[9:-1].split(",")])  # type: ignore[arg-type]  # noqa: DTZ001 - Xero's own have no zone
    except (ValueError, TypeError) as wrong:
        raise QueryError(f"{text} is no valid value: {wrong}") from wrong
    if text.startswith('"'):
        return "String", inside
    if lower in ("true", "false"):
        return "Boolean", lower == "true"
    return ("null", None) if lower == "null" else ("Decimal", Decimal(text))


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison of a where, with a value as it is written; ``fold``: of what ToLower or ToUpper make of a text."""

    field: str
    operator: str
    value: Any
    fold: str = ""


def parse_where(kind: Kind, text: str) -> list[Clause]:
    """Comparisons joined by AND or &&, or by OR where all are of one id, which is what Xero is optimised for.

    Everything else (other ORs, brackets, other functions) is a QueryError.
    """
    clauses, joints = list[Clause](), set[str]()
    at = 0
    while at < len(text) or not clauses:
        found = _CLAUSE.match(text, at)
        if found is None:
            raise QueryError(f"where: cannot read {text[at:]!r}; comparisons joined by AND or && are understood")
        clauses.append(_clause(kind, found))
        joints.add(found["joint"].lower())
        at = found.end()
        if found["joint"] and at >= len(text):
            raise QueryError(f"where: {found['joint']} at the end")
    return [_one_of(kind, clauses, joints)] if joints & _OR else clauses


_OR = {"or", "||"}


def _one_of(kind: Kind, clauses: list[Clause], joints: set[str]) -> Clause:
    """developer.xero.com, Invoices and Payments: OR is for a few ids."""
    fields, operators = {clause.field for clause in clauses}, {clause.operator for clause in clauses}
    ids = fields in ({kind.id}, {"Invoice.InvoiceID"})
    if not ids or operators - {"==", "="} or joints - {*_OR, ""}:
        raise QueryError("where: OR is understood only between ids that are compared with ==")
    return Clause(clauses[0].field, "in", tuple(clause.value for clause in clauses))


def _clause(kind: Kind, found: re.Match[str]) -> Clause:
    field = _named(kind, found["field"])
    field_type = type_of(kind, field)
    value_type, value = _literal(found["part"] or found["value"])
    name, fold = (found["method"] or found["op"]).lower(), (found["fold"] or "").lower()
    only_equal = value is None or field_type in ("Guid", "Boolean")
    wrong = value_type not in (field_type, "null") or (fold and field_type != "String")
    if wrong or (only_equal and name not in ("==", "=", "!=")):
        raise QueryError(f"Operator '{name}' incompatible with operand types '{field_type}' and '{value_type}'")
    return Clause(field, name, value, fold)


def _named(kind: Kind, field: str) -> str:
    """The field as it is written in records."""
    known = (*kind.fields, kind.id, "UpdatedDateUTC", "Contact.Name", "Contact.ContactNumber")
    return next((name for name in known if name.lower() == field.lower()), field)


def type_of(kind: Kind, field: str) -> str:
    """Xero knows more fields; what stands here is what it is optimised for and what people use."""
    if field in kind.fields:
        return kind.fields[field].type
    if field in ("Contact.Name", "Contact.ContactNumber") and "Contact.ContactID" in kind.fields:
        return "String"
    if field not in (kind.id, "UpdatedDateUTC"):
        raise QueryError(f"No property or field '{field}' exists in type '{kind.name.capitalize()}'")
    return "Guid" if field == kind.id else "DateTime"


def parse_order(kind: Kind, text: str) -> list[tuple[str, bool]]:
    """(field, descending) for each part, the first the strongest."""
    parts = []
    for part in text.split(","):
        words = part.split()
        if not 1 <= len(words) <= 2 or (len(words) == 2 and words[1].upper() not in ("ASC", "DESC")):
            raise QueryError(f"order: cannot read {part.strip()!r}")
        name = _named(kind, words[0])
        type_of(kind, name)
        parts.append((name, len(words) == 2 and words[1].upper() == "DESC"))
    return parts
