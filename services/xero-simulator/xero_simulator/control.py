"""The control API under /simulator/: what tests and the demo ask of a Xero that no real one would do. No sign-in."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, request
from werkzeug.exceptions import HTTPException

from xero_simulator.changes import RefusedError
from xero_simulator.faults import RuleError
from xero_simulator.kinds import KINDS
from xero_simulator.organisation import Organisation
from xero_simulator.simulator import Simulator
from xero_simulator.wire import Doc, decode


def blueprint(simulator: Simulator) -> Blueprint:
    """All routes; the README has an example of each. Refusals are 400 ``{"error": why}``."""
    routes = Blueprint("control", __name__, url_prefix="/simulator")
    _errors(routes)
    _organisations(routes, simulator)
    _changes(routes, simulator)
    _rules(routes, simulator)
    _webhooks(routes, simulator)
    return routes


def _errors(routes: Blueprint) -> None:
    @routes.errorhandler(RefusedError)
    @routes.errorhandler(RuleError)
    @routes.errorhandler(ValueError)
    @routes.errorhandler(TypeError)
    def refused(error: Exception) -> tuple[Doc, int]:
        return {"error": str(error)}, 400

    @routes.errorhandler(KeyError)
    def unknown(error: KeyError) -> tuple[Doc, int]:
        return {"error": f"there is no {error}"}, 404

    @routes.errorhandler(HTTPException)
    def other(error: HTTPException) -> tuple[Doc, int]:
        return {"error": error.description}, error.code or 500


def _body() -> dict[str, Any]:
    return dict(request.get_json())


def _organisations(routes: Blueprint, simulator: Simulator) -> None:
    def asked() -> Organisation:
        tenant = request.args.get("tenant") or next(iter(simulator.organisations))
        return simulator.organisations[tenant]

    @routes.get("/organisations")
    def organisations() -> Doc:
        with simulator.lock:
            return {"items": [_described(org) for org in simulator.organisations.values()]}

    @routes.post("/organisations")
    def seed() -> tuple[Doc, int]:
        sizes = {"name": "Another Organisation Ltd", "seed": 1, "contacts": 100, "invoices": 300, **_body()}
        return {"tenant": simulator.add_organisation(**sizes)}, 201

    @routes.get("/ledger")
    def ledger() -> Doc:
        with simulator.lock:
            return {"tenant": asked().tenant, **asked().ledger.summary()}

    @routes.get("/ledger/records")
    def rows() -> Doc:
        with simulator.lock:
            return {"items": asked().ledger.rows(request.args.get("kind", "invoice"))}

    @routes.get("/issued-secrets")
    def secrets() -> Doc:
        with simulator.lock:
            return {"items": [simulator.settings.client_secret, *simulator.identity.issued]}

    @routes.post("/<tenant>/disconnect")
    def disconnect(tenant: str) -> Doc:
        with simulator.lock:
            return {"disconnected": simulator.identity.forget_tenant(tenant)}


def _described(org: Organisation) -> Doc:
    sizes = {f"{name}s": len(shelf) for name, shelf in org.shelves.items()}
    return {"tenant": org.tenant, "name": org.profile["Name"], "short_code": org.profile["ShortCode"], **sizes}


def _changes(routes: Blueprint, simulator: Simulator) -> None:
    @routes.post("/<tenant>/changes")
    def changes(tenant: str) -> Doc:
        wanted = decode(request.get_data())  # not Flask's reader: amounts must stay exact
        return {"items": simulator.change(tenant, wanted if isinstance(wanted, list) else [wanted])}

    @routes.post("/<tenant>/bulk-touch")
    def bulk_touch(tenant: str) -> Doc:
        body, within = _body(), int(_body().get("within_ms", 0))
        kinds = {kind: body.get(f"{kind}s", 0) for kind in KINDS}
        return {f"{kind}s": simulator.touch_some(tenant, kind, int(n), within) for kind, n in kinds.items() if n}


def _rules(routes: Blueprint, simulator: Simulator) -> None:
    @routes.route("/faults", methods=["GET", "POST"])
    def faults() -> Any:
        if request.method == "POST":
            return asdict(simulator.add_fault(_body())), 201
        with simulator.lock:
            return {"items": [asdict(rule) for rule in simulator.faults.rules]}

    @routes.delete("/faults")
    @routes.delete("/faults/<int:rule>")
    def clear(rule: int | None = None) -> tuple[str, int]:
        with simulator.lock:
            simulator.faults.remove(rule)
        return "", 204

    @routes.route("/settings", methods=["GET", "POST"])
    def settings() -> Doc:
        return asdict(simulator.behave(_body()) if request.method == "POST" else simulator.behaviour)

    @routes.route("/clock", methods=["GET", "POST"])
    def clock() -> Doc:
        moved = request.method == "POST"
        now = simulator.advance_clock(float(_body()["advance_seconds"])) if moved else simulator.now()
        return {"now": now.isoformat(timespec="milliseconds")}

    @routes.route("/calls", methods=["GET", "DELETE"])
    def calls() -> Any:
        tenant = request.args.get("tenant")
        with simulator.lock:
            if request.method == "GET":
                return simulator.calls.told(tenant)
            simulator.calls.reset(tenant)
        return "", 204


def _webhooks(routes: Blueprint, simulator: Simulator) -> None:
    @routes.get("/webhooks")
    def told() -> Doc:
        with simulator.lock:
            return simulator.webhooks.told()

    @routes.post("/webhooks")
    def subscribe() -> tuple[Doc, int]:
        simulator.subscribe(_body())
        return told(), 201

    @routes.delete("/webhooks")
    def unsubscribe() -> tuple[str, int]:
        simulator.subscribe(None)
        return "", 204
