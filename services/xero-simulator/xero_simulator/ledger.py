"""The simulator's own sums, kept as records are seeded and changed. It shares no code with reading.

Whoever has copied an organisation can hold the copy's totals against these, down to the single record.
"""

from collections import Counter, defaultdict
from decimal import Decimal
from typing import NamedTuple

from xero_simulator.wire import Doc


class Sale(NamedTuple):
    """One invoice or bill as it counts."""

    type: str
    status: str
    currency: str
    total: Decimal
    due: Decimal
    contact_id: str

    @property
    def group(self) -> tuple[str, str, str]:
        return self.type, self.status, self.currency


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


class Ledger:
    """Counts and sums of one organisation. Not thread-safe: the simulator's lock is held around it."""

    def __init__(self) -> None:
        self.sales: dict[str, Sale] = {}
        self.parties: dict[str, Party] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._totals: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        self._dues: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)

    def invoice(self, doc: Doc) -> None:
        """Enter an invoice as it now is; what stood there under its id is taken out first."""
        sale = Sale(
            doc["Type"],
            doc["Status"],
            doc["CurrencyCode"],
            Decimal(doc["Total"]),
            Decimal(doc["AmountDue"]),
            doc["Contact"]["ContactID"],
        )
        before = self.sales.get(doc["InvoiceID"])
        if before:
            self._add(before, -1)
        self._add(sale, 1)
        self.sales[doc["InvoiceID"]] = sale

    def contact(self, doc: Doc) -> None:
        last_name = _has(doc, "LastName")
        somebody = last_name or any(_has(person, "LastName") for person in doc.get("ContactPersons", []))
        self.parties[doc["ContactID"]] = Party(
            doc["ContactStatus"],
            _role(doc),
            _has(doc, "Name"),
            last_name,
            _has(doc, "Name") and somebody,
            "MergedToContactID" in doc,
        )

    def _add(self, sale: Sale, sign: int) -> None:
        self._counts[sale.group] += sign
        self._totals[sale.group] += sign * sale.total
        self._dues[sale.group] += sign * sale.due

    def summary(self) -> Doc:
        """Sums as decimal strings with two places; see the README for the shape."""
        return {"invoices": self._invoices(), "contacts": self._contacts()}

    def _invoices(self) -> list[Doc]:
        return [
            {
                **dict(zip(("type", "status", "currency"), group, strict=True)),
                "count": count,
                "total": f"{self._totals[group]:.2f}",
                "due": f"{self._dues[group]:.2f}",
            }
            for group, count in sorted(self._counts.items())
            if count
        ]

    def _contacts(self) -> Doc:
        parties = self.parties.values()
        incomplete = {key for key, party in self.parties.items() if not party.complete}
        return {
            "all": len(parties),
            "by_status": dict(Counter(party.status for party in parties)),
            "by_role": dict(Counter(party.role for party in parties)),
            "complete_by_role": dict(Counter(party.role for party in parties if party.complete)),
            "merged": sum(party.merged for party in parties),
            "without_name": sum(not party.named for party in parties),
            "without_last_name": sum(not party.last_name for party in parties),
            "incomplete": len(incomplete),
            "sales_of_incomplete": sum(
                sale.type == "ACCREC" and sale.contact_id in incomplete for sale in self.sales.values()
            ),
        }

    def rows(self, kind: str) -> list[Doc]:
        """Every record as it counts, one row each, by id."""
        if kind == "contact":
            return [{"id": key, **party._asdict()} for key, party in sorted(self.parties.items())]
        return [
            {"id": key, **sale._asdict(), "total": f"{sale.total:.2f}", "due": f"{sale.due:.2f}"}
            for key, sale in sorted(self.sales.items())
        ]
