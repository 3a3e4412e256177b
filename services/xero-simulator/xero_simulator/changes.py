"""What a person does in Xero to a record, with Xero's refusals. Pure: documents in, documents out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any

from xero_simulator import settle
from xero_simulator.kinds import CREDITS, KINDS, paid_kind
from xero_simulator.organisation import Organisation
from xero_simulator.seed import NEW_INVOICE, ONE, new_id
from xero_simulator.totals import cents, complete, left
from xero_simulator.wire import Doc, day_fields, from_ms

Made = list[tuple[str, Doc]]  # whole documents as they then are, with their kinds; the first is the one asked about

NEW_CONTACT: Doc = {
    "ContactStatus": "ACTIVE",
    **dict.fromkeys(("EmailAddress", "BankAccountDetails"), ""),
    **{name: [] for name in ("Addresses", "Phones", "ContactGroups")},
    **dict.fromkeys(("IsSupplier", "IsCustomer", "HasAttachments", "HasValidationErrors"), False),
    "ContactPersons": [],
}


class RefusedError(Exception):
    """A change that Xero would not make; the message is for people."""


@dataclass(frozen=True, slots=True)
class Act:
    """One change that is asked for. ``doc`` is the record as it stands, empty for one that is to be created."""

    org: Organisation
    kind: str
    doc: Doc
    wanted: Mapping[str, Any]
    day: date
    random: Random

    @property
    def fields(self) -> Doc:
        return dict(self.wanted.get("set") or {})

    def amount(self, most: Decimal) -> Decimal:
        """The amount asked for, else all of ``most``, which it must not exceed."""
        try:
            amount = cents(Decimal(str(self.wanted.get("amount") or most)))
        except InvalidOperation:
            raise RefusedError("the amount is not a number") from None
        if not 0 < amount <= most:
            raise RefusedError("Payment amount exceeds the amount outstanding on this document")
        return amount

    def other(self, kind: str, key: object) -> Doc:
        try:
            return self.org.doc(kind, str(key))
        except KeyError:
            raise RefusedError(f"there is no {kind} {str(key)!r}") from None

    def new_id(self) -> str:
        return new_id(self.random)


def change(org: Organisation, wanted: Mapping[str, Any], now_ms: int, random: Random) -> Made:
    """One change. Raises RefusedError; changes nothing itself. ``wanted`` is told in the README."""
    kind, op = str(wanted.get("kind")), str(wanted.get("op") or "set")
    does = _DOES.get((kind, op))
    if does is None:
        raise RefusedError(f"there is no change {op!r} of a {kind!r}")
    act = Act(org, kind, {}, wanted, from_ms(now_ms).date(), random)
    if op != "create":
        act = Act(org, kind, act.other(kind, wanted.get("id")), wanted, act.day, random)
    return does(act)


def _touch(act: Act) -> Made:
    return [(act.kind, act.doc)]


# -- contacts


def _set_contact(act: Act) -> Made:
    new = {name: value for name, value in {**act.doc, **act.fields}.items() if value is not None}
    check_name(act.org, act.doc["ContactID"], new.get("Name"))
    return [("contact", {**new, "ContactID": act.doc["ContactID"]})]


def check_name(org: Organisation, own_id: str, name: str | None) -> None:
    """Names are unique among active contacts and at most 255 long (spec, Contact.Name)."""
    if len(name or "") > 255:
        raise RefusedError("The Contact Name must not be longer than 255 characters.")
    found = active_with_name(org, name)
    if found is not None and found != own_id:
        raise RefusedError(
            f"The contact name {name} is already assigned to another contact."
            " The contact name must be unique across all active contacts."
        )


def active_with_name(org: Organisation, name: str | None) -> str | None:
    """The id of the active contact of that name, which is compared trimmed and without case."""
    folded, held = (name or "").strip().casefold(), org.contacts.columns
    for number, other in enumerate(held["name"] if folded else ()):
        if other and other.strip().casefold() == folded and held["status"][number] == "ACTIVE":
            return org.contacts.id(number)
    return None


def _create_contact(act: Act) -> Made:
    new = {"ContactID": act.new_id(), **NEW_CONTACT, **act.fields}
    check_name(act.org, new["ContactID"], new.get("Name"))
    return [("contact", new)]


def _archive(act: Act) -> Made:
    return [("contact", {**act.doc, "ContactStatus": "ARCHIVED"})]


def _restore(act: Act) -> Made:
    check_name(act.org, act.doc["ContactID"], act.doc.get("Name"))
    return [("contact", {**act.doc, "ContactStatus": "ACTIVE"})]


def _gdpr(act: Act) -> Made:
    """A person asked to be forgotten: what is personal goes. What Xero blanks exactly is UNCONFIRMED."""
    kept = {name: value for name, value in act.doc.items() if name not in ("FirstName", "LastName", "Website")}
    blank: Doc = {"EmailAddress": "", "BankAccountDetails": "", "ContactPersons": [], "Addresses": [], "Phones": []}
    return [("contact", {**kept, **blank, "ContactStatus": "GDPRREQUEST"})]


def _merge(act: Act) -> Made:
    """Archived, naming the survivor, which gets all that it had: that follows when the document is put."""
    into = act.other("contact", act.wanted.get("into"))
    if into["ContactID"] == act.doc["ContactID"]:
        raise RefusedError("a contact cannot be merged into itself")
    if into["ContactStatus"] != "ACTIVE":
        raise RefusedError("a contact can only be merged into an active one")
    return [("contact", {**act.doc, "ContactStatus": "ARCHIVED", "MergedToContactID": into["ContactID"]})]


# -- invoices and bills


def _set_document(act: Act) -> Made:
    """Plain fields as given; Date and DueDate as yyyy-mm-dd; lines with new sums."""
    fields = act.fields
    for name in ("Date", "DueDate"):
        if name in fields:
            fields |= day_fields(name, date.fromisoformat(fields[name]))
    if "Contact" in fields:
        act.other("contact", fields["Contact"]["ContactID"])
    if "LineItems" in fields:
        fields["LineItems"] = [{"LineItemID": act.new_id(), "Tracking": [], **line} for line in fields["LineItems"]]
    key = KINDS[act.kind].id
    new = {**act.doc, **fields, key: act.doc[key]}
    return [(act.kind, complete(new) if fields.keys() & {"LineItems", "LineAmountTypes", "Status"} else new)]


def _create_document(act: Act) -> Made:
    """An invoice, bill or credit note of the contact and the lines in ``set``; authorised unless it says otherwise."""
    if not (act.fields.get("Contact") and act.fields.get("LineItems")):
        raise RefusedError(f"a new {act.kind} needs Contact and LineItems")
    blank = _blank_invoice(act)
    if act.kind != "invoice":
        blank["Type"] = "ACCPAY" if str(act.fields.get("Type", "")).startswith(("ACCPAY", "SPEND")) else "ACCREC"
        number = f"CN-{len(act.org.shelves[act.kind]) + 1:04d}-{act.random.randrange(999):03d}"
        blank["Contact"] = act.fields["Contact"]
        blank = settle.credit(act.kind, blank, act.new_id(), number, act.day, [])
    return _set_document(Act(act.org, act.kind, blank, act.wanted, act.day, act.random))


def _blank_invoice(act: Act) -> Doc:
    return {
        "Type": "ACCREC",
        "InvoiceID": act.new_id(),
        "Reference": "",
        "Status": "AUTHORISED",
        "InvoiceNumber": f"INV-{len(act.org.invoices) + 1:04d}-{act.random.randrange(999):03d}",
        **NEW_INVOICE,
        "CurrencyRate": ONE,
        **day_fields("Date", act.day),
        **day_fields("DueDate", act.day),
        "LineAmountTypes": "Exclusive",
        "CurrencyCode": act.org.profile["BaseCurrency"],
        "LineItems": [],
    }


def _pay(act: Act) -> Made:
    """A payment of an invoice, or a refund of credit: of ``amount``, or of all that is left."""
    if act.doc["Status"] != "AUTHORISED":
        raise RefusedError("Payments can only be made against Authorised documents")
    amount = act.amount(act.doc["AmountDue" if act.kind == "invoice" else "RemainingCredit"])
    made = settle.payment(act.kind, act.doc, amount, act.day, act.new_id(), str(act.wanted.get("reference") or ""))
    return [(act.kind, settle.paid(act.doc, made)), ("payment", made)]


def _credit(act: Act) -> Made:
    """A credit note of ``amount``, or of all that is due, applied to the invoice at once."""
    if act.doc["Status"] != "AUTHORISED":
        raise RefusedError("Credit can only be applied to Authorised documents")
    amount = act.amount(act.doc["AmountDue"])
    number = f"CN-{len(act.org.shelves['creditnote']) + 1:04d}-{act.random.randrange(999):03d}"
    line = {"LineItemID": act.new_id(), "Description": "Credit", "AccountCode": "200", "UnitAmount": amount}
    note = settle.credit("creditnote", act.doc, act.new_id(), number, act.day, [{**line, "Tracking": []}])
    note, invoice = settle.allocated("creditnote", note, act.doc, amount, act.day, act.new_id())
    return [("invoice", invoice), ("creditnote", note)]


def _allocate(act: Act) -> Made:
    """So much of the credit (``amount``, else as much as will go) is applied to the ``invoice`` of that id."""
    invoice = act.other("invoice", act.wanted.get("invoice"))
    if {act.doc["Status"], invoice["Status"]} != {"AUTHORISED"} or act.doc["CurrencyCode"] != invoice["CurrencyCode"]:
        raise RefusedError("Credit can only be applied between Authorised documents of one currency")
    amount = act.amount(min(act.doc["RemainingCredit"], invoice["AmountDue"]))
    held, invoice = settle.allocated(act.kind, act.doc, invoice, amount, act.day, act.new_id())
    return [(act.kind, held), ("invoice", invoice)]


def _void(act: Act) -> Made:
    """A draft becomes DELETED, an authorised document that nothing was done with VOIDED."""
    used = act.doc["Payments"] or act.doc.get("Allocations") or act.doc.get("AmountCredited")
    if act.doc["Status"] not in ("DRAFT", "SUBMITTED", "AUTHORISED") or used:
        raise RefusedError("Invoice not of valid status for modification: it is paid, part paid or gone already")
    return [(act.kind, left({**act.doc, "Status": "VOIDED" if act.doc["Status"] == "AUTHORISED" else "DELETED"}))]


def _delete_payment(act: Act) -> Made:
    """The payment is DELETED, and what it was for is open again."""
    if act.doc["Status"] == "DELETED":
        raise RefusedError("This payment is deleted already")
    kind = paid_kind(act.doc["PaymentType"])
    paid_for = act.other(kind, act.doc["Invoice"]["InvoiceID"])
    return [("payment", {**act.doc, "Status": "DELETED"}), (kind, settle.unpaid(paid_for, act.doc))]


_DOES: dict[tuple[str, str], Callable[[Act], Made]] = {
    **{(kind, "touch"): _touch for kind in KINDS},
    ("contact", "set"): _set_contact,
    ("contact", "create"): _create_contact,
    ("contact", "archive"): _archive,
    ("contact", "restore"): _restore,
    ("contact", "gdpr"): _gdpr,
    ("contact", "merge"): _merge,
    **{(kind, "set"): _set_document for kind in ("invoice", *CREDITS)},
    **{(kind, "create"): _create_document for kind in ("invoice", *CREDITS)},
    **{(kind, "void"): _void for kind in ("invoice", *CREDITS)},
    ("invoice", "pay"): _pay,
    ("invoice", "credit"): _credit,
    **{(kind, "refund"): _pay for kind in CREDITS},
    **{(kind, "allocate"): _allocate for kind in CREDITS},
    ("payment", "delete"): _delete_payment,
}
