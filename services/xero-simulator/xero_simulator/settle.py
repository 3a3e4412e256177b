"""How documents are settled: payments, refunds and credit that is applied. Pure: documents in, documents out."""

from datetime import date
from decimal import Decimal

from xero_simulator.kinds import CREDITS, KINDS, payment_type
from xero_simulator.totals import ZERO, complete, left
from xero_simulator.wire import Doc, day_fields

# The bank account that all money goes through.
BANK = {"AccountID": "13918178-849a-4823-9a31-57b7eac713d7", "Code": "090"}
_LISTS = {"creditnote": "CreditNotes", "overpayment": "Overpayments", "prepayment": "Prepayments"}
_TYPES = {"creditnote": ("ACCRECCREDIT", "ACCPAYCREDIT")} | {
    kind: (f"RECEIVE-{kind.upper()}", f"SPEND-{kind.upper()}") for kind in CREDITS[1:]
}


def credit(kind: str, invoice: Doc, key: str, number: str, day: date, lines: list[Doc], reference: str = "") -> Doc:
    """New credit of the invoice's contact, in its currency and on its side; nothing of it is used yet."""
    name = {"creditnote": "CreditNoteNumber", "prepayment": "InvoiceNumber"}.get(kind)
    doc: Doc = {
        KINDS[kind].id: key,
        "ID": key,
        **({name: number} if name else {}),
        "Type": _TYPES[kind][invoice["Type"] == "ACCPAY"],
        "Reference": number if kind == "prepayment" else reference,
        "Payments": [],
        "Allocations": [],
        "CurrencyRate": invoice["CurrencyRate"],
        "HasAttachments": False,
        "Contact": {"ContactID": invoice["Contact"]["ContactID"]},
        **day_fields("Date", day),
        "Status": "AUTHORISED",
        "LineAmountTypes": "NoTax" if kind == "overpayment" else "Inclusive",
        "CurrencyCode": invoice["CurrencyCode"],
        "LineItems": lines,
    }
    return complete(doc)


def payment(kind: str, document: Doc, amount: Decimal, day: date, key: str, reference: str = "") -> Doc:
    """Money for a document: in for a sale or as a refund of a bill's credit, out for the others."""
    return {
        "PaymentID": key,
        "Date": day_fields("Date", day)["Date"],
        "BankAmount": amount,
        "Amount": amount,
        "Reference": reference,
        "CurrencyRate": document["CurrencyRate"],
        "PaymentType": payment_type(kind, document["Type"]),
        "Status": "AUTHORISED",
        "HasAccount": True,
        "IsReconciled": False,
        "Account": BANK,
        "HasValidationErrors": False,
        "Invoice": {"InvoiceID": document[KINDS[kind].id], "CurrencyCode": document["CurrencyCode"]},
    }


def paid(document: Doc, made: Doc) -> Doc:
    """The document after a payment or, where it is credit, a refund."""
    shown = {name: made[name] for name in ("PaymentID", "Date", "Amount", "Reference", "CurrencyRate")}
    shown |= {"HasAccount": False, "HasValidationErrors": False}
    after = {**document, "Payments": [*document["Payments"], shown]}
    if "AmountPaid" in after:
        after["AmountPaid"] += made["Amount"]
    return _finished(left(after), made["Date"])


def unpaid(document: Doc, made: Doc) -> Doc:
    """The document after one of its payments was deleted; an unknown payment changes nothing."""
    kept = [each for each in document["Payments"] if each["PaymentID"] != made["PaymentID"]]
    after = {**document, "Payments": kept}
    after.pop("FullyPaidOnDate", None)
    if "AmountPaid" in after:
        after["AmountPaid"] = sum((each["Amount"] for each in kept), ZERO)
    return left(after)


def allocated(kind: str, held: Doc, invoice: Doc, amount: Decimal, day: date, key: str) -> tuple[Doc, Doc]:
    """Credit and invoice after so much of the one was applied to the other."""
    when = day_fields("Date", day)["Date"]
    use = {"AllocationID": key, "Amount": amount, "Date": when, "Invoice": _shown_invoice(invoice)}
    after = _finished(left({**held, "Allocations": [*held["Allocations"], use]}), when, kind == "creditnote")
    id_field = KINDS[kind].id
    shown = {id_field: held[id_field], "ID": held[id_field], "AppliedAmount": amount, "Total": held["Total"]}
    shown |= {"DateString": held["DateString"], "Date": held["Date"], "LineItems": []}
    if kind == "creditnote":
        shown |= {"CreditNoteNumber": held["CreditNoteNumber"], "HasErrors": False}
    name = _LISTS[kind]
    credited = {**invoice, name: [*invoice[name], shown], "AmountCredited": invoice["AmountCredited"] + amount}
    return after, _finished(left(credited), when)


def _shown_invoice(invoice: Doc) -> Doc:
    """An invoice as an allocation shows it."""
    empty: Doc = {name: [] for name in ("Payments", "CreditNotes", "Prepayments", "Overpayments")}
    named = {"InvoiceID": invoice["InvoiceID"], "InvoiceNumber": invoice.get("InvoiceNumber", "")}
    return {**named, **empty, "HasErrors": False, "IsDiscounted": False, "LineItems": []}


def _finished(document: Doc, when: str, dated: bool = True) -> Doc:
    """FullyPaidOnDate, which invoices and credit notes have (spec)."""
    dated = dated and ("AmountPaid" in document or "CreditNoteID" in document)
    return {**document, "FullyPaidOnDate": when} if dated and document["Status"] == "PAID" else document
