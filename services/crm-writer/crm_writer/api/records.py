"""`/records`: every record that Xero told of, and whether it is in step, left out on purpose or failing."""

from functools import partial

from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.paging import page_of
from accounting_link.chassis.web import allowed
from accounting_link.contracts.words import Kind
from crm_writer import reads, removing_preview
from crm_writer.api import shown
from crm_writer.api.schemas import (
    CountsSchema,
    OfConnectionQuery,
    OneConnectionQuery,
    RecordQuery,
    RecordSchema,
    RemovalPreviewSchema,
)
from crm_writer.api.transactions import of_connection
from crm_writer.copies import record_key

blueprint = Blueprint("records", __name__, url_prefix="/api/v1/records", description="The state of every record")


@blueprint.route("")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(RecordQuery, location="query")
@blueprint.response(200, page_of(RecordSchema))
def list_records(query: Document) -> Document:
    """Records by id."""
    own = shown.own()
    which: Document = {name: query[name] for name in ("connection_id", "state", "kind") if query[name]}
    if query["xero_ids"]:
        kinds = [Kind(query["kind"])] if query["kind"] else list(Kind)
        ids = [record_key(query["connection_id"], kind, xero_id) for kind in kinds for xero_id in query["xero_ids"]]
        which["_id"] = {"$in": ids}
    page = shown.page(query, ("_id",), partial(reads.by_id, own, which))
    return {**page, "items": shown.of_records(own, page["items"])}


@blueprint.route("/counts")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(OfConnectionQuery, location="query")
@blueprint.response(200, CountsSchema)
def get_counts(query: Document) -> Document:
    """How many records there are of each kind and state."""
    groups = reads.record_counts(shown.own(), of_connection(query))
    return {"items": [{**group["_id"], "count": group["count"]} for group in groups]}


@blueprint.route("/removal")
@allowed(ADMIN)
@blueprint.arguments(OneConnectionQuery, location="query")
@blueprint.response(200, RemovalPreviewSchema)
def preview_removal(query: Document) -> Document:
    """What removing all that a connection imported would take away, and what would stay, and why."""
    return removing_preview.preview(shown.own(), query["connection_id"])
