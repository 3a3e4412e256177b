"""Small valid things, of which a test names only what matters to it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from accounting_link.contracts.event import Scope
from accounting_link.contracts.records import (
    Allocation,
    CreditNoteImported,
    CustomerImported,
    InvoiceImported,
    InvoiceLine,
    OverpaymentImported,
    PaymentImported,
    Person,
    PrepaymentImported,
    SupplierImported,
)
from accounting_link.contracts.requests import StreamRequest, SyncRequested, SyncSettings
from accounting_link.contracts.words import Kind, Stream, Suppliers, SyncKind

SCOPE = Scope(account_id="legrand", connection_id="kiwi", sync_id="sync-1", correlation_id="reference-1")
JULY = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


def a_request(tenant_id: str = "t", **more: Any) -> SyncRequested:
    """Of everything, unless ``streams`` says otherwise."""
    given: dict[str, Any] = {
        "authorisation": 1,
        "kind": SyncKind.FULL,
        "streams": tuple(StreamRequest(stream=stream) for stream in Stream),
        "settings": SyncSettings(),
        "requested_by": "ada",
        "requested_at": JULY,
        **more,
    }
    return SyncRequested(tenant_id=tenant_id, **given)


def a_customer(xero_id: str = "contact-1", **more: Any) -> CustomerImported:
    given: dict[str, Any] = {
        "name": f"Company {xero_id}",
        "status": "ACTIVE",
        "main_person": Person(first_name="Ada", last_name="Lovelace", email="ada@example.com"),
        "is_customer": True,
        "updated_at": JULY,
        **more,
    }
    return CustomerImported(xero_id=xero_id, **given)


def a_supplier(xero_id: str = "supplier-1", **more: Any) -> SupplierImported:
    given: dict[str, Any] = {
        "name": f"Supplier {xero_id}",
        "status": "ACTIVE",
        "main_person": Person(first_name="Bob", last_name="Builder"),
        "is_supplier": True,
        "setting": Suppliers.NONE,
        "selected": False,
        "updated_at": JULY,
        **more,
    }
    return SupplierImported(xero_id=xero_id, **given)


def an_invoice(
    xero_id: str = "invoice-1", total: str = "115.00", due: str | None = None, **more: Any
) -> InvoiceImported:
    whole = Decimal(total)
    owed = Decimal(due) if due is not None else whole
    given: dict[str, Any] = {
        "number": f"INV-{xero_id}",
        "contact_id": "contact-1",
        "status": "AUTHORISED",
        "currency": "NZD",
        "subtotal": whole,
        "total_tax": Decimal(0),
        "total": whole,
        "due": owed,
        "paid": whole - owed,
        "credited": Decimal(0),
        "lines": (InvoiceLine(description="Hats", quantity=Decimal(1), unit_amount=whole, amount=whole),),
        "updated_at": JULY,
        **more,
    }
    return InvoiceImported(xero_id=xero_id, **given)


def a_credit_note(xero_id: str = "credit-1", total: str = "10.00", **more: Any) -> CreditNoteImported:
    return CreditNoteImported(xero_id=xero_id, **_credit(f"CN-{xero_id}", total, more))


def an_overpayment(xero_id: str = "over-1", total: str = "10.00", **more: Any) -> OverpaymentImported:
    return OverpaymentImported(xero_id=xero_id, **_credit("", total, more))


def a_prepayment(xero_id: str = "pre-1", total: str = "10.00", **more: Any) -> PrepaymentImported:
    return PrepaymentImported(xero_id=xero_id, **_credit("", total, more))


def an_allocation(invoice_id: str = "invoice-1", amount: str = "4.00", **more: Any) -> Allocation:
    given: dict[str, Any] = {"id": f"to {invoice_id}", "invoice_number": f"INV-{invoice_id}", **more}
    return Allocation(invoice_id=invoice_id, amount=Decimal(amount), **given)


def _credit(number: str, total: str, more: dict[str, Any]) -> dict[str, Any]:
    """What is allocated of it is no longer left."""
    used = sum((one.amount for one in more.get("allocations", ())), Decimal(0))
    return {
        "number": number,
        "contact_id": "contact-1",
        "status": "AUTHORISED",
        "currency": "NZD",
        "subtotal": Decimal(total),
        "total_tax": Decimal(0),
        "total": Decimal(total),
        "remaining": Decimal(total) - used,
        "updated_at": JULY,
        **more,
    }


def a_payment(xero_id: str = "payment-1", total: str = "15.00", **more: Any) -> PaymentImported:
    given: dict[str, Any] = {
        "number": "INV-invoice-1",
        "contact_id": "contact-1",
        "status": "AUTHORISED",
        "currency": "NZD",
        "total": Decimal(total),
        "payment_type": "ACCRECPAYMENT",
        "pays_kind": Kind.INVOICE,
        "pays_id": "invoice-1",
        "updated_at": JULY,
        **more,
    }
    return PaymentImported(xero_id=xero_id, **given)
