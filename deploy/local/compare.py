"""Does the CRM hold what Xero holds? Three sources that share no code, held against each other to the cent.

    xero      the simulator's own ledger, summed as it was seeded and changed
    mongodb   database ``crm``, by aggregation
    gateway   what the APIs show

When they disagree, the records themselves are compared, and the message names those that differ.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import requests
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table

from deploy.local.crm import Crm

Doc = dict[str, Any]
Facts = dict[str, str]  # a line of the table → what one source says of it
_NAMED = 20  # differing records named at most
# Kind of sale → its name in the ledger's sums, and in the ledger's records.
KINDS = {
    "invoice": ("invoices", "invoice"),
    "credit_note": ("credit_notes", "creditnote"),
    "overpayment": ("overpayments", "overpayment"),
    "prepayment": ("prepayments", "prepayment"),
    "payment": ("payments", "payment"),
}
_OURS = ("ACCREC", "RECEIVE", "AR")  # how the types of a customer's documents and payments begin


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where to read, and whose. ``sync_id`` names the full sync whose outcomes must be one a record; empty: none."""

    simulator: str
    mongo_uri: str
    crm: Crm
    account_id: str
    connection_id: str
    tenant_id: str
    sync_id: str


def compare(sources: Sources, console: Console) -> list[str]:
    """Prints the table. What differs, in sentences; empty when all agree."""
    told = {"Xero": xero(sources), "MongoDB": mongodb(sources), "gateway": gateway(sources)}
    lines = list(dict.fromkeys(line for facts in told.values() for line in facts))
    table = Table("", *told, "", title="The same numbers from three sources (sales: number · total · due or left)")
    wrong = []
    for line in lines:
        said = {name: facts.get(line, nothing(line)) for name, facts in told.items()}
        agree = len(set(said.values())) == 1
        table.add_row(line, *said.values(), "ok" if agree else "DIFFERENT")
        if not agree:
            wrong.append(f"{line}: " + ", ".join(f"{name} says {value}" for name, value in said.items()))
    console.print(table)
    return [*wrong, *records(sources)] if wrong else []


def nothing(line: str) -> str:
    """What a source means that does not mention a line."""
    return sums(0, "0.00", "0.00") if line.partition(" ")[0] in KINDS else "0"


def sums(count: int, total: object, due: object) -> str:
    return f"{count} · {total} · {due}"


def xero(sources: Sources) -> Facts:
    ledger = _simulator(sources, "ledger")
    facts: Facts = {}
    count = 0
    for kind, (name, _) in KINDS.items():
        for of in _added(group for group in ledger.get(name, ()) if is_sale(group)):
            facts[_line(kind, of["status"], of["currency"])] = sums(of["count"], of["total"], of["due"])
            count += of["count"]
    imported = sum(map(imports(_sales(sources)), _simulator_rows(sources, "contact")))
    facts |= _states(imported, ledger["contacts"]["all"] - imported, count)
    return {**facts, **_outcomes(sources, ledger["contacts"]["all"], count)}


def is_sale(document: Doc) -> bool:
    """And no purchase, nor a payment of one."""
    return bool(document["type"].startswith(_OURS))


def _added(groups: Iterable[Doc]) -> Iterator[Doc]:
    """One group a status and currency: payments have several types."""
    found: dict[tuple[str, str], Doc] = {}
    for group in groups:
        known = found.setdefault((group["status"], group["currency"]), {**group, "count": 0, "total": 0, "due": 0})
        known["count"] += group["count"]
        for name in ("total", "due"):
            known[name] += Decimal(group[name])
    return ({**group, "total": _cents(group["total"]), "due": _cents(group["due"])} for group in found.values())


def _sales(sources: Sources) -> list[Doc]:
    """The ledger's sale of every kind, each saying which."""
    return [
        {**row, "kind": kind}
        for kind, (_, held_as) in KINDS.items()
        for row in _simulator_rows(sources, held_as)
        if is_sale(row)
    ]


def imports(sales: Iterable[Doc]) -> Any:
    """The product's rule, said here a second time on purpose: whether a contact of the ledger becomes a company."""
    buyers = {row["contact_id"] for row in sales if is_sale(row)}
    return lambda row: row["complete"] and (row["role"] != "supplier" or row["id"] in buyers)


def mongodb(sources: Sources) -> Facts:
    ours = {"account_id": sources.account_id, "connection_id": sources.connection_id}
    by = {"kind": "$kind", "status": "$xero.status", "currency": "$xero.currency"}
    left = {"$ifNull": ["$xero.due", "$xero.remaining"]}
    money = {"total": {"$sum": "$xero.total"}, "due": {"$sum": left}}
    sales: list[Doc] = [{"$match": ours}, {"$group": {"_id": by, "count": {"$sum": 1}, **money}}]
    parts: list[Doc] = [
        {"$match": {"account_id": sources.account_id}},
        {"$unwind": "$xero.parts"},
        {"$match": {"xero.parts.connection_id": sources.connection_id}},
        {"$count": "count"},
    ]
    with MongoClient[Doc](sources.mongo_uri) as client:
        groups = list(client.crm.transactions.aggregate(sales))
        imported = sum(row["count"] for row in client.crm.companies.aggregate(parts))
        left_out = client.crm.xero_records.count_documents({**ours, "kind": "contact", "state": "left_out"})
    facts = {
        _line(**group["_id"]): sums(group["count"], _cents(group["total"]), _cents(group["due"])) for group in groups
    }
    count = sum(group["count"] for group in groups)
    facts |= _states(imported, left_out, count)
    return {**facts, **_outcomes(sources, imported + left_out, count)}


def gateway(sources: Sources) -> Facts:
    items = sources.crm.get("/transactions/totals", connection_id=sources.connection_id)["items"]
    counts = sources.crm.get("/records/counts", connection_id=sources.connection_id)
    facts = {
        _line(g["kind"], g["status"], g["currency"]): sums(
            g["count"], _cents(g["total"]), _cents(Decimal(g["due"]) + Decimal(g["remaining"]))
        )
        for g in items
    }
    contact = _counted(counts, "contact")
    sales = sum(_counted(counts, kind).get("imported", 0) for kind in KINDS)
    facts |= _states(contact.get("imported", 0), contact.get("left_out", 0), sales)
    if sources.sync_id:
        told = sources.crm.get(f"/logs/sync/{sources.sync_id}")["counts"]
        of_sales = sum(sum(told[kind].values()) for kind in KINDS)
        facts |= _outcomes(sources, sum(told["contact"].values()), of_sales)
    return facts


def records(sources: Sources) -> list[str]:
    """Which records differ: in the CRM, then in the sync's log."""
    sales = _sales(sources)
    contacts = _simulator_rows(sources, "contact")
    ours = {"account_id": sources.account_id, "connection_id": sources.connection_id}
    with MongoClient[Doc](sources.mongo_uri) as client:
        found = list(client.crm.transactions.find(ours))
        left_out = list(client.crm.xero_records.find({**ours, "kind": "contact", "state": "left_out"}))
        companies = list(client.crm.companies.find({"account_id": sources.account_id}))
    kept_sales = {
        kind: [(one["xero_id"], _sale(one["xero"])) for one in found if one["kind"] == kind] for kind in KINDS
    }
    expected = {
        kind: {
            row["id"]: {name: row[name] for name in ("status", "currency", "total", "due")}
            for row in sales
            if row["kind"] == kind
        }
        for kind in KINDS
    }
    wanted = {row["id"]: {"state": "imported" if yes else "left_out"} for row, yes in _judged(contacts, sales)}
    said = [line for kind in KINDS for line in differences(kind, expected[kind], kept_sales[kind])]
    parts = [
        part["contact_id"]
        for company in companies
        for part in company["xero"]["parts"]
        if part["connection_id"] == sources.connection_id
    ]
    kept = [(key, {"state": "imported"}) for key in parts]
    kept += [(document["xero_id"], {"state": "left_out"}) for document in left_out]
    said += differences("contact", wanted, kept)
    if sources.sync_id:
        log = list(sources.crm.every(f"/logs/sync/{sources.sync_id}/records"))
        for kind, held in (*expected.items(), ("contact", wanted)):
            outcomes = [(row["xero_id"], Doc()) for row in log if row["kind"] == kind]
            said += differences(f"outcome of {kind}", dict.fromkeys(held, Doc()), outcomes)
    return said[:_NAMED] + ([f"… and {len(said) - _NAMED} more"] if len(said) > _NAMED else [])


def differences(what: str, expected: Mapping[str, Doc], found: Iterable[tuple[str, Doc]]) -> Iterator[str]:
    """Each record that is missing, unknown to Xero, there more than once, or altered."""
    pairs = list(found)
    times = Counter(key for key, _ in pairs)
    for key in expected.keys() - times.keys():
        yield f"{what} {key} is missing"
    for key, count in times.items():
        if key not in expected:
            yield f"{what} {key} is not in Xero"
        elif count > 1:
            yield f"{what} {key} is there {count} times"
    for key, values in pairs:
        for name, value in values.items():
            if key in expected and value != expected[key][name]:
                yield f"{what} {key} is altered: {name} is {value}, in Xero {expected[key][name]}"


def _judged(contacts: Iterable[Doc], sales: Iterable[Doc]) -> Iterator[tuple[Doc, bool]]:
    is_imported = imports(sales)
    return ((row, is_imported(row)) for row in contacts)


def _line(kind: str, status: str, currency: str) -> str:
    return f"{kind} {status} {currency}"


def _states(imported: int, left_out: int, sales: int) -> Facts:
    return {"contacts imported": str(imported), "contacts left out": str(left_out), "sales": str(sales)}


def _outcomes(sources: Sources, contacts: int, sales: int) -> Facts:
    """One a record: as many as Xero holds, and as the CRM keeps."""
    if not sources.sync_id:
        return {}
    return {"outcomes of contacts": str(contacts), "outcomes of sales": str(sales)}


def _counted(counts: Doc, kind: str) -> Mapping[str, int]:
    return {group["state"]: group["count"] for group in counts["items"] if group["kind"] == kind}


def _sale(kept: Doc) -> Doc:
    left = kept.get("due", kept.get("remaining", 0))
    money = {"total": _cents(kept["total"]), "due": _cents(left)}
    return {"status": kept["status"], "currency": kept["currency"], **money}


def _cents(amount: Any) -> str:
    """With two places; more than two would be a difference, so they stay to be seen."""
    value = Decimal(str(amount))
    return f"{value:.2f}" if value == round(value, 2) else str(value)


def _simulator(sources: Sources, path: str, **query: str) -> Doc:
    query["tenant"] = sources.tenant_id
    answer = requests.get(f"{sources.simulator}/simulator/{path}", params=query, timeout=60)
    answer.raise_for_status()
    found: Doc = answer.json()
    return found


def _simulator_rows(sources: Sources, kind: str) -> list[Doc]:
    rows: list[Doc] = _simulator(sources, "ledger/records", kind=kind)["items"]
    return rows
