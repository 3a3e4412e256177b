"""Taking a person's wishes: start a sync, cancel one, change the settings."""

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from msgspec.structs import replace

from accounting_link.chassis.callers import Caller
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.problems import ProblemError, not_found
from accounting_link.contracts.event import Scope
from accounting_link.contracts.people import PersonActed
from accounting_link.contracts.words import Act, SyncKind
from sync_orchestrator import lifecycle, planning
from sync_orchestrator.preferences import Preferences
from sync_orchestrator.store import Connection, SlotTaken, Store
from sync_orchestrator.sync import State, Sync


class Desk:
    def __init__(self, store: Store, generation: Callable[[], int], clock: Clock) -> None:
        self._store, self._generation, self._clock = store, generation, clock

    def start(self, caller: Caller, connection_id: str, kind: SyncKind, key: str | None, reference: str) -> Sync:
        """Starts a sync, or joins the one of its kind that has not begun. Behind one that has, it waits."""
        connection = self.connection(caller.account_id, connection_id)
        if connection.removed:
            raise ProblemError(
                409, "disconnected", "This organisation was disconnected from Xero.", "Connect it again, then sync."
            )
        if connection.lost:
            raise ProblemError(
                409, "connection-lost", "Xero no longer accepts this connection.", "Connect to Xero again, then sync."
            )
        preferences = self._store.preferences(caller.account_id, connection_id)
        self._first_wish(caller.account_id, connection_id, preferences)
        wish = f"key {caller.account_id} {key}" if key else str(uuid4())
        sync = planning.plan(
            planning.sync_id(connection_id, wish),
            connection,
            kind,
            preferences,
            self._store.marks(connection, preferences.scopes()),
            requested_by=caller.user_id,
            requested_by_name=caller.name,
            now=self._clock.now(),
            reference=reference,
            generation=self._generation(),
        )
        return self._place(sync, caller.acted(Act.SYNC_STARTED, sync.id, sync.requested_at, kind=kind))

    def cancel(self, caller: Caller, sync_id: str) -> Sync:
        if not self._store.get(caller.account_id, sync_id):
            raise not_found("sync")
        now = self._clock.now()

        def step(sync: Sync) -> lifecycle.Step:
            after, events = lifecycle.cancel(sync, caller.user_id, caller.name, now)
            if after is sync:
                return sync, []
            return after, [*events, caller.acted(Act.SYNC_CANCELLED, sync_id, now)]

        after = self._store.change(sync_id, step)
        if after is None:
            raise not_found("sync")
        return after

    def connection(self, account_id: str, connection_id: str) -> Connection:
        """Raises the 404 problem, also for another account's, and until auth-link has told of it."""
        found = self._store.connection(account_id, connection_id)
        if found is None:
            raise ProblemError(
                404,
                "not-found",
                "There is no such connection.",
                "Check the id; it may be another account's. One made this very second is known here a moment later.",
            )
        return found

    def save(self, caller: Caller, connection_id: str, wanted: Preferences, reference: str) -> datetime | None:
        """Returns when the next scheduled sync is due."""
        self.connection(caller.account_id, connection_id)
        now = self._clock.now()
        due = wanted.next_due(now)
        acted = caller.acted(Act.SETTINGS_CHANGED, connection_id, now, **wanted.said())
        scope = Scope(account_id=caller.account_id, connection_id=connection_id, correlation_id=reference)
        self._store.save_preferences(scope, wanted, due, [acted])
        return due

    def _first_wish(self, account_id: str, connection_id: str, preferences: Preferences) -> None:
        # Nothing is scheduled before a person has pressed Save Settings or Sync once, also after what was imported was
        # removed.
        due = preferences.next_due(self._clock.now())
        if due and self._store.due_of(account_id, connection_id) is None:
            self._store.save_preferences(Scope(account_id=account_id, connection_id=connection_id), preferences, due)

    def _place(self, sync: Sync, acted: PersonActed) -> Sync:
        begun, events = lifecycle.begin(sync, sync.requested_at)
        try:
            return _same_wish(self._store.add(begun, [*events, acted]), sync)
        except SlotTaken:
            active = self._store.holder(sync.account_id, sync.connection_id, "active")
        if active and _not_begun(active) and (active.kind, active.settings) == (sync.kind, sync.settings):
            return active
        try:
            return _same_wish(self._store.add(sync, [acted]), sync)
        except SlotTaken:
            return self._join(sync, acted)

    def _join(self, sync: Sync, acted: PersonActed) -> Sync:
        waiting = self._store.holder(sync.account_id, sync.connection_id, f"waiting:{sync.kind}")
        if waiting is None:  # it began, or was cancelled, this very moment
            return self._place(sync, acted)

        def newest_settings(current: Sync) -> lifecycle.Step:
            if current.state != State.WAITING:
                return current, []
            wider = replace(current, settings=sync.settings, scopes=sync.scopes)
            return wider, [replace(acted, about=current.id)]

        return self._store.change(waiting.id, newest_settings) or sync


def _same_wish(stored: Sync, wanted: Sync) -> Sync:
    if stored.kind != wanted.kind:
        raise ProblemError(
            422, "key-reused", "This Idempotency-Key was sent with another wish.", "Use a new key for each wish."
        )
    return stored


def _not_begun(sync: Sync) -> bool:
    return sync.state == State.RUNNING and sync.started_at is None
