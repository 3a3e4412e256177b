"""Syncs and settings over HTTP."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Response
from flask.views import MethodView
from flask_smorest import Blueprint

from accounting_link.chassis import paging, rates
from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.problems import ProblemError, not_found
from accounting_link.chassis.rates import Bucket
from accounting_link.chassis.web import allowed, caller, reference
from accounting_link.contracts.words import Suppliers, SyncKind
from sync_orchestrator.api import schemas
from sync_orchestrator.api.followers import Followers
from sync_orchestrator.desk import Desk
from sync_orchestrator.preferences import Frequency, Preferences
from sync_orchestrator.removals import Removals
from sync_orchestrator.store import Store
from sync_orchestrator.sync import FINAL, Sync

_LOOK_EVERY_SECONDS = 0.25
_SAY_SOMETHING_EVERY = 40  # looks: a proxy closes a stream on which nothing comes
_LOOKS_AT_MOST = 240  # a stream holds a thread; a browser whose stream ends asks again, with the rights it then has


def syncs(store: Store, desk: Desk, starts: Bucket) -> Blueprint:
    followers = Followers()
    blp = Blueprint("Syncs", __name__, url_prefix="/api/v1/syncs", description="Start a sync, follow it, stop it.")

    @blp.route("")
    class Syncs(MethodView):
        @blp.arguments(schemas.SyncQuery, location="query")
        @blp.response(200, schemas.SyncPage)
        @allowed(ADMIN, MEMBER, NO_MONEY)
        def get(self, query: dict[str, Any]) -> dict[str, Any]:
            """Syncs, newest first."""
            before = _before(query["cursor"])
            found = store.recent(caller().account_id, query["connection_id"], before, query["limit"] + 1)
            shown = found[: query["limit"]]
            more = len(found) > len(shown)
            following = paging.cursor([shown[-1].requested_at.isoformat(), shown[-1].id]) if more else None
            return {"items": [schemas.shown(sync) for sync in shown], "next": following}

        @blp.arguments(schemas.IdempotencyKey, location="headers")
        @blp.arguments(schemas.SyncRequest)
        @blp.response(202, schemas.SyncSchema)
        @allowed(ADMIN, MEMBER)
        def post(self, headers: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
            """Start a sync. It joins one of its kind that has not begun, and waits behind one that has."""
            rates.take(starts, caller().account_id)
            kind, key = SyncKind(wanted["kind"]), headers["idempotency_key"]
            return schemas.shown(desk.start(caller(), wanted["connection_id"], kind, key, reference()))

    @blp.route("/<sync_id>")
    class OneSync(MethodView):
        @blp.etag
        @blp.response(200, schemas.SyncSchema)
        @allowed(ADMIN, MEMBER, NO_MONEY)
        def get(self, sync_id: str) -> dict[str, Any]:
            """One sync as it stands now."""
            return schemas.shown(_get(store, sync_id))

    @blp.route("/<sync_id>/cancel")
    class Cancel(MethodView):
        @blp.response(202, schemas.SyncSchema)
        @allowed(ADMIN, MEMBER)
        def post(self, sync_id: str) -> dict[str, Any]:
            """Stop a sync. What it has imported stays; to cancel what has ended changes nothing."""
            return schemas.shown(desk.cancel(caller(), sync_id))

    @blp.route("/<sync_id>/progress")
    class Progress(MethodView):
        @blp.response(200, content_type="text/event-stream", description="Events named `progress`; data as one sync.")
        @allowed(ADMIN, MEMBER, NO_MONEY)
        def get(self, sync_id: str) -> Response:
            """Follow a sync by server-sent events, until it has ended."""
            first, account_id = _get(store, sync_id), caller().account_id
            followers.enter(account_id)
            events = _progress(store, account_id, first)
            answer = Response(events, content_type="text/event-stream", headers={"Cache-Control": "no-store"})
            # Also when nobody ever reads it.
            answer.call_on_close(lambda: followers.leave(account_id))
            return answer

    return blp


def removals(removals: Removals) -> Blueprint:
    blp = Blueprint(
        "Removals", __name__, url_prefix="/api/v1/removals", description="Remove what a connection imported."
    )

    @blp.route("")
    class ListOfRemovals(MethodView):
        @blp.arguments(schemas.SyncQuery, location="query")
        @blp.response(200, schemas.RemovalPage)
        @allowed(ADMIN)
        def get(self, query: dict[str, Any]) -> dict[str, Any]:
            """Removals, newest first."""
            before = _before(query["cursor"])
            found = removals.recent(caller().account_id, query["connection_id"], before, query["limit"] + 1)
            shown = found[: query["limit"]]
            more = len(found) > len(shown)
            following = paging.cursor([shown[-1]["requested_at"].isoformat(), shown[-1]["_id"]]) if more else None
            return {"items": list(map(schemas.shown_removal, shown)), "next": following}

        @blp.arguments(schemas.RemovalRequest)
        @blp.response(202, schemas.RemovalSchema)
        @allowed(ADMIN)
        def post(self, wanted: dict[str, Any]) -> dict[str, Any]:
            """Remove everything that a disconnected connection imported. It cannot be taken back; what people made,
            edited or linked otherwise stays and loses the link. Asked for twice, it is the same removal."""
            return schemas.shown_removal(removals.ask(caller(), wanted["connection_id"], reference()))

    @blp.route("/<removal_id>")
    class OneRemoval(MethodView):
        @blp.etag
        @blp.response(200, schemas.RemovalSchema)
        @allowed(ADMIN)
        def get(self, removal_id: str) -> dict[str, Any]:
            """How far it is."""
            return schemas.shown_removal(removals.get(caller().account_id, removal_id))

    return blp


def settings(store: Store, desk: Desk) -> Blueprint:
    blp = Blueprint("Settings", __name__, url_prefix="/api/v1/settings", description="Sync settings of a connection.")

    @blp.route("/<connection_id>")
    class Settings(MethodView):
        @blp.etag
        @blp.response(200, schemas.SavedSettingsSchema)
        @allowed(ADMIN, MEMBER, NO_MONEY)
        def get(self, connection_id: str) -> dict[str, Any]:
            """The settings of a connection; the defaults where none were saved."""
            account_id = caller().account_id
            desk.connection(account_id, connection_id)
            return schemas.shown_settings(
                store.preferences(account_id, connection_id), store.due_of(account_id, connection_id)
            )

        @blp.arguments(schemas.SettingsSchema)
        @blp.response(200, schemas.SavedSettingsSchema)
        @allowed(ADMIN)
        def put(self, wanted: dict[str, Any], connection_id: str) -> dict[str, Any]:
            """Save Settings. The next sync runs under them; a wider choice makes it read everything once."""
            preferences = Preferences(
                frequency=Frequency(wanted["frequency"]),
                suppliers=Suppliers(wanted["suppliers"]),
                selected_suppliers=tuple(wanted["selected_suppliers"]),
            )
            due = desk.save(caller(), connection_id, preferences, reference())
            return schemas.shown_settings(preferences, due)

    return blp


def _get(store: Store, sync_id: str) -> Sync:
    found = store.get(caller().account_id, sync_id)
    if found is None:
        raise not_found("sync")
    return found


def _before(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    key = paging.key_of(cursor)
    try:
        at, id_ = key
        # Texts only: what is put into a query must not be able to ask one of its own.
        if not isinstance(id_, str):
            raise TypeError
        return datetime.fromisoformat(at).astimezone(UTC), id_
    except (TypeError, ValueError, OverflowError):
        raise ProblemError(
            400, "bad-cursor", "This cursor is of another list.", "Start again without a cursor."
        ) from None


def _progress(store: Store, account_id: str, first: Sync) -> Iterator[str]:
    schema, pause = schemas.SyncSchema(), threading.Event()
    sync: Sync | None = first
    told, quiet = -1, 0
    for _ in range(_LOOKS_AT_MOST):
        if sync is None:
            return
        if sync.revision != told:
            told, quiet = sync.revision, 0
            yield f"event: progress\ndata: {json.dumps(schema.dump(schemas.shown(sync)))}\n\n"
        if sync.state in FINAL:
            return
        quiet += 1
        if quiet % _SAY_SOMETHING_EVERY == 0:
            yield ": still here\n\n"
        pause.wait(_LOOK_EVERY_SECONDS)
        sync = store.get(account_id, first.id)
