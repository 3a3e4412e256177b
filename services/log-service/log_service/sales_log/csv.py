"""The sales log as a file for a spreadsheet (RFC 4180), a line at a time. Pure.

A spreadsheet runs a cell that starts like a formula, and invoice numbers are what somebody typed at Xero, so
such texts get an apostrophe in front (OWASP, CSV injection). Amounts, days and times are made by us.
"""

import csv
from collections.abc import Iterable, Iterator

from accounting_link.chassis.mongo import Document

COLUMNS = (
    "date", "number", "kind", "status", "currency", "total", "due", "remaining", "due_date",
    "contact_id", "xero_id", "first_seen_at", "first_sync_id", "changed_at", "changed_by_sync_id",
)  # fmt: skip
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Line:
    """What csv.writer writes to: it hands each line back."""

    def write(self, text: str) -> str:
        return text


def lines(rows: Iterable[Document]) -> Iterator[str]:
    """The header, then a line a row."""
    writer = csv.writer(_Line())
    yield str(writer.writerow(COLUMNS))
    for row in rows:
        yield str(writer.writerow(_cells(row)))


def _cells(row: Document) -> list[str]:
    first, changed = row["first"], row["changed"] or {"at": None, "sync_id": ""}
    return [
        row["date"],
        *(_harmless(row[name]) for name in ("number", "kind", "status", "currency")),
        f"{row['total']:f}",
        f"{row['due']:f}",
        f"{row.get('remaining', 0):f}",
        row["due_date"],
        *(_harmless(row[name]) for name in ("contact_id", "xero_id")),
        first["at"].isoformat(),
        _harmless(first["sync_id"]),
        changed["at"].isoformat() if changed["at"] else "",
        _harmless(changed["sync_id"]),
    ]


def _harmless(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(_STARTS_A_FORMULA) else text
