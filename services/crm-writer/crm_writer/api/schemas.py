"""What goes over HTTP. Amounts are decimal texts, days ISO dates, times RFC 3339 UTC."""

from typing import Any

import marshmallow as ma
from webargs.fields import DelimitedList

from accounting_link.chassis.paging import PageQuery, page_of
from accounting_link.contracts.words import SALES, Kind, Refusal
from crm_writer.exports import STATES
from crm_writer.owed import AGES
from crm_writer.searching import LONGEST
from crm_writer.standing import FAILED, IMPORTED, LEFT_OUT


def _text(says: str = "", **more: Any) -> ma.fields.String:
    return ma.fields.String(metadata={"description": says} if says else {}, **more)


def _money(says: str = "", **more: Any) -> ma.fields.Decimal:
    return ma.fields.Decimal(as_string=True, metadata={"description": says} if says else {}, **more)


# As long as Xero takes (its OpenAPI document, Contact), so that it refuses nothing that was accepted here; and no
# control characters nor half pairs, which neither XML nor MongoDB holds.
_LONG, _HALF = ma.validate.Length(max=255), ma.validate.Length(max=127)  # two names may become one
_UNFIT, _UNSEEN = r"\x00-\x1f\x7f\ud800-\udfff", r"\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff"
_SIGN, _SEEN, _OF_AN_ADDRESS = f"[^{_UNFIT}]", f"[^{_UNFIT}{_UNSEEN}]", f"[^{_UNFIT}{_UNSEEN}@.]+"
_DOTTED = rf"{_OF_AN_ADDRESS}(\.{_OF_AN_ADDRESS})"
_PLAIN = ma.validate.Regexp(f"^{_SIGN}*$", error="Must not hold control characters.")
_SAYS_SOMETHING = ma.validate.Regexp(f"^{_SIGN}*{_SEEN}{_SIGN}*$", error="Must not be blank.")
_ADDRESS = ma.validate.Regexp(rf"^({_DOTTED}*@{_DOTTED}+)?$", error="Not an email address.")


class PhoneSchema(ma.Schema):
    type = _text("DEFAULT, DDI, MOBILE or FAX")
    number = _text()
    area_code = _text()
    country_code = _text()


class AddressSchema(ma.Schema):
    type = _text("POBOX, STREET or DELIVERY")
    lines = ma.fields.List(_text())
    city = _text()
    region = _text()
    postal_code = _text()
    country = _text()
    attention_to = _text()


class PartSchema(ma.Schema):
    """What one Xero contact says of its company. Kept by the sync, not to be edited in the CRM."""

    connection_id = _text()
    contact_id = _text("Xero's ContactID")
    name = _text()
    status = _text("Xero's ContactStatus: ACTIVE, ARCHIVED or GDPRREQUEST")
    merged_to = _text("the ContactID it was merged into", allow_none=True)
    email = _text()
    phones = ma.fields.List(ma.fields.Nested(PhoneSchema))
    addresses = ma.fields.List(ma.fields.Nested(AddressSchema))
    account_number = _text()
    contact_number = _text()
    tax_number = _text()
    website = _text()
    default_currency = _text()
    is_customer = ma.fields.Boolean()
    is_supplier = ma.fields.Boolean()
    notes = ma.fields.List(_text(), metadata={"description": "who was left out, and why it would not be imported"})
    updated_at = ma.fields.AwareDateTime(format="iso", metadata={"description": "Xero's UpdatedDateUTC"})
    state = _text(f"of its newest copy: {IMPORTED} or {FAILED}")
    reason = _text("why it failed")


class CompanySchema(ma.Schema):
    id = _text()
    name = _text()
    parts = ma.fields.List(ma.fields.Nested(PartSchema))


class ContactSchema(ma.Schema):
    id = _text()
    connection_id = _text("null once it is no longer linked", allow_none=True)
    contact_id = _text("the Xero contact it is a person of; null once it is no longer linked", allow_none=True)
    company_id = _text(allow_none=True)
    company_name = _text(allow_none=True)
    first_name = _text()
    last_name = _text()
    email = _text()
    main = ma.fields.Boolean(metadata={"description": "the Xero contact's main person"})
    gone = ma.fields.Boolean(metadata={"description": "no longer told by Xero"})


class StandingSchema(ma.Schema):
    """What the CRM knows of a contact that stands in Xero."""

    company_id = _text("null: it is no company here", allow_none=True)
    company_name = _text(allow_none=True)
    state = _text(f"of its newest copy: {IMPORTED}, {LEFT_OUT} or {FAILED}; null: never read", allow_none=True)
    reason = _text("why it was left out, or failed")


class ExportSchema(ma.Schema):
    """A contact that was sent to Xero, and what became of it."""

    id = _text()
    connection_id = _text()
    contact_id = _text("the person it was asked for")
    company_id = _text("null: they had none", allow_none=True)
    name = _text("what it is called in Xero")
    state = _text(validate=ma.validate.OneOf(STATES))
    refusal = _text("why nothing was created", allow_none=True, validate=ma.validate.OneOf(list(Refusal)))
    detail = _text("the same in words; Xero's own where it refused")
    xero_id = _text("Xero's ContactID: of what was created, or of what stands there under this name", allow_none=True)
    standing = ma.fields.Nested(
        StandingSchema, allow_none=True, metadata={"description": "of what stands there under this name"}
    )
    removed = ma.fields.Boolean(
        metadata={"description": "created, and what was imported of it removed here since: it may be asked for again"}
    )
    requested_by = _text()
    requested_by_name = _text()
    requested_at = ma.fields.AwareDateTime(format="iso")
    ended_at = ma.fields.AwareDateTime(format="iso", allow_none=True)
    reference = _text()


class ContactDetailSchema(ContactSchema):
    exports = ma.fields.List(
        ma.fields.Nested(ExportSchema), metadata={"description": "of them or of their company, newest first"}
    )


class IdempotencyKey(ma.Schema):
    class Meta:
        unknown = ma.EXCLUDE

    idempotency_key = _text(
        "The same key makes the same contact, however often it is sent.",
        data_key="Idempotency-Key",
        load_default=None,
        validate=ma.validate.Length(1, 128),
    )


class NewContactSchema(ma.Schema):
    first_name = _text(load_default="", validate=[_HALF, _PLAIN])
    last_name = _text(
        required=True, validate=[_HALF, _SAYS_SOMETHING], error_messages={"required": "Must not be blank."}
    )
    email = _text(load_default="", validate=[_LONG, _ADDRESS])
    company_name = _text("that company, or a new one; none when empty", load_default="", validate=[_LONG, _PLAIN])


class ExportRequest(ma.Schema):
    connection_id = _text(required=True, validate=ma.validate.Length(1, 100))
    contact_id = _text(required=True, validate=ma.validate.Length(1, 100))


class LineSchema(ma.Schema):
    description = _text()
    item_code = _text()
    account_code = _text()
    quantity = _money(allow_none=True)
    unit_amount = _money(allow_none=True)
    discount_rate = _money("per cent", allow_none=True)
    tax_type = _text()
    tax_amount = _money(allow_none=True)
    amount = _money(allow_none=True)


class TransactionSchema(ma.Schema):
    id = _text()
    connection_id = _text()
    kind = _text()
    xero_id = _text()
    company_id = _text("the company of its Xero contact; null while there is none", allow_none=True)
    company_name = _text(allow_none=True)
    number = _text()
    reference = _text()
    contact_id = _text("Xero's ContactID")
    date = _text("in the organisation's own day", allow_none=True)
    due_date = _text(allow_none=True)
    fully_paid_on = _text(allow_none=True)
    status = _text("Xero's status")
    currency = _text()
    currency_rate = _money(allow_none=True)
    line_amount_types = _text()
    subtotal = _money()
    total_tax = _money()
    total = _money("including tax")
    due = _money("owed of an invoice")
    paid = _money("of an invoice")
    credited = _money("of an invoice")
    remaining = _money("of a credit note, overpayment or prepayment: neither allocated nor paid back")
    payment_type = _text("of a payment, Xero's PaymentType")
    pays_kind = _text("of a payment; of another kind than invoice it is a refund")
    pays_id = _text("of a payment: Xero's id of what it pays")
    bank_amount = _money("of a payment, in the bank account's currency")
    updated_at = ma.fields.AwareDateTime(format="iso", metadata={"description": "Xero's UpdatedDateUTC"})


TransactionPage = page_of(TransactionSchema)


class AllocationSchema(ma.Schema):
    """So much of a credit that is put against an invoice: of a credit, which invoice; of an invoice, which credit."""

    transaction_id = _text("of the other side")
    kind = _text("of the other side")
    number = _text("of the other side; empty where it has none")
    amount = _money()
    date = _text(allow_none=True)


class TransactionDetailSchema(TransactionSchema):
    lines = ma.fields.List(ma.fields.Nested(LineSchema))
    allocations = ma.fields.List(ma.fields.Nested(AllocationSchema))
    payments = ma.fields.List(
        ma.fields.Nested(TransactionSchema), metadata={"description": "for an invoice; of a credit: its refunds"}
    )
    pays_transaction_id = _text("of a payment: what it pays")


AgesSchema = ma.Schema.from_dict({age: _money() for age in AGES}, name="Ages")


class BalanceSchema(ma.Schema):
    """Drafts and what was voided or deleted do not count."""

    currency = _text()
    credit = _money("left of credit notes, overpayments and prepayments")
    balance = _money("what is outstanding, less the credit")
    invoices = ma.fields.Integer()
    invoiced = _money()
    outstanding = _money()
    open_invoices = ma.fields.Integer()
    overdue = _money()
    overdue_invoices = ma.fields.Integer()
    ages = ma.fields.Nested(AgesSchema, metadata={"description": "what is outstanding, by days past its due date"})


class CompanyDetailSchema(CompanySchema):
    people = ma.fields.List(ma.fields.Nested(ContactSchema))
    fresh_at = ma.fields.AwareDateTime(format="iso", allow_none=True)
    balances = ma.fields.List(ma.fields.Nested(BalanceSchema), metadata={"description": "absent without the right"})
    last_invoice = ma.fields.Nested(
        TransactionSchema, allow_none=True, metadata={"description": "absent without the right"}
    )


class TotalSchema(ma.Schema):
    currency = _text()
    status = _text()
    kind = _text()
    count = ma.fields.Integer()
    total = _money()
    due = _money("owed of invoices")
    remaining = _money("left of credits")


class TotalsSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(TotalSchema))


class RecordSchema(ma.Schema):
    connection_id = _text()
    kind = _text()
    xero_id = _text()
    state = _text()
    reason = _text()
    name = _text("only of what is left out")
    company_id = _text("of a contact that is in the CRM", allow_none=True)
    company_name = _text(allow_none=True)
    updated_at = ma.fields.AwareDateTime(format="iso", attribute="version", allow_none=True)


class OrganisationSchema(ma.Schema):
    connection_id = _text()
    tenant_id = _text("Xero's id")
    name = _text()
    short_code = _text("what a deep link into Xero begins with; empty where Xero gives none")
    base_currency = _text("ISO 4217")
    country = _text("ISO 3166")
    time_zone = _text("IANA's name; its day decides what is overdue. Empty while not known: then it is UTC's")
    read_at = ma.fields.AwareDateTime(format="iso")
    counts = ma.fields.Dict(
        keys=_text(),
        values=ma.fields.Integer(),
        metadata={"description": "records of each stream, by Xero's own count when it was connected; empty: not known"},
    )
    counted_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class WhyItStaysSchema(ma.Schema):
    reason = _text()
    count = ma.fields.Integer()


class WouldGoSchema(ma.Schema):
    go = ma.fields.Integer()
    stay = ma.fields.Integer(metadata={"description": "these lose the link to Xero only"})
    reasons = ma.fields.List(ma.fields.Nested(WhyItStaysSchema), metadata={"description": "why they stay"})


class RemovalPreviewSchema(ma.Schema):
    """What removing a connection's imports would take away, as of now."""

    companies = ma.fields.Nested(WouldGoSchema)
    people = ma.fields.Nested(WouldGoSchema)
    sales = ma.fields.Integer(metadata={"description": "sales transactions of every kind; all of them go"})
    records = ma.fields.Integer(metadata={"description": "Xero records, also those that were left out or failed"})


class CountSchema(ma.Schema):
    kind = _text()
    state = _text()
    count = ma.fields.Integer()


class CountsSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(CountSchema))


class SearchQuery(PageQuery):
    search = _text(
        "names that hold each of these words or parts of words, in whatever order and case, with accents or without",
        load_default="",
        validate=ma.validate.Length(max=LONGEST),
    )
    begins = _text(
        "names that begin with this, whatever the case", load_default="", validate=ma.validate.Length(max=LONGEST)
    )


class ContactQuery(SearchQuery):
    company_id = _text(load_default=None)


class OneConnectionQuery(ma.Schema):
    connection_id = _text(required=True)


class OfConnectionQuery(ma.Schema):
    connection_id = _text(load_default=None)


def _kind(kinds: tuple[Kind, ...]) -> ma.fields.String:
    return _text(load_default=None, validate=ma.validate.OneOf([kind.value for kind in kinds]))


class OfCompanyQuery(PageQuery):
    kind = _kind(SALES)
    status = _text("Xero's status", load_default=None)
    currency = _text(load_default=None)


class SalesQuery(OfCompanyQuery):
    connection_id = _text(load_default=None)
    contact_id = _text("Xero's ContactID", load_default=None)
    company_id = _text(load_default=None)
    overdue = ma.fields.Boolean(load_default=False)


class RecordQuery(PageQuery):
    xero_ids = DelimitedList(
        _text(),
        load_default=list,
        validate=ma.validate.Length(max=200),
        metadata={"description": "only these of one connection, separated by commas"},
    )
    connection_id = _text(load_default=None)
    state = _text(load_default=None, validate=ma.validate.OneOf((IMPORTED, LEFT_OUT, FAILED)))
    kind = _kind(tuple(Kind))

    @ma.validates_schema
    def _ids_are_of_a_connection(self, query: dict[str, Any], **_: Any) -> None:
        if query["xero_ids"] and not query["connection_id"]:
            raise ma.ValidationError("Say of which connection these ids are.", "connection_id")
