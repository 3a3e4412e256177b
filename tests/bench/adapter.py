"""xero-adapter alone: the simulator's core (no HTTP) to the real broker, permits and checkpoints in MongoDB."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

from accounting_link.chassis import kafka, mongo
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Delivery, Place, Publisher
from accounting_link.chassis.mongo import Db
from accounting_link.contracts import cloudevents
from accounting_link.contracts.requests import StreamRequest, SyncRequested, SyncSettings
from accounting_link.contracts.words import Stream, SyncKind
from accounting_link.testing.real_parts import RealParts
from tests.bench.figures import Figure, Report
from tests.bench.records import a_scope
from xero_adapter import store
from xero_adapter.caller import Caller
from xero_adapter.handlers import Requests
from xero_adapter.jobs import Tools
from xero_adapter.planning import cursor as cursors
from xero_adapter.planning.permits import Limits
from xero_adapter.pool import Pool
from xero_adapter.xero.client import Answer
from xero_adapter.xero.tokens import Token
from xero_simulator.simulator import Simulator

# A first sync of the demo's 9,200 records in the 5 s that are aimed at.
TARGET = 9200 / 5


class _Twin:
    """Xero without HTTP; ``seconds`` is its own time, which is not the adapter's."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator, self.seconds = simulator, 0.0

    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        began = SYSTEM_CLOCK.monotonic()
        answer = self._simulator.call(token.tenant_id, f"/{path}", query, headers)
        self.seconds += SYSTEM_CLOCK.monotonic() - began
        return Answer(status=answer.status, headers=answer.headers, body=answer.body, egress=len(answer.body))


class _AToken:
    def __init__(self, tenant: str) -> None:
        soon = SYSTEM_CLOCK.now() + timedelta(minutes=30)
        self._token = Token(access_token="t", expires_at=soon, authorisation=1, tenant_id=tenant, fingerprint="f")

    def get(self, connection_id: str, refused: Token | None = None) -> Token:
        del connection_id, refused
        return self._token


def run(parts: RealParts, *, contacts: int = 1200, invoices: int = 8000, rounds: int = 3) -> Report:
    """``parts`` with every topic made."""
    simulator = Simulator(SYSTEM_CLOCK, check_tokens=False)
    tenant = simulator.add_organisation(name="Kiwi Outfitters Ltd", seed=1, contacts=contacts, invoices=invoices)
    simulator.behave({"limits": False})
    with mongo.database(parts.mongo_uri, "bench_adapter") as db, kafka.transport(parts.kafka_brokers) as transport:
        store.prepare(db)
        publisher = Publisher(transport, source="/bench", clock=SYSTEM_CLOCK)
        done = [_read(simulator, tenant, publisher, db) for _ in range(rounds)]
    pages = [page for page, _, _ in done]
    return Report(
        figures=[
            Figure(name="adapter alone: twin to broker", unit="records/s", target=TARGET,
                   values=[records / seconds for _, records, seconds in done]),
            Figure(name="  pages of 1,000 at most", unit="pages/s",
                   values=[page / seconds for page, _, seconds in done]),
        ],
        notes=[f"The adapter read {pages[0]} pages a round, one thread; the simulator's own time is taken off."],
    )  # fmt: skip


def _read(simulator: Simulator, tenant: str, publisher: Publisher, db: Db) -> tuple[int, int, float]:
    """One whole sync: pages, records, seconds of the adapter's own."""
    twin, pool = _Twin(simulator), Pool(SYSTEM_CLOCK)
    checkpoints = store.MongoCheckpoints(db, SYSTEM_CLOCK)
    db.permits.delete_many({})  # how fast Xero lets itself be asked is not what is measured
    tools = Tools(
        caller=Caller(twin, _AToken(tenant), store.MongoLedgers(db), Limits(), SYSTEM_CLOCK),
        checkpoints=checkpoints,
        publisher=publisher,
        dead=DeadLetters(publisher, consumer="bench", clock=SYSTEM_CLOCK),
        clock=SYSTEM_CLOCK,
        jitter=lambda: 1.0,
        faults=FaultPoint(),
    )
    done: list[bool] = []
    scope = a_scope(uuid4().hex)
    request = SyncRequested(
        tenant_id=tenant,
        authorisation=1,
        kind=SyncKind.FULL,
        streams=tuple(StreamRequest(stream=stream) for stream in Stream),
        settings=SyncSettings(),
        requested_by="bench",
        requested_at=SYSTEM_CLOCK.now(),
    )
    message = cloudevents.encode(request, scope, source="/bench", time=SYSTEM_CLOCK.now())
    delivery = Delivery(place=Place(message.topic, 0), offset=0, headers=message.headers, value=message.value)
    began = SYSTEM_CLOCK.monotonic()
    Requests(tools, pool).begin(delivery, lambda: done.append(True))
    while not done:
        pool.turn()
    spent = SYSTEM_CLOCK.monotonic() - began - twin.seconds
    at = [checkpoints.take(scope, stream, cursors.begin(None)) for stream in Stream]
    return sum(one.pages for one in at), sum(one.read for one in at), spent
