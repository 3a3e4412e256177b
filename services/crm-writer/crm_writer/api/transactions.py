"""`/transactions`: the sales that Xero holds."""

from functools import partial

from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.problems import not_found
from accounting_link.chassis.web import allowed
from crm_writer import owed, reads
from crm_writer.api import shown
from crm_writer.api.schemas import (
    OfConnectionQuery,
    SalesQuery,
    TotalsSchema,
    TransactionDetailSchema,
    TransactionPage,
)
from crm_writer.own import Own

blueprint = Blueprint("transactions", __name__, url_prefix="/api/v1/transactions", description="Sales transactions")
_PLAIN = {
    "connection_id": "connection_id",
    "status": "xero.status",
    "contact_id": "xero.contact_id",
    "currency": "xero.currency",
}


@blueprint.route("")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(SalesQuery, location="query")
@blueprint.response(200, TransactionPage)
def list_transactions(query: Document) -> Document:
    """Sales, newest first, without their lines."""
    own = shown.own()
    page = shown.page(query, shown.NEWEST_FIRST, partial(reads.newest_first, own, _which(own, query)))
    return {**page, "items": shown.transactions(own, page["items"])}


@blueprint.route("/totals")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(OfConnectionQuery, location="query")
@blueprint.response(200, TotalsSchema)
def get_totals(query: Document) -> Document:
    """How many there are and what they come to, per currency, status and kind."""
    groups = reads.totals(shown.own(), of_connection(query))
    return {"items": [{**group["_id"], **group} for group in groups]}


@blueprint.route("/<path:transaction_id>")
@blueprint.etag
@allowed(ADMIN, MEMBER)
@blueprint.response(200, TransactionDetailSchema)
def get_transaction(transaction_id: str) -> Document:
    """One transaction with its lines."""
    own = shown.own()
    found = own.one("transactions", transaction_id)
    if found is None:
        raise not_found("transaction")
    return shown.transactions(own, [found])[0]


def of_connection(query: Document) -> Document:
    return {"connection_id": query["connection_id"]} if query["connection_id"] else {}


def _which(own: Own, query: Document) -> Document:
    wanted: list[Document] = [{field: query[name]} for name, field in _PLAIN.items() if query[name]]
    if query["company_id"]:
        wanted.append(reads.sales_of(reads.contacts_of(own, query["company_id"])))
    if query["overdue"]:
        wanted.append(owed.overdue(shown.clock().now().date()))
    return {"$and": wanted} if wanted else {}
