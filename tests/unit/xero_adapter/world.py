"""xero-adapter in memory: the simulator's core as Xero, the broker's twin, a clock that only this moves."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec.structs import replace

from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Outgoing, Publisher, Received
from accounting_link.chassis.task_worker import TaskWorker
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.records import Person, RecordEvent
from accounting_link.contracts.requests import (
    ContactExportRequested,
    ContactsRequested,
    StreamRequest,
    SyncSettings,
    SyncStopRequested,
)
from accounting_link.contracts.topics import RECORDS, SYNC_LIFE, XERO_ADAPTER, Lane
from accounting_link.contracts.words import Stream
from accounting_link.testing.broker import MemoryBroker
from accounting_link.testing.builders import SCOPE, a_request
from accounting_link.testing.clock import FakeClock
from xero_adapter.caller import Caller
from xero_adapter.handlers import Requests
from xero_adapter.jobs import Tools
from xero_adapter.memory import MemoryCheckpoints, MemoryShared
from xero_adapter.planning import cursor as cursors
from xero_adapter.planning.app_limit import Drawn
from xero_adapter.planning.cursor import Cursor, Page
from xero_adapter.planning.permits import CALL_DEADLINE, Ledger, Limits
from xero_adapter.pool import Pool
from xero_adapter.store import Known
from xero_adapter.xero import reading
from xero_adapter.xero.client import Answer
from xero_adapter.xero.refusals import ConnectionGone, Unavailable
from xero_adapter.xero.tokens import Token, Tokens
from xero_simulator.simulator import Simulator

E = TypeVar("E", bound=Event)
# By the simulator's kinds of document, the types of a customer's; payments of a customer's begin with them too.
OURS = ("ACCREC", "RECEIVE", "AR")
# Whom the CRM would have created.
NUMBER = "crm-0d6ccf7e-9a0b-4d0c-8a44-6f0c1ff7c0de"
ANA = Person(first_name="Ana", last_name="Ngata", email="ana@example.com")
EXPORT = replace(SCOPE, sync_id="", authorisation=1, lane=Lane.INTERACTIVE)


@dataclass
class TwinXero:
    """The simulator's core, called without HTTP; what never arrived whole is what it is over a wire."""

    simulator: Simulator

    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        return self._called(token, path, query, headers, "GET")

    def put(self, token: Token, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return self._called(token, path, {}, headers, "PUT", body)

    def _called(
        self,
        token: Token,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        method: str,
        body: bytes = b"",
    ) -> Answer:
        began = self.simulator.now()
        answer = self.simulator.call(token.tenant_id, f"/{path}", query, headers, method, body)
        if self.simulator.now() - began > CALL_DEADLINE:
            raise Unavailable("Xero did not finish its answer in time")
        if answer.broken or "Content-Encoding" in answer.headers:  # only ever cut off
            raise Unavailable(f"Xero does not answer ({answer.broken or 'cut off'})")
        return Answer(status=answer.status, headers=answer.headers, body=answer.body, egress=len(answer.body))


@dataclass
class TwinAuthLink:
    """``authorisation``: the connection's, as it stands."""

    tenant_id: str
    clock: FakeClock
    authorisation: int = 1
    gone: bool = False
    renewed: int = 0
    lost: list[tuple[str, int]] = field(default_factory=list)

    def token(self, connection_id: str, refused: str = "") -> Token:
        if self.gone:
            raise ConnectionGone("Xero no longer accepts this connection", self.authorisation)
        self.renewed += bool(refused)
        return Token(
            access_token=f"under {self.authorisation}",
            expires_at=self.clock.now() + timedelta(minutes=30),
            authorisation=self.authorisation,
            tenant_id=self.tenant_id,
            fingerprint=f"f-{self.renewed}-{self.authorisation}",
        )

    def refused(self, connection_id: str, authorisation: int) -> bool:
        if authorisation == self.authorisation:
            self.lost.append((connection_id, authorisation))
        return authorisation == self.authorisation


@dataclass
class World:
    """One organisation, one replica."""

    contacts: int = 60
    invoices: int = 400
    page_size: int = 50
    limits: Limits = field(default_factory=Limits)
    follow: Callable[[Cursor, Page], Cursor | None] = cursors.follow
    doubt: Callable[..., None] = reading.doubt
    xero: type[TwinXero] = TwinXero
    tokens: type[Tokens] = Tokens
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    checkpoints: MemoryCheckpoints = field(default_factory=MemoryCheckpoints)
    ledgers: MemoryShared[Ledger] = field(default_factory=lambda: MemoryShared(Ledger))
    faults: FaultPoint = field(default_factory=FaultPoint)
    lane: Lane = Lane.BULK

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.simulator = Simulator(self.clock, check_tokens=False, pause=self._wait)
        self.tenant = self.simulator.add_organisation(
            name="Kiwi", seed=7, contacts=self.contacts, invoices=self.invoices
        )
        self.auth_link = TwinAuthLink(self.tenant, self.clock)
        self.app, self.twin = MemoryShared(Drawn), self.xero(self.simulator)
        self.organisations = MemoryShared(Known)
        self.publisher = Publisher(self.broker, source="/xero-adapter", clock=self.clock)
        self.worker, self.pool = self.replica()

    def _wait(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def replica(self) -> tuple[TaskWorker, Pool]:
        """One more member of the group, on the same stores."""
        self.tools = Tools(
            caller=Caller(
                self.twin, self.tokens(self.auth_link, self.clock), self.ledgers, self.app, self.limits, self.clock
            ),
            checkpoints=self.checkpoints,
            publisher=self.publisher,
            dead=DeadLetters(self.publisher, consumer="xero-adapter", clock=self.clock),
            clock=self.clock,
            jitter=lambda: 1.0,
            faults=self.faults,
            organisations=self.organisations,
            page_size=self.page_size,
            follow=self.follow,
            doubt=self.doubt,
        )
        pool = Pool(self.clock, threads=32)
        self.consumer = self.broker.consumer(XERO_ADAPTER[self.lane])
        return TaskWorker(self.consumer, Requests(self.tools, pool), wait=timedelta(0), clock=self.clock), pool

    def take_over(self) -> Pool:
        """The broker thinks the replica dead and gives its partitions to another; returns the old one's pool."""
        frozen = self.pool
        self.consumer.close()
        self.worker, self.pool = self.replica()
        return frozen

    def calls(self) -> list[dict[str, Any]]:
        return list(self.simulator.calls.told(self.tenant)["calls"])

    def request(
        self,
        scope: Scope = SCOPE,
        since: datetime | None = None,
        streams: Iterable[Stream] = tuple(Stream),
        **settings: Any,
    ) -> None:
        event = a_request(
            self.tenant,
            streams=tuple(StreamRequest(stream=stream, since=since) for stream in streams),
            settings=SyncSettings(**settings),
            requested_at=self.clock.now(),
        )
        self.publisher.confirmed([Outgoing(event=event, scope=scope)])

    def request_contacts(self, *ids: str, scope: Scope = SCOPE) -> None:
        event = ContactsRequested(
            tenant_id=self.tenant,
            authorisation=1,
            contact_ids=ids,
            settings=SyncSettings(),
            requested_by="ada",
            requested_at=self.clock.now(),
        )
        self.publisher.confirmed([Outgoing(event=event, scope=scope)])

    def an_export(self, name: str, **more: Any) -> ContactExportRequested:
        given: dict[str, Any] = {"export_id": "export-1", "contact_number": NUMBER, "main_person": ANA, **more}
        return ContactExportRequested(
            tenant_id=self.tenant, authorisation=1, name=name, requested_at=self.clock.now(), **given
        )

    def stop(self, scope: Scope = SCOPE) -> None:
        event = SyncStopRequested(
            tenant_id=self.tenant, authorisation=1, streams=tuple(Stream), reason="cancelled by ada"
        )
        self.publisher.confirmed([Outgoing(event=event, scope=scope)])

    def run(self, most_turns: int = 10_000) -> None:
        """Until nothing is left to do; the clock moves to whatever is waited for."""
        for _ in range(most_turns):
            self.worker.turn()
            if self.pool.turn():
                continue
            next_at = self.pool.next_at()
            if next_at is None:
                self.worker.turn()
                return
            self.clock.advance(max(next_at - self.clock.now(), timedelta(0)))
        raise AssertionError(f"not done after {most_turns} turns")

    def step(self, turns: int) -> None:
        """So many pieces of work, and no more."""
        self.worker.turn()
        for _ in range(turns):
            self.pool.turn()
        self.worker.turn()

    def published(self) -> list[Received]:
        return self.broker.log(RECORDS.name(self.lane))

    def life(self, kind: type[E]) -> list[E]:
        return [one.event for one in self.broker.log(SYNC_LIFE.name()) if isinstance(one.event, kind)]

    def ids(self) -> set[str]:
        return {one.event.xero_id for one in self.published() if isinstance(one.event, RecordEvent)}

    def held(self) -> set[str]:
        """What the simulator holds that a sync is about."""
        org = self.simulator.organisations[self.tenant]
        sales = (shelf for kind, shelf in org.shelves.items() if kind != "contact")
        ours = {id_ for shelf in sales for id_, row in shelf.records.items() if row.type.startswith(OURS)}
        return ours | set(org.contacts.records)

    def lag(self) -> int:
        return self.broker.lag(XERO_ADAPTER[self.lane])
