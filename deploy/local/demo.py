"""The demo: what a person would do first, done for them, with its numbers."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import requests
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.local import compare
from deploy.local.crm import Crm, DemoFailedError
from deploy.local.run import Platform

ACCOUNT, PERSON = "legrand", "legrand:admin"
FINAL = ("completed", "completed_with_problems", "failed", "cancelled")
Doc = dict[str, Any]


def run(platform: Platform, once: bool) -> int:
    """Sign in, connect, sync, tell; the exit code."""
    console = Console(highlight=False, width=None if Console().is_terminal else 140)
    crm, simulator = Crm(platform.public_url), f"http://{platform.address('xero-simulator')}"
    crm.sign_in(PERSON)
    connection = connect(crm, console)
    before = calls(simulator, connection["tenant_id"])
    sync = follow(crm, start(crm, connection["id"], console), console)
    spent = {name: value - before[name] for name, value in calls(simulator, connection["tenant_id"]).items()}
    tell(settled(crm, sync["id"]), sync, spent, console)
    if sync["state"] not in ("completed", "completed_with_problems"):
        raise DemoFailedError(f"The sync is {sync['state']}: {sync['reason']}. More: make logs REF={sync['reference']}")
    if once:
        return verdict(platform, crm, connection, sync, console)
    console.print(NEXT.format(url=platform.public_url, simulator=simulator))
    return 0


NEXT = """\
What to try next
  {url}/   the CRM page; you are signed in there already
  {simulator}/   "Xero": change a customer there, press Sync in the CRM, watch it follow
  make kill SERVICE=crm-writer   during a sync, from another terminal: nothing is lost, nothing is doubled
  make status                    every part and service; make logs REF=... what belongs to one reference
  Ctrl-C here                    stops everything; the next `make demo` goes on from what this one leaves
"""


def connect(crm: Crm, console: Console) -> Doc:
    """The connection of the run before, or a new one made through Xero's own pages."""
    known = [item for item in crm.get("/connections")["items"] if item["state"] == "connected"]
    if known:
        console.print(f"Connected to {known[0]['tenant_name']} already")
        return dict(known[0])
    made = crm.connect()
    found: Doc = next(item for item in crm.get("/connections")["items"] if item["id"] == made)
    until(lambda: crm.knows(f"/settings/{made}"), "sync-orchestrator hears of the connection")
    console.print(f"Connected to {found['tenant_name']} (OAuth, as {PERSON})")
    return found


def start(crm: Crm, connection_id: str, console: Console) -> str:
    """A sync still open from the run before, or a new one: all at first, then what has changed."""
    syncs = crm.get("/syncs", connection_id=connection_id)["items"]
    still = next((sync for sync in syncs if sync["state"] not in FINAL), None)
    if still:
        console.print(f"The {still['kind']} sync of the run before goes on")
        return str(still["id"])
    kind = "delta" if any(sync["state"].startswith("completed") for sync in syncs) else "full"
    console.print("Syncing everything" if kind == "full" else "Syncing what has changed since")
    return str(crm.post("/syncs", {"connection_id": connection_id, "kind": kind})["id"])


def follow(crm: Crm, sync_id: str, console: Console) -> Doc:
    """Live bars on a terminal, a line a second otherwise; the sync as it ended."""
    sync: Doc = {}
    if not console.is_terminal:
        told = ""
        for sync in _looks(crm, sync_id):
            line = "  ".join(f"{name} {s['applied']}/{s['expected'] or '?'}" for name, s in sync["streams"].items())
            if line != told:
                console.print(f"  {sync['state']:<10} {line}")
                told = line
        return sync
    columns = (TextColumn("  {task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {}
        for sync in _looks(crm, sync_id):
            for name, stream in sync["streams"].items():
                bars[name] = bars[name] if name in bars else progress.add_task(name.replace("_", " "), total=None)
                total = stream["read"] if stream["ended"] else stream["expected"]
                progress.update(bars[name], completed=stream["applied"], total=total)
    return sync


def _looks(crm: Crm, sync_id: str) -> Iterator[Doc]:
    """The sync, four times a second until it has ended."""
    while True:
        sync: Doc = crm.get(f"/syncs/{sync_id}")
        yield sync
        if sync["state"] in FINAL:
            return
        time.sleep(0.25)


def settled(crm: Crm, sync_id: str) -> Doc:
    """The log of an ended sync, once the log has heard of the end too."""
    path = f"/logs/sync/{sync_id}"
    until(lambda: crm.knows(path) and crm.get(path)["state"] in FINAL, "log-service hears of the sync's end")
    log: Doc = crm.get(path)
    return log


def until(true: Callable[[], bool], what: str) -> None:
    """Services hear of each other through the broker, a moment later; on a machine busy with much else, many."""
    deadline = time.monotonic() + 120
    while not true():
        if time.monotonic() > deadline:
            raise DemoFailedError(f"Waited 120 s in vain until {what}")
        time.sleep(0.1)


def calls(simulator: str, tenant_id: str) -> dict[str, float]:
    """Accounting calls that the simulator counted for this organisation, their bytes, its own seconds."""
    told = requests.get(f"{simulator}/simulator/calls", params={"tenant": tenant_id}, timeout=30).json()
    totals = told["totals"].get(tenant_id, {})
    return {name: totals.get(name, 0) for name in ("calls", "bytes", "seconds")}


def tell(log: Doc, sync: Doc, spent: dict[str, float], console: Console) -> None:
    """What became of the records, and what it cost."""
    table = Table("", "created", "updated", "unchanged", "left out", "failed", title=f"Sync {sync['state']}")
    for kind, counts in log["counts"].items():
        results = ("created", "updated", "unchanged", "left_out", "failed")
        table.add_row(f"{kind.replace('_', ' ')}s", *(str(counts.get(result, 0)) for result in results))
    console.print(table)
    for reason in log["reasons"]:
        what = f"{reason['kind']}{'' if reason['count'] == 1 else 's'} {reason['result']}".replace("_", " ")
        console.print(f"  {reason['count']} {what}: {reason['reason']}")
    console.print(
        f"  {log['duration_seconds']:.1f} s, of which {spent['seconds']:.1f} s the simulator's own; "
        f"{spent['calls']:.0f} calls to Xero, {spent['bytes'] / 1e6:.2f} MB\n"
    )


def verdict(platform: Platform, crm: Crm, connection: Doc, sync: Doc, console: Console) -> int:
    """1 when a number disagrees."""
    wrong = compare.compare(sources(platform, crm, connection, sync), console)
    for sentence in wrong:
        console.print(f"DIFFERENT: {sentence}")
    console.print("Numbers disagree." if wrong else "All numbers agree.")
    return 1 if wrong else 0


def sources(platform: Platform, crm: Crm, connection: Doc, sync: Doc) -> compare.Sources:
    """Where the comparison reads; the outcomes only of a full sync, for a delta has none for what stayed."""
    return compare.Sources(
        simulator=f"http://{platform.address('xero-simulator')}",
        mongo_uri=platform.mongo_uri,
        crm=crm,
        account_id=ACCOUNT,
        connection_id=connection["id"],
        tenant_id=connection["tenant_id"],
        sync_id=sync["id"] if sync["kind"] == "full" else "",
    )
