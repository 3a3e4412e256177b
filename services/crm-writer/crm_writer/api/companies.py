"""`/companies`: what the CRM holds of each, with its people and what it owes."""

from functools import partial

from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.paging import page_of
from accounting_link.chassis.problems import not_found
from accounting_link.chassis.web import allowed
from crm_writer import reads
from crm_writer.api import shown
from crm_writer.api.schemas import CompanyDetailSchema, CompanySchema, OfCompanyQuery, SearchQuery, TransactionPage
from crm_writer.own import Own
from crm_writer.searching import beginning, with_words

blueprint = Blueprint("companies", __name__, url_prefix="/api/v1/companies", description="Companies and what they owe")


@blueprint.route("")
@allowed(ADMIN, MEMBER, NO_MONEY)
@blueprint.arguments(SearchQuery, location="query")
@blueprint.response(200, page_of(CompanySchema))
def list_companies(query: Document) -> Document:
    """Companies by name."""
    page = shown.page(query, shown.BY_NAME, partial(reads.by_name, shown.own(), "companies", searched(query)))
    return {**page, "items": list(map(shown.company, page["items"]))}


@blueprint.route("/<company_id>")
@blueprint.etag
@allowed(ADMIN, MEMBER, NO_MONEY)
@blueprint.response(200, CompanyDetailSchema)
def get_company(company_id: str) -> Document:
    """One company: its parts from Xero, its people, and, for who may see money, what it owes per currency."""
    own = shown.own()
    found = _found(own, company_id)
    contacts = reads.contacts_of(own, company_id)
    parts = found["xero"]["parts"]
    records = reads.standing(own, {(part["connection_id"], part["contact_id"]) for part in parts})
    company = {
        **shown.company(found),
        "parts": [{**part, **_state(records.get((part["connection_id"], part["contact_id"])))} for part in parts],
        "people": shown.people(own, reads.people_of(own, company_id, contacts)),
        "fresh_at": reads.fresh_at(parts, None),
    }
    return company | _money(own, parts, contacts) if shown.sees_money() else company


@blueprint.route("/<company_id>/transactions")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(OfCompanyQuery, location="query")
@blueprint.response(200, TransactionPage)
def list_transactions_of_company(query: Document, company_id: str) -> Document:
    """A company's sales of every kind, newest first."""
    own = shown.own()
    _found(own, company_id)
    which = {"$and": [reads.sales_of(reads.contacts_of(own, company_id)), *shown.filters(query)]}
    page = shown.page(query, shown.NEWEST_FIRST, partial(reads.newest_first, own, which))
    return {**page, "items": shown.transactions(own, page["items"])}


def searched(query: Document) -> Document:
    """What `search` and `begins` ask for."""
    wanted = [one for one in (with_words(query["search"]), beginning(query["begins"])) if one]
    return {"$and": wanted} if wanted else {}


def _found(own: Own, company_id: str) -> Document:
    found = own.one("companies", company_id)
    if found is None:
        raise not_found("company")
    return found


def _state(record: Document | None) -> Document:
    return {"state": record["state"], "reason": record["reason"]} if record else {}


def _money(own: Own, parts: list[Document], contacts: set[reads.Contact]) -> Document:
    invoice = reads.last_invoice(own, contacts)
    return {
        "balances": list(map(shown.balance, reads.balances(own, contacts, shown.today))),
        "last_invoice": shown.transactions(own, [invoice])[0] if invoice else None,
        "fresh_at": reads.fresh_at(parts, invoice),
    }
