"""`/exports`: Create in Xero."""

from flask_smorest import Blueprint

from accounting_link.chassis import rates
from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.problems import not_found
from accounting_link.chassis.web import allowed, caller, reference
from crm_writer import exports
from crm_writer.api import shown
from crm_writer.api.schemas import ExportRequest, ExportSchema

blueprint = Blueprint("exports", __name__, url_prefix="/api/v1/exports", description="Create contacts in Xero")


@blueprint.post("")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(ExportRequest)
@blueprint.response(202, ExportSchema)
def create_in_xero(wanted: Document) -> Document:
    """Create the contact's company in Xero with this person as its main person; without a company, the person. Nothing
    that stands there is changed. Asked for twice, it is the same export."""
    rates.take(shown.wishes(), caller().account_id)
    found = exports.ask(
        shown.records(), caller(), wanted["connection_id"], wanted["contact_id"], shown.clock().now(), reference()
    )
    return shown.export(shown.own(), found)


@blueprint.get("/<export_id>")
@blueprint.etag
@allowed(ADMIN, MEMBER, NO_MONEY)
@blueprint.response(200, ExportSchema)
def one_export(export_id: str) -> Document:
    """What became of it."""
    found = shown.own().one("exports", export_id)
    if found is None:
        raise not_found("export")
    return shown.export(shown.own(), found)
