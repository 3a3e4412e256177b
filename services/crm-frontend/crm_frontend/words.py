"""How things are said: the APIs' short words in a person's, and numbers, money and times as they are read."""

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Flask
from markupsafe import Markup, escape

_BETWEEN_BACKTICKS = re.compile(r"`([^`]+)`")

FINAL_STATES = frozenset({"completed", "completed_with_problems", "failed", "cancelled"})

STATES = {
    "waiting": "Waiting in the queue",
    "running": "Running",
    "parked": "Paused",
    "cancelling": "Stopping",
    "failing": "Stopping because of a problem",
    "completed": "Completed",
    "completed_with_problems": "Completed, some records failed",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
STATE_TONES = {
    "completed": "good",
    "completed_with_problems": "warn",
    "parked": "warn",
    "failed": "bad",
    "failing": "bad",
    "cancelled": "quiet",
    "waiting": "quiet",
}
SYNC_READS = {
    "first_import": "First import",
    "everything": "Everything",
    "changes": "What changed",
    "widened": "What changed, and what was not read before",  # other suppliers were chosen, or a stream had failed
    "contacts": "Customers of sales",
}
NOT_OFFERED = {
    "connect": "Only an administrator connects and disconnects.",
    "settings": "Only an administrator changes the settings.",
    "sync": "Your role does not start or stop syncs.",
    "money": "Your role shows companies and contacts, but no sales.",
    "create": "Your role does not create contacts, neither here nor in Xero.",
}
STREAMS = {
    "contacts": "Customers",
    "invoices": "Invoices",
    "credit_notes": "Credit notes",
    "payments": "Payments",
    "overpayments": "Overpayments",
    "prepayments": "Prepayments",
}
# Before a sync nobody knows which contacts are customers.
COUNTED = {"contacts": "Contacts, customers and suppliers", "invoices": "Sales invoices"}
KINDS = {name.removesuffix("s"): said for name, said in STREAMS.items()}
ONE_OF_KIND = {kind: said.removesuffix("s") for kind, said in KINDS.items()}
SALE_KINDS = {kind: said for kind, said in ONE_OF_KIND.items() if kind != "contact"}
OUTCOMES = {
    "created": "New",
    "updated": "Updated",
    "unchanged": "Unchanged",
    "left_out": "Left out",
    "failed": "Failed",
}
STATUSES = {
    "DRAFT": "Draft",
    "SUBMITTED": "Awaiting approval",
    "AUTHORISED": "Awaiting payment",
    "PAID": "Paid",
    "VOIDED": "Voided",
    "DELETED": "Deleted",
    "ACTIVE": "Active",
    "ARCHIVED": "Archived in Xero",
    "GDPRREQUEST": "Forgotten by Xero on request",
}
# Xero uses the same word of an invoice, of what a customer has to their credit, and of a payment.
STATUSES_OF_CREDIT = {**STATUSES, "AUTHORISED": "Credit left", "PAID": "Used up"}
STATUSES_OF_KIND = {
    "credit_note": STATUSES_OF_CREDIT,
    "overpayment": STATUSES_OF_CREDIT,
    "prepayment": STATUSES_OF_CREDIT,
    "payment": {**STATUSES, "AUTHORISED": "Made"},
}
STATUSES_ASKED = {**STATUSES, "AUTHORISED": "Approved", "PAID": "Paid or used up"}
STATUS_TONES = {"PAID": "good", "AUTHORISED": "info", "VOIDED": "quiet", "DELETED": "quiet", "ARCHIVED": "warn"}
SALE_STATUSES = ("DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED")
AGES = {
    "current": "Not due yet",
    "days_1_30": "1 to 30 days",
    "days_31_60": "31 to 60 days",
    "days_61_90": "61 to 90 days",
    "days_over_90": "Over 90 days",
}
OWED = {"settled": "Paid or credited", "owed": "Owed"}
FREQUENCIES = {
    "manual": "Only when I press Sync",
    "15m": "Every 15 minutes",
    "hourly": "Every hour",
    "6h": "Every 6 hours",
    "daily": "Every day",
    "weekly": "Every week",
}
DIRECTIONS = {"xero_to_crm": "From Xero to Legrand Cloud CRM", "crm_to_xero": "From Legrand Cloud CRM to Xero"}
SUPPLIERS = {
    "none": "No suppliers",
    "all": "All suppliers",
    "selected": "Selected suppliers",
}
CHOSEN = {
    "kind": {"full": "Everything", "delta": "What changed"},
    "frequency": FREQUENCIES,
    "suppliers": SUPPLIERS,
}
CONNECTION_STATES = {
    "connected": ("Connected", "good"),
    "lost": ("Xero no longer accepts it: connect again", "bad"),
    "disconnected": ("Disconnected", "quiet"),
}
ACTS = {
    "connected": "Connected to Xero",
    "disconnected": "Disconnected from Xero",
    "removal_requested": "Asked to remove what was imported",
    "imports_removed": "What was imported was removed",
    "settings_changed": "Changed the sync settings",
    "sync_started": "Started a sync",
    "sync_cancelled": "Cancelled a sync",
    "created_in_xero": "Created a contact in Xero",
}
EXPORT_STATES = {
    "requested": ("Creating in Xero …", "info"),
    "created": ("In Xero", "good"),
    "refused": ("Not created in Xero", "warn"),
}
# What to do about a contact that was not created in Xero; why it was not, the API says.
REFUSALS = {
    "already_there": (
        "Nothing in Xero was changed. If it is another customer, it needs a name of its own: make a new contact with "
        "another company name."
    ),
    "not_valid": "Make a new contact with that put right, and create that one in Xero.",
    "not_granted": (
        "An administrator connects again on the Accounting Link page and leaves every permission that Xero lists as it "
        "is. Then create it again."
    ),
    "connection_lost": "An administrator connects again on the Accounting Link page. Then create it again.",
    "limit_reached": "Nothing is wrong with this contact. Create it again later; by tomorrow Xero takes more.",
    "unavailable": "Nothing is wrong with this contact. Create it again in a few minutes.",
}
# Why auth-link's callback sent the person back without a connection: what happened, what to do.
NOT_CONNECTED = {
    "denied": (
        "Access was not allowed at Xero, so nothing was connected.",
        "If that was not meant, connect again and select “Allow Access”.",
    ),
    "expired": (
        "It took too long: what Xero answered was no longer good.",
        "Connect again, and finish at Xero within ten minutes.",
    ),
    "replayed": (
        "This answer from Xero was used before, or was never asked for, so it was not believed.",
        "Look whether the connection stands already; if it does not, connect again.",
    ),
    "other-account": (
        "The connection was begun by somebody else than who is signed in now, so it was not made.",
        "Connect again, and stay signed in as the same person until it is done.",
    ),
    "missing-scope": (
        "Xero did not give all the permissions that syncing needs.",
        "Connect again and leave every permission that Xero lists as it is.",
    ),
    "xero-unavailable": (
        "Xero did not answer as it should.",
        "Nothing is wrong with your settings. Try again in a few minutes.",
    ),
    "no-organisation": (
        "Xero was given no organisation to share.",
        "Connect again and choose the organisation before you select “Allow Access”.",
    ),
    "signed-out": (
        "You were signed out while you were at Xero, so nothing was connected.",
        "Connect again, now that you are signed in.",
    ),
    "not-allowed": (
        "Whoever is signed in now may not connect, so nothing was connected.",
        "Sign in as an administrator, then connect again.",
    ),
}
NOT_CONNECTED_OTHERWISE = (
    "Legrand Cloud CRM and Xero could not be connected.",
    "Connect again; if it stays, tell support when you tried.",
)


def decimal(value: Any) -> Decimal:
    """Money as the APIs send it, a decimal text; never by way of a float."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)


def money(value: Any, currency: str = "") -> str:
    return f"{currency} {decimal(value):,.2f}".strip()


def number(value: Any) -> str:
    return f"{int(value):,}" if isinstance(value, int | float) else "…"


def counted(value: Any, one: str, many: str = "") -> str:
    """ "1 call", "2 calls"; ``many`` where it is not ``one`` with an s."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def plain(value: Any) -> Markup:
    """Words that name code between backticks, as HTML."""
    return Markup(_BETWEEN_BACKTICKS.sub(r"<code>\1</code>", str(escape(value or ""))))  # noqa: S704 escaped before


def sentence(value: Any) -> str:
    """A reason as the services tell it, from its capital to its full stop."""
    text = str(value or "").strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def quantity(value: Any) -> str:
    """Without the zeros that say nothing: 2.0000 is 2."""
    return "" if value in (None, "") else f"{decimal(value).normalize():,f}"


def size(value: Any) -> str:
    """Bytes, in the unit that reads best."""
    amount = float(value or 0)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} GB"


def instant(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def when(value: Any) -> str:
    """A time in UTC; the page's script turns it into the person's own."""
    found = instant(value)
    return f"{found:%-d %b %Y, %H:%M} UTC" if found else ""


def day(value: Any) -> str:
    """A date as the organisation wrote it; it has no time zone, so nothing to turn."""
    try:
        return f"{date.fromisoformat(value):%-d %b %Y}"
    except (TypeError, ValueError):
        return ""


def took(start: Any, end: Any) -> float | None:
    """Seconds between two times of an API; None while either is missing."""
    began, ended = instant(start), instant(end)
    return (ended - began).total_seconds() if began and ended else None


def seconds(value: Any) -> str:
    """A duration: 4.2 seconds, 3 min 5 s."""
    if value is None:
        return ""
    if value < 60:
        return f"{value:.1f} seconds"
    return f"{int(value // 60)} min {int(value % 60)} s"


def register(app: Flask) -> None:
    """Every word and filter, as templates know them."""
    for name in ("counted", "plain", "sentence", "money", "number", "quantity", "size", "when", "day", "seconds"):
        app.add_template_filter(globals()[name], name)
    app.jinja_env.globals["words"] = {name: value for name, value in globals().items() if name.isupper()}
