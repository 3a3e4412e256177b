"""`/transactions`: the sales that Xero holds."""

from functools import partial

from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.problems import not_found
from accounting_link.chassis.web import allowed
from accounting_link.contracts.words import Kind
from crm_writer import owed, reads
from crm_writer.api import shown
from crm_writer.api.schemas import (
    OfConnectionQuery,
    SalesQuery,
    TotalsSchema,
    TransactionDetailSchema,
    TransactionPage,
)
from crm_writer.copies import record_key
from crm_writer.own import Own

blueprint = Blueprint("transactions", __name__, url_prefix="/api/v1/transactions", description="Sales transactions")


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
    """One transaction with its lines, its payments or refunds, and what is allocated."""
    own = shown.own()
    found = own.one("transactions", transaction_id)
    if found is None:
        raise not_found("transaction")
    return {**shown.transactions(own, [found])[0], **_about(own, found)}


def _about(own: Own, sale: Document) -> Document:
    """What else one wants to see of it, by its kind."""
    kind = Kind(sale["kind"])
    if kind is Kind.PAYMENT:
        pays = record_key(sale["connection_id"], Kind(sale["xero"]["pays_kind"]), sale["xero"]["pays_id"])
        return {"pays_transaction_id": pays}
    payments = shown.transactions(own, reads.paid_for(own, sale))
    if kind is not Kind.INVOICE:
        return {"payments": payments, "allocations": shown.of_invoices(sale)}
    against = (shown.of_credit(credit, sale["xero_id"]) for credit in reads.put_against(own, sale))
    return {"payments": payments, "allocations": [one for of in against for one in of]}


def _overdue(own: Own, connection_id: str | None) -> Document:
    """Each organisation's by its own day."""
    ids = [connection_id] if connection_id else [one["_id"] for one in own.find("organisations", {})]
    of_each: list[Document] = [{"connection_id": id_, **owed.overdue(shown.today(id_))} for id_ in ids]
    elsewhere = {"connection_id": {"$nin": ids}, **owed.overdue(shown.clock().now().date())}
    return {"$or": [*of_each, elsewhere]}


def of_connection(query: Document) -> Document:
    return {"connection_id": query["connection_id"]} if query["connection_id"] else {}


def _which(own: Own, query: Document) -> Document:
    wanted = shown.filters(query)
    if query["company_id"]:
        wanted.append(reads.sales_of(reads.contacts_of(own, query["company_id"])))
    if query["overdue"]:
        wanted.append(_overdue(own, query["connection_id"]))
    return {"$and": wanted} if wanted else {}
