"""The gateway's APIs with canned answers in the services' own shapes, and a way to call them without a port."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask, Response, json, request
from requests.adapters import BaseAdapter

DEMO, CLOSED = "c-demo", "c-closed"
SYNC = "s-1"


def a_connection(**changes: Any) -> dict[str, Any]:
    return {
        "id": DEMO,
        "tenant_id": "t-1",
        "tenant_name": "Legrand Demo Company (NZ)",
        "state": "connected",
        "connected_at": "2026-03-01T08:00:00+00:00",
        "connected_by": "legrand-admin",
        "connected_by_name": "Ada Legrand",
        "authorisation": 1,
        "lost_at": None,
        "lost_reason": None,
        "disconnected_at": None,
        "disconnected_by_name": None,
        "last_good_at": "2026-03-02T08:00:00+00:00",
        **changes,
    }


def a_sync(**changes: Any) -> dict[str, Any]:
    return {
        "id": SYNC,
        "connection_id": DEMO,
        "kind": "delta",
        "reads": "changes",
        "state": "running",
        "waits_for": None,
        "reason": "",
        "requested_by": "legrand-admin",
        "requested_by_name": "Ada Legrand",
        "requested_at": "2026-03-02T09:00:00+00:00",
        "started_at": "2026-03-02T09:00:01+00:00",
        "ended_at": None,
        "attempt": 1,
        "streams": {
            "contacts": {"read": 1200, "expected": 1200, "applied": 900, "ended": False},
            "invoices": {"read": 3000, "expected": 8000, "applied": 2400, "ended": False},
        },
        "calls": 40,
        "bytes": 2_345_678,
        "parked": None,
        "reference": "ref-1",
        **changes,
    }


def an_ended_sync(**changes: Any) -> dict[str, Any]:
    streams = {
        "contacts": {"read": 1200, "expected": 1200, "applied": 1200, "ended": True},
        "invoices": {"read": 8000, "expected": 8000, "applied": 8000, "ended": True},
    }
    ended = {"state": "completed_with_problems", "ended_at": "2026-03-02T09:00:07.500000+00:00", "streams": streams}
    return a_sync(**{**ended, **changes})


def a_log(**changes: Any) -> dict[str, Any]:
    stream = {"attempt": 1, "pages": 12, "expected": 1200, "calls": 12, "bytes": 1000, "ended": True, "problem": ""}
    return {
        "id": SYNC,
        "connection_id": DEMO,
        "kind": "delta",
        "reads": "changes",
        "state": "completed_with_problems",
        "reason": "",
        "requested_by": "legrand-admin",
        "requested_by_name": "Ada Legrand",
        "requested_at": "2026-03-02T09:00:00+00:00",
        "started_at": "2026-03-02T09:00:01+00:00",
        "ended_at": "2026-03-02T09:00:07.500000+00:00",
        "ended_by": None,
        "parked_until": None,
        "duration_seconds": 6.5,
        "attempts": 1,
        "reference": "ref-1",
        "streams": {"contacts": {**stream, "read": 1200}, "invoices": {**stream, "read": 8000}},
        "calls": 92,
        "bytes": 5_345_678,
        "counts": {
            "contact": {"created": 950, "updated": 0, "unchanged": 0, "left_out": 250, "failed": 0},
            "invoice": {"created": 7999, "updated": 0, "unchanged": 0, "left_out": 0, "failed": 1},
        },
        "reasons": [
            {"kind": "contact", "result": "left_out", "reason": "no contact person with a last name", "count": 210},
            {"kind": "contact", "result": "left_out", "reason": "suppliers are not imported", "count": 40},
            {"kind": "invoice", "result": "failed", "reason": "the total is no number", "count": 1},
        ],
        **changes,
    }


RESULTS = {"created": 8949, "updated": 0, "unchanged": 0, "left_out": 250, "failed": 1}
RECORDS: list[dict[str, Any]] = [
    {"kind": "contact", "xero_id": "x-1", "result": "left_out", "reason": "no contact person with a last name"},
    {"kind": "contact", "xero_id": "x-2", "result": "left_out", "reason": "suppliers are not imported"},
    {"kind": "invoice", "xero_id": "x-3", "result": "failed", "reason": "the total is no number"},
    {
        "kind": "invoice",
        "xero_id": "i-77",
        "result": "created",
        "reason": "",
        "sale": {"number": "INV-0077", "contact_id": "x-9", "currency": "NZD", "total": "1234.50"},
    },
]
LEFT_OUT = [
    {"kind": "contact", "xero_id": "x-1", "state": "left_out", "name": "Bare Name Ltd", "reason": RECORDS[0]["reason"]},
    {"kind": "contact", "xero_id": "x-2", "state": "left_out", "name": "Paper Mill", "reason": RECORDS[1]["reason"]},
]
SALE = {
    "id": f"{DEMO}/invoice/i-77",
    "kind": "invoice",
    "xero_id": "i-77",
    "connection_id": DEMO,
    "number": "INV-0077",
    "reference": "PO 12",
    "company_id": "co-1",
    "company_name": "Kea Interiors",
    "contact_id": "x-9",
    "status": "AUTHORISED",
    "currency": "NZD",
    "date": "2026-01-05",
    "due_date": "2026-01-20",
    "total": "1234.50",
    "due": "1000.00",
    "version": "2026-02-01T00:00:00+00:00",
}
PAYMENT = {
    **SALE,
    "id": f"{DEMO}/payment/p-1",
    "kind": "payment",
    "xero_id": "p-1",
    "reference": "By card",
    "total": "234.50",
    "status": "AUTHORISED",
    "pays_kind": "invoice",
    "pays_id": "i-77",
}
ALLOCATION = {
    "transaction_id": f"{DEMO}/credit_note/n-1",
    "kind": "credit_note",
    "number": "CN-0009",
    "amount": "12.30",
    "date": "2026-01-12",
}
LINE = {
    "item_code": "CHAIR",
    "description": "Oak chair <b>",
    "quantity": "2.0000",
    "unit_amount": "536.74",
    "discount_rate": None,
    "tax_amount": "161.02",
    "amount": "1073.48",
}
DETAIL: dict[str, Any] = {"lines": [LINE], "payments": [PAYMENT], "allocations": [ALLOCATION]}
PART = {
    "connection_id": DEMO,
    "contact_id": "x-9",
    "name": "Kea Interiors",
    "status": "ARCHIVED",
    "is_customer": True,
    "is_supplier": True,
    "merged_to": None,
    "state": "imported",
    "reason": "",
    "notes": ["Bo is left out: no last name"],
    "updated_at": "2026-02-01T00:00:00+00:00",
}


def a_person(**changes: Any) -> dict[str, Any]:
    """Of Xero; ``an_own_person`` is not."""
    return {
        "id": "p-1",
        "connection_id": DEMO,
        "contact_id": "x-9",
        "company_id": "co-1",
        "company_name": "Kea Interiors",
        "first_name": "Kim",
        "last_name": "Kea",
        "email": "kim@kea.test",
        "main": True,
        "gone": False,
        **changes,
    }


def an_own_person(**changes: Any) -> dict[str, Any]:
    return a_person(**{"connection_id": None, "contact_id": None, "main": False, **changes})


def an_export(**changes: Any) -> dict[str, Any]:
    return {
        "id": "e-1",
        "connection_id": DEMO,
        "contact_id": "p-1",
        "company_id": "co-1",
        "name": "Kea Interiors",
        "state": "requested",
        "refusal": None,
        "detail": "",
        "xero_id": None,
        "removed": False,
        "requested_by": "legrand-admin",
        "requested_by_name": "Ada Legrand",
        "requested_at": "2026-03-02T09:00:00+00:00",
        "ended_at": None,
        "reference": "ref-7",
        **changes,
    }


def a_created_export(**changes: Any) -> dict[str, Any]:
    ended = {"state": "created", "xero_id": "x-new", "ended_at": "2026-03-02T09:00:03+00:00"}
    return an_export(**{**ended, **changes})


def a_refused_export(refusal: str, **changes: Any) -> dict[str, Any]:
    ended = {"state": "refused", "refusal": refusal, "ended_at": "2026-03-02T09:00:03+00:00"}
    return an_export(**{**ended, "detail": f"Xero said {refusal} <b>", **changes})


WOULD_GO = {
    "companies": {
        "go": 940,
        "stay": 3,
        "reasons": [{"reason": "edited in the CRM", "count": 2}, {"reason": "made in the CRM", "count": 1}],
    },
    "people": {"go": 1200, "stay": 1, "reasons": [{"reason": "edited in the CRM", "count": 1}]},
    "sales": 8000,
    "records": 9200,
}


def a_removal(**changes: Any) -> dict[str, Any]:
    return {
        "id": "r-1",
        "connection_id": DEMO,
        "authorisation": 2,
        "state": "running",
        "requested_by": "legrand-admin",
        "requested_by_name": "Ada Legrand",
        "requested_at": "2026-03-02T09:00:00+00:00",
        "ended_at": None,
        "records": 2300,
        "records_in_all": 9200,
        "companies": 200,
        "people": 260,
        "sales": 2000,
        "companies_kept": 3,
        "people_kept": 1,
        "reference": "ref-9",
        **changes,
    }


@dataclass
class World:
    """What the APIs say. ``down`` and ``refused`` are looked up by the first part of a path below /api/v1."""

    connections: list[dict[str, Any]] = field(default_factory=list)
    syncs: list[dict[str, Any]] = field(default_factory=list)
    log: dict[str, Any] = field(default_factory=a_log)
    settings: dict[str, Any] = field(
        default_factory=lambda: {
            "frequency": "hourly",
            "suppliers": "none",
            "selected_suppliers": [],
            "next_due": "2026-03-02T10:00:00+00:00",
        }
    )
    last_comparison: dict[str, Any] | None = None
    removals: list[dict[str, Any]] = field(default_factory=list)
    person: dict[str, Any] = field(default_factory=a_person)
    parts: list[dict[str, Any]] = field(default_factory=lambda: [PART])  # of their company
    exports: list[dict[str, Any]] = field(default_factory=list)  # newest first
    export_asked_at: str = "2026-03-02T09:00:00+00:00"
    acts: list[dict[str, Any]] = field(default_factory=list)  # beside the one that the audit log has always
    counts: dict[str, int] = field(default_factory=dict)
    has_records: bool = True
    short_code: str = ""
    down: set[str] = field(default_factory=set)
    refused: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    unheard: dict[str, int] = field(default_factory=dict)  # how often a part answers yet that there is no such thing
    document: dict[str, Any] = field(default_factory=dict)
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    def listed(self, *items: dict[str, Any]) -> dict[str, Any]:
        return {"items": list(items) if self.has_records else [], "next": None}


def connected(**changes: Any) -> World:
    return World(**{"connections": [a_connection()], **changes})


def own(**changes: Any) -> World:
    """Connected, with a person whom the CRM made and whose company Xero does not know of."""
    return connected(**{"person": an_own_person(), "parts": [], "short_code": "!abc", **changes})


def an_act(**changes: Any) -> dict[str, Any]:
    return {
        "at": "2026-03-02T09:00:00+00:00",
        "act": "settings_changed",
        "about": DEMO,
        "connection_id": DEMO,
        "by": "legrand-admin",
        "by_name": "Ada Legrand",
        "address": "203.0.113.7",
        "details": {"frequency": "daily"},
        "reference": "ref-1",
        **changes,
    }


def gateway(world: World) -> Flask:
    app = Flask("stub_gateway")
    company = {"id": "co-1", "name": "Kea Interiors", "parts": world.parts}

    @app.before_request
    def _first() -> Response | None:
        body = request.get_json(silent=True)
        headers = dict(request.headers)
        asked = {"method": request.method, "path": request.path, "query": request.args.to_dict(), "body": body}
        world.asked.append({**asked, "headers": headers})
        part = request.path.removeprefix("/api/v1/").partition("/")[0]
        if world.unheard.get(part):
            world.unheard[part] -= 1
            return Response(json.dumps({"type": "/api/problems/not-found", "detail": "No."}), 404)
        if part in world.refused:
            status, problem = world.refused[part]
            return Response(json.dumps(problem), status, content_type="application/problem+json")
        return None

    @app.get("/api/openapi.json")
    def document() -> Any:
        return world.document

    @app.get("/api/v1/logs/health")
    def health() -> Any:
        return {
            "last_call_at": "2026-03-02T08:59:00+00:00",
            "calls_left": 4876,
            "calls_a_day": 5000,
            "bytes_today": 2_500_000,
            "bytes_left": None,
            "last_comparison": world.last_comparison,
        }

    @app.get("/api/v1/logs/audit")
    def audit() -> Any:
        return world.listed(an_act(), *world.acts)

    @app.route("/api/v1/connections/<key>", methods=["GET", "DELETE"])
    def one_connection(key: str) -> Any:
        found = [each for each in world.connections if each["id"] == key]
        if not found:
            return Response(json.dumps({"type": "/api/problems/not-found", "detail": "No."}), 404)
        if request.method == "DELETE":
            found[0].update(state="disconnected", disconnected_at="2026-03-02T09:00:00+00:00")
        return found[0]

    @app.get("/api/v1/connections")
    def connections() -> Any:
        return {"items": world.connections, "next": None}

    @app.post("/api/v1/connections/authorize")
    def authorize() -> Any:
        return {"authorize_url": "https://login.xero.test/authorize?state=1&scope=a"}

    @app.get("/api/v1/settings/<_id>")
    def settings(_id: str) -> Any:
        return world.settings

    @app.put("/api/v1/settings/<_id>")
    def save(_id: str) -> Any:
        world.settings = {**world.settings, **(request.get_json() or {})}
        return world.settings

    @app.get("/api/v1/syncs")
    def syncs() -> Any:
        wanted = request.args["connection_id"]
        return {"items": [sync for sync in world.syncs if sync["connection_id"] == wanted], "next": None}

    @app.post("/api/v1/syncs")
    def start() -> Any:
        world.syncs.insert(0, a_sync(id="s-new"))
        return world.syncs[0], 202

    @app.get("/api/v1/syncs/<sync_id>")
    def one_sync(sync_id: str) -> Any:
        return next(sync for sync in world.syncs if sync["id"] == sync_id)

    @app.post("/api/v1/syncs/<sync_id>/cancel")
    def cancel(sync_id: str) -> Any:
        return one_sync(sync_id), 202

    @app.get("/api/v1/logs/sync")
    def logs() -> Any:
        return world.listed({**world.log, "results": RESULTS})

    @app.get("/api/v1/logs/sync/<_id>")
    def log(_id: str) -> Any:
        return world.log

    @app.get("/api/v1/logs/sync/<_id>/records")
    def records(_id: str) -> Any:
        wanted = request.args.get("result")
        return world.listed(*(record for record in RECORDS if wanted in (None, record["result"])))

    @app.get("/api/v1/logs/sales")
    def sales() -> Any:
        return world.listed(SALE, {**SALE, "xero_id": "i-78", "number": "INV-0078", "contact_id": "x-1"})

    @app.get("/api/v1/records/removal")
    def would_go() -> Any:
        return WOULD_GO

    @app.route("/api/v1/removals", methods=["GET", "POST"])
    def removals() -> Any:
        if request.method == "GET":
            return {"items": world.removals, "next": None}
        world.removals.insert(0, a_removal())
        return world.removals[0], 202

    @app.get("/api/v1/removals/<key>")
    def one_removal(key: str) -> Any:
        return next(one for one in world.removals if one["id"] == key)

    @app.get("/api/v1/records")
    def named() -> Any:
        if "xero_ids" not in request.args:
            return world.listed(*LEFT_OUT)
        wanted = request.args["xero_ids"].split(",")
        here = {"xero_id": SALE["contact_id"], "company_id": SALE["company_id"], "company_name": SALE["company_name"]}
        return world.listed(*(record for record in [*LEFT_OUT, here] if record["xero_id"] in wanted))

    @app.get("/api/v1/transactions/totals")
    def totals() -> Any:
        owed = {
            "kind": "invoice",
            "currency": "NZD",
            "status": "AUTHORISED",
            "count": 3,
            "total": "2000.00",
            "due": "700.10",
        }
        paid, note = {**owed, "status": "PAID", "due": "0.00"}, {**owed, "kind": "credit_note", "due": "0.00"}
        return world.listed(owed, paid, note, {**owed, "status": "DRAFT"}, {**owed, "due": "300.20"})

    @app.get("/api/v1/organisations/<_id>")
    def organisation(_id: str) -> Any:
        said = {"name": "Kiwi Ltd", "country": "NZ", "base_currency": "NZD", "short_code": world.short_code}
        return {**said, "counts": world.counts}

    @app.get("/api/v1/transactions/<path:_id>")
    def sale(_id: str) -> Any:
        if "/payment/" in _id:
            return {**PAYMENT, "pays_transaction_id": SALE["id"]}
        money = {"subtotal": "1073.48", "total_tax": "161.02", "paid": "234.50", "credited": "0.00"}
        return {**SALE, **money, "fully_paid_on": None, "updated_at": "2026-02-01T00:00:00+00:00", **DETAIL}

    @app.get("/api/v1/companies")
    def companies() -> Any:
        return world.listed(company)

    @app.get("/api/v1/companies/<_id>")
    def one_company(_id: str) -> Any:
        balance = {
            "currency": "NZD",
            "outstanding": "1000.00",
            "credit": "27.70",
            "balance": "972.30",
            "overdue": "400.00",
            "ages": {
                "current": "600.00",
                "days_1_30": "0.00",
                "days_31_60": "300.00",
                "days_61_90": "0.00",
                "days_over_90": "100.00",
            },
            "invoiced": "5234.50",
        }
        if not world.parts:
            return {**company, "people": [world.person] if world.has_records else [], "balances": []}
        return {**company, "people": [world.person], "balances": [balance], "last_invoice": SALE}

    @app.get("/api/v1/companies/<_id>/transactions")
    def sales_of(_id: str) -> Any:
        return world.listed(SALE)

    @app.route("/api/v1/contacts", methods=["GET", "POST"])
    def contacts() -> Any:
        if request.method == "GET":
            return world.listed(world.person)
        typed = {"first_name": "", "email": "", "company_name": None, **(request.get_json() or {})}
        world.person = an_own_person(id="p-new", company_id="co-1" if typed["company_name"] else None, **typed)
        return world.person, 201

    @app.get("/api/v1/contacts/<key>")
    def one_contact(key: str) -> Any:
        if key != world.person["id"]:
            return Response(json.dumps({"type": "/api/problems/not-found", "detail": "No."}), 404)
        return {**world.person, "exports": world.exports}

    @app.post("/api/v1/exports")
    def create_in_xero() -> Any:
        wish = request.get_json() or {}
        world.exports[:] = [
            an_export(requested_at=world.export_asked_at, **wish),
            *(one for one in world.exports if one["id"] != "e-1"),
        ]
        return world.exports[0], 202

    return app


class Wire(BaseAdapter):
    """requests → the stub, without a port. What is down does not answer."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world, self._app = world, gateway(world)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        address = urlsplit(str(request.url))
        if address.path.removeprefix("/api/").removeprefix("v1/").partition("/")[0] in self._world.down:
            raise requests.ConnectionError("nobody there")
        body = request.body.encode() if isinstance(request.body, str) else request.body
        answer = self._app.test_client().open(
            address.path, method=request.method, query_string=address.query, headers=dict(request.headers), data=body
        )
        response = requests.Response()
        response.status_code, response.raw = answer.status_code, BytesIO(answer.data)
        response.headers.update(answer.headers)
        return response

    def close(self) -> None:
        """Nothing is open."""
