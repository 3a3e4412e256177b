"""Many organisations on one adapter, in virtual time: limits kept by planning, and nobody delays another."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Outgoing, Publisher
from accounting_link.chassis.task_worker import TaskWorker
from accounting_link.contracts.event import Scope
from accounting_link.contracts.requests import StreamRequest, SyncRequested, SyncSettings
from accounting_link.contracts.sync_life import StreamEnded, SyncParked
from accounting_link.contracts.topics import SYNC_LIFE, XERO_ADAPTER, Group, Lane
from accounting_link.contracts.words import Stream, SyncKind
from accounting_link.testing.broker import MemoryBroker
from tests.unit.xero_adapter.virtual_time import VirtualTime
from tests.unit.xero_adapter.world import TwinXero
from xero_adapter.caller import Caller
from xero_adapter.handlers import Requests
from xero_adapter.jobs import Tools
from xero_adapter.memory import MemoryCheckpoints, MemoryShared
from xero_adapter.planning.app_limit import Drawn
from xero_adapter.planning.permits import Granted, Ledger, Limits, Wait
from xero_adapter.pool import Pool
from xero_adapter.store import Known
from xero_adapter.xero.tokens import Token
from xero_simulator.simulator import Simulator

LATENCY_MS, PAGE = 200, 5
POLL, LOOK = 0.1, 0.02  # seconds between two polls of the broker, and two looks of an idle thread for work
LONG = timedelta(hours=3)


@dataclass
class TenantTokens:
    """The connection is named after its organisation, or after it and an account."""

    clock: VirtualTime

    def get(self, connection_id: str, refused: Token | None = None) -> Token:
        return Token(
            access_token="t",
            expires_at=self.clock.now() + timedelta(hours=9),
            authorisation=1,
            tenant_id=connection_id.partition("@")[0],
            fingerprint="f",
        )

    def lose(self, connection_id: str, token: Token) -> None:
        raise AssertionError(f"{connection_id} was refused")


class NoLimits(Caller):
    """The control: every call gets leave."""

    def permit(self, token: Token, scope: Scope) -> Granted | Wait:
        return Granted(id="any", reading=1)


@dataclass
class Office:
    """One replica, its threads, and a Xero that answers in 200 ms."""

    caller: type[Caller] = Caller
    threads: int = 64
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.clock = VirtualTime()
        self.simulator = Simulator(self.clock, check_tokens=False, pause=self.clock.sleep)
        self.simulator.behave({"latency_ms": LATENCY_MS})
        self.broker = MemoryBroker()
        self.publisher = Publisher(self.broker, source="/xero-adapter", clock=self.clock)
        self.checkpoints, self.ledgers, self.app = MemoryCheckpoints(), MemoryShared(Ledger), MemoryShared(Drawn)
        self.ear = self.broker.consumer(Group(name="test", topics=SYNC_LIFE.names()))
        self.ended: dict[str, dict[Stream, datetime]] = {}
        self.parked: list[SyncParked] = []
        self.replica()

    def replica(self) -> None:
        tools = Tools(
            caller=self.caller(
                TwinXero(self.simulator), TenantTokens(self.clock), self.ledgers, self.app, self.limits, self.clock
            ),
            checkpoints=self.checkpoints,
            publisher=self.publisher,
            dead=DeadLetters(self.publisher, consumer="xero-adapter", clock=self.clock),
            clock=self.clock,
            jitter=lambda: 1.0,
            faults=FaultPoint(),
            organisations=MemoryShared(Known),
            page_size=PAGE,
        )
        pool = Pool(self.clock, self.threads)
        consumer = self.broker.consumer(XERO_ADAPTER[Lane.BULK])
        worker = TaskWorker(consumer, Requests(tools, pool), wait=timedelta(0), clock=self.clock)

        def poll() -> None:
            while True:
                worker.turn()
                self.clock.sleep(POLL)

        def work() -> None:
            while True:
                if not pool.turn():
                    self.clock.sleep(LOOK)

        for task in (poll, *[work] * self.threads):
            self.clock.spawn(task)

    def organisation(self, number: int, invoices: int = 250) -> str:
        return self.simulator.add_organisation(name=f"Org {number}", seed=number, contacts=10, invoices=invoices)

    def ask(self, tenant: str, account: str = "", attempt: int = 1) -> str:
        """Starts a sync; its id."""
        connection = f"{tenant}@{account}" if account else tenant
        scope = Scope(
            account_id=account or "legrand", connection_id=connection, sync_id=f"sync {connection}", ask=attempt
        )
        event = SyncRequested(
            tenant_id=tenant,
            authorisation=1,
            kind=SyncKind.FULL,
            streams=tuple(StreamRequest(stream=stream) for stream in Stream),
            settings=SyncSettings(),
            requested_by="ada",
            requested_at=self.clock.now(),
        )
        self.publisher.confirmed([Outgoing(event=event, scope=scope)])
        return scope.sync_id

    def run(self, *syncs: str) -> dict[str, float]:
        """Until these have been read to their ends; how many seconds each took."""
        began = self.clock.now()

        def all_ended() -> bool:
            self.listen()
            return all(len(self.ended.get(sync, ())) == len(Stream) for sync in syncs)

        self.clock.run(all_ended, LONG)
        return {sync: (max(self.ended[sync].values()) - began).total_seconds() for sync in syncs}

    def listen(self) -> None:
        """Takes in what was said since the last time."""
        for delivery in self.ear.poll(10_000, timedelta(0)):
            one = delivery.read()
            if isinstance(one.event, StreamEnded):
                self.ended.setdefault(one.scope.sync_id, {})[one.event.stream] = one.envelope.time
            elif isinstance(one.event, SyncParked):
                self.parked.append(one.event)

    def statuses(self) -> set[int]:
        return {call["status"] for call in self.simulator.calls.told(None)["calls"]}


def test_twenty_organisations_finish_as_soon_as_their_own_limits_allow_and_no_call_is_refused() -> None:
    alone = Office()
    best = max(alone.run(alone.ask(alone.organisation(1, invoices=500))).values())

    office = Office()
    took = office.run(*(office.ask(office.organisation(number, invoices=500)) for number in range(1, 21)))

    assert best > 60  # the minute's limit binds
    assert max(took.values()) <= 1.25 * best
    assert office.statuses() == {200}


def test_without_permits_calls_are_refused() -> None:
    """The control of the test above."""
    office = Office(caller=NoLimits, threads=4)
    office.ask(office.organisation(1, invoices=500))
    office.clock.run(lambda: office.clock.monotonic() > 30, LONG)

    assert 429 in office.statuses()


def test_two_accounts_of_one_organisation_keep_its_limits_together() -> None:
    office = Office()
    tenant = office.organisation(1, invoices=300)
    office.run(office.ask(tenant, "legrand"), office.ask(tenant, "kauri"))

    assert office.statuses() == {200}


SLOWNESS = [
    {"kind": "latency", "seconds": 9.8},
    {"kind": "throttle", "retry_after": 30},
]


@pytest.mark.parametrize("slow_ones", [1, 20])
@pytest.mark.parametrize("fault", SLOWNESS, ids=["ten seconds a call", "429 only"])
def test_organisations_that_answer_slowly_or_not_at_all_do_not_delay_the_others(
    fault: dict[str, Any], slow_ones: int
) -> None:
    alone = Office()
    before = alone.run(*(alone.ask(alone.organisation(number)) for number in range(1, 6)))

    office = Office()
    slow = [office.organisation(number, invoices=250) for number in range(100, 100 + slow_ones)]
    for tenant in slow:
        office.simulator.add_fault({**fault, "tenant": tenant})
        office.ask(tenant)
    after = office.run(*(office.ask(office.organisation(number)) for number in range(1, 6)))

    assert max(after.values()) < 1.05 * max(before.values())


def test_without_a_reserve_slow_organisations_take_every_thread() -> None:
    """The control of the test above: as many threads as slow organisations fill."""
    office = Office(threads=4)
    for number in range(100, 120):
        tenant = office.organisation(number)
        office.simulator.add_fault({"kind": "latency", "seconds": 59.8, "tenant": tenant})
        office.ask(tenant)
    quick = office.run(office.ask(office.organisation(1)))

    assert max(quick.values()) > 60


def test_ten_organisations_on_their_day_limit_cost_nothing_and_go_on_when_the_day_is_over() -> None:
    office = Office(limits=Limits(a_day=20))
    tenants = [office.organisation(number) for number in range(10)]
    for tenant in tenants:
        office.ask(tenant)

    def all_parked() -> bool:
        office.listen()
        return len(office.parked) == 10 and office.broker.lag(XERO_ADAPTER[Lane.BULK]) == 0

    office.clock.run(all_parked, LONG)

    midnight = office.clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert {one.until for one in office.parked} == {midnight}
    desired_replicas = -(-office.broker.lag(XERO_ADAPTER[Lane.BULK]) // 10)  # KEDA: ceil(lag / lagThreshold)
    assert desired_replicas == 0


def test_the_apps_own_limit_is_shared_by_all_replicas() -> None:
    office = Office(limits=Limits(app_a_minute=200), threads=8)
    office.replica()
    office.run(*(office.ask(office.organisation(number, invoices=150)) for number in range(1, 13)))

    times = sorted(datetime.fromisoformat(call["at"]) for call in office.simulator.calls.told(None)["calls"])
    busiest = max(sum(at <= other < at + timedelta(seconds=60) for other in times) for at in times)
    assert busiest <= 200
    assert len(times) > 300
