"""Xero's sales transactions → events. Each function raises ValueError or a msgspec error for what it cannot read, and
gives None for a purchase: which of the two a record is never changes."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from accounting_link.contracts.records import (
    Allocation,
    CreditNoteImported,
    InvoiceImported,
    InvoiceLine,
    OverpaymentImported,
    PaymentImported,
    PrepaymentImported,
)
from accounting_link.contracts.words import Kind
from xero_adapter.xero import dates
from xero_adapter.xero.wire import (
    WireCredit,
    WireCreditNote,
    WireInvoice,
    WireLine,
    WireOverpayment,
    WirePaidFor,
    WirePayment,
    WirePrepayment,
)

_NOTHING = Decimal(0)
# In both words that Xero's document has for each (Overpayment.Type, Prepayment.Type).
_OVERPAID = ("RECEIVE-OVERPAYMENT", "AROVERPAYMENT")
_PREPAID = ("RECEIVE-PREPAYMENT", "ARPREPAYMENT")
_PAYS = {
    "ACCRECPAYMENT": Kind.INVOICE,
    "ARCREDITPAYMENT": Kind.CREDIT_NOTE,
    "AROVERPAYMENTPAYMENT": Kind.OVERPAYMENT,
    "ARPREPAYMENTPAYMENT": Kind.PREPAYMENT,
}

_invoice = msgspec.json.Decoder(WireInvoice).decode
_credit_note = msgspec.json.Decoder(WireCreditNote).decode
_overpayment = msgspec.json.Decoder(WireOverpayment).decode
_prepayment = msgspec.json.Decoder(WirePrepayment).decode
_payment = msgspec.json.Decoder(WirePayment).decode


def invoice(raw: msgspec.Raw) -> InvoiceImported | None:
    wire = _invoice(raw)
    if wire.type != "ACCREC":
        return None
    return InvoiceImported(
        xero_id=wire.invoice_id,
        updated_at=dates.instant(wire.updated),
        number=wire.invoice_number or "",
        reference=wire.reference or "",
        contact_id=wire.contact.contact_id,
        status=wire.status,
        currency=wire.currency_code or "",
        currency_rate=wire.currency_rate,
        line_amount_types=wire.line_amount_types or "",
        date=dates.day(wire.date_string, wire.date),
        due_date=dates.day(wire.due_date_string, wire.due_date),
        fully_paid_on=dates.day(None, wire.fully_paid_on_date),
        subtotal=wire.sub_total or _NOTHING,
        total_tax=wire.total_tax or _NOTHING,
        total=wire.total,
        due=wire.amount_due or _NOTHING,
        paid=wire.amount_paid or _NOTHING,
        credited=wire.amount_credited or _NOTHING,
        lines=_lines(wire.line_items),
    )


def credit_note(raw: msgspec.Raw) -> CreditNoteImported | None:
    wire = _credit_note(raw)
    if wire.type != "ACCRECCREDIT":
        return None
    paid_on = dates.day(None, wire.fully_paid_on_date)
    return CreditNoteImported(xero_id=wire.id, number=wire.number or "", fully_paid_on=paid_on, **_credit(wire))


def overpayment(raw: msgspec.Raw) -> OverpaymentImported | None:
    wire = _overpayment(raw)
    return OverpaymentImported(xero_id=wire.id, number="", **_credit(wire)) if wire.type in _OVERPAID else None


def prepayment(raw: msgspec.Raw) -> PrepaymentImported | None:
    wire = _prepayment(raw)
    if wire.type not in _PREPAID:
        return None
    return PrepaymentImported(xero_id=wire.id, number=wire.number or "", **_credit(wire))


def payment(raw: msgspec.Raw) -> PaymentImported | None:
    wire = _payment(raw)
    kind = _PAYS.get(wire.payment_type)
    if kind is None:
        return None
    paid = _paid_for(wire, kind)
    return PaymentImported(
        xero_id=wire.payment_id,
        updated_at=dates.instant(wire.updated),
        number=paid.invoice_number or paid.credit_note_number or "",
        reference=wire.reference or "",
        contact_id=paid.contact.contact_id if paid.contact else "",
        status=wire.status,
        currency=paid.currency_code or "",
        currency_rate=wire.currency_rate,
        date=dates.day(None, wire.date),
        total=wire.amount,
        payment_type=wire.payment_type,
        pays_kind=kind,
        pays_id=_paid_id(paid, kind),
        bank_amount=wire.bank_amount,
        is_reconciled=bool(wire.is_reconciled),
    )


def _paid_for(wire: WirePayment, kind: Kind) -> WirePaidFor:
    named: WirePaidFor | None = getattr(wire, kind)
    paid = named or wire.invoice
    if paid is None:
        raise ValueError(f"a payment of type {wire.payment_type} that does not say what it pays")
    return paid


def _paid_id(paid: WirePaidFor, kind: Kind) -> str:
    found: str | None = getattr(paid, f"{kind}_id") or paid.invoice_id
    if not found:
        raise ValueError(f"a payment that does not say which {kind.replace('_', ' ')} it pays")
    return found


def _credit(wire: WireCredit) -> dict[str, Any]:
    return {
        "updated_at": dates.instant(wire.updated),
        "reference": wire.reference or "",
        "contact_id": wire.contact.contact_id,
        "status": wire.status,
        "currency": wire.currency_code or "",
        "currency_rate": wire.currency_rate,
        "date": dates.day(wire.date_string, wire.date),
        "line_amount_types": wire.line_amount_types or "",
        "subtotal": wire.sub_total or _NOTHING,
        "total_tax": wire.total_tax or _NOTHING,
        "total": wire.total,
        "remaining": _remaining(wire),
        "allocations": _allocations(wire),
        "lines": _lines(wire.line_items),
    }


def _remaining(wire: WireCredit) -> Decimal:
    """RemainingCredit; where Xero leaves it away, what its own parts leave."""
    if wire.remaining_credit is not None:
        return wire.remaining_credit
    used = sum((one.amount for one in _allocations(wire)), _NOTHING)
    return wire.total - used - sum((one.amount for one in wire.payments or ()), _NOTHING)


def _allocations(wire: WireCredit) -> tuple[Allocation, ...]:
    return tuple(
        Allocation(
            id=one.allocation_id or "",
            invoice_id=one.invoice.invoice_id,
            invoice_number=one.invoice.invoice_number or "",
            amount=one.amount,
            date=dates.day(None, one.date),
        )
        for one in wire.allocations or ()
        if not one.is_deleted
    )


def _lines(wire: Iterable[WireLine] | None) -> tuple[InvoiceLine, ...]:
    return tuple(
        InvoiceLine(
            description=line.description or "",
            item_code=line.item_code or "",
            account_code=line.account_code or "",
            quantity=line.quantity,
            unit_amount=line.unit_amount,
            discount_rate=line.discount_rate,
            tax_type=line.tax_type or "",
            tax_amount=line.tax_amount,
            amount=line.line_amount,
        )
        for line in wire or ()
    )
