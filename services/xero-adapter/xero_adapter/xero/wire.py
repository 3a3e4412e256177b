"""Records as Xero writes them on the wire (its OpenAPI document, 16.1.0), as far as we read them.

Amounts are JSON numbers and become decimals from their own digits. What is absent or null is empty; fields that are not
named here are ignored.
"""

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import field


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    pass


class WirePagination(msgspec.Struct, frozen=True, kw_only=True):
    page: int
    page_size: int = field(name="pageSize", default=0)
    page_count: int = field(name="pageCount")
    item_count: int = field(name="itemCount", default=0)

    @property
    def size(self) -> int:
        """How many records this page has, by its own words."""
        return min(self.page_size, self.item_count - (self.page - 1) * self.page_size)


class WirePerson(Wire, frozen=True, kw_only=True):
    first_name: str | None = None
    last_name: str | None = None
    email_address: str | None = None


class WireAddress(Wire, frozen=True, kw_only=True):
    address_type: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    address_line4: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    attention_to: str | None = None


class WirePhone(Wire, frozen=True, kw_only=True):
    phone_type: str | None = None
    phone_number: str | None = None
    phone_area_code: str | None = None
    phone_country_code: str | None = None


class WireContact(Wire, frozen=True, kw_only=True):
    contact_id: str = field(name="ContactID")
    updated: str = field(name="UpdatedDateUTC")
    contact_status: str | None = None
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email_address: str | None = None
    contact_number: str | None = None
    account_number: str | None = None
    tax_number: str | None = None
    website: str | None = None
    default_currency: str | None = None
    is_supplier: bool | None = None
    is_customer: bool | None = None
    merged_to: str | None = field(name="MergedToContactID", default=None)
    contact_persons: list[WirePerson] | None = None
    addresses: list[WireAddress] | None = None
    phones: list[WirePhone] | None = None


class WireLine(Wire, frozen=True, kw_only=True):
    description: str | None = None
    item_code: str | None = None
    account_code: str | None = None
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    discount_rate: Decimal | None = None
    tax_type: str | None = None
    tax_amount: Decimal | None = None
    line_amount: Decimal | None = None


class WireContactRef(Wire, frozen=True, kw_only=True):
    contact_id: str = field(name="ContactID")


class WireInvoice(Wire, frozen=True, kw_only=True):
    invoice_id: str = field(name="InvoiceID")
    updated: str = field(name="UpdatedDateUTC")
    type: str
    contact: WireContactRef
    status: str
    invoice_number: str | None = None
    reference: str | None = None
    date: str | None = None
    date_string: str | None = None
    due_date: str | None = None
    due_date_string: str | None = None
    fully_paid_on_date: str | None = None
    line_amount_types: str | None = None
    currency_code: str | None = None
    currency_rate: Decimal | None = None
    sub_total: Decimal | None = None
    total_tax: Decimal | None = None
    total: Decimal
    amount_due: Decimal | None = None
    amount_paid: Decimal | None = None
    amount_credited: Decimal | None = None
    line_items: list[WireLine] | None = None


class WireInvoiceRef(Wire, frozen=True, kw_only=True):
    """An invoice as an allocation names it."""

    invoice_id: str = field(name="InvoiceID")
    invoice_number: str | None = None


class WireAllocation(Wire, frozen=True, kw_only=True):
    invoice: WireInvoiceRef
    amount: Decimal
    allocation_id: str | None = field(name="AllocationID", default=None)
    date: str | None = None
    is_deleted: bool | None = None


class WirePaid(Wire, frozen=True, kw_only=True):
    """A payment as the credit that it pays back names it."""

    amount: Decimal


class WireCredit(Wire, frozen=True, kw_only=True):
    """What credit notes, overpayments and prepayments have in common."""

    updated: str = field(name="UpdatedDateUTC")
    type: str
    contact: WireContactRef
    status: str
    reference: str | None = None
    date: str | None = None
    date_string: str | None = None
    line_amount_types: str | None = None
    currency_code: str | None = None
    currency_rate: Decimal | None = None
    sub_total: Decimal | None = None
    total_tax: Decimal | None = None
    total: Decimal
    remaining_credit: Decimal | None = None
    allocations: list[WireAllocation] | None = None
    payments: list[WirePaid] | None = None
    line_items: list[WireLine] | None = None


class WireCreditNote(WireCredit, frozen=True, kw_only=True):
    id: str = field(name="CreditNoteID")
    number: str | None = field(name="CreditNoteNumber", default=None)
    fully_paid_on_date: str | None = None


class WireOverpayment(WireCredit, frozen=True, kw_only=True):
    id: str = field(name="OverpaymentID")


class WirePrepayment(WireCredit, frozen=True, kw_only=True):
    id: str = field(name="PrepaymentID")
    number: str | None = field(name="InvoiceNumber", default=None)


class WirePaidFor(Wire, frozen=True, kw_only=True):
    """What a payment is for. The document has a field for each kind, and its examples show every kind as an Invoice."""

    invoice_id: str | None = field(name="InvoiceID", default=None)
    credit_note_id: str | None = field(name="CreditNoteID", default=None)
    overpayment_id: str | None = field(name="OverpaymentID", default=None)
    prepayment_id: str | None = field(name="PrepaymentID", default=None)
    invoice_number: str | None = None
    credit_note_number: str | None = None
    contact: WireContactRef | None = None
    currency_code: str | None = None


class WirePayment(Wire, frozen=True, kw_only=True):
    payment_id: str = field(name="PaymentID")
    updated: str = field(name="UpdatedDateUTC")
    payment_type: str
    status: str
    amount: Decimal
    bank_amount: Decimal | None = None
    currency_rate: Decimal | None = None
    date: str | None = None
    reference: str | None = None
    is_reconciled: bool | None = None
    invoice: WirePaidFor | None = None
    credit_note: WirePaidFor | None = None
    overpayment: WirePaidFor | None = None
    prepayment: WirePaidFor | None = None


class WirePage(Wire, frozen=True, kw_only=True):
    """A list's answer: it has the one of these that was asked for."""

    contacts: list[msgspec.Raw] | None = None
    invoices: list[msgspec.Raw] | None = None
    credit_notes: list[msgspec.Raw] | None = None
    payments: list[msgspec.Raw] | None = None
    overpayments: list[msgspec.Raw] | None = None
    prepayments: list[msgspec.Raw] | None = None
    pagination: WirePagination | None = field(name="pagination", default=None)


class WireMessage(Wire, frozen=True, kw_only=True):
    message: str = ""


class WireRefused(Wire, frozen=True, kw_only=True):
    validation_errors: list[WireMessage] | None = None


class WireRefusal(Wire, frozen=True, kw_only=True):
    """What of a body was not written: ``Elements`` of a 400, or among the ``Contacts`` of a 200, which Xero gives where
    errors are not summarised (xero-php-oauth2 issue 179)."""

    type: str = ""
    message: str = ""
    elements: list[WireRefused] | None = None
    contacts: list[WireRefused] | None = None

    @property
    def messages(self) -> tuple[str, ...]:
        refused = (*(self.elements or ()), *(self.contacts or ()))
        return tuple(one.message for element in refused for one in element.validation_errors or () if one.message)


_refusal = msgspec.json.Decoder(WireRefusal).decode


def refusal(body: bytes) -> WireRefusal:
    """Empty where the body is none that Xero would write."""
    try:
        return _refusal(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return WireRefusal()


def named(raw: msgspec.Raw, name: str) -> str:
    """One text field of a record that could not be read as a whole; empty when not even that can be."""
    try:
        found: Any = msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return ""
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""
