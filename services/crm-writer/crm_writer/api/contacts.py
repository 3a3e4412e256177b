"""`/contacts`: people."""

from functools import partial
from uuid import UUID, uuid5

from flask_smorest import Blueprint

from accounting_link.chassis import rates
from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.paging import page_of
from accounting_link.chassis.problems import not_found
from accounting_link.chassis.web import allowed, caller
from crm_writer import contacts, reads
from crm_writer.api import shown
from crm_writer.api.companies import searched
from crm_writer.api.schemas import (
    ContactDetailSchema,
    ContactQuery,
    ContactSchema,
    IdempotencyKey,
    NewContactSchema,
)
from crm_writer.mapping.names import tidy
from crm_writer.own import Own

blueprint = Blueprint("contacts", __name__, url_prefix="/api/v1/contacts", description="People")


_MADE = UUID("0c2f7d0e-52a5-4e0f-8a63-0f8f1f5c9a41")


@blueprint.route("")
@allowed(ADMIN, MEMBER, NO_MONEY)
@blueprint.arguments(ContactQuery, location="query")
@blueprint.response(200, page_of(ContactSchema))
def list_contacts(query: Document) -> Document:
    """People by last name."""
    own = shown.own()
    page = shown.page(query, shown.BY_NAME, partial(reads.by_name, own, "contacts", _which(own, query)))
    return {**page, "items": shown.people(own, page["items"])}


@blueprint.post("")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(IdempotencyKey, location="headers")
@blueprint.arguments(NewContactSchema)
@blueprint.response(201, ContactDetailSchema)
def make_contact(headers: Document, wanted: Document) -> Document:
    """A person who is not from Xero, and their company where the CRM does not know it yet."""
    account_id, key = caller().account_id, headers["idempotency_key"]
    rates.take(shown.wishes(), account_id)
    own = {name: tidy(wanted[name]) for name in ("first_name", "last_name", "email")}
    contact_id = str(uuid5(_MADE, f"{account_id}\n{key}")) if key else ""
    person = contacts.make(shown.records(), account_id, own, wanted["company_name"], contact_id)
    return shown.contact(shown.own(), person)


@blueprint.route("/<contact_id>")
@blueprint.etag
@allowed(ADMIN, MEMBER, NO_MONEY)
@blueprint.response(200, ContactDetailSchema)
def get_contact(contact_id: str) -> Document:
    """One person, and what was asked of Xero about them."""
    own = shown.own()
    found = own.one("contacts", contact_id)
    if found is None:
        raise not_found("contact")
    return shown.contact(own, found)


def _which(own: Own, query: Document) -> Document:
    wanted = [searched(query)]
    if query["company_id"]:
        company_id = query["company_id"]
        wanted.append({"$or": reads.persons(company_id, reads.contacts_of(own, company_id))})
    wanted = [one for one in wanted if one]
    return {"$and": wanted} if wanted else {}
