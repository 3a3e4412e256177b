"""Records as Xero holds them. Each class here is the only definition of its event.

Sent once for each record in a sync's scope, changed or not: who keeps records decides what is news. The
copy's reading (``ce_reading``) travels in a header: of two copies with the same ``updated_at``, the higher
reading was asked for later.
"""

from datetime import date as Day
from decimal import Decimal
from typing import ClassVar

from accounting_link.contracts.event import TYPE_PREFIX, Event, Part, Scope, Time
from accounting_link.contracts.topics import RECORDS, Topic
from accounting_link.contracts.words import Kind, Suppliers

# Raised when the same record would be made into something else in the CRM: every mark is then void, so the next sync
# reads everything once more, and every digest is another, so what stands is written again.
MAPPING = 1


class RecordEvent(Event, frozen=True, kw_only=True):
    TOPIC: ClassVar[Topic] = RECORDS
    KIND: ClassVar[Kind | None] = None

    xero_id: str

    def key(self, scope: Scope) -> str:
        return f"{scope.connection_id}/{self.xero_id}"

    def record_kind(self) -> Kind:
        if self.KIND is None:
            raise LookupError(f"{type(self).__name__} says no kind")
        return self.KIND

    def subject(self) -> str:
        return f"{self.record_kind()}/{self.xero_id}"


class VersionedRecord(RecordEvent, frozen=True, kw_only=True):
    """``updated_at`` is Xero's UpdatedDateUTC, the version of this copy."""

    updated_at: Time

    def version(self) -> str:
        return self.updated_at.isoformat()


class Person(Part, frozen=True, kw_only=True):
    """One of Xero's ContactPersons, or the contact's main person. Xero gives them no id."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""


class Address(Part, frozen=True, kw_only=True):
    type: str  # POBOX, STREET, DELIVERY
    lines: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    attention_to: str = ""


class Phone(Part, frozen=True, kw_only=True):
    type: str  # DEFAULT, DDI, MOBILE, FAX
    number: str = ""
    area_code: str = ""
    country_code: str = ""


class ContactImported(VersionedRecord, frozen=True, kw_only=True):
    """What CustomerImported and SupplierImported have in common: one Xero contact."""

    KIND: ClassVar[Kind | None] = Kind.CONTACT

    name: str  # may be empty: a contact without one is left out, by crm-writer
    status: str  # ACTIVE, ARCHIVED, GDPRREQUEST
    main_person: Person
    persons: tuple[Person, ...] = ()
    email: str = ""
    addresses: tuple[Address, ...] = ()
    phones: tuple[Phone, ...] = ()
    contact_number: str = ""
    account_number: str = ""
    tax_number: str = ""
    website: str = ""
    default_currency: str = ""
    is_customer: bool = False
    is_supplier: bool = False
    merged_to: str | None = None  # MergedToContactID


class CustomerImported(ContactImported, frozen=True, kw_only=True):
    """A contact that is a customer, or neither customer nor supplier; one that is both is told here."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.CustomerImported.v1"


class SupplierImported(ContactImported, frozen=True, kw_only=True):
    """A contact that is only a supplier, with the suppliers setting of the sync that read it."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.SupplierImported.v1"

    setting: Suppliers
    selected: bool


class SaleImported(VersionedRecord, frozen=True, kw_only=True):
    """What all sales transactions have in common. Amounts in the transaction's own currency; purchases (bills, and
    what is paid for them or credited on them) are never told."""

    number: str
    reference: str = ""
    contact_id: str
    status: str  # DRAFT, SUBMITTED, AUTHORISED, PAID, VOIDED, DELETED; not every kind has each
    currency: str  # ISO 4217
    currency_rate: Decimal | None = None
    date: Day | None = None  # in the organisation's own day
    total: Decimal  # including tax


class InvoiceLine(Part, frozen=True, kw_only=True):
    """A line of any sale."""

    description: str = ""
    item_code: str = ""
    account_code: str = ""
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    discount_rate: Decimal | None = None  # per cent
    tax_type: str = ""
    tax_amount: Decimal | None = None
    amount: Decimal | None = None  # LineAmount, in the transaction's currency


class InvoiceImported(SaleImported, frozen=True, kw_only=True):
    """A sales invoice (Xero's ACCREC) as it stood at ``updated_at``."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.InvoiceImported.v1"
    KIND: ClassVar[Kind | None] = Kind.INVOICE

    line_amount_types: str = ""  # Exclusive, Inclusive, NoTax
    due_date: Day | None = None
    fully_paid_on: Day | None = None
    subtotal: Decimal
    total_tax: Decimal
    due: Decimal  # AmountDue
    paid: Decimal  # AmountPaid
    credited: Decimal  # AmountCredited
    lines: tuple[InvoiceLine, ...] = ()


class Allocation(Part, frozen=True, kw_only=True):
    """So much of a credit is put against an invoice. Xero removes one that is undone."""

    id: str = ""  # AllocationID; empty where Xero does not say
    invoice_id: str
    invoice_number: str = ""
    amount: Decimal  # in the credit's currency
    date: Day | None = None


class CreditImported(SaleImported, frozen=True, kw_only=True):
    """What CreditNoteImported, OverpaymentImported and PrepaymentImported have in common: money that a customer has
    to their credit. Refunds of it come as PaymentImported."""

    line_amount_types: str = ""
    subtotal: Decimal
    total_tax: Decimal
    remaining: Decimal  # RemainingCredit: neither allocated nor paid back
    allocations: tuple[Allocation, ...] = ()
    lines: tuple[InvoiceLine, ...] = ()


class CreditNoteImported(CreditImported, frozen=True, kw_only=True):
    """A credit note for a customer (Xero's ACCRECCREDIT) as it stood at ``updated_at``."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.CreditNoteImported.v1"
    KIND: ClassVar[Kind | None] = Kind.CREDIT_NOTE

    fully_paid_on: Day | None = None


class OverpaymentImported(CreditImported, frozen=True, kw_only=True):
    """A customer paid more than was owed (Xero's RECEIVE-OVERPAYMENT); it has no number of its own."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.OverpaymentImported.v1"
    KIND: ClassVar[Kind | None] = Kind.OVERPAYMENT


class PrepaymentImported(CreditImported, frozen=True, kw_only=True):
    """A customer paid ahead, such as a deposit (Xero's RECEIVE-PREPAYMENT)."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.PrepaymentImported.v1"
    KIND: ClassVar[Kind | None] = Kind.PREPAYMENT


class PaymentImported(SaleImported, frozen=True, kw_only=True):
    """Money that a customer paid for an invoice, or that was paid back of a credit (a refund: ``pays_kind`` is not
    invoice). ``number`` and ``currency`` are those of what it pays, for a payment has none of its own; ``total`` is
    Xero's Amount, in that currency. Status AUTHORISED, or DELETED once it was taken back."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.PaymentImported.v1"
    KIND: ClassVar[Kind | None] = Kind.PAYMENT

    payment_type: str  # ACCRECPAYMENT, ARCREDITPAYMENT, AROVERPAYMENTPAYMENT, ARPREPAYMENTPAYMENT
    pays_kind: Kind
    pays_id: str
    bank_amount: Decimal | None = None  # in the bank account's currency
    is_reconciled: bool = False


class RecordUnreadable(RecordEvent, frozen=True, kw_only=True):
    """Xero gave a record that could not be understood, or that is too large to carry, or did not give one that was
    asked for by its id. It becomes one failed outcome with this reason; what there was is kept as a dead letter."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.RecordUnreadable.v1"

    kind: Kind
    reason: str
    updated_at: Time | None = None  # None where even that could not be read

    def record_kind(self) -> Kind:
        return self.kind

    def version(self) -> str:
        return f"{self.updated_at.isoformat() if self.updated_at else ''} {self.reason}"
