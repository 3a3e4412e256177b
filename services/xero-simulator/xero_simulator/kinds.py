"""The kinds of record that an organisation holds, each with what it is called, kept by and read by."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from xero_simulator.wire import Doc, ms_in

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
NO_DAY = -1


@dataclass(frozen=True, slots=True)
class Column:
    """What is kept of every record beside its JSON, for filters, orders and sums.

    ``field`` is Xero's name in a where or an order. ``type`` is String, Boolean, DateTime (held as a day's ordinal,
    NO_DAY for none), Decimal (held as whole cents), or Guid (held as the number of the record that is meant).
    """

    name: str
    field: str
    type: str = "String"

    def value(self, doc: Doc) -> Any:
        """As it is held; a Guid as it stands in the document."""
        parent, _, name = self.field.rpartition(".")
        found: Any = (doc.get(parent) or {} if parent else doc).get(name)
        if self.type == "DateTime":
            return ms_in(found) // _DAY_MS + _EPOCH_DAY if found else NO_DAY
        return int(found * 100) if self.type == "Decimal" else found


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. ``tail`` is the field that begins what Xero gives only with paging or by id (spec, Invoices page).

    ``id`` and ``number`` are fields; ``columns[0]`` is the type that the kind falls into, or its status.
    """

    name: str
    resource: str
    id: str
    tail: str
    columns: tuple[Column, ...]
    scopes: frozenset[str]
    parts: frozenset[str] = frozenset({"LineItems"})

    @property
    def fields(self) -> dict[str, Column]:
        return {column.field: column for column in self.columns}


def _columns(text: str) -> tuple[Column, ...]:
    """Words of ``name:field`` or ``name:field:type``."""
    return tuple(Column(*word.split(":")) for word in text.split())


_CREDIT = "type:Type status:Status contact:Contact.ContactID:Guid number:{} reference:Reference currency:CurrencyCode"
_CREDIT += " date:Date:DateTime total:Total:Decimal due:RemainingCredit:Decimal"
_INVOICE = "type:Type status:Status contact:Contact.ContactID:Guid number:InvoiceNumber reference:Reference"
_INVOICE += " currency:CurrencyCode date:Date:DateTime due_date:DueDate:DateTime total:Total:Decimal"
_INVOICE += " due:AmountDue:Decimal paid:AmountPaid:Decimal credited:AmountCredited:Decimal"
_PAYMENT = "type:PaymentType status:Status parent:Invoice.InvoiceID:Guid reference:Reference date:Date:DateTime"
_PAYMENT += " total:Amount:Decimal"
_CONTACT = "status:ContactStatus name:Name first_name:FirstName last_name:LastName email:EmailAddress"
_CONTACT += " number:ContactNumber account_number:AccountNumber is_customer:IsCustomer:Boolean"
_CONTACT += " is_supplier:IsSupplier:Boolean"
# spec, Contacts: given only with paging or by id; MergedToContactID likewise
_CONTACT_PARTS = frozenset({"ContactPersons", "MergedToContactID", "PaymentTerms", "Website", "HasAttachments"})
_CONTACTS = frozenset({"accounting.contacts"})
_SALES = frozenset({"accounting.transactions", "accounting.invoices"})
_PAYMENTS = frozenset({"accounting.transactions", "accounting.payments"})


def _credit(name: str, id_field: str, number: str, scopes: frozenset[str]) -> Kind:
    """Money that a contact has to its credit: credit notes, overpayments and prepayments are alike in all but name."""
    columns = _columns(_CREDIT.format(number))
    return Kind(name, id_field.removesuffix("ID") + "s", id_field, "LineItems", columns, scopes)


_ALL = (
    Kind("contact", "Contacts", "ContactID", "ContactPersons", _columns(_CONTACT), _CONTACTS, _CONTACT_PARTS),
    Kind("invoice", "Invoices", "InvoiceID", "LineItems", _columns(_INVOICE), _SALES),
    _credit("creditnote", "CreditNoteID", "CreditNoteNumber", _SALES),
    _credit("overpayment", "OverpaymentID", "InvoiceNumber", _PAYMENTS),
    _credit("prepayment", "PrepaymentID", "InvoiceNumber", _PAYMENTS),
    Kind("payment", "Payments", "PaymentID", "", _columns(_PAYMENT), _PAYMENTS, frozenset()),
)
KINDS = {kind.name: kind for kind in _ALL}
BY_RESOURCE = {kind.resource: kind for kind in KINDS.values()}
# Whatever a payment can be for. Its place here and the number of the record make the payment's ``parent``.
PAYABLE = ("invoice", "creditnote", "overpayment", "prepayment")
CREDITS = PAYABLE[1:]


def paid_kind(payment_type: str) -> str:
    """The kind that a payment of this PaymentType is for."""
    endings = {"CREDITPAYMENT": "creditnote", "OVERPAYMENTPAYMENT": "overpayment", "PREPAYMENTPAYMENT": "prepayment"}
    return next((kind for ending, kind in endings.items() if payment_type.endswith(ending)), "invoice")


def payment_type(kind: str, document_type: str) -> str:
    """What Xero calls a payment for a document of this type (spec, Payment.PaymentType)."""
    incoming = document_type in ("ACCREC", "ACCRECCREDIT") or document_type.startswith("RECEIVE")
    if kind == "invoice":
        return "ACCRECPAYMENT" if incoming else "ACCPAYPAYMENT"
    word = {"creditnote": "CREDIT"}.get(kind, kind.upper())
    return f"{'AR' if incoming else 'AP'}{word}PAYMENT"
