"""The flow through the gateway, as a person and Xero see it: import, nothing new, then exactly what changed."""

import html
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from accounting_link.chassis import mongo
from deploy.local import show
from deploy.local.crm import Crm
from deploy.local.run import Platform
from tests.sessions import bearer

FINAL = ("completed", "completed_with_problems", "failed", "cancelled")
# A busy machine reads 8,000 invoices in minutes, and two such syncs within a minute wait for Xero's minute to pass.
WITHIN = 300.0


@dataclass
class Flow:
    """One person, one organisation of 1,200 contacts and 8,000 invoices, and Xero's control room."""

    platform: Platform
    crm: Crm
    connection: str
    tenant: str

    @property
    def xero(self) -> str:
        return f"http://{self.platform.address('xero-simulator')}/simulator"

    def sync(self, kind: str = "delta") -> dict[str, Any]:
        """Runs one to its end; its log."""
        started = self.crm.post("/syncs", {"connection_id": self.connection, "kind": kind})
        until(lambda: self.crm.get(f"/syncs/{started['id']}")["state"] in FINAL)
        until(lambda: log_has_ended(self.crm, started["id"]))
        return {**self.crm.get(f"/logs/sync/{started['id']}"), **self.crm.get(f"/syncs/{started['id']}")}

    def outcomes(self, sync_id: str, result: str) -> set[tuple[str, str]]:
        rows = self.crm.every(f"/logs/sync/{sync_id}/records", result=result)
        return {(row["kind"], row["xero_id"]) for row in rows}

    def calls(self) -> list[dict[str, Any]]:
        said = requests.get(f"{self.xero}/calls", params={"tenant": self.tenant}, timeout=60).json()
        return list(said["calls"])

    def forget_calls(self) -> None:
        requests.delete(f"{self.xero}/calls", params={"tenant": self.tenant}, timeout=60).raise_for_status()

    def change(self, *changes: dict[str, Any]) -> None:
        answer = requests.post(f"{self.xero}/{self.tenant}/changes", data=json.dumps(list(changes)), timeout=60)
        assert answer.ok, answer.text

    def records(self, kind: str) -> list[dict[str, Any]]:
        said = requests.get(f"{self.xero}/ledger/records", params={"tenant": self.tenant, "kind": kind}, timeout=60)
        return list(said.json()["items"])

    def ledger(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.xero}/ledger", params={"tenant": self.tenant}, timeout=60).json())


def until(true: Callable[[], bool], within: float = WITHIN) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def log_has_ended(crm: Crm, sync_id: str) -> bool:
    """The log hears of a sync a moment after it has begun, and of its end a moment after that."""
    return crm.knows(f"/logs/sync/{sync_id}") and crm.get(f"/logs/sync/{sync_id}")["state"] in FINAL


@contextmanager
def kept_back(platform: Platform, tenant: str, path: str) -> Iterator[None]:
    """Xero is too busy to answer these calls, so no sync of the organisation ends. Not for long: after a minute or two
    it is given up."""
    faults = f"http://{platform.address('xero-simulator')}/simulator/faults"
    busy = {"kind": "status", "status": 503, "path": path, "tenant": tenant}
    rule = requests.post(faults, json=busy, timeout=60).json()["id"]
    try:
        yield
    finally:
        requests.delete(f"{faults}/{rule}", timeout=60).raise_for_status()


# Kind → the simulator's name of it; and how the types of a customer's documents and payments begin.
KINDS = {
    "invoice": "invoice",
    "credit_note": "creditnote",
    "overpayment": "overpayment",
    "prepayment": "prepayment",
    "payment": "payment",
}
OURS = ("ACCREC", "RECEIVE", "AR")


@pytest.fixture(scope="module")
def flow(platform: Platform) -> Flow:
    crm = Crm(platform.public_url)
    crm.sign_in("legrand:admin")
    connection = crm.connect()
    until(lambda: crm.knows(f"/settings/{connection}"))
    tenant = crm.get(f"/connections/{connection}")["tenant_id"]
    return Flow(platform, crm, connection, tenant)


@pytest.fixture(scope="module")
def first(flow: Flow) -> dict[str, Any]:
    """The first sync's log."""
    return flow.sync("full")


def test_the_first_sync_tells_one_outcome_of_every_record_in_xero(flow: Flow, first: dict[str, Any]) -> None:
    assert first["state"] == "completed"
    told = {result: flow.outcomes(first["id"], result) for result in ("created", "left_out")}
    in_xero = {("contact", row["id"]) for row in flow.records("contact")}
    for kind, held_as in KINDS.items():
        in_xero |= {(kind, row["id"]) for row in flow.records(held_as) if row["type"].startswith(OURS)}

    assert told["created"] | told["left_out"] == in_xero
    assert not told["created"] & told["left_out"]
    assert len([record for record in in_xero if record[0] in ("contact", "invoice")]) == 9200
    assert {kind for kind, _ in in_xero} == {"contact", *KINDS}


def test_totals_at_the_gateway_equal_xeros_to_the_cent(flow: Flow, first: dict[str, Any]) -> None:
    totals = flow.crm.get("/transactions/totals", connection_id=flow.connection)["items"]
    ours = {
        (t["kind"], t["status"], t["currency"]): [
            t["count"],
            Decimal(t["total"]),
            Decimal(t["due"]) + Decimal(t["remaining"]),
        ]
        for t in totals
    }
    xeros: dict[tuple[str, str, str], list[Any]] = {}
    for kind in KINDS:
        for t in flow.ledger()[f"{kind}s"]:
            if t["type"].startswith(OURS):
                sums = xeros.setdefault((kind, t["status"], t["currency"]), [0, Decimal(0), Decimal(0)])
                for place, amount in enumerate((t["count"], Decimal(str(t["total"])), Decimal(str(t["due"])))):
                    sums[place] += amount

    assert ours == xeros
    assert len({currency for _, _, currency in ours}) == 2


def test_who_is_left_out_is_told_with_what_is_missing(flow: Flow, first: dict[str, Any]) -> None:
    left_out = list(flow.crm.every(f"/logs/sync/{first['id']}/records", result="left_out"))

    assert {row["kind"] for row in left_out} == {"contact"}
    assert all(row["reason"] for row in left_out)
    assert any("last name" in row["reason"] for row in left_out)


def test_a_second_sync_with_nothing_changed_makes_one_call_a_stream_and_changes_nothing(
    flow: Flow, first: dict[str, Any]
) -> None:
    assert len(flow.calls()) > 6  # the control: the first, which read everything, made more
    flow.forget_calls()
    second = flow.sync()

    paths = [call["path"] for call in flow.calls()]
    assert sorted(paths) == ["/Contacts", "/CreditNotes", "/Invoices", "/Overpayments", "/Payments", "/Prepayments"]
    assert (flow.outcomes(second["id"], "created"), flow.outcomes(second["id"], "updated")) == (set(), set())


def mark_of(flow: Flow, sync_id: str, stream: str) -> datetime:
    """From when on the next delta reads a stream, as this sync has left it."""
    with mongo.database(flow.platform.mongo_uri, "sync_orchestrator") as db:
        [mark] = db.marks.find({"sync_id": sync_id, "stream": stream})
    at: datetime = mark["at"]
    return at


def changed_since(flow: Flow, second: datetime) -> set[str]:
    """Invoices that Xero gives whoever asks for what has changed since."""
    inside = f"http://{flow.platform.address('auth-link')}/internal/connections/{flow.connection}/token"
    token = requests.post(
        inside, json={}, headers=bearer(flow.platform.folder.secrets()["AUTH_LINK_SERVICE_KEY"]), timeout=30
    ).json()
    told = {"xero-tenant-id": flow.tenant, "If-Modified-Since": second.strftime("%Y-%m-%dT%H:%M:%S")}
    answer = requests.get(
        f"http://{flow.platform.address('xero-simulator')}/api.xro/2.0/Invoices",
        params={"page": "1", "pageSize": "1000"},
        headers={**bearer(token["access_token"]), **told, "Accept": "application/json"},
        timeout=30,
    )
    return {invoice["InvoiceID"] for invoice in answer.json()["Invoices"]}


def test_a_third_sync_tells_exactly_the_five_that_changed_and_reads_little(flow: Flow, first: dict[str, Any]) -> None:
    before = flow.sync()
    sales = [row for row in flow.records("invoice") if row["type"] == "ACCREC" and row["status"] == "AUTHORISED"]
    contact = next(
        row for row in flow.records("contact") if ("contact", row["id"]) in flow.outcomes(first["id"], "created")
    )
    second = mark_of(flow, before["id"], "invoices").replace(microsecond=0)
    flow.change(
        {
            "kind": "invoice",
            "id": sales[0]["id"],
            "set": {"Reference": "changed in the second of the mark"},
            "updated_at": (second + timedelta(milliseconds=900)).isoformat(),
        },
        {"kind": "invoice", "id": sales[1]["id"], "set": {"Reference": "changed"}},
        {"kind": "invoice", "id": sales[2]["id"], "set": {"Reference": "changed too"}},
        {"kind": "contact", "id": contact["id"], "set": {"EmailAddress": "new@example.com"}},
        {"kind": "invoice", "id": sales[3]["id"], "op": "void"},
    )
    assert sales[0]["id"] in changed_since(flow, second)
    assert sales[0]["id"] not in changed_since(flow, second + timedelta(seconds=1))  # the control
    flow.forget_calls()
    third = flow.sync()

    assert before["state"] == "completed"
    assert flow.outcomes(third["id"], "updated") == {
        *(("invoice", row["id"]) for row in sales[:4]),
        ("contact", contact["id"]),
    }
    assert flow.outcomes(third["id"], "created") == set()
    assert sum(call["bytes"] for call in flow.calls()) < 50_000


def test_a_supplier_left_out_comes_in_once_something_is_sold_to_it(flow: Flow, first: dict[str, Any]) -> None:
    """Also where Xero tells of the sale only: the contact's own copy is older than every mark."""
    left_out = [
        row for row in flow.crm.every("/records", connection_id=flow.connection, state="left_out", kind="contact")
        if "suppliers" in row["reason"]
    ]  # fmt: skip
    complete = {row["id"] for row in flow.records("contact") if row["complete"] and row["status"] == "ACTIVE"}
    supplier = next(row for row in left_out if row["xero_id"] in complete)
    lines = [{"Description": "Hats", "Quantity": "1", "UnitAmount": "10.00"}]
    flow.change(
        {"kind": "invoice", "op": "create", "set": {"Contact": {"ContactID": supplier["xero_id"]}, "LineItems": lines}}
    )
    flow.sync()

    def is_here() -> bool:
        query = {"connection_id": flow.connection, "kind": "contact", "xero_ids": supplier["xero_id"]}
        [record] = flow.crm.get("/records", **query)["items"]
        return bool(record["state"] == "imported")

    until(is_here)
    asked = [
        sync for sync in flow.crm.get("/syncs", connection_id=flow.connection)["items"] if sync["kind"] == "contacts"
    ]
    until(lambda: flow.crm.get(f"/syncs/{asked[0]['id']}")["state"] == "completed")


def test_progress_is_told_by_server_sent_events_until_the_end(flow: Flow, first: dict[str, Any]) -> None:
    states = [""]
    with ExitStack() as busy:
        busy.enter_context(kept_back(flow.platform, flow.tenant, "^/Overpayments$"))
        started = flow.crm.post("/syncs", {"connection_id": flow.connection, "kind": "full"})
        while states[-1] not in FINAL:  # who listens for a minute is to ask again
            for line in flow.crm.events(f"/syncs/{started['id']}/progress"):
                states.append(json.loads(line)["state"])
                if len(states) > 2:
                    busy.close()

    assert states.pop(0) == ""
    assert states[-1] == "completed"
    assert len(states) > 2


def test_open_in_xero_leads_to_the_record_at_the_organisation(flow: Flow, first: dict[str, Any]) -> None:
    until(lambda: flow.crm.knows(f"/organisations/{flow.connection}"))
    organisation = flow.crm.get(f"/organisations/{flow.connection}")
    assert (organisation["base_currency"], organisation["time_zone"]) == ("NZD", "Pacific/Auckland")

    [sale] = flow.crm.get("/transactions", connection_id=flow.connection, kind="invoice", limit="1")["items"]
    page = flow.crm.page(f"/transactions/{sale['id']}")
    [link] = re.findall(r'href="([^"]*redirecturl=[^"]*)"', page)
    landed = requests.get(html.unescape(link), timeout=30)
    assert landed.status_code == 200
    assert sale["number"] in landed.text


def named_by(flow: Flow, reference: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Whose lines `make logs REF=...` shows. A line of a call may be written a moment after its answer."""
    show.logs(flow.platform.folder, reference)
    return {line.split()[1] for line in capsys.readouterr().out.splitlines()}


def test_the_reference_of_a_sync_finds_in_the_logs_who_was_asked_who_read_and_who_wrote(
    flow: Flow, first: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"gateway", "sync-orchestrator", "xero-adapter-bulk", "crm-writer-bulk"}

    until(lambda: asked <= named_by(flow, first["reference"], capsys))


def test_the_reference_of_a_refusal_finds_who_refused(flow: Flow, capsys: pytest.CaptureFixture[str]) -> None:
    refused = requests.get(f"{flow.platform.public_url}/api/v1/syncs/unheard-of", timeout=60).json()

    def both_are_named() -> bool:
        with suppress(SystemExit):  # neither, yet
            return {"gateway", "auth-link"} <= named_by(flow, refused["reference"], capsys)
        return False

    until(both_are_named)
    with pytest.raises(SystemExit, match="No line of any log names"):  # the control
        named_by(flow, f"{refused['reference']}0", capsys)


def test_an_invoices_parts_add_up_to_what_is_owed(flow: Flow, first: dict[str, Any]) -> None:
    """Total less payments less credit put against it: AmountDue, of every kind from a stream of its own."""
    invoices = list(flow.crm.every("/transactions", connection_id=flow.connection, kind="invoice"))
    credited = [sale for sale in invoices if Decimal(sale["credited"])]
    paid_for = [sale for sale in invoices if Decimal(sale["paid"])]
    shown = [flow.crm.get(f"/transactions/{sale['id']}") for sale in [*credited[:20], *paid_for[:20]]]
    assert any(sale["allocations"] for sale in shown)
    assert any(sale["payments"] for sale in shown)
    for sale in shown:
        paid = sum(Decimal(one["total"]) for one in sale["payments"] if one["status"] == "AUTHORISED")
        credit = sum(Decimal(one["amount"]) for one in sale["allocations"])
        assert Decimal(sale["total"]) - paid - credit == Decimal(sale["due"]), sale["number"]


def test_another_account_sees_none_of_it(flow: Flow, first: dict[str, Any]) -> None:
    other = Crm(flow.platform.public_url)
    other.sign_in("kauri:admin")

    assert not other.knows(f"/connections/{flow.connection}")
    assert not other.knows(f"/syncs/{first['id']}")
    assert not other.knows(f"/logs/sync/{first['id']}")
    company = flow.crm.get("/companies")["items"][0]
    assert company["id"] not in {one["id"] for one in other.every("/companies")}
    assert not other.knows(f"/companies/{company['id']}")
    assert flow.crm.knows(f"/companies/{company['id']}")  # the control: it is there for its own account
