"""The shapes of log-service's questions and answers."""

from typing import Any

import marshmallow as ma
from webargs.fields import DelimitedList

from accounting_link.chassis.paging import PageQuery, page_of
from accounting_link.contracts.words import SALES, Act, Kind, Reads, Result

STATES = (
    "waiting",
    "running",
    "parked",
    "completed",
    "completed_with_problems",
    "failed",
    "cancelled",
)
_KINDS, _RESULTS = [kind.value for kind in Kind], [result.value for result in Result]


def _text(what: str, **more: Any) -> ma.fields.String:
    return ma.fields.String(metadata={"description": what}, **more)


def _number(what: str, **more: Any) -> ma.fields.Integer:
    return ma.fields.Integer(metadata={"description": what}, **more)


def _time(what: str) -> ma.fields.AwareDateTime:
    return ma.fields.AwareDateTime(format="iso", allow_none=True, metadata={"description": what})


def _money(what: str) -> ma.fields.Decimal:
    return ma.fields.Decimal(as_string=True, metadata={"description": what})


class ConnectionQuery(PageQuery):
    connection_id = _text("Whose log.", required=True)


class RecordsQuery(PageQuery):
    kind = ma.fields.String(load_default=None, validate=ma.validate.OneOf(_KINDS))
    result = ma.fields.String(load_default=None, validate=ma.validate.OneOf(_RESULTS))


class SalesFilter(ma.Schema):
    connection_id = _text("Whose sales.", required=True)
    kind = ma.fields.String(load_default=None, validate=ma.validate.OneOf([kind.value for kind in SALES]))
    search = _text("Part of a number, in either case.", load_default=None, validate=ma.validate.Length(max=100))
    contact_ids = DelimitedList(
        ma.fields.String(),
        load_default=list,
        validate=ma.validate.Length(max=100),
        metadata={"description": "Also what is of one of these contacts at Xero, separated by commas."},
    )
    status = _text("As Xero writes it: AUTHORISED, PAID, VOIDED, ...", load_default=None)
    currency = _text("ISO 4217.", load_default=None)


class SalesQuery(SalesFilter, PageQuery):
    pass


class LettersQuery(PageQuery):
    connection_id = _text("Only this connection's.", load_default=None)


class StreamLogSchema(ma.Schema):
    """One stream in its newest attempt."""

    attempt = _number("Raised when the sync is restarted from nothing.")
    pages = _number("Pages read.")
    read = _number("Copies read; a record read twice counts twice.")
    expected = _number("Copies in all, as far as Xero's own count tells.", allow_none=True)
    calls = _number("Calls made to Xero.")
    bytes = _number("Bytes received from Xero.")
    ended = ma.fields.Boolean(metadata={"description": "All of it is read."})
    problem = _text("Why it cannot be read on; empty when it can.")


class SyncEntrySchema(ma.Schema):
    """A line of the sync log."""

    id = _text("The sync's id.")
    connection_id = _text("Which connection.")
    kind = _text("full, delta or contacts; null while its request is not known yet.", allow_none=True)
    reads = ma.fields.String(
        allow_none=True,
        validate=ma.validate.OneOf([reads.value for reads in Reads]),
        metadata={"description": "What it reads, whatever its kind; null while that is not known."},
    )
    state = ma.fields.String(validate=ma.validate.OneOf(STATES))
    reason = _text("Why it failed, waits or was stopped; empty otherwise.")
    requested_by = _text("A user id, or schedule.", allow_none=True)
    requested_by_name = _text("As it then was; empty for the schedule.", allow_none=True)
    requested_at = _time("When it was asked for.")
    started_at = _time("When reading began.")
    ended_at = _time("When it ended; null before.")
    ended_by = _text("Who stopped it, by user id.", allow_none=True)
    parked_until = _time("When a parked sync goes on by itself; null where a person has to act.")
    duration_seconds = ma.fields.Float(
        allow_none=True, metadata={"description": "From its start to its end; null before it has ended."}
    )
    attempts = _number("How often it was started from nothing.")
    reference = _text("What support asks for.")
    streams = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Nested(StreamLogSchema))
    calls = _number("Calls made to Xero.")
    bytes = _number("Bytes received from Xero.")


class SyncLineSchema(SyncEntrySchema):
    """A line of the list of syncs, with how many records came to what."""

    results = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Integer(),
        metadata={"description": "Records of all kinds by result: every result is there, if only as 0."},
    )


class ReasonSchema(ma.Schema):
    """Why records were left out or failed."""

    kind = ma.fields.String(validate=ma.validate.OneOf(_KINDS))
    result = ma.fields.String(validate=ma.validate.OneOf([Result.LEFT_OUT.value, Result.FAILED.value]))
    reason = _text("In words a person understands.")
    count = _number("Records.")


class SyncLogSchema(SyncEntrySchema):
    """A sync's log: its line, and the counts of its records' outcomes."""

    counts = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer()),
        metadata={"description": "By kind, then by result: every result is there, if only as 0."},
    )
    reasons = ma.fields.List(ma.fields.Nested(ReasonSchema))


class SaleOfRecordSchema(ma.Schema):
    """Enough to know a sale by."""

    number = _text("Its number; of a payment, that of what it pays.")
    contact_id = _text("Whose, by the contact's id at Xero.")
    currency = _text("ISO 4217.")
    total = _money("Including tax.")


class RecordOutcomeSchema(ma.Schema):
    """What a sync did with one record."""

    kind = ma.fields.String(validate=ma.validate.OneOf(_KINDS))
    xero_id = _text("The record's id at Xero.")
    result = ma.fields.String(validate=ma.validate.OneOf(_RESULTS))
    reason = _text("Why left out or failed; empty otherwise.")
    version = _time("Xero's UpdatedDateUTC of the copy that stands.")
    sale = ma.fields.Nested(
        SaleOfRecordSchema,
        allow_none=True,
        metadata={
            "description": "As it now is; null of a contact, of what could not be read, and to who sees no money."
        },
    )


class SyncMentionSchema(ma.Schema):
    """A sync, and when."""

    sync_id = _text("The sync.")
    at = _time("When.")


class SaleSchema(ma.Schema):
    """One sale as it now is. People are named by id."""

    kind = ma.fields.String(validate=ma.validate.OneOf(_KINDS))
    xero_id = _text("The sale's id at Xero.")
    number = _text("Its number; of a payment, that of what it pays.")
    contact_id = _text("Whose, by the contact's id at Xero.")
    status = _text("As Xero writes it.")
    currency = _text("ISO 4217.")
    date = _text("ISO day, in the organisation's own day.", allow_none=True)
    due_date = _text("ISO day.", allow_none=True)
    total = _money("Including tax.")
    due = _money("Still owed of an invoice.")
    remaining = _money("Left of a credit note, overpayment or prepayment.")
    version = _time("Xero's UpdatedDateUTC.")
    first_seen = ma.fields.Nested(SyncMentionSchema, metadata={"description": "The sync that told of it first."})
    changed = ma.fields.Nested(
        SyncMentionSchema, allow_none=True, metadata={"description": "The last sync that created or updated it."}
    )


class DeadLetterSchema(ma.Schema):
    """A message or a record that could not be used."""

    id = _text("The letter's id.")
    connection_id = _text("Which connection.")
    sync_id = _text("Which sync; empty when none.")
    reference = _text("What support asks for.")
    at = _time("When it was set aside.")
    consumer = _text("The service that could not use it.")
    reason = _text("Why.")
    about = _text("What it was about, such as invoice/<id>.")
    type = _text("The event's type.")
    topic = _text("Where it lay; empty when it came from Xero itself.")
    partition = _number("Where it lay.")
    offset = _number("Where it lay.")
    size = _number("Bytes of the whole.")


class DeadLetterWithValueSchema(DeadLetterSchema):
    """A dead letter with what it held."""

    value = _text("Its first bytes, in base64.")


class ConnectionEventSchema(ma.Schema):
    """Something that became of a connection."""

    what = ma.fields.String(
        validate=ma.validate.OneOf(["ConnectionEstablished", "ConnectionLost", "ConnectionRemoved"])
    )
    at = _time("When.")
    by = _text("Who connected or disconnected, by user id; empty otherwise.")
    reason = _text("Why it was lost; empty otherwise.")
    tenant_id = _text("Xero's id of the organisation.")
    tenant_name = _text("The organisation's name; empty when lost.")
    authorisation = _number("Raised by each consent and each disconnect.")


class AuditQuery(PageQuery):
    connection_id = _text("Only what was done to this connection.", load_default=None)
    act = ma.fields.String(load_default=None, validate=ma.validate.OneOf([act.value for act in Act]))
    by = _text("Only what this user did, by id.", load_default=None)


class ActSchema(ma.Schema):
    """Something that a person did."""

    at = _time("When.")
    act = ma.fields.String(validate=ma.validate.OneOf([act.value for act in Act]))
    about = _text("The id of what it was done to.")
    connection_id = _text("Which connection.")
    by = _text("Who, by user id.")
    by_name = _text("Who, by name as it then was.")
    address = _text("The network address it was asked from.")
    details = ma.fields.Dict(
        keys=ma.fields.String(), values=ma.fields.String(), metadata={"description": "What was chosen."}
    )
    reference = _text("What support asks for.")


class HealthQuery(ma.Schema):
    connection_id = _text("Whose.", required=True)


class ComparisonSchema(ma.Schema):
    """What a sync found that read every record of Xero's and held it against what stood here."""

    sync_id = _text("Its sync log has every record.")
    at = _time("When it ended.")
    first_import = ma.fields.Boolean(metadata={"description": "Nothing stood here before."})
    records = _number("All that Xero has.")
    differed = _number("Records that were not here, or were otherwise, and were put right.")
    failed = _number("Records that could not be used.")


class HealthSchema(ma.Schema):
    """How well a connection is. Null where nothing was called or compared yet, or not today."""

    last_call_at = _time("The last good call.")
    calls_left = _number("Calls left today (UTC), by Xero's limit.", allow_none=True)
    calls_a_day = _number("Xero's limit.", allow_none=True)
    bytes_today = _number("Bytes read today.", allow_none=True)
    bytes_left = _number("Left of the budget of bytes; null when there is no budget.", allow_none=True)
    last_comparison = ma.fields.Nested(
        ComparisonSchema, allow_none=True, metadata={"description": "The last time everything was read and compared."}
    )


SyncPage = page_of(SyncLineSchema)
RecordPage = page_of(RecordOutcomeSchema)
SalesPage = page_of(SaleSchema)
LetterPage = page_of(DeadLetterSchema)
AuditPage = page_of(ActSchema)
ConnectionEventPage = page_of(ConnectionEventSchema)
