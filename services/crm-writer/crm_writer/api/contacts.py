"""`/contacts`: people."""

from functools import partial

from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.paging import page_of
from accounting_link.chassis.problems import not_found
from accounting_link.chassis.web import allowed, caller
from crm_writer import contacts, reads
from crm_writer.api import shown
from crm_writer.api.companies import searched
from crm_writer.api.schemas import ContactDetailSchema, ContactQuery, ContactSchema, NewContactSchema
from crm_writer.mapping.names import tidy
from crm_writer.own import Own

blueprint = Blueprint("contacts", __name__, url_prefix="/api/v1/contacts", description="People")


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
@blueprint.arguments(NewContactSchema)
@blueprint.response(201, ContactDetailSchema)
def make_contact(wanted: Document) -> Document:
    """A person who is not from Xero, and their company where the CRM does not know it yet."""
    own = {name: tidy(wanted[name]) for name in ("first_name", "last_name", "email")}
    person = contacts.make(shown.records(), caller().account_id, own, wanted["company_name"])
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
