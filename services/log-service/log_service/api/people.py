"""What people did, and how well a connection is."""

from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.web import allowed, caller
from accounting_link.contracts.words import Reads, Result
from log_service import queries
from log_service.api import schemas
from log_service.api.database import db
from log_service.api.sync_logs import results_of


def blueprint(clock: Clock) -> Blueprint:
    blp = Blueprint("Audit log", __name__, url_prefix="/api/v1/logs", description="What people did")

    @blp.get("/audit")
    @allowed(ADMIN)
    @blp.arguments(schemas.AuditQuery, location="query")
    @blp.response(200, schemas.AuditPage)
    def list_acts(asked: Document) -> Document:
        """What people of the account did, newest first"""
        only = {name: asked[name] for name in ("connection_id", "act", "by")}
        found, following = queries.audit(db(), caller().account_id, only, asked["limit"], asked["cursor"])
        return {"items": found, "next": following}

    @blp.get("/health")
    @allowed(ADMIN, MEMBER, NO_MONEY)
    @blp.arguments(schemas.HealthQuery, location="query")
    @blp.response(200, schemas.HealthSchema)
    def health(asked: Document) -> Document:
        """The last good call to Xero, what is left of today's calls and bytes, and the last full comparison"""
        whose = db(), caller().account_id, asked["connection_id"]
        day = told(queries.health(*whose), today=clock.now().date().isoformat())
        return {**day, "last_comparison": _compared(queries.last_comparison(*whose))}

    return blp


def _compared(sync: Document | None) -> Document | None:
    """What a sync that read everything found, in numbers of records."""
    if sync is None:
        return None
    results = results_of(sync)
    return {
        "sync_id": sync["sync_id"],
        "at": sync["final"]["at"],
        "first_import": sync["asked"]["reads"] == Reads.FIRST_IMPORT,
        "records": sum(results.values()),
        "differed": results[Result.CREATED] + results[Result.UPDATED],
        "failed": results[Result.FAILED],
    }


def told(counted: Document | None, today: str) -> Document:
    """A count of another day says when the last call was, and nothing of today."""
    if counted is None:
        return dict.fromkeys(("last_call_at", "calls_left", "calls_a_day", "bytes_today", "bytes_left"))
    budget, is_todays = counted["bytes_a_day"], counted["day"] == today
    calls, read = (counted["calls"], counted["bytes"]) if is_todays else (0, 0)
    return {
        "last_call_at": counted["at"],
        "calls_left": max(0, counted["calls_a_day"] - calls),
        "calls_a_day": counted["calls_a_day"],
        "bytes_today": read,
        "bytes_left": max(0, budget - read) if budget else None,
    }
