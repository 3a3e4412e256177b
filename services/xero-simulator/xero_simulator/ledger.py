"""The simulator's own sums, kept as records are seeded and changed. It shares no code with reading.

Whoever has copied an organisation can hold the copy's totals against these, down to the single record.
"""

from array import array
from collections import Counter, defaultdict
from decimal import Decimal
from sys import intern
from typing import NamedTuple
from uuid import UUID

from xero_simulator.wire import Doc, id_bytes

# kind -> (id, type, total, what is left of it), and the name in the summary
_BOOKS = {
    "invoice": ("InvoiceID", "Type", "Total", "AmountDue"),
    "creditnote": ("CreditNoteID", "Type", "Total", "RemainingCredit"),
    "overpayment": ("OverpaymentID", "Type", "Total", "RemainingCredit"),
    "prepayment": ("PrepaymentID", "Type", "Total", "RemainingCredit"),
    "payment": ("PaymentID", "PaymentType", "Amount", ""),
}
_NAMES = {"invoice": "invoices", "creditnote": "credit_notes", "overpayment": "overpayments"} | {
    "prepayment": "prepayments",
    "payment": "payments",
}
Group = tuple[str, str, str]  # type, status, currency


class Party(NamedTuple):
    """One contact as it counts. ``complete``: a name, and at least one person with a last name."""

    status: str
    role: str
    named: bool
    last_name: bool
    complete: bool
    merged: bool


def _has(doc: Doc, field: str) -> bool:
    return bool((doc.get(field) or "").strip())


def _role(doc: Doc) -> str:
    roles = {(True, True): "both", (True, False): "customer", (False, True): "supplier", (False, False): "neither"}
    return roles[bool(doc.get("IsCustomer")), bool(doc.get("IsSupplier"))]


def _cents(amount: object) -> int:
    return int(Decimal(str(amount)) * 100)


def _money(cents: int) -> str:
    return f"{Decimal(cents).scaleb(-2):.2f}"


class _Book:
    """One kind of document: each by its number, and their sums by group."""

    def __init__(self, kind: str) -> None:
        self._id, self._type, self._total, self._left = _BOOKS[kind]
        self._ids = bytearray()
        self._groups: list[Group] = []
        self._known: dict[Group, Group] = {}
        self._totals, self._dues = array("q"), array("q")
        self.owners: list[str] = []
        self._sums: defaultdict[Group, list[int]] = defaultdict(lambda: [0, 0, 0])

    def enter(self, number: int, doc: Doc) -> None:
        """A document as it now is; what stood there under its number is taken out first."""
        currency = doc.get("CurrencyCode") or doc["Invoice"]["CurrencyCode"]
        group = (doc[self._type], doc["Status"], currency)
        group = self._known.setdefault(group, group)
        total, due = _cents(doc[self._total]), _cents(doc[self._left]) if self._left else 0
        owner = intern(doc["Contact"]["ContactID"]) if "Contact" in doc else ""
        if number == len(self._groups):
            self._ids += id_bytes(doc[self._id])
            self._groups.append(group)
            self._totals.append(total)
            self._dues.append(due)
            self.owners.append(owner)
        else:
            self._add(number, -1)
            self._groups[number], self._totals[number], self._dues[number] = group, total, due
            self.owners[number] = owner
        self._add(number, 1)

    def _add(self, number: int, sign: int) -> None:
        sums = self._sums[self._groups[number]]
        sums[:] = sums[0] + sign, sums[1] + sign * self._totals[number], sums[2] + sign * self._dues[number]

    def summary(self) -> list[Doc]:
        return [
            {
                **dict(zip(("type", "status", "currency"), group, strict=True)),
                "count": count,
                "total": _money(total),
                "due": _money(due),
            }
            for group, (count, total, due) in sorted(self._sums.items())
            if count
        ]

    def rows(self) -> list[Doc]:
        return sorted((self._row(number) for number in range(len(self._groups))), key=lambda row: str(row["id"]))

    def _row(self, number: int) -> Doc:
        kind, status, currency = self._groups[number]
        key = str(UUID(bytes=bytes(self._ids[number * 16 : number * 16 + 16])))
        sums = {"total": _money(self._totals[number]), "due": _money(self._dues[number])}
        about = {"id": key, "type": kind, "status": status, "currency": currency, **sums}
        return {**about, "contact_id": self.owners[number]}

    def sales_of(self, contacts: set[str]) -> int:
        pairs = zip(self._groups, self.owners, strict=True)
        return sum(group[0] == "ACCREC" and owner in contacts for group, owner in pairs)


class Ledger:
    """Counts and sums of one organisation. Not thread-safe: the simulator's lock is held around it."""

    def __init__(self) -> None:
        self._parties: dict[str, Party] = {}
        self._books = {kind: _Book(kind) for kind in _BOOKS}

    def enter(self, kind: str, number: int, doc: Doc) -> None:
        """A record as it now is. ``number`` counts the records of its kind from 0 as they came."""
        if kind == "contact":
            self._contact(doc)
        else:
            self._books[kind].enter(number, doc)

    def handed_over(self, kind: str, number: int, contact_id: str) -> None:
        """A document became another contact's."""
        self._books[kind].owners[number] = contact_id

    def _contact(self, doc: Doc) -> None:
        last_name = _has(doc, "LastName")
        somebody = last_name or any(_has(person, "LastName") for person in doc.get("ContactPersons", []))
        self._parties[doc["ContactID"]] = Party(
            intern(doc["ContactStatus"]),
            _role(doc),
            _has(doc, "Name"),
            last_name,
            _has(doc, "Name") and somebody,
            "MergedToContactID" in doc,
        )

    def summary(self) -> Doc:
        """Sums as decimal strings with two places; see the README for the shape."""
        books = {_NAMES[kind]: book.summary() for kind, book in self._books.items()}
        return {**books, "contacts": self._contacts()}

    def _contacts(self) -> Doc:
        parties = self._parties.values()
        incomplete = {key for key, party in self._parties.items() if not party.complete}
        return {
            "all": len(parties),
            "by_status": dict(Counter(party.status for party in parties)),
            "by_role": dict(Counter(party.role for party in parties)),
            "complete_by_role": dict(Counter(party.role for party in parties if party.complete)),
            "merged": sum(party.merged for party in parties),
            "without_name": sum(not party.named for party in parties),
            "without_last_name": sum(not party.last_name for party in parties),
            "incomplete": len(incomplete),
            "sales_of_incomplete": self._books["invoice"].sales_of(incomplete),
        }

    def rows(self, kind: str) -> list[Doc]:
        """Every record of a kind as it counts, one row each, by id. KeyError for a kind there is not."""
        if kind == "contact":
            return [{"id": key, **party._asdict()} for key, party in sorted(self._parties.items())]
        return self._books[kind].rows()
