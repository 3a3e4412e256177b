"""/api/v1/removals: remove what a connection imported."""

from flask_smorest import Blueprint

from accounting_link.chassis import paging
from accounting_link.chassis.callers import ADMIN
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.web import allowed, caller, reference
from sync_orchestrator.api import schemas
from sync_orchestrator.api.cursors import before
from sync_orchestrator.api.parts import parts

blueprint = Blueprint(
    "Removals", __name__, url_prefix="/api/v1/removals", description="Remove what a connection imported."
)


@blueprint.get("")
@allowed(ADMIN)
@blueprint.arguments(schemas.SyncQuery, location="query")
@blueprint.response(200, schemas.RemovalPage)
def list_removals(query: Document) -> Document:
    """Removals, newest first."""
    limit = query["limit"]
    found = parts().removals.recent(caller().account_id, query["connection_id"], before(query["cursor"]), limit + 1)
    items = found[:limit]
    more = len(found) > limit
    following = paging.cursor([items[-1]["requested_at"].isoformat(), items[-1]["_id"]]) if more else None
    return {"items": list(map(schemas.shown_removal, items)), "next": following}


@blueprint.post("")
@allowed(ADMIN)
@blueprint.arguments(schemas.RemovalRequest)
@blueprint.response(202, schemas.RemovalSchema)
def remove(wanted: Document) -> Document:
    """Remove everything that a disconnected connection imported. It cannot be taken back; what people made, edited or
    linked otherwise stays and loses the link. Asked for twice, it is the same removal."""
    return schemas.shown_removal(parts().removals.ask(caller(), wanted["connection_id"], reference()))


@blueprint.get("/<removal_id>")
@blueprint.etag
@blueprint.response(200, schemas.RemovalSchema)
@allowed(ADMIN)
def one_removal(removal_id: str) -> Document:
    """How far it is."""
    return schemas.shown_removal(parts().removals.get(caller().account_id, removal_id))
