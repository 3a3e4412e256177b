"""Words that services share: kinds, streams, settings, outcomes. Xero's own words stay as Xero writes them.

Xero's statuses (``AUTHORISED``, ``ARCHIVED``, ...) travel as plain strings: a status that Xero adds one day
must pass through, not stop an import.
"""

from enum import StrEnum


class Stream(StrEnum):
    """One kind of record of one organisation, read in order."""

    CONTACTS = "contacts"
    INVOICES = "invoices"
    CREDIT_NOTES = "credit_notes"
    PAYMENTS = "payments"
    OVERPAYMENTS = "overpayments"
    PREPAYMENTS = "prepayments"


class Kind(StrEnum):
    """One record's kind."""

    CONTACT = "contact"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    PAYMENT = "payment"
    OVERPAYMENT = "overpayment"
    PREPAYMENT = "prepayment"


KIND_OF = {
    Stream.CONTACTS: Kind.CONTACT,
    Stream.INVOICES: Kind.INVOICE,
    Stream.CREDIT_NOTES: Kind.CREDIT_NOTE,
    Stream.PAYMENTS: Kind.PAYMENT,
    Stream.OVERPAYMENTS: Kind.OVERPAYMENT,
    Stream.PREPAYMENTS: Kind.PREPAYMENT,
}
# What a customer has to their credit until it is put against an invoice or paid back.
CREDITS = (Kind.CREDIT_NOTE, Kind.OVERPAYMENT, Kind.PREPAYMENT)
SALES = (Kind.INVOICE, *CREDITS, Kind.PAYMENT)


class SyncKind(StrEnum):
    """``full`` reads everything in scope, ``delta`` what changed since each stream's mark, ``contacts`` those to whom
    something was sold and who are not here."""

    FULL = "full"
    DELTA = "delta"
    CONTACTS = "contacts"


class Reads(StrEnum):
    """What a sync reads, as a person would say it. A delta reads everything where nothing was imported before."""

    FIRST_IMPORT = "first_import"
    EVERYTHING = "everything"
    CHANGES = "changes"
    WIDENED = "widened"  # what changed, and all of a stream that was not read before, or not under such settings
    CONTACTS = "contacts"


class Suppliers(StrEnum):
    """Which contacts that are only suppliers are imported."""

    NONE = "none"
    ALL = "all"
    SELECTED = "selected"


class Result(StrEnum):
    """What one sync did with one record."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT_OUT = "left_out"
    FAILED = "failed"


class Act(StrEnum):
    """What a person did, for the audit log."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    REMOVAL_REQUESTED = "removal_requested"
    IMPORTS_REMOVED = "imports_removed"
    SETTINGS_CHANGED = "settings_changed"
    SYNC_STARTED = "sync_started"
    SYNC_CANCELLED = "sync_cancelled"
    CREATED_IN_XERO = "created_in_xero"


class ParkReason(StrEnum):
    """Why a sync waits and costs nothing meanwhile."""

    CONNECTION_LOST = "connection_lost"
    DAY_LIMIT = "day_limit"
    XERO_ASKED_TO_WAIT = "xero_asked_to_wait"
    BYTES_BUDGET = "bytes_budget"


class Refusal(StrEnum):
    """Why a contact was not created in Xero."""

    ALREADY_THERE = "already_there"  # an active contact has this name, and was left as it is
    NOT_VALID = "not_valid"  # against Xero's rules
    NOT_GRANTED = "not_granted"  # the connection may not write contacts
    CONNECTION_LOST = "connection_lost"
    LIMIT_REACHED = "limit_reached"  # of the organisation's day
    UNAVAILABLE = "unavailable"  # Xero did not answer, for minutes
