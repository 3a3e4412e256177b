"""`/organisations`: what Xero says of the organisation behind a connection."""

from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.problems import not_found
from accounting_link.chassis.web import allowed
from crm_writer.api import shown
from crm_writer.api.schemas import OrganisationSchema

blueprint = Blueprint(
    "organisations", __name__, url_prefix="/api/v1/organisations", description="The organisations at Xero"
)


@blueprint.route("/<connection_id>")
@blueprint.etag
@allowed(ADMIN, MEMBER, NO_MONEY)
@blueprint.response(200, OrganisationSchema)
def get_organisation(connection_id: str) -> Document:
    """The organisation of one connection, as it was last read from Xero."""
    found = shown.own().one("organisations", connection_id)
    if found is None:
        raise not_found("organisation")
    return {**found, "connection_id": connection_id, "counts": found.get("counts") or {}}
