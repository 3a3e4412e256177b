"""Organisations whose day is used up wait in the orchestrator's hands, not in a queue: nothing is scaled up for them.

The orchestrator's own decisions (``lifecycle``) are in the loop, so that what is parked goes on by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounting_link.chassis import lag
from accounting_link.chassis.messages import Outgoing, Place
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.sync_life import SyncParked
from accounting_link.contracts.topics import XERO_ADAPTER, Lane
from accounting_link.contracts.words import ParkReason, Stream, SyncKind
from sync_orchestrator import lifecycle, planning
from sync_orchestrator.preferences import Preferences
from sync_orchestrator.store import Connection
from sync_orchestrator.sync import Sync
from tests.unit.xero_adapter.office import LONG, Office
from xero_adapter.caller import Caller
from xero_adapter.planning.permits import Granted, Limits, Wait
from xero_adapter.xero.tokens import Token

GROUP = XERO_ADAPTER[Lane.BULK]
A_DAY = 20
SILENCE = timedelta(minutes=5)


@dataclass
class Orchestrator:
    """sync-orchestrator without its database."""

    office: Office
    syncs: dict[str, Sync] = field(default_factory=dict)
    _heard: int = 0

    def begin(self, tenant: str) -> None:
        connection = Connection(
            id=tenant, account_id="legrand", tenant_id=tenant, tenant_name="Org", authorisation=1, lost=False
        )
        now = self.office.clock.now()
        planned = planning.plan(
            f"sync {tenant}", connection, SyncKind.FULL, Preferences(), {}, requested_by="ada", now=now,
            reference="reference-1", generation=1,
        )  # fmt: skip
        self._keep(lifecycle.begin(planned, now))

    def turn(self) -> None:
        now = self.office.clock.now()
        self.office.listen()
        for event, scope in self.office.heard[self._heard :]:
            if scope.sync_id in self.syncs:
                self._keep(lifecycle.advance(self.syncs[scope.sync_id], event, scope, now))
        self._heard = len(self.office.heard)
        for sync in list(self.syncs.values()):
            self._keep(lifecycle.watch(sync, now, SILENCE))

    def _keep(self, step: tuple[Sync, list[Event]]) -> None:
        sync, said = step
        self.syncs[sync.id] = sync
        self.office.publisher.confirmed([Outgoing(event=event, scope=sync.scope()) for event in said])

    def parked_until(self) -> dict[str, datetime | None]:
        return {sync.id: sync.parked.until for sync in self.syncs.values() if sync.parked}

    def all_read(self) -> bool:
        return all(sync.of(stream).ended for sync in self.syncs.values() for stream in Stream)


class NeverParks(Caller):
    """The control: what has to wait until midnight is looked at again within the minute, and so never handed back."""

    def permit(self, token: Token, scope: Scope) -> Granted | Wait:
        answer = super().permit(token, scope)
        if isinstance(answer, Granted):
            return answer
        return Wait(until=min(answer.until, self._clock.now() + timedelta(seconds=30)), reason=answer.reason)


def ten_at_their_limit(caller: type[Caller] = Caller) -> tuple[Office, Orchestrator]:
    office = Office(caller=caller, limits=Limits(a_day=A_DAY))
    office.simulator.behave({"day": A_DAY})
    orchestrator = Orchestrator(office)
    for number in range(10):
        orchestrator.begin(office.organisation(number, invoices=60))
    return office, orchestrator


def lags(office: Office) -> dict[Place, int]:
    """As the lag exporter computes them from a look at the broker."""
    ends = office.broker.ends()
    seen = lag.Seen(oldest=dict.fromkeys(ends, 0), ends=ends, committed={GROUP.name: office.broker.committed(GROUP)})
    return {place: lag.lag(seen, GROUP, place) for place in lag.places_of(seen, GROUP)}


def replicas_asked_for(lags: Mapping[Place, int], threshold: int = 10, activation: int = 0) -> int:
    """KEDA's ``kafka`` scaler 2.21 (pkg/scalers/kafka_scaler.go), its defaults: nobody while the whole lag is not past
    activationLagThreshold; else the lag, cut to lagThreshold a partition, divided by lagThreshold, upwards."""
    total = sum(lags.values())
    if total <= activation:
        return 0
    if total // threshold > len(lags):
        total = len(lags) * threshold
    return -(-total // threshold)


def test_ten_organisations_on_their_day_limit_ask_for_no_replica_and_go_on_by_themselves_the_next_day() -> None:
    office, orchestrator = ten_at_their_limit()
    assert (sum(lags(office).values()), replicas_asked_for(lags(office))) == (10, 1)

    days = 0
    while not orchestrator.all_read():
        office.clock.run(lambda: _turned(orchestrator) and _at_rest(orchestrator), LONG)
        assert set(lags(office).values()) == {0}
        assert replicas_asked_for(lags(office)) == 0
        if waiting := set(orchestrator.parked_until().values()):
            midnight = office.clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            assert waiting == {midnight}
            office.clock.advance(midnight - office.clock.now())
            days += 1

    assert days >= 1
    assert {event.reason for event, _ in office.heard if isinstance(event, SyncParked)} == {ParkReason.DAY_LIMIT}
    assert office.statuses() == {200}


def test_without_parking_they_stand_in_the_queue_and_ask_for_a_replica() -> None:
    """The control of the test above, past the moment when the others were parked."""
    office, orchestrator = ten_at_their_limit(NeverParks)
    office.clock.run(lambda: _turned(orchestrator) and office.clock.monotonic() > 60, LONG)

    assert orchestrator.parked_until() == {}
    assert sum(lags(office).values()) == 10
    assert replicas_asked_for(lags(office)) == 1


def test_kedas_formula_asks_for_no_more_replicas_than_partitions() -> None:
    places = [Place("requests", number) for number in range(8)]

    assert replicas_asked_for(dict.fromkeys(places, 0)) == 0
    assert replicas_asked_for({**dict.fromkeys(places, 0), places[0]: 11}) == 2
    assert replicas_asked_for(dict.fromkeys(places, 1000)) == 8


def _turned(orchestrator: Orchestrator) -> bool:
    orchestrator.turn()
    return True


def _at_rest(orchestrator: Orchestrator) -> bool:
    """Every sync is read, or parked and handed back."""
    parked, queue = orchestrator.parked_until(), lags(orchestrator.office)
    open_ones = [sync for sync in orchestrator.syncs.values() if not all(sync.of(stream).ended for stream in Stream)]
    return not any(queue.values()) and all(sync.id in parked for sync in open_ones)
