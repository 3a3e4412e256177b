"""What a person does in Xero to a contact or an invoice, with Xero's refusals. Pure: documents in, documents out."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any

from xero_simulator.organisation import Organisation
from xero_simulator.seed import new_id, paid
from xero_simulator.totals import cents, complete
from xero_simulator.wire import Doc, day_fields, from_ms, stamp

_ZERO = Decimal("0.00")


class RefusedError(Exception):
    """A change that Xero would not make; the message is for people."""


def change(org: Organisation, wanted: Mapping[str, Any], now_ms: int, random: Random) -> tuple[str, Doc]:
    """One change as (kind, the whole document as it then is). Raises RefusedError and changes nothing itself.

    ``wanted``: kind (contact or invoice), op (set, touch, create; contact: archive, restore, merge, gdpr; invoice:
    pay, void), id, set (fields in Xero's names), amount, into. The README shows each.
    """
    kind, op = wanted.get("kind"), wanted.get("op") or "set"
    does = _DOES.get((str(kind), str(op)))
    if does is None:
        raise RefusedError(f"there is no change {op!r} of a {kind!r}")
    doc = {} if op == "create" else _held(org, str(kind), str(wanted.get("id")))
    return str(kind), stamp(does(org, doc, wanted, now_ms, random), now_ms)


def _held(org: Organisation, kind: str, key: str) -> Doc:
    try:
        return org.contact_doc(key) if kind == "contact" else org.invoice_doc(key)
    except KeyError:
        raise RefusedError(f"there is no {kind} {key!r}") from None


def _touch(org: Organisation, doc: Doc, wanted: Mapping[str, Any], now_ms: int, random: Random) -> Doc:
    return doc


def _set_contact(org: Organisation, doc: Doc, wanted: Mapping[str, Any], now_ms: int, random: Random) -> Doc:
    new = {name: value for name, value in {**doc, **wanted.get("set", {})}.items() if value is not None}
    _check_name(org, doc["ContactID"], new.get("Name"))
    return {**new, "ContactID": doc["ContactID"]}


def _check_name(org: Organisation, own_id: str, name: str | None) -> None:
    """Names are unique among active contacts and at most 255 long (spec, Contact.Name)."""
    folded = (name or "").strip().casefold()
    if len(name or "") > 255:
        raise RefusedError("The Contact Name must not be longer than 255 characters.")
    for other in org.contacts.records.values() if folded else ():
        if other.id != own_id and other.status == "ACTIVE" and (other.name or "").strip().casefold() == folded:
            raise RefusedError("The contact name must be unique across all active contacts.")


def _create_contact(org: Organisation, doc: Doc, wanted: Mapping[str, Any], now_ms: int, random: Random) -> Doc:
    new = {
        "ContactID": new_id(random),
        "ContactStatus": "ACTIVE",
        "Addresses": [],
        "Phones": [],
        "ContactGroups": [],
        "IsSupplier": False,
        "IsCustomer": False,
        "HasAttachments": False,
        "HasValidationErrors": False,
        "ContactPersons": [],
        **wanted.get("set", {}),
    }
    _check_name(org, new["ContactID"], new.get("Name"))
    return new


def _status(status: str) -> Any:
    def does(org: Organisation, doc: Doc, wanted: Mapping[str, Any], now_ms: int, random: Random) -> Doc:
        if status == "ACTIVE":
            _check_name(org, doc["ContactID"], doc.get("Name"))
        return {**doc, "ContactStatus": status}

    return does


def _merge(org: Organisation, doc: Doc, wanted: Mapping[str, Any], now_ms: int, random: Random) -> Doc:
    """Archived, naming the survivor. Its invoices move too: the simulator does that, for it changes many records."""
    into = _held(org, "contact", str(wanted.get("into")))
    if into["ContactID"] == doc["ContactID"]:
        raise RefusedError("a contact cannot be merged into itself")
    return {**doc, "ContactStatus": "ARCHIVED", "MergedToContactID": into["ContactID"]}


def _set_invoice(org: Organisation, doc: Doc, wanted: Mapping[str, Any], now_ms: int, random: Random) -> Doc:
    """Plain fields as given; Date and DueDate as yyyy-mm-dd; lines with new sums."""
    fields = dict(wanted.get("set", {}))
    for name in ("Date", "DueDate"):
        if name in fields:
            fields |= day_fields(name, date.fromisoformat(fields[name]))
    if "Contact" in fields:
        _held(org, "contact", fields["Contact"]["ContactID"])
    if "LineItems" in fields:
        fields["LineItems"] = [{"LineItemID": new_id(random), "Tracking": [], **line} for line in fields["LineItems"]]
    new = {**doc, **fields, "InvoiceID": doc["InvoiceID"]}
    return complete(new) if fields.keys() & {"LineItems", "LineAmountTypes", "Status"} else new


def _create_invoice(org: Organisation, doc: Doc, wanted: Mapping[str, Any], now_ms: int, random: Random) -> Doc:
    today = from_ms(now_ms).date()
    blank: Doc = {
        "Type": "ACCREC",
        "InvoiceID": new_id(random),
        "Reference": "",
        "Status": "AUTHORISED",
        "InvoiceNumber": f"INV-{len(org.invoices.records) + 1:04d}-{random.randrange(999):03d}",
        "Payments": [],
        "CreditNotes": [],
        "Prepayments": [],
        "Overpayments": [],
        "AmountPaid": _ZERO,
        "AmountCredited": _ZERO,
        "CurrencyRate": Decimal("1.0000000000"),
        "IsDiscounted": False,
        "HasAttachments": False,
        "HasErrors": False,
        **day_fields("Date", today),
        **day_fields("DueDate", today),
        "LineAmountTypes": "Exclusive",
        "CurrencyCode": org.profile["BaseCurrency"],
        "LineItems": [],
    }
    if not (wanted.get("set", {}).get("Contact") and wanted["set"].get("LineItems")):
        raise RefusedError("a new invoice needs Contact and LineItems")
    return _set_invoice(org, blank, wanted, now_ms, random)


def _pay(org: Organisation, doc: Doc, wanted: Mapping[str, Any], now_ms: int, random: Random) -> Doc:
    """A payment of ``amount``, or of all that is due."""
    try:
        amount = cents(Decimal(str(wanted.get("amount") or doc["AmountDue"])))
    except InvalidOperation:
        raise RefusedError("the amount is not a number") from None
    if doc["Status"] != "AUTHORISED":
        raise RefusedError("Payments can only be made against Authorised documents")
    if not 0 < amount <= doc["AmountDue"]:
        raise RefusedError("Payment amount exceeds the amount outstanding on this document")
    return paid(doc, amount, from_ms(now_ms).date(), new_id(random))


def _void(org: Organisation, doc: Doc, wanted: Mapping[str, Any], now_ms: int, random: Random) -> Doc:
    """A draft becomes DELETED, an authorised invoice without payments VOIDED."""
    if doc["Status"] not in ("DRAFT", "SUBMITTED", "AUTHORISED") or doc["Payments"]:
        raise RefusedError("Invoice not of valid status for modification: it is paid, part paid or gone already")
    return complete({**doc, "Status": "VOIDED" if doc["Status"] == "AUTHORISED" else "DELETED"})


_DOES = {
    ("contact", "set"): _set_contact,
    ("contact", "touch"): _touch,
    ("contact", "create"): _create_contact,
    ("contact", "archive"): _status("ARCHIVED"),
    ("contact", "restore"): _status("ACTIVE"),
    ("contact", "gdpr"): _status("GDPRREQUEST"),
    ("contact", "merge"): _merge,
    ("invoice", "set"): _set_invoice,
    ("invoice", "touch"): _touch,
    ("invoice", "create"): _create_invoice,
    ("invoice", "pay"): _pay,
    ("invoice", "void"): _void,
}
