"""/api/v1/syncs: start a sync, follow it, stop it."""

from flask import Response
from flask_smorest import Blueprint

from accounting_link.chassis import paging, rates
from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.problems import not_found
from accounting_link.chassis.web import allowed, caller, reference
from accounting_link.contracts.words import SyncKind
from sync_orchestrator.api import progress, schemas
from sync_orchestrator.api.cursors import before
from sync_orchestrator.api.parts import parts
from sync_orchestrator.sync import State, Sync

blueprint = Blueprint("Syncs", __name__, url_prefix="/api/v1/syncs", description="Start a sync, follow it, stop it.")


@blueprint.get("")
@allowed(ADMIN, MEMBER, NO_MONEY)
@blueprint.arguments(schemas.SyncQuery, location="query")
@blueprint.response(200, schemas.SyncPage)
def list_syncs(query: Document) -> Document:
    """Syncs, newest first."""
    limit = query["limit"]
    found = parts().store.recent(caller().account_id, query["connection_id"], before(query["cursor"]), limit + 1)
    items = found[:limit]
    more = len(found) > limit
    following = paging.cursor([items[-1].requested_at.isoformat(), items[-1].id]) if more else None
    return {"items": [_shown(sync) for sync in items], "next": following}


@blueprint.post("")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(schemas.IdempotencyKey, location="headers")
@blueprint.arguments(schemas.SyncRequest)
@blueprint.response(202, schemas.SyncSchema)
def start(headers: Document, wanted: Document) -> Document:
    """Start a sync. It joins one of its kind that has not begun, and waits behind one that has."""
    rates.take(parts().starts, caller().account_id)
    kind, key = SyncKind(wanted["kind"]), headers["idempotency_key"]
    return _shown(parts().desk.start(caller(), wanted["connection_id"], kind, key, reference()))


@blueprint.get("/<sync_id>")
@blueprint.etag
@blueprint.response(200, schemas.SyncSchema)
@allowed(ADMIN, MEMBER, NO_MONEY)
def one_sync(sync_id: str) -> Document:
    """One sync as it stands now."""
    return _shown(_get(sync_id))


@blueprint.post("/<sync_id>/cancel")
@blueprint.response(202, schemas.SyncSchema)
@allowed(ADMIN, MEMBER)
def cancel(sync_id: str) -> Document:
    """Stop a sync. What it has imported stays; to cancel what has ended changes nothing."""
    return _shown(parts().desk.cancel(caller(), sync_id))


@blueprint.get("/<sync_id>/progress")
@blueprint.response(200, content_type="text/event-stream", description="Events named `progress`; data as one sync.")
@allowed(ADMIN, MEMBER, NO_MONEY)
def follow(sync_id: str) -> Response:
    """Follow a sync by server-sent events, until it has ended."""
    first, account_id, store = _get(sync_id), caller().account_id, parts().store
    followers = parts().followers
    followers.enter(account_id)
    events = progress.events(first, lambda: store.get(account_id, sync_id))
    answer = Response(events, content_type="text/event-stream", headers={"Cache-Control": "no-store"})
    # Also when nobody ever reads it.
    answer.call_on_close(lambda: followers.leave(account_id))
    return answer


def _get(sync_id: str) -> Sync:
    found = parts().store.get(caller().account_id, sync_id)
    if found is None:
        raise not_found("sync")
    return found


def _shown(sync: Sync) -> Document:
    if sync.state != State.WAITING:
        return schemas.shown(sync)
    first = parts().store.holder(sync.account_id, sync.connection_id, "active")
    return schemas.shown(sync, waits_for=first.id if first else None)
