"""Many organisations on one adapter, in virtual time: a Xero that answers in 200 ms, and threads that take none."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Outgoing, Publisher
from accounting_link.chassis.task_worker import TaskWorker
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.sync_life import StreamEnded
from accounting_link.contracts.topics import SYNC_LIFE, XERO_ADAPTER, Group, Lane
from accounting_link.contracts.words import Stream
from accounting_link.testing.broker import MemoryBroker
from accounting_link.testing.builders import a_request
from tests.unit.xero_adapter.virtual_time import VirtualTime
from tests.unit.xero_adapter.world import TwinXero
from xero_adapter.caller import Caller
from xero_adapter.handlers import Requests
from xero_adapter.jobs import Tools
from xero_adapter.memory import MemoryCheckpoints, MemoryShared
from xero_adapter.planning.app_limit import Drawn
from xero_adapter.planning.permits import Ledger, Limits
from xero_adapter.pool import Pool
from xero_adapter.store import Known
from xero_adapter.xero.tokens import Token, Tokens
from xero_simulator.simulator import Simulator

LATENCY_MS = 200
POLL, LOOK = 0.1, 0.02  # seconds between two polls of the broker, and two looks of an idle thread for work
LONG = timedelta(hours=3)


@dataclass
class TwinAuthLink:
    """The connection is named after its organisation, or after it and an account."""

    clock: VirtualTime

    def token(self, connection_id: str, refused: str = "") -> Token:
        return Token(
            access_token="t",
            expires_at=self.clock.now() + timedelta(hours=9),
            authorisation=1,
            tenant_id=connection_id.partition("@")[0],
            fingerprint="f",
        )

    def refused(self, connection_id: str, authorisation: int) -> bool:
        raise AssertionError(f"{connection_id} was refused")


@dataclass
class Office:
    """One replica, its threads, and a Xero that answers in 200 ms."""

    caller: type[Caller] = Caller
    pool: type[Pool] = Pool
    threads: int = 64
    page: int = 5
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
        self.heard: list[tuple[Event, Scope]] = []
        self.replica()

    def replica(self) -> None:
        tools = Tools(
            caller=self.caller(
                TwinXero(self.simulator),
                Tokens(TwinAuthLink(self.clock), self.clock),
                self.ledgers,
                self.app,
                self.limits,
                self.clock,
            ),
            checkpoints=self.checkpoints,
            publisher=self.publisher,
            dead=DeadLetters(self.publisher, consumer="xero-adapter", clock=self.clock),
            clock=self.clock,
            jitter=lambda: 1.0,
            faults=FaultPoint(),
            organisations=MemoryShared(Known),
            page_size=self.page,
        )
        pool = self.pool(self.clock, self.threads)
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

    def ask(self, tenant: str, account: str = "") -> str:
        """Starts a sync; its id."""
        connection = f"{tenant}@{account}" if account else tenant
        scope = Scope(account_id=account or "legrand", connection_id=connection, sync_id=f"sync {connection}")
        self.publisher.confirmed([Outgoing(event=a_request(tenant, requested_at=self.clock.now()), scope=scope)])
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
            self.heard.append((one.event, one.scope))

    def calls(self) -> Counter[str]:
        """How many each organisation answered."""
        return Counter(call["tenant"] for call in self.simulator.calls.told(None)["calls"])

    def statuses(self) -> set[int]:
        return {call["status"] for call in self.simulator.calls.told(None)["calls"]}
