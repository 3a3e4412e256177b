"""What must hold of an import that was disturbed, said in sentences when it does not.

Three sources that share no code: the simulator's ledger, the CRM and its logs in MongoDB, and an import of the same
records that nothing disturbed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from deploy.local.compare import KINDS, is_sale
from tests.faults.world import Doc, Import

Picture = Mapping[str, "Counter[Any]"]

_NAMED = 10  # differences named of each sort


def wrong_with(run: Import) -> list[str]:
    """Of an import that has ended; empty when all is as if nothing had happened."""
    return [
        *_not_completed(run),
        *_told_otherwise_by_the_ledger(run),
        *_money_that_does_not_add_up(run),
        *_unlike(picture(run.world.undisturbed), picture(run)),
    ]


def _not_completed(run: Import) -> Iterator[str]:
    sync, told = run.sync(), run.log()["final"]["state"]
    if (sync["state"], told) != ("completed", "completed"):
        yield f"the sync is {sync['state']} ({sync['reason']}), and {told} in the log"


def _told_otherwise_by_the_ledger(run: Import) -> Iterator[str]:
    """Every record that Xero holds has one outcome."""
    held = {("contact", row["id"]) for row in ledger_rows(run, "contact")}
    for kind, (_, held_as) in KINDS.items():
        held |= {(kind, row["id"]) for row in ledger_rows(run, held_as) if is_sale(row)}
    outcomes = Counter((row["kind"], row["xero_id"]) for row in run.world.mongo.logs.record_outcomes.find(run.of_sync))
    yield from _unlike({"outcome": Counter(held)}, {"outcome": outcomes})


def _money_that_does_not_add_up(run: Import) -> Iterator[str]:
    ledger = run.world.simulator("ledger", tenant=run.tenant_id)
    wanted: dict[tuple[str, str, str], tuple[int, Decimal, Decimal]] = {}
    for kind, (name, _) in KINDS.items():
        for group in filter(is_sale, ledger[name]):
            key = (kind, group["status"], group["currency"])
            count, total, due = wanted.get(key, (0, Decimal(0), Decimal(0)))
            wanted[key] = (count + group["count"], total + Decimal(group["total"]), due + Decimal(group["due"]))
    by = {"kind": "$kind", "status": "$xero.status", "currency": "$xero.currency"}
    left = {"$ifNull": ["$xero.due", "$xero.remaining"]}
    sums = {"count": {"$sum": 1}, "total": {"$sum": "$xero.total"}, "due": {"$sum": left}}
    groups = run.world.mongo.crm.transactions.aggregate(
        [{"$match": run.of_connection}, {"$group": {"_id": by, **sums}}]
    )
    found = {
        (group["_id"]["kind"], group["_id"]["status"], group["_id"]["currency"]): (
            group["count"],
            Decimal(str(group["total"])),
            Decimal(str(group["due"])),
        )
        for group in groups
    }
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key) != found.get(key):
            yield f"sales {key}: {found.get(key)}, in Xero {wanted.get(key)}"


def picture(run: Import) -> Picture:
    """All that an import leaves, without the ids and times that differ from one to the next."""
    crm, logs = run.world.mongo.crm, run.world.mongo.logs
    return {
        "record": Counter((row["kind"], row["xero_id"], row["state"]) for row in crm.xero_records.find(run.of_account)),
        "company": Counter(map(_company, crm.companies.find(run.of_account))),
        "person": Counter((row["xero_contact_id"], row["name_key"]) for row in crm.contacts.find(run.of_account)),
        "link": Counter((row["contact_id"], row["how"]) for row in crm.links.find(run.of_account)),
        "sale": Counter(row["xero_id"] for row in crm.transactions.find(run.of_account)),
        "outcome": Counter(
            (row["kind"], row["xero_id"], row["result"], row["reason"])
            for row in logs.record_outcomes.find(run.of_sync)
        ),
        "line of the sales log": Counter(row["xero_id"] for row in logs.sales_log.find(run.of_account)),
        "dead letter": Counter(row["about"] for row in logs.dead_letters.find(run.of_account)),
    }


def _company(row: Doc) -> tuple[str, tuple[str, ...]]:
    return row["name_key"], tuple(part["contact_id"] for part in row["xero"]["parts"])


def _unlike(wanted: Picture, found: Picture) -> Iterator[str]:
    less, more = apart(wanted, found)
    for what, keys in less.items():
        yield from (f"{what} {key} is missing" for key in keys[:_NAMED])
    for what, keys in more.items():
        yield from (f"{what} {key} is there, and should not be, or not so often" for key in keys[:_NAMED])


def apart(wanted: Picture, found: Picture) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """What is only in the one, and what only in the other."""
    less = {what: list((each - found[what]).elements()) for what, each in wanted.items()}
    more = {what: list((found[what] - each).elements()) for what, each in wanted.items()}
    return _some(less), _some(more)


def _some(listed: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {what: keys for what, keys in listed.items() if keys}


def ledger_rows(run: Import, kind: str) -> list[Doc]:
    rows: list[Doc] = run.world.simulator("ledger/records", tenant=run.tenant_id, kind=kind)["items"]
    return rows
