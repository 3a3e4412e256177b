"""Words that services share: kinds, streams, settings, outcomes. Xero's own words stay as Xero writes them.

Xero's statuses (``AUTHORISED``, ``ARCHIVED``, ...) travel as plain strings: a status that Xero adds one day
must pass through, not stop an import.
"""

from enum import StrEnum


class Stream(StrEnum):
    """One kind of record of one organisation, read in order."""

    CONTACTS = "contacts"
    INVOICES = "invoices"


class Kind(StrEnum):
    """One record's kind."""

    CONTACT = "contact"
    INVOICE = "invoice"


KIND_OF = {Stream.CONTACTS: Kind.CONTACT, Stream.INVOICES: Kind.INVOICE}


class SyncKind(StrEnum):
    """``full`` reads everything in scope, ``delta`` what changed since each stream's mark."""

    FULL = "full"
    DELTA = "delta"


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
    SETTINGS_CHANGED = "settings_changed"
    SYNC_STARTED = "sync_started"
    SYNC_CANCELLED = "sync_cancelled"


class ParkReason(StrEnum):
    """Why a sync waits and costs nothing meanwhile."""

    CONNECTION_LOST = "connection_lost"
    DAY_LIMIT = "day_limit"
    XERO_ASKED_TO_WAIT = "xero_asked_to_wait"
    BYTES_BUDGET = "bytes_budget"
