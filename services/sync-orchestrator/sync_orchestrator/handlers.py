"""What the worker does: carry syncs on by what came, and by what time has passed."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial, reduce

from msgspec.structs import replace

from accounting_link.chassis import logs
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Delivery, Received, read_all
from accounting_link.contracts.connections import ConnectionEstablished, ConnectionLost, ConnectionRemoved
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.outcomes import RecordsApplied
from accounting_link.contracts.removals import ImportsRemoved, RemovalProgressed
from accounting_link.contracts.sync_life import SyncEvent
from accounting_link.contracts.words import Kind, Stream, SyncKind
from sync_orchestrator import lifecycle, metrics, planning
from sync_orchestrator.lifecycle import Step
from sync_orchestrator.preferences import Preferences
from sync_orchestrator.removals import Removals
from sync_orchestrator.store import Connection, SlotTaken, Store
from sync_orchestrator.sync import FINAL, State, Sync

log = logs.logger()

AFTER_WRITE = "sync-orchestrator:after-write"
# Deltas are not trusted for ever: once in this time a scheduled sync reads everything and mends what differs. One that
# did not end well is tried again a day later: each hour would cost the whole organisation each hour.
COMPARED_EVERY, TRIED_AGAIN_AFTER = timedelta(days=7), timedelta(days=1)


class Advance:
    """Carries every sync that a batch speaks of on to where the batch takes it. Returning is the permission to
    commit; a batch that comes again changes nothing."""

    def __init__(
        self, store: Store, removals: Removals, dead: DeadLetters, clock: Clock, faults: FaultPoint | None = None
    ) -> None:
        self._store, self._removals, self._dead, self._clock = store, removals, dead, clock
        self._faults = faults or FaultPoint()

    def __call__(self, deliveries: Sequence[Delivery]) -> None:
        received, unread = read_all(deliveries)
        self._dead.keep(unread)
        of_syncs: dict[str, list[Received]] = {}
        for one in received:
            if isinstance(one.event, SyncEvent):
                of_syncs.setdefault(one.scope.sync_id, []).append(one)
            elif isinstance(one.event, RemovalProgressed | ImportsRemoved):
                self._removals.told(one.scope, one.event)
            else:
                self._connection_told(one.event, one.scope)
        for sync_id, events in of_syncs.items():
            self._advance(sync_id, events)
        if of_syncs:
            self._faults.reach(AFTER_WRITE)

    def _advance(self, sync_id: str, events: list[Received]) -> None:
        now = self._clock.now()

        def one_on(step: Step, received: Received) -> Step:
            sync, said = step
            after, more = lifecycle.advance(sync, received.event, received.scope, now)
            return after, [*said, *more]

        with logs.bound(events[0].scope):
            if missing := _missing(events):
                self._store.note_missing(events[0].scope, missing)
            nothing_said: list[Event] = []
            after = self._store.change(sync_id, lambda sync: reduce(one_on, events, (sync, nothing_said)))
            if after is None:
                log.warning("events of a sync that is not known here", events=len(events))
            elif after.state in FINAL and after.ended_at == now:
                metrics.ended(after)
                log.info("sync ended", state=after.state, reason=after.reason)

    def _connection_told(self, event: Event, scope: Scope) -> None:
        if not isinstance(event, ConnectionEstablished | ConnectionLost | ConnectionRemoved):
            return
        known = self._store.connection(scope.account_id, scope.connection_id)
        name = (known.tenant_name if known else "") if isinstance(event, ConnectionLost) else event.tenant_name
        self._store.told(
            Connection(
                id=scope.connection_id,
                account_id=scope.account_id,
                tenant_id=event.tenant_id,
                tenant_name=name,
                authorisation=event.authorisation,
                lost=isinstance(event, ConnectionLost),
                removed=isinstance(event, ConnectionRemoved),
            ),
            self._clock.now(),
            scope.correlation_id,
        )
        if isinstance(event, ConnectionRemoved):
            self._end_syncs(scope, event)

    def _end_syncs(self, scope: Scope, removed: ConnectionRemoved) -> None:
        now = self._clock.now()

        def step(sync: Sync) -> Step:
            return lifecycle.disconnected(sync, removed.removed_by, removed.authorisation, now)

        for sync in self._store.open_of(scope.account_id, scope.connection_id):
            self._store.change(sync.id, step)


def _missing(events: Sequence[Received]) -> dict[str, bool]:
    """By contact: do sales miss it, as far as these events tell? One that came, or was left out for good, is not."""
    found: dict[str, bool] = {}
    for received in events:
        for outcome in received.event.outcomes if isinstance(received.event, RecordsApplied) else ():
            if outcome.contact_missing and outcome.transaction:
                found[outcome.transaction.contact_id] = True
            elif outcome.kind == Kind.CONTACT and not outcome.as_supplier:
                found[outcome.xero_id] = False
    return found


class Tend:
    """What needs no event: waiting syncs whose turn has come, schedules, silence, a broker that forgot."""

    def __init__(
        self, store: Store, generation: Callable[[], int], clock: Clock, *, silence: timedelta, every: timedelta
    ) -> None:
        self._store, self._generation, self._clock = store, generation, clock
        self._silence, self._every = silence, every
        self._tended_at = float("-inf")

    def turn(self) -> None:
        """Cheap when called too soon."""
        if self._clock.monotonic() - self._tended_at < self._every.total_seconds():
            return
        self._schedule()
        generation = self._generation()
        open_syncs = self._store.open()
        metrics.seen(open_syncs)
        for sync in open_syncs:
            self._tend(sync, generation)
        self._ask_for_missing(generation)
        self._tended_at = self._clock.monotonic()

    def _tend(self, sync: Sync, generation: int) -> None:
        now = self._clock.now()
        if sync.state == State.WAITING:
            connection = self._store.connection(sync.account_id, sync.connection_id)
            marks = self._store.marks(connection, sync.scopes) if connection else {}
            self._store.begin(sync.id, partial(_begin, marks=marks, generation=generation, now=now))
            return

        # Looked at, not told: that a person connected again may be heard before that the sync is parked.
        authorisation = self._authorisation(sync) if sync.state == State.PARKED else 0

        def step(current: Sync) -> Step:
            if current.state in FINAL or current.state == State.WAITING:
                return current, []
            if current.generation < generation:
                log.warning("the broker forgot this sync's events; a new attempt", sync=current.id)
                return lifecycle.new_attempt(current, generation, now)
            if current.parked and current.parked.authorisation < authorisation:
                return lifecycle.authorised_again(current, authorisation, now)
            return lifecycle.watch(current, now, self._silence)

        if step(sync)[0] is not sync:  # most need nothing, and a transaction each would be most of the work
            self._store.change(sync.id, step)

    def _authorisation(self, sync: Sync) -> int:
        connection = self._store.connection(sync.account_id, sync.connection_id)
        return connection.authorisation if connection and connection.stands else 0

    def _ask_for_missing(self, generation: int) -> None:
        now = self._clock.now()
        for ended in self._store.ended_with_missing():
            connection = self._store.connection(ended.account_id, ended.connection_id)
            if connection is None or not connection.stands:
                continue  # asked for once a person has connected again
            preferences = self._store.preferences(ended.account_id, ended.connection_id)
            begin = partial(_begin_contacts, ended, connection, preferences, now, generation)
            self._store.ask_for_missing(ended, now, begin)

    def _schedule(self) -> None:
        now = self._clock.now()
        for account_id, connection_id, due in self._store.due(now):
            preferences = self._store.preferences(account_id, connection_id)
            connection = self._store.connection(account_id, connection_id)
            busy = self._store.holder(account_id, connection_id, "active")
            if connection and connection.stands and not busy:
                marks = self._store.marks(connection, preferences.scopes())
                compared = self._store.compared(connection, now - COMPARED_EVERY, now - TRIED_AGAIN_AFTER)
                new_id = planning.sync_id(connection_id, f"due {due.isoformat()}")
                sync = planning.plan(
                    new_id,
                    connection,
                    SyncKind.DELTA if compared else SyncKind.FULL,
                    preferences,
                    marks,
                    requested_by="schedule",
                    now=now,
                    reference=new_id,
                    generation=self._generation(),
                )
                try:
                    self._store.add(sync)
                except SlotTaken:
                    log.info("scheduled sync skipped: one waits already", connection=connection_id)
            self._store.next_due(connection_id, due, preferences.next_due(now))


def _begin_contacts(
    ended: Sync, connection: Connection, preferences: Preferences, now: datetime, generation: int, ids: tuple[str, ...]
) -> Step:
    return lifecycle.begin(
        planning.of_contacts(ended, connection, ids, preferences, now=now, generation=generation), now
    )


def _begin(sync: Sync, *, marks: dict[Stream, datetime], generation: int, now: datetime) -> Step:
    if sync.state != State.WAITING:
        return sync, []
    return lifecycle.begin(replace(planning.planned_anew(sync, marks), generation=generation), now)
