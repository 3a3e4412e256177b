"""What goes in and out over HTTP."""

from datetime import datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from accounting_link.chassis.mongo import Document
from accounting_link.chassis.paging import PageQuery, page_of
from accounting_link.contracts.words import KIND_OF, ParkReason, Reads, Suppliers, SyncKind
from sync_orchestrator.preferences import Frequency, Preferences
from sync_orchestrator.removals import STATES
from sync_orchestrator.sync import State, Sync


def _one_of(words: type) -> validate.OneOf:
    return validate.OneOf([str(word) for word in words])  # type: ignore[attr-defined]


class SettingsSchema(ma.Schema):
    frequency = fields.String(required=True, validate=_one_of(Frequency))
    suppliers = fields.String(required=True, validate=_one_of(Suppliers))
    selected_suppliers = fields.List(
        fields.String(validate=validate.Length(1, 100)),
        load_default=list,
        validate=validate.Length(max=1000),
        metadata={"description": "Xero contact ids; used when `suppliers` is `selected`."},
    )


class SavedSettingsSchema(SettingsSchema):
    next_due = fields.AwareDateTime(allow_none=True, metadata={"description": "The next scheduled sync, UTC."})


class SyncRequest(ma.Schema):
    connection_id = fields.String(required=True, validate=validate.Length(1, 100))
    kind = fields.String(load_default=SyncKind.DELTA, validate=validate.OneOf([SyncKind.FULL, SyncKind.DELTA]))


class SyncQuery(PageQuery):
    connection_id = fields.String(load_default=None)


class IdempotencyKey(ma.Schema):
    class Meta:
        unknown = ma.EXCLUDE

    idempotency_key = fields.String(
        data_key="Idempotency-Key",
        load_default=None,
        validate=validate.Length(1, 128),
        metadata={"description": "The same key gives the same sync, however often it is sent."},
    )


class StreamSchema(ma.Schema):
    read = fields.Integer(required=True, metadata={"description": "Records read from Xero so far."})
    expected = fields.Integer(required=True, allow_none=True, metadata={"description": "In all, by Xero's count."})
    applied = fields.Integer(required=True, metadata={"description": "Records put into the CRM so far."})
    ended = fields.Boolean(required=True)


class ParkedSchema(ma.Schema):
    reason = fields.String(required=True, validate=_one_of(ParkReason))
    detail = fields.String(required=True)
    until = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "When it goes on by itself; null where a person has to act."},
    )


class SyncSchema(ma.Schema):
    id = fields.String(required=True)
    connection_id = fields.String(required=True)
    kind = fields.String(required=True, validate=_one_of(SyncKind))
    reads = fields.String(
        required=True, validate=_one_of(Reads), metadata={"description": "What it reads, whatever its kind."}
    )
    state = fields.String(required=True, validate=_one_of(State))
    waits_for = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "While waiting: the sync of the connection that runs first."},
    )
    reason = fields.String(required=True)
    requested_by = fields.String(required=True, metadata={"description": "User id, or `schedule`."})
    requested_by_name = fields.String(
        required=True, metadata={"description": "As it then was; empty for the schedule."}
    )
    requested_at = fields.AwareDateTime(required=True)
    started_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    attempt = fields.Integer(required=True)
    streams = fields.Dict(keys=fields.String(), values=fields.Nested(StreamSchema), required=True)
    calls = fields.Integer(required=True, metadata={"description": "Calls made to Xero."})
    bytes = fields.Integer(required=True, metadata={"description": "Bytes read from Xero."})
    parked = fields.Nested(ParkedSchema, required=True, allow_none=True)
    reference = fields.String(required=True)


SyncPage = page_of(SyncSchema)


class RemovalRequest(ma.Schema):
    connection_id = fields.String(required=True, validate=validate.Length(1, 100))


class RemovalSchema(ma.Schema):
    """Of what one connection imported."""

    id = fields.String(required=True)
    connection_id = fields.String(required=True)
    authorisation = fields.Integer(
        required=True, metadata={"description": "What was read under this one of the connection's or an earlier goes."}
    )
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    requested_by = fields.String(required=True)
    requested_by_name = fields.String(required=True)
    requested_at = fields.AwareDateTime(required=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    records = fields.Integer(required=True, metadata={"description": "Xero's records dealt with so far."})
    records_in_all = fields.Integer(required=True, allow_none=True, metadata={"description": "null: not begun."})
    companies = fields.Integer(required=True, metadata={"description": "Removed so far, as people and sales."})
    people = fields.Integer(required=True)
    sales = fields.Integer(required=True)
    companies_kept = fields.Integer(required=True, metadata={"description": "These lost the link only, as people."})
    people_kept = fields.Integer(required=True)
    reference = fields.String(required=True)


RemovalPage = page_of(RemovalSchema)


def shown_removal(removal: Document) -> dict[str, Any]:
    return {**removal, "id": removal["_id"]}


def shown(sync: Sync, waits_for: str | None = None) -> dict[str, Any]:
    """A sync as SyncSchema dumps it."""
    streams = {}
    for wanted in sync.streams:
        seen = sync.of(wanted.stream)
        streams[str(wanted.stream)] = {
            "read": seen.read,
            "expected": seen.expected,
            # Several copies of one record in one batch make one outcome: what is done is all applied.
            "applied": seen.read if seen.is_done() else sync.applied_of(KIND_OF[wanted.stream]),
            "ended": seen.is_done(),
        }
    return {
        "id": sync.id,
        "connection_id": sync.connection_id,
        "kind": sync.kind,
        "reads": sync.reads,
        "state": sync.state,
        "waits_for": waits_for,
        "reason": sync.reason,
        "requested_by": sync.requested_by,
        "requested_by_name": sync.requested_by_name,
        "requested_at": sync.requested_at,
        "started_at": sync.started_at,
        "ended_at": sync.ended_at,
        "attempt": sync.attempt,
        "streams": streams,
        "calls": sum(seen.calls for seen in sync.progress.values()),
        "bytes": sum(seen.bytes for seen in sync.progress.values()),
        "parked": sync.parked,
        "reference": sync.correlation_id,
    }


def shown_settings(preferences: Preferences, next_due: datetime | None) -> dict[str, Any]:
    return {
        "frequency": preferences.frequency,
        "suppliers": preferences.suppliers,
        "selected_suppliers": list(preferences.selected_suppliers),
        "next_due": next_due,
    }
